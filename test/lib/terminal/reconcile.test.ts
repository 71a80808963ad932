import {cpSync, readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import Stripe from 'stripe';
import {reconcileError} from '../../../src/lib/cli/reconcile-text.js';
import {StowpayError} from '../../../src/lib/core/errors.js';
import type {PaymentIntent, PaymentState} from '../../../src/lib/core/payment.js';
import {type SandboxApi, startSandboxApi} from '../../../src/lib/sandbox/api/server.js';
import {disk} from '../../../src/lib/storage/disk.js';
import {FileLock} from '../../../src/lib/storage/file-lock.js';
import type {ReconcileRequest, ReconcileResult} from '../../../src/lib/terminal/reconcile/reconcile.js';
import {type TestClock, testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {openTill, SALE, type Till} from '../../support/till.js';
import {ask, confirmForm, KEY} from '../sandbox/api/client.js';

const CONFIRM = {method: 'POST', path: '/v1/payment_intents/*/confirm'};
const CAPTURE = {method: 'POST', path: '/v1/payment_intents/*/capture'};
const LOOK = {method: 'GET', path: '/v1/payment_intents/*'};
const LIST = {method: 'GET', path: '/v1/payment_intents'};

/** A client that knows nothing of us. */
function stripeAt(api: SandboxApi): Stripe {
  return new Stripe(KEY, {
    host: '127.0.0.1',
    port: api.port,
    protocol: 'http',
    telemetry: false,
    maxNetworkRetries: 0,
  });
}

function reconcile(till: Till, request: Partial<ReconcileRequest> = {}): Promise<ReconcileResult> {
  return till.run((terminal) => terminal.reconcile({names: [], since: null, dryRun: false, ...request}));
}

async function failure(act: Promise<unknown>): Promise<StowpayError> {
  const error = await act.then(
    () => new Error('it did not fail'),
    (thrown) => thrown,
  );
  if (error instanceof StowpayError) return error;
  throw error;
}

async function stored(till: Till, request: Partial<typeof SALE> = {}): Promise<PaymentIntent> {
  till.network.set(false);
  const {payment} = await till.collect(request);
  till.network.set(true);
  return payment;
}

async function stateOf(till: Till, name: string): Promise<PaymentState | undefined> {
  return (await till.run((terminal) => terminal.inspect([name])))[0]?.state;
}

/** The journal as it is now; `restore` puts it back, as a technician would with an old backup. */
function backup(till: Till): {restore(): void} {
  const kept = temporaryDirectory();
  const parts = ['journal', 'device.key'];
  for (const part of parts) cpSync(join(till.directory, part), join(kept, part), {recursive: true});
  return {
    restore: () => {
      for (const part of parts) {
        rmSync(join(till.directory, part), {recursive: true});
        cpSync(join(kept, part), join(till.directory, part), {recursive: true});
      }
    },
  };
}

/** Holds that there is nothing (more) to find. */
async function expectClean(till: Till): Promise<ReconcileResult> {
  const result = await reconcile(till);
  expect(result.findings).to.deep.equal([]);
  expect(result.adopted).to.deep.equal([]);
  expect(result.agreeing).to.equal(result.compared);
  expect(reconcileError(result)).to.equal(null);
  return result;
}

describe('reconcile', () => {
  let clock: TestClock;
  let till: Till;
  let stripe: Stripe;
  beforeEach(async () => {
    clock = testClock();
    till = await openTill(clock);
    stripe = stripeAt(till.api);
  });
  afterEach(() => till.close());

  /** An intent somebody made by hand, and confirmed with a card. */
  async function byHand(metadata: Record<string, string>, amount = 1250, confirm = true): Promise<string> {
    const {id} = await stripe.paymentIntents.create({
      amount,
      currency: 'usd',
      capture_method: 'manual',
      allowed_payment_method_types: ['card_present'],
      metadata,
    });
    if (confirm) await ask(till.api.url, 'POST', `/v1/payment_intents/${id}/confirm`, confirmForm());
    return id;
  }

  it('finds nothing where nothing went wrong', async () => {
    await till.collect({reference: 'authorized'});
    const {payment} = await till.collect({reference: 'captured'});
    const names = [payment.local_id];
    await till.run((terminal) => terminal.capture({names, all: false, amount: 700, dryRun: false}));
    await till.collect({reference: 'declined', amount: 1205}).catch(() => null);
    await stored(till, {reference: 'forwarded'});
    await till.forward();
    await stored(till, {reference: 'stored'});
    const result = await expectClean(till);
    expect(result).to.include({compared: 5, leftovers: 0, others: 0, not_compared: 0, failure: null});
  });

  describe('what others did', () => {
    it('adopts a capture', async () => {
      const {payment} = await till.collect();
      await stripe.paymentIntents.capture(payment.id ?? '', {amount_to_capture: 1000});
      const planned = await reconcile(till, {dryRun: true});
      expect(planned.findings[0]).to.include({
        kind: 'state_mismatch',
        direction: 'api_ahead',
        local_id: payment.local_id,
        id: payment.id,
        state: 'authorized',
        status: 'succeeded',
      });
      expect(reconcileError(planned)).to.include({code: 'reconciliation_mismatch', exitCode: 6});
      expect(await stateOf(till, payment.local_id), 'a dry run adopts nothing').to.equal('authorized');
      const result = await reconcile(till);
      expect(result.findings).to.deep.equal([]);
      expect(result.adopted[0]).to.include({became: 'captured', attention: false});
      expect(reconcileError(result)).to.equal(null);
      const [shown] = await till.run((terminal) => terminal.inspect([payment.local_id]));
      expect(shown).to.include({state: 'captured', amount_received: 1000});
      await expectClean(till);
    });

    it('adopts a cancel on purpose, and a lapse is said loudly', async () => {
      const canceled = (await till.collect({reference: 'a'})).payment;
      await stripe.paymentIntents.cancel(canceled.id ?? '', {cancellation_reason: 'requested_by_customer'});
      const result = await reconcile(till);
      expect(result.adopted[0]).to.include({became: 'canceled', attention: false});
      expect(reconcileError(result)).to.equal(null);

      const lapsed = (await till.collect({reference: 'b'})).payment;
      clock.advance(3 * 24 * 3600_000);
      const late = await reconcile(till);
      expect(late.adopted[0]).to.include({local_id: lapsed.local_id, became: 'canceled', attention: true});
      expect(reconcileError(late)).to.include({code: 'reconciliation_mismatch', exitCode: 6});
      await expectClean(till);
    });

    it('never takes another amount for the truth, and says not to forward it', async () => {
      // Created online, stored when the network went while the card was read: it has an id and is not confirmed.
      const {payment} = await till.run((terminal) =>
        terminal.collect({
          ...SALE,
          onInput: (input) => {
            if (input.display_message === 'present_card') till.network.set(false);
          },
        }),
      );
      till.network.set(true);
      await stripe.paymentIntents.update(payment.id ?? '', {amount: 99_900});
      const result = await reconcile(till);
      expect(result.adopted).to.deep.equal([]);
      expect(result.findings[0]).to.include({
        kind: 'amount_mismatch',
        field: 'amount',
        here: 1250,
        at_api: 99_900,
        severity: 'critical',
        next: `stowpay hold ${payment.local_id}`,
      });
      expect(await stateOf(till, payment.local_id)).to.equal('accepted_offline');
    });

    it('says that an intent bears another payment', async () => {
      const {payment} = await till.collect();
      await stripe.paymentIntents.update(payment.id ?? '', {metadata: {stowpay_id: 'pay_SOMEBODYELSE'}});
      const {findings, others} = await reconcile(till);
      expect(findings.map(({kind}) => kind)).to.deep.equal(['identity_mismatch']);
      expect(findings[0]).to.include({belongs_to: 'pay_SOMEBODYELSE', local_id: payment.local_id});
      expect(others).to.equal(1);
    });

    it('compares an intent whose metadata was taken away by its id', async () => {
      const {payment} = await till.collect();
      await stripe.paymentIntents.update(payment.id ?? '', {metadata: ''});
      expect(await expectClean(till)).to.include({compared: 1});
    });
  });

  describe('a second intent of one payment', () => {
    it('is a duplicate when both have money', async () => {
      const {payment} = await till.collect();
      const second = await byHand({stowpay_id: payment.local_id});
      const result = await reconcile(till);
      expect(result.findings).to.have.length(1);
      expect(result.findings[0]).to.include({kind: 'duplicate', severity: 'critical', who: 'merchant'});
      expect(result.findings[0]).to.have.property('ids').with.members([payment.id, second]);
      expect(result.adopted).to.deep.equal([]);
      await stripe.paymentIntents.cancel(second);
      await expectClean(till);
    });

    it('is a duplicate to come when the payment is still to be forwarded under its own', async () => {
      const {payment} = await till.run((terminal) =>
        terminal.collect({
          ...SALE,
          onInput: (input) => {
            if (input.display_message === 'present_card') till.network.set(false);
          },
        }),
      );
      till.network.set(true);
      const second = await byHand({stowpay_id: payment.local_id});
      const {findings} = await reconcile(till);
      expect(findings[0]).to.include({kind: 'duplicate', next: `stowpay hold ${payment.local_id}`});
      expect(findings[0]).to.have.property('ids').with.members([payment.id, second]);
    });

    it('is only left over when it was never confirmed', async () => {
      const {payment} = await till.collect();
      await byHand({stowpay_id: payment.local_id}, 1250, false);
      expect(await expectClean(till)).to.include({leftovers: 1, compared: 1});
    });

    it('holds money for nothing when the payment was declined', async () => {
      const error = await failure(till.collect({amount: 1205}));
      const {local_id} = error.details as {local_id: string};
      const second = await byHand({stowpay_id: local_id});
      const {findings} = await reconcile(till);
      expect(findings[0]).to.include({kind: 'state_mismatch', direction: 'unexpected_money', id: second});
      expect(await stateOf(till, local_id)).to.equal('declined');
    });
  });

  it('finds money held under the very intent of a payment that was declined', async () => {
    const error = await failure(till.collect({amount: 1205}));
    const {local_id} = error.details as {local_id: string};
    const [shown] = await till.run((terminal) => terminal.inspect([local_id]));
    await stripe.paymentIntents.update(shown?.id ?? '', {amount: 1250});
    await ask(till.api.url, 'POST', `/v1/payment_intents/${shown?.id}/confirm`, confirmForm());
    const result = await reconcile(till);
    expect(result.findings[0]).to.include({
      kind: 'state_mismatch',
      direction: 'unexpected_money',
      severity: 'critical',
      local_id,
      state: 'declined',
      status: 'requires_capture',
    });
    expect(result.adopted).to.deep.equal([]);
    expect(reconcileError(result)).to.include({exitCode: 6});
  });

  describe('a journal restored from a backup', () => {
    it('takes over what was forwarded since, without sending anything', async () => {
      const {local_id} = await stored(till, {reference: 'a'});
      const refused = await stored(till, {reference: 'b', amount: 1205});
      const old = backup(till);
      await till.forward();
      old.restore();
      expect(await stateOf(till, local_id)).to.equal('accepted_offline');
      const before = await till.api.ledger();
      const result = await reconcile(till);
      expect(result.findings).to.deep.equal([]);
      expect(result.adopted.find((one) => one.local_id === local_id)).to.include({
        became: 'authorized',
        attention: false,
      });
      expect(result.adopted.find((one) => one.local_id === refused.local_id)).to.include({
        became: 'declined',
        attention: true,
      });
      expect(reconcileError(result)).to.include({exitCode: 6});
      expect(await till.api.ledger()).to.deep.equal(before);
      const [shown] = await till.run((terminal) => terminal.inspect([local_id]));
      expect(shown).to.include({state: 'authorized', amount_capturable: 1250});
      await expectClean(till);
      await till.forward();
      expect(await till.api.ledger(), 'nothing is sent again').to.deep.equal(before);
    });

    it('does not take an intent that only bears its name for its own', async () => {
      const {local_id} = await stored(till);
      const id = await byHand({stowpay_id: local_id});
      const result = await reconcile(till);
      expect(result.adopted).to.deep.equal([]);
      expect(result.findings[0]).to.include({
        kind: 'state_mismatch',
        direction: 'api_ahead',
        severity: 'critical',
        local_id,
        id,
      });
      expect(await stateOf(till, local_id)).to.equal('accepted_offline');
    });

    it('names what it has forgotten altogether, by the mark of this device', async () => {
      await till.collect({reference: 'known'});
      const old = backup(till);
      const forgotten = (await till.collect({reference: 'forgotten'})).payment;
      old.restore();
      const result = await reconcile(till);
      expect(result.findings).to.have.length(1);
      expect(result.findings[0]).to.include({
        kind: 'missing_here',
        standing: 'held',
        severity: 'critical',
        local_id: forgotten.local_id,
        id: forgotten.id,
        state: null,
      });
      expect(result).to.include({compared: 1, agreeing: 1, others: 0});
      expect(reconcileError(result)).to.include({exitCode: 6});
    });

    it('says of money the journal forgot that a card was read for: somebody must know', async () => {
      // The backup is taken while the card is read.
      let old: ReturnType<typeof backup> | undefined;
      const {payment} = await till.run((terminal) =>
        terminal.collect({
          ...SALE,
          onInput: (input) => {
            if (input.display_message === 'present_card') old = backup(till);
          },
        }),
      );
      old?.restore();
      expect(await stateOf(till, payment.local_id)).to.equal('created');
      const result = await reconcile(till);
      expect(result.adopted[0]).to.include({became: 'authorized', attention: true, id: payment.id});
      expect(reconcileError(result)).to.include({exitCode: 6});
      await expectClean(till);
    });
  });

  describe('an API that has forgotten', () => {
    it('is asked by id before anything is called missing', async () => {
      const {payment} = await till.collect({reference: 'a'});
      const kept = await stored(till, {reference: 'b'});
      const fresh = await startSandboxApi({dir: temporaryDirectory(), now: () => clock.now()});
      // The same address as the journal knows, another memory behind it.
      const port = till.api.port;
      await till.api.close();
      await fresh.close();
      const replaced = await startSandboxApi({dir: temporaryDirectory(), port, now: () => clock.now()});
      const result = await reconcile(till);
      expect(result.findings).to.have.length(1);
      expect(result.findings[0]).to.include({
        kind: 'missing_at_api',
        severity: 'critical',
        local_id: payment.local_id,
        id: payment.id,
        state: 'authorized',
        status: null,
      });
      expect(result).to.include({compared: 2, agreeing: 1});
      expect(await stateOf(till, kept.local_id)).to.equal('accepted_offline');
      await replaced.close();
    });
  });

  describe('doubts', () => {
    async function inDoubt(request: Partial<typeof SALE> = {}): Promise<string> {
      await till.api.addFault({...CONFIRM, count: 1, fault: {kind: 'drop_after'}});
      await till.api.addFault({...LOOK, count: 50, fault: {kind: 'drop_before'}});
      const {local_id} = await stored(till, request);
      await till.forward();
      await till.api.clearFaults();
      expect(await stateOf(till, local_id)).to.equal('in_doubt');
      return local_id;
    }

    it('are settled by looking', async () => {
      const local_id = await inDoubt();
      const result = await reconcile(till);
      expect(result.adopted[0]).to.include({local_id, became: 'authorized', attention: false});
      await expectClean(till);
    });

    it('stay a finding while the API shows nothing of it', async () => {
      await till.api.addFault({...CONFIRM, count: 4, fault: {kind: 'drop_before'}});
      await till.api.addFault({...LOOK, count: 50, fault: {kind: 'drop_before'}});
      const {local_id} = await stored(till);
      await till.forward();
      await till.api.clearFaults();
      const result = await reconcile(till);
      expect(result.findings[0]).to.include({
        kind: 'unsettled',
        local_id,
        next: `stowpay forward ${local_id}`,
      });
      expect(reconcileError(result)).to.include({exitCode: 6});
    });

    it('about a capture are settled by looking', async () => {
      const {payment} = await till.collect();
      await till.api.addFault({...CAPTURE, count: 1, fault: {kind: 'drop_after'}});
      await till.api.addFault({...LOOK, count: 50, fault: {kind: 'drop_before'}});
      const names = [payment.local_id];
      await till.run((terminal) => terminal.capture({names, all: false, amount: null, dryRun: false}));
      await till.api.clearFaults();
      expect(await stateOf(till, payment.local_id)).to.equal('capturing');
      const result = await reconcile(till);
      expect(result.adopted[0]).to.include({became: 'captured', attention: false});
      await expectClean(till);
    });

    it('that ended set aside are no difference', async () => {
      const local_id = await inDoubt();
      const [entry] = await till.api.ledger();
      await stripe.paymentIntents.cancel(entry?.id ?? '');
      const result = await reconcile(till);
      // It was accepted, and somebody cancelled it: as in a forward, a person has to look.
      expect(result.adopted[0]).to.include({local_id, became: 'quarantined', attention: true});
      expect(reconcileError(result)).to.include({exitCode: 6});
      await expectClean(till);
    });
  });

  it('leaves alone what another process is working on, and says so', async () => {
    till.present({behavior: 'no_card'});
    const selling = await till.open();
    const controller = new AbortController();
    const sale = selling.collect({...SALE, timeout_s: 60, signal: controller.signal}).catch(() => null);
    const local_id = await new Promise<string>((resolve) => {
      const look = async (): Promise<void> => {
        const [entry] = await till.api.ledger();
        if (entry?.stowpay_id == null) setTimeout(look, 20);
        else resolve(entry.stowpay_id);
      };
      void look();
    });
    await byHand({stowpay_id: local_id});
    const result = await reconcile(till);
    expect(result).to.deep.include({compared: 1, agreeing: 0, findings: [], busy: [local_id]});
    expect(reconcileError(result)).to.include({code: 'payment_busy', exitCode: 11});
    // A dry run does not even wait for it.
    expect(await reconcile(till, {dryRun: true})).to.deep.include({findings: [], busy: [local_id]});
    controller.abort();
    await sale;
    await selling.close();
  });

  it('adopts once when two processes find the same', async () => {
    const {payment} = await till.collect();
    await stripe.paymentIntents.capture(payment.id ?? '');
    const terminal = await till.open();
    await till.api.addFault({...LOOK, count: 1, fault: {kind: 'hang', ms: 600}});
    // The second finds the payment owned, or settled by the first.
    const results = await Promise.all([
      terminal.reconcile({names: [], since: null, dryRun: false}),
      terminal.reconcile({names: [], since: null, dryRun: false}),
    ]);
    await terminal.close();
    const adopted = results.flatMap((result) => result.adopted);
    expect(adopted).to.have.length(1);
    const [shown] = await till.run((again) => again.inspect([payment.local_id]));
    expect(shown?.timeline.filter(({type}) => type === 'payment.captured')).to.have.length(1);
  });

  describe('what it could not finish', () => {
    async function twoCaptured(): Promise<readonly string[]> {
      const ids: string[] = [];
      for (const reference of ['a', 'b']) {
        const {payment} = await till.collect({reference});
        await stripe.paymentIntents.capture(payment.id ?? '');
        ids.push(payment.local_id);
      }
      return ids;
    }

    it('is named when somebody stops it, beside what it has adopted', async () => {
      await twoCaptured();
      const controller = new AbortController();
      const result = await reconcile(till, {
        signal: controller.signal,
        onProgress: (done) => {
          if (done === 1) controller.abort();
        },
      });
      expect(result.adopted).to.have.length(1);
      expect(result.unchecked).to.have.length(1);
      expect(result.failure).to.include({code: 'interrupted'});
      expect(reconcileError(result)).to.include({code: 'interrupted', exitCode: 130});
      expect(await reconcile(till)).to.include({compared: 2, agreeing: 1});
    });

    it('stays a finding when the journal did not take it', async () => {
      const ids = await twoCaptured();
      const lock = new FileLock(disk.openLock(join(till.directory, 'journal', 'lock')));
      expect(await lock.lock(1000)).to.equal(true);
      const terminal = await till.open({lockWaitMs: 100});
      const result = await terminal.reconcile({names: [], since: null, dryRun: false});
      await terminal.close();
      lock.close();
      expect(result.adopted).to.deep.equal([]);
      expect(result.findings.map(({local_id}) => local_id)).to.have.members(ids);
      expect(result.failure).to.include({code: 'journal_locked', condition: 'locked'});
      expect(reconcileError(result)).to.include({exitCode: 6});
      expect((await reconcile(till)).adopted).to.have.length(2);
    });
  });

  describe('a fleet on one account', () => {
    it('does not take the intents of others for its own', async () => {
      await till.collect();
      await byHand({});
      await byHand({stowpay_id: 'pay_OTHER', stowpay_device: 'dev_other'});
      await byHand({stowpay_id: 'pay_BEFORE_THE_MARK'});
      const result = await expectClean(till);
      expect(result).to.include({compared: 1, others: 3});
    });

    it('marks its own intents with the device of the journal', async () => {
      const {payment} = await till.collect();
      const intent = await stripe.paymentIntents.retrieve(payment.id ?? '');
      const first = readFileSync(join(till.directory, 'journal', '000000000001.jsonl'), 'utf8');
      expect(intent.metadata.stowpay_device).to.match(/^dev_[0-9a-f]{32}$/);
      expect(first).to.include(`"device":"${intent.metadata.stowpay_device}"`);
    });

    it('reads every page of the list, and says what it cannot compare', async () => {
      const {payment} = await till.collect();
      for (let made = 0; made < 260; made += 1) await byHand({stowpay_id: `pay_${made}`}, 1250, false);
      await stripe.paymentIntents.capture(payment.id ?? '');
      const result = await reconcile(till);
      expect(result).to.include({compared: 1, others: 260});
      expect(result.adopted.map(({local_id}) => local_id)).to.deep.equal([payment.local_id]);
    }).timeout(60_000);
  });

  describe('asked for some', () => {
    it('compares those named and no others', async () => {
      const one = (await till.collect({reference: 'a'})).payment;
      const two = (await till.collect({reference: 'b'})).payment;
      for (const {id} of [one, two]) await stripe.paymentIntents.capture(id ?? '');
      const result = await reconcile(till, {names: [two.local_id]});
      expect(result).to.include({compared: 1, others: 0});
      expect(result.adopted.map(({local_id}) => local_id)).to.deep.equal([two.local_id]);
      expect(await stateOf(till, one.local_id)).to.equal('authorized');
      expect(await failure(reconcile(till, {names: ['pay_NONE']}))).to.include({code: 'payment_not_found'});
    });

    it('compares closed payments since then, and older ones not', async () => {
      for (const reference of ['old', 'new']) {
        const {payment} = await till.collect({reference});
        const names = [payment.local_id];
        await till.run((terminal) => terminal.capture({names, all: false, amount: null, dryRun: false}));
        if (reference === 'old') clock.advance(40 * 24 * 3600_000);
      }
      expect(await reconcile(till)).to.include({compared: 1, agreeing: 1});
      expect(await reconcile(till, {since: {ago: 50 * 24 * 3600_000}})).to.include({
        compared: 2,
        agreeing: 2,
      });
      const ahead = await failure(reconcile(till, {since: {at: clock.now() + 1000_000}}));
      expect(ahead).to.include({code: 'invalid_usage', exitCode: 2});
    });
  });

  describe('an API that does not answer', () => {
    it('compares nothing without a network', async () => {
      await till.collect();
      till.network.set(false);
      expect(await failure(reconcile(till))).to.include({code: 'network_unavailable', exitCode: 5});
    });

    it('compares nothing when its list breaks off', async () => {
      const {payment} = await till.collect();
      await stripe.paymentIntents.capture(payment.id ?? '');
      await till.api.addFault({...LIST, count: 1, fault: {kind: 'error_500_before'}});
      expect(await failure(reconcile(till))).to.include({exitCode: 5});
      expect(await stateOf(till, payment.local_id)).to.equal('authorized');
    });

    it('is not taken to have said "missing" by refusing the question', async () => {
      const error = {type: 'invalid_request_error', message: 'Not like this.'};
      const strict = await openTill(clock, ({method, path}) =>
        method === 'GET' && path.startsWith('/v1/payment_intents/') ? {status: 400, body: {error}} : 'pass',
      );
      const {payment} = await strict.collect();
      await stripeAt(strict.api).paymentIntents.capture(payment.id ?? '');
      const result = await reconcile(strict);
      expect(result).to.deep.include({
        findings: [],
        unchecked: [{local_id: payment.local_id, message: 'Not like this.'}],
      });
      expect(reconcileError(result)).to.include({exitCode: 5});
      await strict.close();
    });

    it('says of which payments it did not tell', async () => {
      const {payment} = await till.collect();
      await stripe.paymentIntents.capture(payment.id ?? '');
      await till.api.addFault({...LOOK, count: 9, fault: {kind: 'error_500_before'}});
      const result = await reconcile(till);
      expect(result.unchecked.map(({local_id}) => local_id)).to.deep.equal([payment.local_id]);
      expect(result).to.include({compared: 1, agreeing: 0});
      expect(reconcileError(result)).to.include({code: 'api_unavailable', exitCode: 5});
    });
  });
});
