import {expect} from 'chai';
import type {Outcome} from '../../../src/lib/core/ports.js';
import type {Fault} from '../../../src/lib/sandbox/api/state.js';
import {
  call,
  createIntent,
  delivered,
  failed,
  forwarded,
  gatewayTo,
  openWorld,
  prepared,
  type World,
} from './world.js';

const CONFIRM = '/v1/payment_intents/*/confirm';

describe('gateway: faults of the API', () => {
  let world: World;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.close());

  const confirmsOf = async (id: string) =>
    (await world.api.ledger()).find((line) => line.id === id)?.confirms ?? -1;

  interface Case {
    readonly fault: Fault;
    readonly kind: Outcome<unknown>['kind'];
    /** Confirms the API really did when the answer was lost. */
    readonly done: number;
    /** What the same call, sent again, gives. */
    readonly again: Outcome<unknown>['kind'];
  }
  const CASES: readonly Case[] = [
    {fault: {kind: 'drop_before'}, kind: 'in_doubt', done: 0, again: 'delivered'},
    {fault: {kind: 'drop_after'}, kind: 'in_doubt', done: 1, again: 'delivered'},
    {fault: {kind: 'truncate'}, kind: 'in_doubt', done: 1, again: 'delivered'},
    {fault: {kind: 'html_502'}, kind: 'in_doubt', done: 0, again: 'delivered'},
    // A 500 is kept for its key, whether or not the effect took place.
    {fault: {kind: 'error_500_before'}, kind: 'in_doubt', done: 0, again: 'in_doubt'},
    {fault: {kind: 'error_500_after'}, kind: 'in_doubt', done: 1, again: 'in_doubt'},
    {fault: {kind: 'conflict_409'}, kind: 'retry', done: 0, again: 'delivered'},
    {fault: {kind: 'rate_limit_429', should_retry: true}, kind: 'retry', done: 0, again: 'delivered'},
    {fault: {kind: 'rate_limit_429', should_retry: false}, kind: 'retry', done: 0, again: 'delivered'},
    {fault: {kind: 'rate_limit_429', should_retry: null}, kind: 'retry', done: 0, again: 'delivered'},
    {fault: {kind: 'unavailable_503'}, kind: 'retry', done: 0, again: 'delivered'},
    {fault: {kind: 'hang', ms: 20}, kind: 'delivered', done: 1, again: 'delivered'},
    {fault: {kind: 'forget_keys'}, kind: 'delivered', done: 1, again: 'delivered'},
  ];
  for (const {fault, kind, done, again} of CASES) {
    it(`${JSON.stringify(fault)} on a confirm: ${kind}, ${done} effect`, async () => {
      const {gateway, api} = world;
      const {id, confirm, sealed} = await prepared(gateway);
      await api.addFault({method: 'POST', path: CONFIRM, fault});
      expect((await gateway.confirmPaymentIntent(id, confirm, sealed)).kind).to.equal(kind);
      expect(await confirmsOf(id)).to.equal(done);
      const seen = delivered(await gateway.retrievePaymentIntent(id));
      expect(seen.status).to.equal(done === 1 ? 'requires_capture' : 'requires_payment_method');
      expect((await gateway.confirmPaymentIntent(id, confirm, sealed)).kind).to.equal(again);
      expect(await confirmsOf(id)).to.equal(Math.max(done, again === 'delivered' ? 1 : 0));
      expect(await api.faults()).to.deep.equal([]);
    });
  }

  it('settles a doubt by looking: a second confirm of a confirmed intent is refused, even with forgotten keys', async () => {
    const {gateway, api} = world;
    const {id, confirm, sealed} = await prepared(gateway);
    await api.addFault({path: CONFIRM, fault: {kind: 'drop_after'}});
    failed(await gateway.confirmPaymentIntent(id, confirm, sealed), 'in_doubt');
    await api.addFault({path: CONFIRM, fault: {kind: 'forget_keys'}});
    const again = failed(await gateway.confirmPaymentIntent(id, confirm, sealed), 'refused');
    expect(again.error.code).to.equal('payment_intent_unexpected_state');
    expect(await confirmsOf(id)).to.equal(1);
  });

  it('an API that hangs past the deadline leaves a doubt, and takes effect all the same', async () => {
    const {api} = world;
    const hasty = gatewayTo(api.url, {deadlines: {total_ms: 150}});
    const {id, confirm, sealed} = await prepared(hasty);
    await api.addFault({path: CONFIRM, fault: {kind: 'hang', ms: 300}});
    expect(failed(await hasty.confirmPaymentIntent(id, confirm, sealed), 'in_doubt').error.code).to.equal(
      'deadline',
    );
    // The key is in use while the first request hangs.
    const meanwhile = failed(await world.gateway.confirmPaymentIntent(id, confirm, sealed), 'retry');
    expect(meanwhile.error).to.include({code: 'idempotency_key_in_use', http_status: 409});
    await new Promise((resolve) => setTimeout(resolve, 350));
    delivered(await world.gateway.confirmPaymentIntent(id, confirm, sealed));
    expect(await confirmsOf(id)).to.equal(1);
    await hasty.close();
  });

  it('meets as many requests as it was asked to, on its path only', async () => {
    const {gateway, api} = world;
    await api.addFault({method: 'GET', path: '/v1/account', count: 2, fault: {kind: 'unavailable_503'}});
    delivered(await createIntent(gateway));
    failed(await gateway.account(), 'retry');
    failed(await gateway.account(), 'retry');
    delivered(await gateway.account());
  });

  it('lost answers of create, capture and cancel are replayed under their keys', async () => {
    const {gateway, api} = world;
    const before = (await api.ledger()).length;
    const params = gateway.freezeCreate({
      local_id: 'pay_lost',
      device: null,
      amount: 700,
      currency: 'usd',
      capture_method: 'manual',
      description: null,
      metadata: {},
    });
    const create = call(gateway, params);
    await api.addFault({path: '/v1/payment_intents', fault: {kind: 'drop_after'}});
    failed(await gateway.createPaymentIntent(create), 'in_doubt');
    delivered(await gateway.createPaymentIntent(create));
    expect(await api.ledger()).to.have.length(before + 1);

    const intent = delivered(await forwarded(gateway, {amount: 900}));
    const capture = call(gateway, {amount_to_capture: 500});
    await api.addFault({path: '/v1/payment_intents/*/capture', fault: {kind: 'truncate'}});
    failed(await gateway.capturePaymentIntent(intent.id, capture), 'in_doubt');
    expect(delivered(await gateway.capturePaymentIntent(intent.id, capture)).amount_received).to.equal(500);
    expect((await api.ledger()).find((line) => line.id === intent.id)?.captures).to.equal(1);
  });

  it('stops for a key the API does not take', async () => {
    const gateway = gatewayTo(world.api.url, {apiKey: 'sk_live_0123456789abcdef'});
    const outcome = failed(await gateway.account(), 'stop');
    expect(outcome.error.http_status).to.equal(401);
    expect(JSON.stringify(outcome)).to.not.include('0123456789abcdef');
    await gateway.close();
  });
});
