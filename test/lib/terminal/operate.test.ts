import {readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {StowpayError} from '../../../src/lib/core/errors.js';
import type {PaymentIntent} from '../../../src/lib/core/payment.js';
import {systemClock} from '../../../src/lib/device/clock.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {disk} from '../../../src/lib/storage/disk.js';
import type {HoldItem, ReleaseItem} from '../../../src/lib/terminal/hold.js';
import type {Inspected} from '../../../src/lib/terminal/inspect.js';
import type {RetryItem} from '../../../src/lib/terminal/retry.js';
import type {Fate, Hit} from '../../support/proxy.js';
import {openTill, type SALE, type Till} from '../../support/till.js';

const EVERYTHING = {names: [], states: [], buckets: [], limit: null};

async function storeOne(till: Till, request: Partial<typeof SALE> = {}): Promise<PaymentIntent> {
  till.network.set(false);
  const {payment} = await till.collect({reference: 'A1', ...request});
  till.network.set(true);
  return payment;
}

const asked = (...names: string[]) => ({names, all: false, reason: null});

async function hold(till: Till, name: string): Promise<HoldItem> {
  const [item] = await till.run((terminal) => terminal.hold({...asked(name), reason: 'goods missing'}));
  return item as HoldItem;
}

async function release(till: Till, name: string): Promise<ReleaseItem> {
  const [item] = await till.run((terminal) => terminal.release(asked(name)));
  return item as ReleaseItem;
}

async function retry(till: Till, name: string): Promise<RetryItem> {
  const [item] = await till.run((terminal) => terminal.retry({...asked(name), dryRun: false}));
  return item as RetryItem;
}

async function cancel(till: Till, name: string) {
  const [item] = await till.run((terminal) =>
    terminal.cancel({...asked(name), confirm: null, dryRun: false}),
  );
  return item;
}

async function acknowledge(till: Till, ...names: string[]) {
  const request = {...asked(...names), unnamedLosses: false, confirm: null};
  return till.run((terminal) => terminal.acknowledge(request));
}

async function shown(till: Till, name: string): Promise<Inspected> {
  const [one] = await till.run((terminal) => terminal.inspect([name]));
  return one as Inspected;
}

/** Sets a payment aside, as something did that found it beyond what this program can settle. */
async function setAside(till: Till, payment: string, code: string): Promise<void> {
  const journal = new FileJournal({storage: disk, directory: till.directory, clock: systemClock()});
  const data = {code, message: 'Set aside by a test.', error: null};
  await journal.transact(() => ({events: [{type: 'payment.quarantined', payment, data}], result: null}));
  journal.close();
}

describe('a held payment', () => {
  let till: Till;
  let local_id: string;
  beforeEach(async () => {
    till = await openTill();
    ({local_id} = await storeOne(till));
    expect(await hold(till, local_id)).to.deep.include({outcome: 'held', error: null});
  });
  afterEach(() => till.close());

  it('is sent by nobody, not by forward, not by its name, not by retry', async () => {
    expect((await till.forward()).total).to.equal(0);
    const named = till.run((terminal) => terminal.forward({names: [local_id], limit: null, dryRun: false}));
    const error = await named.catch((thrown: StowpayError) => thrown);
    expect(error).to.include({
      code: 'payment_intent_unexpected_state',
      hint: `Run stowpay release ${local_id} first.`,
    });
    const retried = await retry(till, local_id);
    expect(retried.outcome).to.equal('failed');
    expect(retried.error).to.include({code: 'payment_intent_unexpected_state', exitCode: 7});
    expect(await till.api.ledger()).to.deep.equal([]);
  });

  it('counts in every limit and keeps the device from being wiped', async () => {
    const status = await till.run((terminal) => terminal.status());
    expect(status).to.deep.include({
      offline_payments_count: 1,
      offline_payment_amounts_by_currency: {usd: 1250},
    });
    expect(status.limits.find(({rule}) => rule === 'stored_total')).to.include({used: 1250});
    const check = await till.run((terminal) => terminal.checkSafeToWipe(false));
    expect(check.error).to.include({exitCode: 3});
  });

  it('is forwarded once when it is let go, and tells who did what', async () => {
    expect(await hold(till, local_id)).to.deep.include({outcome: 'unchanged', error: null});
    expect(await release(till, local_id)).to.deep.include({outcome: 'released', error: null});
    expect(await release(till, local_id)).to.deep.include({outcome: 'unchanged', error: null});
    expect((await till.forward()).payments[0]).to.include({outcome: 'authorized'});
    expect((await till.api.ledger())[0]).to.include({confirms: 1});
    const texts = (await shown(till, local_id)).timeline.map(({text}) => text);
    expect(texts.some((text) => /^held back by .+: goods missing$/.test(text))).to.equal(true);
    expect(texts.some((text) => /^released by /.test(text))).to.equal(true);
    const late = await hold(till, local_id);
    expect(late.error).to.include({code: 'payment_intent_unexpected_state', exitCode: 7});
    expect(late.error?.message).to.match(/it is authorised/);
  });

  it('can be voided', async () => {
    expect(await cancel(till, local_id)).to.include({outcome: 'canceled'});
    expect((await release(till, local_id)).error).to.include({exitCode: 7});
  });

  it('does not keep the others from being forwarded', async () => {
    await storeOne(till, {reference: 'A2'});
    expect((await till.forward()).payments.map(({outcome}) => outcome)).to.deep.equal(['authorized']);
    const items = await till.run((terminal) => terminal.release({names: [], all: true, reason: null}));
    expect(items.map(({outcome}) => outcome)).to.deep.equal(['released']);
  });
});

describe('a retry beside a forwarder', () => {
  it('tells what the other one settled meanwhile, and sends the rest', async () => {
    let till: Till | null = null;
    let first = '';
    const beside: Promise<unknown>[] = [];
    const error = {type: 'card_error', code: 'processing_error', decline_code: null, message: 'later'};
    let soft = true;
    till = await openTill(undefined, ({method, path}): Fate => {
      if (soft && path.endsWith('/confirm')) return {status: 402, body: {error}};
      if (soft || method !== 'GET' || path === '/v1/account' || beside.length > 0) return 'pass';
      const request = {names: [first], limit: null, dryRun: false};
      beside.push((till as Till).run((terminal) => terminal.forward(request)));
      return {slow_ms: 600};
    });
    const two = await storeOne(till, {reference: 'A2'});
    await till.forward();
    soft = false;
    const one = await storeOne(till, {reference: 'A1'});
    first = one.local_id;
    await setAside(till, one.local_id, 'api_refused');
    // Looked up before it is let go, and while that takes long the first one is sent by somebody else.
    await setAside(till, two.local_id, 'canceled_at_api');
    const names = [one.local_id, two.local_id];
    const items = await till.run((terminal) =>
      terminal.retry({names, all: false, reason: null, dryRun: false}),
    );
    await Promise.all(beside);
    expect(items.map(({outcome, error}) => [outcome, error])).to.deep.equal([
      ['elsewhere', null],
      ['authorized', null],
    ]);
    for (const entry of await till.api.ledger()) expect(entry).to.include({confirms: 1});
    await till.close();
  });
});

describe('several payments at once', () => {
  it('are each told of, and one that cannot be held stops no other', async () => {
    const till = await openTill();
    const {payment: online} = await till.collect({reference: 'A0'});
    const one = await storeOne(till, {reference: 'A1'});
    const two = await storeOne(till, {reference: 'A2'});
    const names = [one.local_id, online.local_id, two.local_id];
    const items = await till.run((terminal) => terminal.hold({names, all: false, reason: null}));
    expect(items.map(({outcome}) => outcome)).to.deep.equal(['held', 'failed', 'held']);
    const bad = till.run((terminal) =>
      terminal.release({names: [one.local_id, 'pay_NOBODY'], all: false, reason: null}),
    );
    expect(await bad.catch((thrown: StowpayError) => thrown)).to.include({code: 'payment_not_found'});
    expect((await shown(till, one.local_id)).state).to.equal('held');
    await till.close();
  });

  it('are busy while a forward sends them', async () => {
    const till = await openTill();
    const {local_id} = await storeOne(till);
    await till.api.addFault({
      method: 'POST',
      path: '/v1/payment_intents/*/confirm',
      count: 1,
      fault: {kind: 'hang', ms: 400},
    });
    const forwarding = till.forward();
    await new Promise((resolve) => setTimeout(resolve, 200));
    // It waits for the other to be done, and then sees what became of it.
    const item = await hold(till, local_id);
    expect(item.error).to.include({code: 'payment_intent_unexpected_state'});
    expect((await forwarding).payments[0]).to.include({outcome: 'authorized'});
    await till.close();
  });
});

describe('retry of a payment that was set aside', () => {
  let till: Till;
  let local_id: string;
  let confirms = 0;
  let refuse = false;
  const REFUSED = {
    status: 400,
    body: {error: {type: 'invalid_request_error', code: 'parameter_invalid', message: 'no'}},
  };
  const fateOf = ({path}: Hit): Fate => {
    if (path.endsWith('/confirm')) confirms += 1;
    return refuse && path.endsWith('/confirm') ? REFUSED : 'pass';
  };
  beforeEach(async () => {
    confirms = 0;
    refuse = false;
    till = await openTill(undefined, fateOf);
    ({local_id} = await storeOne(till));
  });
  afterEach(() => till.close());

  it('sends it once, and no forward does before', async () => {
    refuse = true;
    expect((await till.forward()).payments[0]).to.include({outcome: 'quarantined'});
    refuse = false;
    expect((await till.forward()).total).to.equal(0);
    const item = await retry(till, local_id);
    expect(item).to.deep.include({outcome: 'authorized', error: null});
    expect(await till.api.ledger()).to.have.length(1);
    expect((await till.api.ledger())[0]).to.include({confirms: 1});
    expect(
      (await shown(till, local_id)).timeline.some(({text}) => text.startsWith('taken out of quarantine by')),
    ).to.equal(true);
  });

  it('sets it aside again while the cause stands, and says so', async () => {
    refuse = true;
    await till.forward();
    const item = await retry(till, local_id);
    expect(item.outcome).to.equal('quarantined');
    expect(item.error).to.include({code: 'payment_quarantined', exitCode: 6});
    expect((await shown(till, local_id)).diagnosis.next).to.equal(`stowpay retry ${local_id}`);
  });

  it('without network leaves it to the next forward', async () => {
    refuse = true;
    await till.forward();
    refuse = false;
    till.network.set(false);
    const item = await retry(till, local_id);
    expect(item.error?.exitCode).to.be.oneOf([5, 6]);
    expect((await shown(till, local_id)).state).to.be.oneOf(['accepted_offline', 'in_doubt']);
    till.network.set(true);
    await till.forward();
    expect((await till.api.ledger())[0]).to.include({status: 'requires_capture', confirms: 1});
  });

  it('looks before it sends: what was authorised meanwhile is not sent again', async () => {
    await till.forward();
    await setAside(till, local_id, 'journal_repaired');
    expect(await retry(till, local_id)).to.include({outcome: 'authorized'});
    expect((await till.api.ledger())[0]).to.include({confirms: 1});
    expect(confirms).to.equal(1);
  });

  it('finds in the list what a repaired journal has forgotten altogether', async () => {
    const [entry] = await forwardElsewhere(till, local_id);
    await setAside(till, local_id, 'journal_repaired');
    expect((await shown(till, local_id)).id).to.equal(null);
    expect(await retry(till, local_id)).to.include({outcome: 'authorized'});
    expect(await till.api.ledger()).to.have.length(1);
    expect((await till.api.ledger())[0]).to.include({id: entry?.id, confirms: 1});
  });

  it('is refused where the sealed card data is gone for good', async () => {
    const segment = join(till.directory, 'journal', '000000000001.jsonl');
    await setAside(till, local_id, 'sealed_data_lost');
    const text = readFileSync(segment, 'utf8');
    writeFileSync(
      segment,
      text.replace(/"private":"([^"]+)"/, (_, data) => `"private":"${'A'.repeat(data.length)}"`),
    );
    const item = await retry(till, local_id);
    expect(item.error).to.include({code: 'payment_intent_unexpected_state', exitCode: 7});
    expect(item.error?.message).to.match(/sealed card data is gone/);
    expect(item.error?.hint).to.match(/stowpay cancel/);
    expect((await shown(till, local_id)).state).to.equal('quarantined');
    expect(await cancel(till, local_id)).to.include({outcome: 'canceled'});
  });

  it('says beforehand what it would do', async () => {
    await setAside(till, local_id, 'api_refused');
    const items = await till.run((terminal) =>
      terminal.retry({names: [], all: true, reason: null, dryRun: true}),
    );
    expect(items.map(({outcome, note}) => [outcome, note])).to.deep.equal([
      ['planned', 'taken out of quarantine and sent'],
    ]);
    expect((await shown(till, local_id)).state).to.equal('quarantined');
  });
});

/** Forwards a payment with a copy of its journal that is thrown away: this one knows nothing of it. */
async function forwardElsewhere(till: Till, local_id: string) {
  const journal = join(till.directory, 'journal');
  const names = readdirSync(journal, {withFileTypes: true}).filter((entry) => entry.isFile());
  const before = names.map(({name}) => [name, readFileSync(join(journal, name))] as const);
  await till.run((terminal) => terminal.forward({names: [local_id], limit: null, dryRun: false}));
  for (const [name, bytes] of before) writeFileSync(join(journal, name), bytes);
  return till.api.ledger();
}

describe('retry of a payment whose intent was cancelled at the API', () => {
  async function canceledAtApi(till: Till, before: 'confirm' | 'capture'): Promise<string> {
    const {local_id} = await storeOne(till);
    const confirm = {method: 'POST', path: '/v1/payment_intents/*/confirm'};
    await till.api.addFault({
      ...confirm,
      count: 1,
      fault: {kind: before === 'confirm' ? 'drop_before' : 'drop_after'},
    });
    await till.api.addFault({
      method: 'GET',
      path: '/v1/payment_intents/*',
      count: 50,
      fault: {kind: 'drop_before'},
    });
    await till.forward();
    await till.api.clearFaults();
    const [entry] = await till.api.ledger();
    const headers = {Authorization: 'Bearer sk_test_stowpay_sandbox'};
    await fetch(`${till.api.url}/v1/payment_intents/${entry?.id}/cancel`, {method: 'POST', headers});
    expect((await till.forward()).payments[0]).to.include({outcome: 'quarantined'});
    return local_id;
  }

  it('makes another one when it was never confirmed: nobody can be charged twice', async () => {
    const till = await openTill();
    const local_id = await canceledAtApi(till, 'confirm');
    expect(await retry(till, local_id)).to.deep.include({outcome: 'authorized', error: null});
    const ledger = await till.api.ledger();
    expect(ledger.map(({status, confirms}) => [status, confirms])).to.have.deep.members([
      ['canceled', 0],
      ['requires_capture', 1],
    ]);
    await till.close();
  });

  it('cannot prove that without network, and leaves it where it is', async () => {
    const till = await openTill();
    const local_id = await canceledAtApi(till, 'confirm');
    till.network.set(false);
    expect((await retry(till, local_id)).error).to.include({code: 'network_unavailable', exitCode: 5});
    expect((await shown(till, local_id)).state).to.equal('quarantined');
    await till.close();
  });

  it('never charges it again after it was charged once; cancel closes it', async () => {
    const till = await openTill();
    const local_id = await canceledAtApi(till, 'capture');
    const item = await retry(till, local_id);
    expect(item.error).to.include({code: 'payment_intent_unexpected_state', exitCode: 7});
    expect(item.error?.message).to.match(/must not be charged again/);
    expect(item.error?.hint).to.match(/stowpay cancel/);
    expect((await shown(till, local_id)).state).to.equal('quarantined');
    expect(await cancel(till, local_id)).to.include({outcome: 'canceled'});
    expect(await till.api.ledger()).to.have.length(1);
    await till.close();
  });
});

describe('cancel of a payment that a repair set aside', () => {
  it('asks the API first: nobody here knows what was sent for it', async () => {
    const till = await openTill();
    const {local_id} = await storeOne(till);
    await forwardElsewhere(till, local_id);
    await setAside(till, local_id, 'journal_repaired');
    till.network.set(false);
    expect(await cancel(till, local_id)).to.include({outcome: 'requested'});
    till.network.set(true);
    expect((await till.forward()).payments[0]).to.include({outcome: 'canceled'});
    expect((await till.api.ledger())[0]).to.include({status: 'canceled', confirms: 1});
    const other = await storeOne(till, {reference: 'A2'});
    await setAside(till, other.local_id, 'journal_repaired');
    expect(await cancel(till, other.local_id)).to.include({outcome: 'canceled'});
    expect(await till.api.ledger()).to.have.length(1);
    await till.close();
  });
});

describe('acknowledge', () => {
  it('takes a decline off the list, and nothing else ever disappears by it', async () => {
    const till = await openTill();
    const {local_id} = await storeOne(till, {amount: 1205});
    const early = await acknowledge(till, local_id);
    expect(early.payments[0]).to.include({outcome: 'failed'});
    expect(early.payments[0]?.error).to.include({code: 'payment_intent_unexpected_state', exitCode: 7});
    expect((await till.forward()).payments[0]).to.include({outcome: 'declined'});
    const before = await till.run((terminal) => terminal.status());
    expect(before.to_acknowledge).to.deep.equal({count: 1, amounts: {usd: 1205}});
    expect((await shown(till, local_id)).diagnosis.next).to.equal(`stowpay acknowledge ${local_id}`);
    const all = {names: [], all: true, reason: 'customer called', unnamedLosses: false, confirm: null};
    const {payments} = await till.run((terminal) => terminal.acknowledge(all));
    expect(payments.map(({outcome}) => outcome)).to.deep.equal(['acknowledged']);
    const after = await till.run((terminal) => terminal.status());
    expect(after.to_acknowledge.count).to.equal(0);
    expect(after.states.declined).to.deep.equal(before.states.declined);
    expect((await acknowledge(till, local_id)).payments[0]).to.deep.include({
      outcome: 'unchanged',
      error: null,
    });
    expect((await till.run((terminal) => terminal.list(EVERYTHING)))[0]).to.include({
      local_id,
      state: 'declined',
      acknowledged: true,
    });
    const error = await till.collect({reference: 'A1', amount: 1205}).catch((thrown: StowpayError) => thrown);
    expect(error).to.include({code: 'payment_declined_after_acceptance'});
    await till.close();
  });

  it('is refused for an authorisation that nobody heard of: that is open money', async () => {
    const till = await openTill();
    const {payment} = await till.collect();
    const {payments} = await acknowledge(till, payment.local_id);
    expect(payments[0]?.error).to.be.instanceOf(StowpayError).and.to.include({exitCode: 7});
    await till.close();
  });

  it('lets a device be wiped again whose repair lost payments that a person has found', async () => {
    const till = await openTill();
    const journal = new FileJournal({storage: disk, directory: till.directory, clock: systemClock()});
    const lost = [{segment: 's', line: 2, byte: 9, first_seq: 2, last_seq: 2, reason: 'r', unnamed: true}];
    const {device} = await till.run((terminal) => terminal.status());
    const data = {device: device ?? '', machine: null, rekeyed: false, lost, quarantined: [], incomplete: []};
    const orphans = ['pay_LOST1', 'pay_LOST2'];
    await journal.transact((state) => ({
      events: [
        {type: 'journal.repaired', data: {...data, machine: state.machine, orphans, kept_as: 'repair-1'}},
      ],
      result: null,
    }));
    journal.close();
    const check = async () => (await till.run((terminal) => terminal.checkSafeToWipe(false))).error;
    expect((await check())?.message).to.match(/known by name only/);
    const lostOne = till.run((terminal) => terminal.inspect(['pay_LOST1']));
    expect(await lostOne.catch((thrown: StowpayError) => thrown))
      .to.have.property('hint')
      .that.matches(/stowpay acknowledge pay_LOST1/);
    expect(await acknowledge(till, ...orphans)).to.deep.include({orphans, payments: []});
    expect((await check())?.message).to.match(/could not read one stretch/);
    const request = {names: [], all: false, reason: 'held against the API', unnamedLosses: true};
    const wrong = till.run((terminal) => terminal.acknowledge({...request, confirm: 'dev_other'}));
    expect(await wrong.catch((thrown: StowpayError) => thrown)).to.include({code: 'invalid_usage'});
    const done = await till.run((terminal) => terminal.acknowledge({...request, confirm: device}));
    expect(done).to.deep.equal({payments: [], orphans: [], unnamed_losses: 1});
    expect(await check()).to.equal(null);
    await till.close();
  });
});
