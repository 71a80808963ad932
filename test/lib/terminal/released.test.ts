import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {forwardError} from '../../../src/lib/cli/forward-text.js';
import {StowpayError} from '../../../src/lib/core/errors.js';
import {type TestClock, testClock} from '../../support/clock.js';
import type {Fate, Hit} from '../../support/proxy.js';
import {openTill, type Till} from '../../support/till.js';

const CONFIRM = {method: 'POST', path: '/v1/payment_intents/*/confirm'};
const CANCEL = {method: 'POST', path: '/v1/payment_intents/*/cancel'};
const LOOK = {method: 'GET', path: '/v1/payment_intents/*'};

async function failure(act: Promise<unknown>): Promise<StowpayError> {
  const error = await act.then(
    () => new Error('it did not fail'),
    (thrown) => thrown,
  );
  if (error instanceof StowpayError) return error;
  throw error;
}

/** A sale that was authorised although its collect only heard "in doubt". */
async function unheard(till: Till, request: {capture_method?: 'manual' | 'automatic'} = {}): Promise<void> {
  await till.api.addFault({...CONFIRM, count: 1, fault: {kind: 'drop_after'}});
  await till.api.addFault({...LOOK, count: 50, fault: {kind: 'drop_before'}});
  expect((await failure(till.collect({reference: 'o1', ...request}))).code).to.equal('payment_in_doubt');
  await till.api.clearFaults();
}

describe('an authorisation that is being released', () => {
  let clock: TestClock;
  let till: Till;
  beforeEach(async () => {
    clock = testClock();
    till = await openTill(clock);
    await unheard(till);
    await till.forward();
    clock.advance(16 * 60_000);
  });
  afterEach(() => till.close());

  it('is never told as good although the answer to its cancel was lost', async () => {
    await till.api.addFault({...CANCEL, count: 1, fault: {kind: 'drop_after'}});
    await till.api.addFault({...LOOK, count: 1, fault: {kind: 'drop_before'}});
    await till.forward();
    const {payment, fresh} = await till.collect({reference: 'o1'});
    expect({fresh, state: payment.state}).to.deep.equal({fresh: true, state: 'authorized'});
    const statuses = (await till.api.ledger()).map(({status}) => status);
    expect(statuses).to.have.members(['canceled', 'requires_capture']);
  });

  it('is found out when it was cancelled by somebody else', async () => {
    const [entry] = await till.api.ledger();
    const headers = {Authorization: 'Bearer sk_test_stowpay_sandbox'};
    await fetch(`${till.api.url}/v1/payment_intents/${entry?.id}/cancel`, {method: 'POST', headers});
    expect((await till.forward()).payments[0]).to.include({outcome: 'canceled'});
    expect((await till.collect({reference: 'o1'})).fresh).to.equal(true);
  });
});

describe('a sale in doubt that somebody asks about by name', () => {
  it('is never released after it was called authorised, for the goods may have left', async () => {
    const clock = testClock();
    const till = await openTill(clock);
    await unheard(till);
    const [doubted] = await till.run((terminal) =>
      terminal.list({names: [], states: [], buckets: ['attention'], limit: null}),
    );
    const names = [doubted?.local_id ?? ''];
    const told = await till.run((terminal) => terminal.forward({names, limit: null, dryRun: false}));
    expect(told.payments[0]).to.include({outcome: 'authorized', reason: null});
    expect(forwardError(told, new AbortController().signal)).to.equal(null);
    clock.advance(16 * 60_000);
    expect((await till.forward()).total).to.equal(0);
    expect((await till.api.ledger())[0]).to.include({status: 'requires_capture'});
    const all = {names: [], all: true, amount: null, dryRun: false};
    const [captured] = await till.run((terminal) => terminal.capture(all));
    expect(captured).to.include({outcome: 'captured', amount: 1250});
    await till.close();
  });

  it('is told with what will become of it where nobody did', async () => {
    const till = await openTill(testClock());
    await unheard(till);
    const told = await till.forward();
    expect(told.payments[0]).to.include({outcome: 'authorized'});
    expect(told.payments[0]?.reason).to.match(/released after 15 minutes/);
    await till.close();
  });
});

describe('money received that nobody was told of', () => {
  it('is named by every forward until somebody takes note', async () => {
    const till = await openTill();
    await unheard(till, {capture_method: 'automatic'});
    for (let run = 0; run < 2; run += 1) {
      const result = await till.forward();
      expect(result.payments[0]).to.include({outcome: 'unclaimed'});
      expect(forwardError(result, new AbortController().signal)).to.include({exitCode: 6});
    }
    const status = await till.run((terminal) => terminal.status());
    expect(status.buckets).to.include({attention: 1, done: 0});
    const [listed] = await till.run((terminal) =>
      terminal.list({names: [], states: [], buckets: ['attention'], limit: null}),
    );
    const names = [listed?.local_id ?? ''];
    await till.run((terminal) => terminal.forward({names, limit: null, dryRun: false}));
    expect((await till.forward()).total).to.equal(0);
    await till.close();
  });
});

describe('a stored payment whose intent is cancelled at the API', () => {
  it('is a decline when it was declined before, also if the answer to our cancel was lost', async () => {
    let confirms = 0;
    let cancels = 0;
    const till = await openTill(undefined, (hit: Hit): Fate => {
      if (hit.path.endsWith('/cancel')) return ++cancels === 1 ? 'cut_after' : 'pass';
      return hit.path.endsWith('/confirm') && ++confirms === 1 ? 'cut_before' : 'pass';
    });
    till.network.set(false);
    // An amount ending in 05: its issuer declines.
    await till.collect({reference: 's1', amount: 1205});
    till.network.set(true);
    const outcomes = [];
    for (let run = 0; run < 3; run += 1) outcomes.push((await till.forward()).payments[0]?.outcome);
    expect(outcomes).to.include('declined').and.not.to.include('canceled');
    await till.close();
  });

  it('is set aside for a person when it had been authorised, never called done', async () => {
    const till = await openTill();
    till.network.set(false);
    await till.collect({reference: 's1'});
    till.network.set(true);
    await till.api.addFault({...CONFIRM, count: 1, fault: {kind: 'drop_after'}});
    await till.api.addFault({...LOOK, count: 50, fault: {kind: 'drop_before'}});
    expect((await till.forward()).payments[0]).to.include({outcome: 'in_doubt'});
    await till.api.clearFaults();
    const [entry] = await till.api.ledger();
    const headers = {Authorization: 'Bearer sk_test_stowpay_sandbox'};
    await fetch(`${till.api.url}/v1/payment_intents/${entry?.id}/cancel`, {method: 'POST', headers});
    const result = await till.forward();
    expect(result.payments[0]).to.include({outcome: 'quarantined'});
    expect(forwardError(result, new AbortController().signal)).to.include({exitCode: 6});
    await till.close();
  });
});

describe('a capture of a part', () => {
  it('keeps its amount through a lost answer, a look and "not now"', async () => {
    let captures = 0;
    const till = await openTill(undefined, (hit: Hit): Fate => {
      if (!hit.path.endsWith('/capture')) return 'pass';
      captures += 1;
      if (captures === 1) return 'cut_before';
      const error = {type: 'invalid_request_error', code: 'lock_timeout', message: 'in use'};
      return captures <= 4 ? {status: 409, body: {error}} : 'pass';
    });
    const {payment} = await till.collect();
    const request = {all: false, dryRun: false};
    await till.run((terminal) => terminal.capture({...request, names: [payment.local_id], amount: 500}));
    await till.run((terminal) => terminal.capture({...request, names: [], all: true, amount: null}));
    expect((await till.api.ledger())[0]).to.include({captures: 1, amount_captured: 500});
    await till.close();
  });
});

describe('a damaged journal', () => {
  it('lets nobody sell, claim or capture on the part that still verifies', async () => {
    const till = await openTill();
    await till.collect({reference: 'a'});
    const segment = join(till.directory, 'journal', '000000000001.jsonl');
    const bytes = readFileSync(segment);
    bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 1;
    writeFileSync(segment, bytes);
    for (const act of [
      () => till.collect({reference: 'a'}),
      () => till.collect({reference: 'b'}),
      () => till.forward(),
      () => till.run((terminal) => terminal.capture({names: [], all: true, amount: null, dryRun: false})),
    ]) {
      expect(await failure(act())).to.include({code: 'journal_damaged', exitCode: 10});
    }
    expect((await till.run((terminal) => terminal.status())).journal.ok).to.equal(false);
    await till.close();
  });

  it('shows what comes before the damage, and never calls a payment unknown that may stand behind it', async () => {
    const till = await openTill();
    const first = (await till.collect({reference: 'a'})).payment;
    const second = (await till.collect({reference: 'b'})).payment;
    const segment = join(till.directory, 'journal', '000000000001.jsonl');
    const text = readFileSync(segment, 'latin1');
    const at = text.indexOf(second.local_id);
    writeFileSync(segment, `${text.slice(0, at)}q${text.slice(at + 1)}`, 'latin1');
    const all = {names: [], states: [], buckets: [], limit: null};
    const [listed, story, damage] = await till.run((terminal) =>
      Promise.all([terminal.list(all), terminal.inspect([first.local_id]), terminal.journalDamage()]),
    );
    expect(listed.map(({local_id}) => local_id)).to.deep.equal([first.local_id]);
    expect(story[0]?.timeline.length).to.be.greaterThan(3);
    expect(damage).to.include({code: 'journal_damaged'});
    const unknown = await failure(till.run((terminal) => terminal.inspect([second.local_id])));
    expect(unknown).to.include({code: 'journal_damaged', exitCode: 10});
    await till.close();
  });
});
