import {cpSync, rmSync} from 'node:fs';
import {expect} from 'chai';
import {forwardError} from '../../../src/lib/cli/forward-text.js';
import {StowpayError} from '../../../src/lib/core/errors.js';
import type {PaymentIntent} from '../../../src/lib/core/payment.js';
import type {CancelItem} from '../../../src/lib/terminal/cancel.js';
import type {Inspected} from '../../../src/lib/terminal/inspect.js';
import {type TestClock, testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {gate} from '../../support/gate.js';
import type {Fate, Hit} from '../../support/proxy.js';
import {openTill, SALE, type Till} from '../../support/till.js';

const CREATE = {method: 'POST', path: '/v1/payment_intents'};
const CONFIRM = {method: 'POST', path: '/v1/payment_intents/*/confirm'};
const CANCEL = {method: 'POST', path: '/v1/payment_intents/*/cancel'};
const LOOK = {method: 'GET', path: '/v1/payment_intents/*'};

async function storeOne(till: Till, request: Partial<typeof SALE> = {}): Promise<PaymentIntent> {
  till.network.set(false);
  const {payment} = await till.collect({reference: 'A1', ...request});
  till.network.set(true);
  return payment;
}

async function cancelOne(
  till: Till,
  name: string,
  reason: string | null = 'wrong amount',
): Promise<CancelItem> {
  const request = {names: [name], all: false, confirm: null, reason, dryRun: false};
  const [item] = await till.run((terminal) => terminal.cancel(request));
  return item as CancelItem;
}

async function shown(till: Till, name: string): Promise<Inspected> {
  const [one] = await till.run((terminal) => terminal.inspect([name]));
  return one as Inspected;
}

async function failure(act: Promise<unknown>): Promise<StowpayError> {
  const error = await act.then(
    () => new Error('it did not fail'),
    (thrown) => thrown,
  );
  if (error instanceof StowpayError) return error;
  throw error;
}

/** Requests that would move money or look for it: everything but asking who we are. */
function counting(fateOf: (hit: Hit) => Fate = () => 'pass') {
  const hits: string[] = [];
  return {
    hits,
    fateOf: (hit: Hit): Fate => {
      hits.push(`${hit.method} ${hit.path.replace(/pi_[^/]+/, '*')}`);
      return fateOf(hit);
    },
  };
}

describe('cancel before anything was confirmed', () => {
  it('voids a stored payment without a single request, network or not', async () => {
    for (const up of [false, true]) {
      const {hits, fateOf} = counting();
      const till = await openTill(undefined, fateOf);
      const {local_id} = await storeOne(till);
      hits.length = 0;
      till.network.set(up);
      const item = await cancelOne(till, local_id);
      expect(item).to.deep.include({outcome: 'canceled', error: null});
      expect(item.payment).to.include({state: 'canceled', status: 'canceled'});
      expect(hits).to.deep.equal([]);
      expect((await till.run((terminal) => terminal.checkSafeToWipe(false))).error).to.equal(null);
      till.network.set(true);
      expect((await till.forward()).total).to.equal(0);
      expect(await till.api.ledger()).to.deep.equal([]);
      await till.close();
    }
  });

  it('keeps the reference, and says who voided it and why to whoever collects again', async () => {
    const till = await openTill();
    const {local_id} = await storeOne(till);
    const operator = {operator: 'alice'};
    const terminal = await till.open(operator);
    await terminal.cancel({
      names: [local_id],
      all: false,
      confirm: null,
      reason: 'wrong amount',
      dryRun: false,
    });
    await terminal.close();
    const error = await failure(till.collect({reference: 'A1'}));
    expect(error).to.include({code: 'payment_intent_unexpected_state', exitCode: 7});
    expect(error.message).to.match(/was canceled: Voided by alice: wrong amount\. .*No money is held/);
    expect(error.details.payment).to.include({local_id, state: 'canceled'});
    const story = await shown(till, local_id);
    expect(story.timeline.map(({text}) => text)).to.include('cancel requested by alice: wrong amount');
    await till.close();
  });

  it('says "unchanged" the second time', async () => {
    const till = await openTill();
    const {local_id} = await storeOne(till);
    await cancelOne(till, local_id);
    expect(await cancelOne(till, local_id)).to.deep.include({outcome: 'unchanged', error: null});
    await till.close();
  });

  it('tidies up the unconfirmed intent whose id was never told', async () => {
    const till = await openTill();
    const {local_id} = await storeOne(till);
    await till.api.addFault({...CREATE, count: 1, fault: {kind: 'drop_after'}});
    await till.api.addFault({...CREATE, count: 50, fault: {kind: 'drop_before'}});
    await till.forward();
    await till.api.clearFaults();
    expect(await till.api.ledger()).to.have.length(1);
    expect((await shown(till, local_id)).id).to.equal(null);
    expect(await cancelOne(till, local_id)).to.include({outcome: 'canceled'});
    expect(await till.forward()).to.include({total: 0, leftovers_canceled: 1});
    expect((await till.api.ledger())[0]).to.include({status: 'canceled', confirms: 0});
    expect((await shown(till, local_id)).state).to.equal('canceled');
    expect(await till.forward()).to.include({leftovers_canceled: 0});
    await till.close();
  });

  it('closes a sale whose collect died before a card was read', async () => {
    const till = await openTill();
    till.present({behavior: 'no_card'});
    const dying = await till.open();
    void dying.collect({...SALE, reference: 'gone', timeout_s: 200}).catch(() => null);
    await new Promise((resolve) => setTimeout(resolve, 400));
    const [open] = await till.run((terminal) =>
      terminal.list({names: [], states: [], buckets: [], limit: null}),
    );
    await dying.close();
    expect(await cancelOne(till, open?.local_id ?? '')).to.include({outcome: 'canceled'});
    await till.forward();
    expect((await till.api.ledger())[0]).to.include({status: 'canceled', confirms: 0});
    await till.close();
  });
});

describe('cancel of what may have been confirmed', () => {
  let till: Till;
  beforeEach(async () => {
    till = await openTill();
  });
  afterEach(() => till.close());

  it('releases an authorisation, forwarded or online', async () => {
    const stored = await storeOne(till);
    await till.forward();
    const {payment: online} = await till.collect({reference: 'A2'});
    for (const {local_id} of [stored, online]) {
      const item = await cancelOne(till, local_id);
      expect(item).to.deep.include({outcome: 'canceled', error: null});
      expect(item.note).to.match(/^Cancelled at the payment API by .*: wrong amount\.$/);
    }
    for (const entry of await till.api.ledger()) expect(entry).to.include({status: 'canceled', captures: 0});
    const error = await failure(till.collect({reference: 'A2'}));
    expect(error.exitCode).to.equal(7);
    expect(await till.api.ledger()).to.have.length(2);
  });

  it('refuses once the money was received, and says where refunds are made', async () => {
    const {local_id} = await storeOne(till, {capture_method: 'automatic'});
    await till.forward();
    const item = await cancelOne(till, local_id);
    expect(item.outcome).to.equal('failed');
    expect(item.error).to.include({code: 'payment_intent_unexpected_state', exitCode: 7});
    expect(`${item.error?.message} ${item.error?.hint}`).to.match(
      /12\.50 USD was received.*Refunds are made at Stripe/i,
    );
    expect((await shown(till, local_id)).cancel_requested).to.equal(false);
  });

  it('records what it cannot tell the API now, and the next forward finishes it without confirming', async () => {
    const {local_id} = await storeOne(till);
    await till.forward();
    till.network.set(false);
    const item = await cancelOne(till, local_id);
    expect(item.outcome).to.equal('requested');
    expect(item.error).to.include({code: 'network_unavailable', exitCode: 5});
    expect(item.error?.message).to.match(/12\.50 USD is still authorised/i);
    till.network.set(true);
    const story = await shown(till, local_id);
    expect(story).to.include({state: 'authorized', cancel_requested: true});
    expect(story.diagnosis).to.deep.include({next: `stowpay forward ${local_id}`, retry_helps: true});
    const captured = await failure(
      till.run((terminal) => terminal.capture({names: [local_id], all: false, amount: null, dryRun: false})),
    );
    expect(captured.message).to.match(/cancel was requested/);
    const all = await till.run((terminal) =>
      terminal.capture({names: [], all: true, amount: null, dryRun: false}),
    );
    expect(all).to.deep.equal([]);
    expect((await failure(till.collect({reference: 'A1'}))).message).to.match(/cancel .* was requested/);
    till.network.set(false);
    const left = forwardError(await till.forward(), new AbortController().signal);
    expect(left).to.include({code: 'payments_left', exitCode: 5});
    expect(left?.message).to.match(/^1 cancel could not be finished now/);
    till.network.set(true);
    const result = await till.forward();
    expect(result.payments.map(({outcome}) => outcome)).to.deep.equal(['canceled']);
    expect(forwardError(result, new AbortController().signal)).to.equal(null);
    expect((await till.api.ledger())[0]).to.include({status: 'canceled', confirms: 1, captures: 0});
  });

  it('never confirms a soft-declined payment again whose cancel is recorded', async () => {
    // An amount ending in 19 is no decline of the sandbox; this card's issuer answers with a soft one.
    till.present({pan: '4000000000000119'});
    const {local_id} = await storeOne(till);
    expect((await till.forward()).payments[0]).to.include({outcome: 'left'});
    const before = (await till.api.ledger())[0]?.attempts;
    till.network.set(false);
    expect(await cancelOne(till, local_id)).to.include({outcome: 'requested'});
    till.network.set(true);
    expect((await till.forward()).payments[0]).to.include({outcome: 'canceled'});
    expect((await till.api.ledger())[0]).to.include({status: 'canceled', attempts: before});
  });

  for (const fault of [
    {kind: 'drop_before'},
    {kind: 'drop_after'},
    {kind: 'truncate'},
    {kind: 'error_500_before'},
    {kind: 'error_500_after'},
    {kind: 'html_502'},
    {kind: 'conflict_409'},
    {kind: 'rate_limit_429', should_retry: null},
  ] as const) {
    it(`ends in one truth through ${fault.kind} at the cancel`, async () => {
      const {local_id} = await storeOne(till);
      await till.forward();
      await till.api.addFault({...CANCEL, count: 1, fault});
      const first = await cancelOne(till, local_id);
      for (let run = 0; run < 3 && first.outcome !== 'canceled'; run += 1) await till.forward();
      expect(await shown(till, local_id)).to.include({state: 'canceled', amount_capturable: 0});
      expect((await till.api.ledger())[0]).to.include({status: 'canceled', captures: 0});
    });
  }
});

describe('a device whose payments are captured elsewhere', () => {
  it('is not safe to wipe while a cancel or a release has to be done from here', async () => {
    const till = await openTill();
    const {payment} = await till.collect({reference: 'A0'});
    const check = async () => (await till.run((terminal) => terminal.checkSafeToWipe(true))).error;
    expect(await check()).to.equal(null);
    till.network.set(false);
    expect(await cancelOne(till, payment.local_id)).to.include({outcome: 'requested'});
    expect(await check()).to.include({code: 'payments_pending', exitCode: 3});
    till.network.set(true);
    await till.forward();
    expect(await check()).to.equal(null);
    await till.api.addFault({...CONFIRM, count: 1, fault: {kind: 'drop_after'}});
    await till.api.addFault({...LOOK, count: 50, fault: {kind: 'drop_before'}});
    expect((await failure(till.collect({reference: 'A1'}))).code).to.equal('payment_in_doubt');
    await till.api.clearFaults();
    await till.forward();
    expect(await check()).to.include({code: 'payments_pending', exitCode: 3});
    expect((await till.collect({reference: 'A1'})).payment.state).to.equal('authorized');
    expect(await check()).to.equal(null);
    await till.close();
  });
});

describe('cancel with credentials that the API refuses', () => {
  it('voids what was never confirmed, and records the rest', async () => {
    const revoked = {status: 401, body: {error: {type: 'invalid_request_error', message: 'revoked'}}};
    let refusing = false;
    const till = await openTill(undefined, () => (refusing ? revoked : 'pass'));
    const {payment} = await till.collect({reference: 'A0'});
    const {local_id} = await storeOne(till);
    refusing = true;
    expect(await cancelOne(till, local_id)).to.include({outcome: 'canceled', error: null});
    const item = await cancelOne(till, payment.local_id);
    expect(item.outcome).to.equal('requested');
    expect(item.error).to.include({code: 'authentication_failed', exitCode: 4});
    refusing = false;
    expect((await till.forward()).payments[0]).to.include({outcome: 'canceled'});
    await till.close();
  });
});

describe('cancel of a payment in doubt', () => {
  async function inDoubt(
    till: Till,
    capture_method: 'manual' | 'automatic',
    fault: 'drop_before' | 'drop_after',
  ) {
    const {local_id} = await storeOne(till, {capture_method});
    await till.api.addFault({...CONFIRM, count: 1, fault: {kind: fault}});
    await till.api.addFault({...LOOK, count: 50, fault: {kind: 'drop_before'}});
    expect((await till.forward()).payments[0]).to.include({outcome: 'in_doubt'});
    await till.api.clearFaults();
    return local_id;
  }

  it('cancels it, whether its confirm had arrived or not', async () => {
    for (const fault of ['drop_before', 'drop_after'] as const) {
      const till = await openTill();
      const local_id = await inDoubt(till, 'manual', fault);
      expect(await cancelOne(till, local_id)).to.include({outcome: 'canceled'});
      expect((await till.api.ledger())[0]).to.include({status: 'canceled', captures: 0});
      await till.close();
    }
  });

  it('says when the money was received before, and keeps that for a person until acknowledged', async () => {
    const till = await openTill();
    const local_id = await inDoubt(till, 'automatic', 'drop_after');
    const item = await cancelOne(till, local_id);
    expect(item.outcome).to.equal('too_late');
    expect(item.error).to.include({code: 'payment_intent_unexpected_state', exitCode: 7});
    expect(`${item.error?.message} ${item.error?.hint}`).to.match(
      /12\.50 USD was received.*Refund it at Stripe/i,
    );
    expect(item.payment).to.include({state: 'captured', bucket: 'attention', amount_received: 1250});
    expect((await till.run((terminal) => terminal.status())).to_acknowledge).to.deep.equal({
      count: 1,
      amounts: {usd: 1250},
    });
    const request = {names: [local_id], all: false, reason: 'refunded', unnamedLosses: false, confirm: null};
    await till.run((terminal) => terminal.acknowledge(request));
    expect(await shown(till, local_id)).to.include({state: 'captured', bucket: 'done'});
    await till.close();
  });

  it('is told of by the forward that finds it captured, with exit 6', async () => {
    const till = await openTill();
    const local_id = await inDoubt(till, 'automatic', 'drop_after');
    till.network.set(false);
    expect(await cancelOne(till, local_id)).to.include({outcome: 'requested'});
    till.network.set(true);
    const result = await till.forward();
    expect(result.payments[0]).to.include({outcome: 'too_late'});
    expect(forwardError(result, new AbortController().signal)).to.include({exitCode: 6});
    await till.close();
  });

  it('stays true when the lost confirm arrives after the cancel', async () => {
    const late = gate();
    let confirms = 0;
    const till = await openTill(undefined, ({method, path}) => {
      if (path.endsWith('/confirm')) return ++confirms === 1 ? {late: late.opened} : 'pass';
      return method === 'GET' && path.includes('pi_') && !late.isOpen() ? 'cut_before' : 'pass';
    });
    const {local_id} = await storeOne(till);
    expect((await till.forward()).payments[0]).to.include({outcome: 'in_doubt'});
    expect(await cancelOne(till, local_id)).to.include({outcome: 'canceled'});
    late.open();
    await till.settle();
    expect((await till.api.ledger())[0]).to.include({status: 'canceled', confirms: 0});
    expect((await shown(till, local_id)).state).to.equal('canceled');
    await till.close();
  });
});

describe('cancel of an undecided capture', () => {
  it('looks first: captured is told, untouched is cancelled', async () => {
    for (const fault of ['drop_after', 'drop_before'] as const) {
      const till = await openTill();
      const {payment} = await till.collect({reference: 'A1'});
      await till.api.addFault({
        method: 'POST',
        path: '/v1/payment_intents/*/capture',
        count: 1,
        fault: {kind: fault},
      });
      await till.api.addFault({...LOOK, count: 50, fault: {kind: 'drop_before'}});
      await till.run((terminal) =>
        terminal.capture({names: [payment.local_id], all: false, amount: null, dryRun: false}),
      );
      await till.api.clearFaults();
      expect((await shown(till, payment.local_id)).state).to.equal('capturing');
      const item = await cancelOne(till, payment.local_id);
      const [entry] = await till.api.ledger();
      if (fault === 'drop_after') {
        expect(item).to.include({outcome: 'too_late'});
        expect(entry).to.include({status: 'succeeded', captures: 1});
      } else {
        expect(item).to.include({outcome: 'canceled'});
        expect(entry).to.include({status: 'canceled', captures: 0});
      }
      await till.close();
    }
  });
});

for (const [age, hours] of [
  ['an old', 30],
  ['a young', 0.2],
] as const) {
  describe(`cancel under a journal that was restored from ${age} backup`, () => {
    let clock: TestClock;
    let till: Till;
    let local_id: string;
    beforeEach(async () => {
      clock = testClock();
      till = await openTill(clock);
      ({local_id} = await storeOne(till));
      const backup = temporaryDirectory();
      cpSync(till.directory, backup, {recursive: true});
      await till.forward();
      clock.advance(hours * 3600_000);
      rmSync(`${till.directory}/journal`, {recursive: true});
      cpSync(`${backup}/journal`, `${till.directory}/journal`, {recursive: true});
    });
    afterEach(() => till.close());

    it('releases what the journal has forgotten, at the next forward', async () => {
      expect(await cancelOne(till, local_id)).to.include({outcome: 'canceled'});
      expect((await till.api.ledger())[0]).to.include({status: 'requires_capture'});
      expect(await till.forward()).to.include({leftovers_canceled: 1});
      expect((await till.api.ledger())[0]).to.include({status: 'canceled', captures: 0});
    });

    it('tells a person when the money was received in the time it has forgotten', async () => {
      const [entry] = await till.api.ledger();
      const headers = {Authorization: 'Bearer sk_test_stowpay_sandbox'};
      await fetch(`${till.api.url}/v1/payment_intents/${entry?.id}/capture`, {method: 'POST', headers});
      await cancelOne(till, local_id);
      await till.forward();
      expect(await shown(till, local_id)).to.include({state: 'captured', bucket: 'attention'});
    });
  });
}

describe('cancel of many', () => {
  it('asks once whether there is a network, records all, and sends nothing into nowhere', async () => {
    let up = true;
    const {hits, fateOf} = counting(() => (up ? 'pass' : 'cut_before'));
    const till = await openTill(undefined, fateOf);
    const names: string[] = [];
    for (const reference of ['A', 'B', 'C']) names.push((await till.collect({reference})).payment.local_id);
    hits.length = 0;
    up = false;
    const request = {names, all: false, confirm: null, reason: null, dryRun: false};
    const items = await till.run((terminal) => terminal.cancel(request));
    expect(items.map(({outcome}) => outcome)).to.deep.equal(['requested', 'requested', 'requested']);
    // The client tries a reset connection once more by itself.
    expect(hits).to.have.length.within(1, 2);
    expect(hits.every((hit) => hit.endsWith('/v1/account'))).to.equal(true);
    up = true;
    await till.forward();
    for (const entry of await till.api.ledger()) expect(entry).to.include({status: 'canceled'});
    await till.close();
  });
});

describe('cancel of everything', () => {
  it('takes the name of the device', async () => {
    const till = await openTill();
    await storeOne(till);
    const request = {names: [], all: true, confirm: 'dev_other', reason: null, dryRun: false};
    const error = await failure(till.run((terminal) => terminal.cancel(request)));
    expect(error).to.include({code: 'invalid_usage', exitCode: 2});
    const {device} = await till.run((terminal) => terminal.status());
    const items = await till.run((terminal) => terminal.cancel({...request, confirm: device}));
    expect(items.map(({outcome}) => outcome)).to.deep.equal(['canceled']);
    await till.close();
  });

  it('does nothing when one of the names is wrong', async () => {
    const till = await openTill();
    const {local_id} = await storeOne(till);
    const request = {names: [local_id, 'pay_NOBODY'], all: false, confirm: null, reason: null, dryRun: false};
    expect(await failure(till.run((terminal) => terminal.cancel(request)))).to.include({
      code: 'payment_not_found',
      exitCode: 2,
    });
    expect((await shown(till, local_id)).state).to.equal('accepted_offline');
    await till.close();
  });

  it('says beforehand what it would do, and changes nothing', async () => {
    const till = await openTill();
    await storeOne(till);
    await till.collect({reference: 'A2'});
    const {device} = await till.run((terminal) => terminal.status());
    const request = {names: [], all: true, confirm: device, reason: null, dryRun: true};
    const plan = await till.run((terminal) => terminal.cancel(request));
    expect(plan.map(({outcome, note}) => [outcome, note])).to.deep.equal([
      ['planned', 'void, without asking the API'],
      ['planned', 'cancelled at the payment API'],
    ]);
    const {states} = await till.run((terminal) => terminal.status());
    expect(Object.keys(states)).to.have.members(['accepted_offline', 'authorized']);
    await till.close();
  });
});
