import {expect} from 'chai';
import {call, createIntent, delivered, failed, forwarded, openWorld, prepared, type World} from './world.js';

describe('gateway: payments against the sandbox API', () => {
  let world: World;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.close());

  it('creates, confirms and captures a stored payment', async () => {
    const {gateway} = world;
    const {id, confirm, sealed} = await prepared(gateway, {amount: 1250, stored_at: 1_790_000_000});
    const confirmed = delivered(await gateway.confirmPaymentIntent(id, confirm, sealed));
    expect(confirmed).to.include({
      id,
      status: 'requires_capture',
      amount: 1250,
      amount_capturable: 1250,
      livemode: false,
    });
    expect(confirmed.metadata).to.have.property('order', 'A-1');
    expect(confirmed.metadata.stowpay_id).to.match(/^pay_test_/);
    expect(confirmed.charge?.offline_stored_at).to.equal(1_790_000_000);
    expect(confirmed.charge?.authorization_code).to.match(/^\d{6}$/);
    expect(confirmed.charge?.account_type).to.equal('credit');
    expect(confirmed.charge?.capture_before).to.be.greaterThan(confirmed.created + 2 * 86_400 - 10);

    const captured = delivered(await gateway.capturePaymentIntent(id, call(gateway, {})));
    expect(captured).to.include({status: 'succeeded', amount_received: 1250, amount_capturable: 0});
    const [entry] = (await world.api.ledger()).filter((line) => line.id === id);
    expect(entry).to.include({
      confirms: 1,
      captures: 1,
      attempts: 1,
      amount_captured: 1250,
      ksn_reused: false,
    });
  });

  it('captures a part and releases the rest', async () => {
    const {gateway} = world;
    const intent = delivered(await forwarded(gateway, {amount: 2000}));
    const captured = delivered(
      await gateway.capturePaymentIntent(intent.id, call(gateway, {amount_to_capture: 1500})),
    );
    expect(captured).to.include({
      status: 'succeeded',
      amount: 2000,
      amount_received: 1500,
      amount_capturable: 0,
    });
  });

  it('refuses to capture more than was authorised, and again what was captured', async () => {
    const {gateway} = world;
    const intent = delivered(await forwarded(gateway, {amount: 2000}));
    const more = await gateway.capturePaymentIntent(intent.id, call(gateway, {amount_to_capture: 2001}));
    expect(failed(more, 'refused').error.code).to.equal('amount_too_large');
    delivered(await gateway.capturePaymentIntent(intent.id, call(gateway, {})));
    const again = await gateway.capturePaymentIntent(intent.id, call(gateway, {}));
    expect(failed(again, 'refused').error.code).to.equal('payment_intent_unexpected_state');
  });

  it('tells an online charge from a forwarded one, and captures at once when asked to', async () => {
    const intent = delivered(await forwarded(world.gateway, {stored_at: null, capture_method: 'automatic'}));
    expect(intent.status).to.equal('succeeded');
    expect(intent.charge).to.include({offline_stored_at: null, capture_before: null});
  });

  it('cancels before and after the confirm, and not after the capture', async () => {
    const {gateway} = world;
    const unconfirmed = delivered(await createIntent(gateway));
    const params = {cancellation_reason: 'requested_by_customer'};
    const first = delivered(await gateway.cancelPaymentIntent(unconfirmed.id, call(gateway, params)));
    expect(first).to.include({
      status: 'canceled',
      cancellation_reason: 'requested_by_customer',
      charge: null,
    });
    const authorised = delivered(await forwarded(gateway));
    const second = delivered(await gateway.cancelPaymentIntent(authorised.id, call(gateway, {})));
    expect(second).to.include({status: 'canceled', amount_capturable: 0});
    const done = delivered(await forwarded(gateway, {capture_method: 'automatic'}));
    failed(await gateway.cancelPaymentIntent(done.id, call(gateway, {})), 'refused');
  });

  it('refuses a second confirm of a confirmed intent', async () => {
    const {gateway} = world;
    const {id, confirm, sealed} = await prepared(gateway);
    delivered(await gateway.confirmPaymentIntent(id, confirm, sealed));
    const again = await gateway.confirmPaymentIntent(id, {...confirm, idempotency_key: 'another'}, sealed);
    expect(failed(again, 'refused').error).to.include({
      code: 'payment_intent_unexpected_state',
      http_status: 400,
    });
  });

  const DECLINES = [
    {
      pan: '4000000000000002',
      amount: 1200,
      code: 'card_declined',
      decline_code: 'generic_decline',
      soft: false,
    },
    {
      pan: '4000000000009995',
      amount: 1200,
      code: 'card_declined',
      decline_code: 'insufficient_funds',
      soft: false,
    },
    {pan: '4000000000009987', amount: 1200, code: 'card_declined', decline_code: 'lost_card', soft: false},
    {pan: '4000000000000069', amount: 1200, code: 'expired_card', decline_code: 'expired_card', soft: false},
    {
      pan: '4000000000000119',
      amount: 1200,
      code: 'processing_error',
      decline_code: 'processing_error',
      soft: true,
    },
    {pan: '4242424242424242', amount: 1201, code: 'card_declined', decline_code: 'call_issuer', soft: false},
    {
      pan: '4242424242424242',
      amount: 1202,
      code: 'card_declined',
      decline_code: 'offline_pin_required',
      soft: false,
    },
    {
      pan: '5555555555554444',
      amount: 1203,
      code: 'card_declined',
      decline_code: 'online_or_offline_pin_required',
      soft: false,
    },
    {
      pan: '378282246310005',
      amount: 1205,
      code: 'card_declined',
      decline_code: 'generic_decline',
      soft: false,
    },
    {
      pan: '4242424242424242',
      amount: 1255,
      code: 'card_declined',
      decline_code: 'incorrect_pin',
      soft: false,
    },
    {
      pan: '4242424242424242',
      amount: 1265,
      code: 'card_declined',
      decline_code: 'withdrawal_count_limit_exceeded',
      soft: false,
    },
    {
      pan: '4242424242424242',
      amount: 1275,
      code: 'card_declined',
      decline_code: 'pin_try_exceeded',
      soft: false,
    },
    // The card decides before the amount.
    {
      pan: '4000000000009995',
      amount: 1255,
      code: 'card_declined',
      decline_code: 'insufficient_funds',
      soft: false,
    },
  ];
  for (const {pan, amount, soft, ...codes} of DECLINES) {
    it(`reports a decline: card …${pan.slice(-4)}, amount ${amount}`, async () => {
      const outcome = failed(await forwarded(world.gateway, {pan, amount}), 'declined');
      expect(outcome.error).to.include({type: 'card_error', http_status: 402, ...codes});
      expect(outcome.error.request_id).to.match(/^req_/);
      expect(outcome.soft).to.equal(soft);
      expect(outcome.intent?.status).to.equal('requires_payment_method');
      expect(outcome.intent?.last_payment_error).to.include(codes);
      const seen = delivered(await world.gateway.retrievePaymentIntent(outcome.intent?.id ?? ''));
      expect(seen).to.deep.equal({...outcome.intent, charge: seen.charge});
      expect(seen.charge?.authorization_code).to.equal(null);
    });
  }

  for (const pan of ['5555555555554444', '378282246310005', '6011111111111117', '4242424242424242']) {
    it(`approves card …${pan.slice(-4)} for any other ending`, async () => {
      for (const amount of [1200, 1299, 1204]) delivered(await forwarded(world.gateway, {pan, amount}));
    });
  }

  it('lets a declined intent be confirmed again: the same one', async () => {
    const {gateway} = world;
    const {id, confirm, sealed} = await prepared(gateway, {pan: '4000000000000119'});
    failed(await gateway.confirmPaymentIntent(id, confirm, sealed), 'declined');
    const next = await prepared(gateway);
    delivered(await gateway.confirmPaymentIntent(id, next.confirm, next.sealed));
    const [entry] = (await world.api.ledger()).filter((line) => line.id === id);
    expect(entry).to.include({attempts: 2, confirms: 1});
  });

  it('replays the same call and refuses another one under its key', async () => {
    const {gateway, api} = world;
    const {id, confirm, sealed} = await prepared(gateway);
    const first = delivered(await gateway.confirmPaymentIntent(id, confirm, sealed));
    const second = delivered(await gateway.confirmPaymentIntent(id, confirm, sealed));
    expect(second).to.deep.equal(first);
    expect((await api.ledger()).find((line) => line.id === id)?.attempts).to.equal(1);
    const other = await prepared(gateway);
    const stolen = {...other.confirm, idempotency_key: confirm.idempotency_key};
    const mismatch = await gateway.confirmPaymentIntent(other.id, stolen, other.sealed);
    expect(failed(mismatch, 'refused').error.type).to.equal('idempotency_error');
  });

  it('replays a decline too', async () => {
    const {gateway, api} = world;
    const {id, confirm, sealed} = await prepared(gateway, {amount: 1205});
    const first = failed(await gateway.confirmPaymentIntent(id, confirm, sealed), 'declined');
    const second = failed(await gateway.confirmPaymentIntent(id, confirm, sealed), 'declined');
    expect(second.intent).to.deep.equal(first.intent);
    expect((await api.ledger()).find((line) => line.id === id)?.attempts).to.equal(1);
  });

  it('lists intents since a time, page by page, newest first', async () => {
    const own = await openWorld();
    try {
      const ids: string[] = [];
      for (let index = 0; index < 103; index += 1) ids.push(delivered(await createIntent(own.gateway)).id);
      const pages: string[][] = [];
      for await (const page of own.gateway.listPaymentIntents(0))
        pages.push(delivered(page).map(({id}) => id));
      expect(pages.map((page) => page.length)).to.deep.equal([100, 3]);
      expect(pages.flat()).to.deep.equal(ids.reverse());
      const future: unknown[] = [];
      for await (const page of own.gateway.listPaymentIntents(4_000_000_000)) future.push(...delivered(page));
      expect(future).to.deep.equal([]);
    } finally {
      await own.close();
    }
  });

  it('answers unknown ids as refused', async () => {
    const outcome = failed(await world.gateway.retrievePaymentIntent('pi_nobody'), 'refused');
    expect(outcome.error).to.include({code: 'resource_missing', http_status: 404});
  });
});
