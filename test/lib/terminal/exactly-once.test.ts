import {cpSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import fc from 'fast-check';
import {StowpayError} from '../../../src/lib/core/errors.js';
import type {Terminal} from '../../../src/lib/index.js';
import type {FaultRequest} from '../../../src/lib/sandbox/api/faults.js';
import {testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {openTill, SALE, type Till} from '../../support/till.js';

const CREATE = {method: 'POST', path: '/v1/payment_intents'};
const CONFIRM = {method: 'POST', path: '/v1/payment_intents/*/confirm'};
const CAPTURE = {method: 'POST', path: '/v1/payment_intents/*/capture'};
const LOOK = {method: 'GET', path: '/v1/payment_intents/*'};

const KINDS: readonly FaultRequest['fault'][] = [
  {kind: 'drop_before'},
  {kind: 'drop_after'},
  {kind: 'truncate'},
  {kind: 'error_500_before'},
  {kind: 'error_500_after'},
  {kind: 'html_502'},
  {kind: 'conflict_409'},
  {kind: 'unavailable_503'},
  {kind: 'rate_limit_429', should_retry: null},
  {kind: 'hang', ms: 900},
];

async function storeOne(till: Till, reference = 'A1'): Promise<string> {
  till.network.set(false);
  const {payment} = await till.collect({reference});
  till.network.set(true);
  expect(payment).to.include({state: 'accepted_offline', id: null, status: 'requires_capture'});
  return payment.local_id;
}

async function forwardUntilSettled(till: Till, runs = 8): Promise<void> {
  for (let run = 0; run < runs; run += 1) {
    const {payments} = await till.forward();
    if (payments.every(({outcome}) => outcome !== 'left' && outcome !== 'in_doubt')) return;
  }
  throw new Error('never settled');
}

async function failure(act: Promise<unknown>): Promise<StowpayError> {
  try {
    await act;
  } catch (error) {
    if (error instanceof StowpayError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('exactly once', () => {
  let till: Till;
  beforeEach(async () => {
    till = await openTill();
  });
  afterEach(() => till.close());

  async function moneyMovedOnce(localId: string): Promise<void> {
    const mine = (await till.api.ledger()).filter(({stowpay_id}) => stowpay_id === localId);
    expect(mine.filter(({confirms}) => confirms > 0)).to.have.length(1);
    expect(mine.find(({confirms}) => confirms > 0)).to.include({confirms: 1, amount: 1250, currency: 'usd'});
  }

  for (const step of [CREATE, CONFIRM]) {
    for (const fault of KINDS) {
      it(`forwards once through ${fault.kind} at ${step === CREATE ? 'create' : 'confirm'}`, async () => {
        const id = await storeOne(till);
        await till.api.addFault({...step, count: 1, fault});
        await forwardUntilSettled(till);
        await moneyMovedOnce(id);
        const [shown] = await till.run((terminal) => terminal.inspect([id]));
        expect(shown).to.include({state: 'authorized', amount_capturable: 1250});
      });
    }
  }

  for (const fault of KINDS) {
    it(`captures once, and the amount it was told, through ${fault.kind}`, async () => {
      const id = await storeOne(till);
      await till.forward();
      await till.api.addFault({...CAPTURE, count: 1, fault});
      const request = {names: [id], all: false, dryRun: false};
      for (let run = 0; run < 4; run += 1) {
        const [item] = await till.run((terminal) =>
          terminal.capture({...request, amount: run === 0 ? 700 : null}),
        );
        if (item?.outcome === 'captured') break;
      }
      const [entry] = await till.api.ledger();
      expect(entry).to.include({captures: 1, amount_captured: 700, confirms: 1});
      const [shown] = await till.run((terminal) => terminal.inspect([id]));
      expect(shown).to.include({state: 'captured', amount_received: 700});
    });
  }

  it('keeps a payment in doubt while the API does not tell, then settles it by looking', async () => {
    const id = await storeOne(till);
    await till.api.addFault({...CONFIRM, count: 1, fault: {kind: 'drop_after'}});
    await till.api.addFault({...LOOK, count: 50, fault: {kind: 'drop_before'}});
    const doubted = await till.forward();
    expect(doubted.payments[0]).to.include({outcome: 'in_doubt'});
    const check = await till.run((terminal) => terminal.checkSafeToWipe(false));
    expect(check.error).to.include({code: 'payments_need_attention', exitCode: 6});
    await till.api.clearFaults();
    const settled = await till.forward();
    expect(settled.payments[0]).to.include({outcome: 'authorized'});
    await moneyMovedOnce(id);
  });

  for (const [what, ahead] of [
    ['two days ahead', 48],
    ['a day behind', -24],
  ] as const) {
    it(`charges nothing twice that a backup has forgotten, when the sale's clock was ${what}`, async () => {
      const clock = testClock();
      const truth = (): number => clock.now();
      let error = ahead * 3600 * 1000;
      const wrong = {
        now: () => truth() + error,
        mono: () => clock.mono(),
        get boot() {
          return clock.boot;
        },
      };
      const own = await openTill(clock);
      const run = async <T>(act: (terminal: Terminal) => Promise<T>): Promise<T> => {
        const terminal = await own.open({clock: wrong});
        try {
          return await act(terminal);
        } finally {
          await terminal.close();
        }
      };
      const everything = {names: [], limit: null, dryRun: false};
      own.network.set(false);
      const {payment} = await run((terminal) => terminal.collect({...SALE, reference: 'old'}));
      const backup = temporaryDirectory();
      cpSync(join(own.directory, 'journal'), backup, {recursive: true});
      own.network.set(true);
      await run((terminal) => terminal.forward(everything));
      rmSync(join(own.directory, 'journal'), {recursive: true});
      cpSync(backup, join(own.directory, 'journal'), {recursive: true});
      clock.reboot();
      clock.advance(25 * 3600 * 1000);
      error = 0;
      const again = await run((terminal) => terminal.forward(everything));
      expect(again.payments[0]).to.include({outcome: 'authorized'});
      const mine = (await own.api.ledger()).filter(({stowpay_id}) => stowpay_id === payment.local_id);
      expect(mine).to.have.length(1);
      expect(mine[0]).to.include({confirms: 1});
      await own.close();
    });
  }

  for (const knowsIntent of [false, true]) {
    it(`does not ask an issuer again that declined for good in a forgotten past (intent ${knowsIntent ? '' : 'un'}known)`, async () => {
      const clock = testClock();
      let soft = knowsIntent;
      const error = {type: 'card_error', code: 'processing_error', decline_code: null, message: 'later'};
      const own = await openTill(clock, ({path}) =>
        soft && path.endsWith('/confirm') ? {status: 402, body: {error}} : 'pass',
      );
      own.network.set(false);
      const {payment} = await own.collect({reference: 'old', amount: 1205});
      own.network.set(true);
      if (knowsIntent) expect((await own.forward()).payments[0]).to.include({outcome: 'left'});
      soft = false;
      const backup = temporaryDirectory();
      cpSync(join(own.directory, 'journal'), backup, {recursive: true});
      expect((await own.forward()).payments[0]).to.include({outcome: 'declined'});
      rmSync(join(own.directory, 'journal'), {recursive: true});
      cpSync(backup, join(own.directory, 'journal'), {recursive: true});
      clock.reboot();
      clock.advance(25 * 3600 * 1000);
      expect((await own.forward()).payments[0]).to.include({outcome: 'declined'});
      const [entry] = await own.api.ledger();
      expect(entry).to.include({stowpay_id: payment.local_id, attempts: 1, confirms: 0});
      await own.close();
    });
  }

  it('is not charged anew because a stray intent of it is younger than the one that was voided', async () => {
    const clock = testClock();
    const own = await openTill(clock);
    own.network.set(false);
    const {payment} = await own.collect({reference: 'old'});
    const {local_id} = payment;
    own.network.set(true);
    const backup = temporaryDirectory();
    cpSync(join(own.directory, 'journal'), backup, {recursive: true});
    await own.forward();
    const act = {names: [local_id], all: false, confirm: null, reason: null, dryRun: false};
    const [voided] = await own.run((terminal) => terminal.cancel(act));
    expect(voided).to.include({outcome: 'canceled'});
    // As a create that was lost leaves behind when it arrives late, and its key is not known any more.
    clock.advance(25 * 3600 * 1000);
    await fetch(`${own.api.url}/v1/payment_intents`, {
      method: 'POST',
      headers: {Authorization: 'Bearer sk_test_stowpay_sandbox'},
      body: new URLSearchParams({amount: '1250', currency: 'usd', 'metadata[stowpay_id]': local_id}),
    });
    expect(await own.api.ledger()).to.have.length(2);
    rmSync(join(own.directory, 'journal'), {recursive: true});
    cpSync(backup, join(own.directory, 'journal'), {recursive: true});
    clock.reboot();
    expect((await own.forward()).payments[0]).to.include({outcome: 'quarantined'});
    const confirms = (await own.api.ledger()).map((entry) => entry.confirms);
    expect(confirms).to.have.members([1, 0]);
    await own.close();
  });

  it('is reported by one of two forwards at once, and only shown by the other', async () => {
    till.network.set(false);
    const {payment} = await till.collect({amount: 1205});
    till.network.set(true);
    const both = await Promise.all([till.forward(), till.forward()]);
    const outcomes = both.map(({payments}) => payments[0]?.outcome);
    expect(outcomes.filter((one) => one === 'declined')).to.have.length(1);
    expect(['busy', 'elsewhere', undefined]).to.include(outcomes.find((one) => one !== 'declined'));
    for (const {payments} of both) {
      if (payments[0] !== undefined) expect(payments[0].payment.local_id).to.equal(payment.local_id);
    }
    const third = await till.forward();
    expect(third.total).to.equal(0);
  });

  it('keeps back only what it could not look up', async () => {
    const clock = testClock();
    const own = await openTill(clock);
    own.network.set(false);
    const old = await own.collect({reference: 'old'});
    clock.advance(25 * 3600 * 1000);
    const fresh = await own.collect({reference: 'fresh'});
    own.network.set(true);
    const list = {method: 'GET', path: '/v1/payment_intents'};
    await own.api.addFault({...list, count: 50, fault: {kind: 'error_500_before'}});
    const first = await own.forward();
    const outcomes = new Map(first.payments.map(({payment, outcome}) => [payment.local_id, outcome]));
    expect(outcomes.get(old.payment.local_id)).to.equal('left');
    expect(outcomes.get(fresh.payment.local_id)).to.equal('authorized');
    expect(first.payments.find(({outcome}) => outcome === 'left')?.reason).to.match(/looked up/);
    await own.api.clearFaults();
    const second = await own.forward();
    expect(second.payments.map(({outcome}) => outcome)).to.deep.equal(['authorized']);
    for (const entry of await own.api.ledger()) expect(entry).to.include({confirms: 1});
    await own.close();
  });

  it('uses a new key after the API stored a 500 for the old one', async () => {
    const id = await storeOne(till);
    await till.api.addFault({...CONFIRM, count: 1, fault: {kind: 'error_500_before'}});
    await forwardUntilSettled(till);
    const [shown] = await till.run((terminal) => terminal.inspect([id]));
    const keys = shown?.attempts
      .filter(({operation}) => operation === 'confirm')
      .map((one) => one.idempotency_key);
    expect(keys).to.deep.equal([`stowpay-${id}-confirm-0`, `stowpay-${id}-confirm-1`]);
    await moneyMovedOnce(id);
  });

  it('does not forward a second time what an old backup has forgotten', async () => {
    const clock = testClock();
    const own = await openTill(clock);
    own.network.set(false);
    const {payment} = await own.collect({reference: 'old'});
    clock.advance(25 * 3600 * 1000);
    const backup = temporaryDirectory();
    cpSync(own.directory, backup, {recursive: true});
    own.network.set(true);
    await own.forward();
    for (const part of ['journal', 'device.json']) {
      rmSync(`${own.directory}/${part}`, {recursive: true});
      cpSync(`${backup}/${part}`, `${own.directory}/${part}`, {recursive: true});
    }
    await own.api.addFault({path: '*', count: 1, fault: {kind: 'forget_keys'}});
    const again = await own.forward();
    expect(again.payments[0]).to.include({outcome: 'authorized'});
    const mine = (await own.api.ledger()).filter(({stowpay_id}) => stowpay_id === payment.local_id);
    expect(mine).to.have.length(1);
    expect(mine[0]).to.include({confirms: 1});
    await own.close();
  });

  it('keeps a soft decline and tries it again with a new key, a bounded number of times', async () => {
    till.network.set(false);
    till.present({pan: '4000000000000119'});
    const {payment} = await till.collect();
    till.network.set(true);
    for (let run = 0; run < 5; run += 1) {
      const {payments} = await till.forward();
      expect(payments[0], `run ${run}`).to.include({outcome: 'left'});
    }
    const {payments} = await till.forward();
    expect(payments[0]).to.include({outcome: 'declined'});
    const [entry] = (await till.api.ledger()).filter(({stowpay_id}) => stowpay_id === payment.local_id);
    expect(entry).to.include({attempts: 6, confirms: 0});
  });

  describe('online', () => {
    it('authorises at once, through the journal', async () => {
      const {payment} = await till.collect({reference: 'online'});
      expect(payment).to.include({state: 'authorized', offline_details: null});
      await moneyMovedOnce(payment.local_id);
    });

    it('settles a lost answer by looking, within the collect', async () => {
      await till.api.addFault({...CONFIRM, count: 1, fault: {kind: 'drop_after'}});
      const {payment} = await till.collect();
      expect(payment.state).to.equal('authorized');
      await moneyMovedOnce(payment.local_id);
    });

    it('says that it is in doubt, and its reference finds out later', async () => {
      await till.api.addFault({...CONFIRM, count: 1, fault: {kind: 'drop_after'}});
      await till.api.addFault({...LOOK, count: 50, fault: {kind: 'drop_before'}});
      const error = await failure(till.collect({reference: 'doubt'}));
      expect(error).to.include({code: 'payment_in_doubt', exitCode: 6});
      const again = await failure(till.collect({reference: 'doubt'}));
      expect(again.code).to.equal('payment_in_doubt');
      await till.api.clearFaults();
      const {payment, fresh} = await till.collect({reference: 'doubt'});
      expect(fresh).to.equal(false);
      expect(payment.state).to.equal('authorized');
      await moneyMovedOnce(payment.local_id);
    });

    it('cancels at the API what was never confirmed, before the order is collected again', async () => {
      await till.api.addFault({...CONFIRM, count: 4, fault: {kind: 'drop_before'}});
      await till.api.addFault({...LOOK, count: 50, fault: {kind: 'drop_before'}});
      const error = await failure(till.collect({reference: 'lost'}));
      expect(error.code).to.equal('payment_in_doubt');
      await till.api.clearFaults();
      const {payment, fresh} = await till.collect({reference: 'lost'});
      expect(fresh).to.equal(true);
      expect(payment.local_id).not.to.equal((error.details as {local_id: string}).local_id);
      const confirmed = (await till.api.ledger()).filter(({confirms}) => confirms > 0);
      expect(confirmed.map(({stowpay_id}) => stowpay_id)).to.deep.equal([payment.local_id]);
      expect((await till.api.ledger()).map(({status}) => status)).to.have.members([
        'canceled',
        'requires_capture',
      ]);
    });

    it('never forwards an online payment whose process died: a look tells, or it is cancelled', async () => {
      await till.api.addFault({...CONFIRM, count: 4, fault: {kind: 'drop_before'}});
      await till.api.addFault({...LOOK, count: 50, fault: {kind: 'drop_before'}});
      await failure(till.collect());
      await till.api.clearFaults();
      const {payments} = await till.forward();
      expect(payments[0]).to.include({outcome: 'canceled'});
      expect(await till.api.ledger()).to.have.length(1);
      expect((await till.api.ledger())[0]).to.include({confirms: 0, status: 'canceled'});
    });

    describe('authorised although its collect never heard of it', () => {
      const clock = testClock();
      let own: Till;
      beforeEach(async () => {
        own = await openTill(clock);
        await own.api.addFault({...CONFIRM, count: 1, fault: {kind: 'drop_after'}});
        await own.api.addFault({...LOOK, count: 50, fault: {kind: 'drop_before'}});
        expect((await failure(own.collect({reference: 'unheard'}))).code).to.equal('payment_in_doubt');
        await own.api.clearFaults();
        const {payments} = await own.forward();
        expect(payments[0]).to.include({outcome: 'authorized'});
      });
      afterEach(() => own.close());

      it('is never captured by --all', async () => {
        const request = {names: [], all: true, amount: null, dryRun: false};
        expect(await own.run((terminal) => terminal.capture(request))).to.deep.equal([]);
      });

      it('is claimed by its reference, and stays', async () => {
        const {payment, fresh} = await own.collect({reference: 'unheard'});
        expect({fresh, state: payment.state}).to.deep.equal({fresh: false, state: 'authorized'});
        clock.advance(60 * 60_000);
        expect((await own.forward()).total).to.equal(0);
        expect((await own.api.ledger())[0]).to.include({status: 'requires_capture'});
      });

      it('is released by a forward after a quarter of an hour, and its order can be collected again', async () => {
        clock.advance(14 * 60_000);
        expect((await own.forward()).total).to.equal(0);
        clock.advance(2 * 60_000);
        const {payments} = await own.forward();
        expect(payments[0]).to.include({outcome: 'canceled'});
        expect((await own.api.ledger())[0]).to.include({status: 'canceled'});
        const {fresh} = await own.collect({reference: 'unheard'});
        expect(fresh).to.equal(true);
      });
    });

    it('stores what was read when the network went between create and confirm, on the same intent', async () => {
      const terminal = await till.open();
      const done = terminal.collect({
        amount: 1250,
        tip: 0,
        currency: 'usd',
        reference: 'cut',
        capture_method: 'manual',
        offline_behavior: 'prefer_online',
        metadata: {},
        description: null,
        timeout_s: 5,
        onInput: (input) => {
          if (input.display_message === 'present_card') till.network.set(false);
        },
      });
      const {payment} = await done;
      await terminal.close();
      expect(payment.state).to.equal('accepted_offline');
      expect(payment.id).to.match(/^pi_/);
      expect(payment.offline_details?.requires_upload).to.equal(true);
      till.network.set(true);
      const {payments} = await till.forward();
      expect(payments[0]?.payment).to.include({state: 'authorized', id: payment.id});
      expect(await till.api.ledger()).to.have.length(1);
      await moneyMovedOnce(payment.local_id);
    });

    it('keeps a require_online payment from becoming an offline one half-way', async () => {
      const terminal = await till.open();
      const error = await failure(
        terminal.collect({
          amount: 1250,
          tip: 0,
          currency: 'usd',
          reference: 'strict',
          capture_method: 'manual',
          offline_behavior: 'require_online',
          metadata: {},
          description: null,
          timeout_s: 5,
          onInput: (input) => {
            if (input.display_message === 'present_card') till.network.set(false);
          },
        }),
      );
      await terminal.close();
      expect(error).to.include({code: 'not_connected_to_internet_and_require_online_set', exitCode: 5});
      const status = await till.run((open) => open.status());
      expect(status.offline_payments_count).to.equal(0);
    });

    it('lets a declined order be paid with another card', async () => {
      till.present({pan: '4000000000000002'});
      const error = await failure(till.collect({reference: 'order'}));
      expect(error).to.include({code: 'card_declined', exitCode: 8});
      const {payment, fresh} = await till.collect({reference: 'order'});
      expect(fresh).to.equal(true);
      expect(payment.state).to.equal('authorized');
    });
  });

  it('holds journal and ledger together through any sequence of faults', async () => {
    const step = fc.record({
      at: fc.constantFrom(CREATE, CONFIRM, LOOK, {path: '*'}),
      fault: fc.constantFrom(...KINDS.filter(({kind}) => kind !== 'hang'), {kind: 'forget_keys'} as const),
      count: fc.integer({min: 1, max: 3}),
    });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, {minLength: 1, maxLength: 5}), fc.boolean(), async (faults, online) => {
        round += 1;
        const reference = `round-${round}`;
        if (!online) till.network.set(false);
        for (const {at, fault, count} of faults) await till.api.addFault({...at, count, fault});
        const first = await till.collect({reference}).catch((error: StowpayError) => error);
        till.network.set(true);
        await till.forward().catch(() => null);
        await till.api.clearFaults();
        await forwardUntilSettled(till);
        const mine = (await till.api.ledger()).filter(({confirms}) => confirms > 0);
        const shown = await till.run((terminal) =>
          terminal.list({names: [], states: ['authorized'], buckets: [], limit: null}),
        );
        expect(mine.map(({stowpay_id}) => stowpay_id)).to.have.members(shown.map(({local_id}) => local_id));
        expect(mine.every(({confirms}) => confirms === 1)).to.equal(true);
        if (!(first instanceof Error)) expect(shown.map(({reference: one}) => one)).to.include(reference);
      }),
      {numRuns: 12, seed: Number(process.env.STOWPAY_TEST_SEED ?? Date.now() % 100_000)},
    );
  }).timeout(60_000);
});
