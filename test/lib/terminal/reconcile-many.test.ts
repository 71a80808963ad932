import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import type {EventBody} from '../../../src/lib/core/events.js';
import type {Gateway, Outcome, RemoteIntent} from '../../../src/lib/core/ports.js';
import {initialiseJournal} from '../../../src/lib/journal/genesis.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {disk} from '../../../src/lib/storage/disk.js';
import type {Parts} from '../../../src/lib/terminal/parts.js';
import {type ReconcileResult, reconcile} from '../../../src/lib/terminal/reconcile/reconcile.js';
import {testClock} from '../../support/clock.js';
import {payId} from '../../support/damaged-journal.js';
import {temporaryDirectory} from '../../support/directories.js';
import {createdEvent, storedEvent} from '../../support/events.js';

const MANY = 600;
const DAY_MS = 24 * 3600 * 1000;

function intentOf(n: number, change: Partial<RemoteIntent> = {}): RemoteIntent {
  return {
    id: `pi_${n}`,
    status: 'succeeded',
    amount: 1250,
    amount_capturable: 0,
    amount_received: 1250,
    currency: 'usd',
    capture_method: 'automatic',
    livemode: false,
    created: 1_795_428_000 + n,
    metadata: {stowpay_id: payId(n)},
    cancellation_reason: null,
    last_payment_error: null,
    charge: null,
    ...change,
  };
}

/** A sale that was forwarded and captured. */
function captured(n: number): readonly EventBody[] {
  const payment = payId(n);
  const data = {operation: 'confirm', intent: intentOf(n), request_id: null, looked: false} as const;
  return [createdEvent(payment), storedEvent(payment), {type: 'payment.delivered', payment, data}];
}

/** An API with these intents, in pages of 100, newest first. */
function apiOf(intents: readonly RemoteIntent[], unlisted: readonly string[], looks: string[]): Gateway {
  const delivered = <T>(value: T): Outcome<T> => ({kind: 'delivered', value, request_id: null});
  const unknown = {type: 'invalid_request_error', code: 'resource_missing', decline_code: null};
  const error = {...unknown, message: 'No such intent.', http_status: 404, request_id: null};
  const api = {
    origin: 'sandbox',
    account: async () => delivered({id: 'acct_test', livemode: false, server_time: null}),
    retrievePaymentIntent: async (id: string): Promise<Outcome<RemoteIntent>> => {
      looks.push(id);
      const intent = intents.find((one) => one.id === id);
      return intent === undefined ? {kind: 'refused', error} : delivered(intent);
    },
    async *listPaymentIntents() {
      const newest = intents.filter(({id}) => !unlisted.includes(id)).toReversed();
      for (let at = 0; at < newest.length; at += 100) yield delivered(newest.slice(at, at + 100));
    },
  };
  return api as unknown as Gateway;
}

describe('reconcile: payments that left the journal’s state', () => {
  const directory = temporaryDirectory();
  const clock = testClock();
  let journal: FileJournal;

  before(async () => {
    await initialiseJournal(disk, directory, clock, 'machine');
    journal = new FileJournal({storage: disk, directory, clock, checkpointRecords: 100});
    for (let n = 0; n < MANY; n += 50) {
      const events = Array.from({length: 50}, (_, index) => captured(n + index)).flat();
      await journal.transact(() => ({events, result: null}));
    }
    // The sealed data of what closed last is blanked after its commit: only then a checkpoint lets go of it.
    await journal.transact(() => ({events: captured(MANY), result: null}));
    const {state} = await journal.view();
    expect(state.payments.size).to.be.below(MANY / 2);
  });
  after(() => journal.close());

  async function against(
    intents: readonly RemoteIntent[],
    looks: string[],
    unlisted: readonly string[] = [],
  ): Promise<ReconcileResult> {
    const parts = {
      journals: {exists: true, open: () => journal, prepare: () => {}},
      gateway: apiOf(intents, unlisted, looks),
      device: {setNetwork: () => {}},
      clock,
      random: randomBytes,
    };
    return reconcile(parts as unknown as Parts, {names: [], since: null, dryRun: false});
  }

  const all = Array.from({length: MANY + 1}, (_, n) => intentOf(n));

  it('are all compared, and asked for by id only where the list leaves them out', async () => {
    const looks: string[] = [];
    const result = await against(all, looks);
    expect(result).to.include({compared: MANY + 1, agreeing: MANY + 1, others: 0});
    expect(looks).to.deep.equal([]);
  });

  it('are not called missing when only the list leaves them out', async () => {
    const looks: string[] = [];
    const result = await against(all, looks, ['pi_5', 'pi_590']);
    expect(result).to.deep.include({compared: MANY + 1, agreeing: MANY + 1, findings: []});
    expect(looks.toSorted()).to.deep.equal(['pi_5', 'pi_590']);
  });

  it('are missed one by one, and found out in amount and state', async () => {
    const looks: string[] = [];
    const change: Record<number, Partial<RemoteIntent> | null> = {
      3: null,
      250: {amount_received: 700},
      599: {status: 'requires_capture', amount_capturable: 1250, amount_received: 0},
    };
    const other = all.flatMap((intent, n) => {
      const changed = change[n];
      return changed === null ? [] : [{...intent, ...changed}];
    });
    const result = await against(other, looks);
    expect(looks.toSorted()).to.deep.equal(['pi_250', 'pi_3', 'pi_599']);
    expect(result).to.include({compared: MANY + 1, agreeing: MANY - 2});
    const found = Object.fromEntries(result.findings.map(({local_id, kind}) => [local_id, kind]));
    expect(found).to.deep.equal({
      [payId(3)]: 'missing_at_api',
      [payId(250)]: 'amount_mismatch',
      [payId(599)]: 'state_mismatch',
    });
    expect(result.findings.find(({local_id}) => local_id === payId(599))).to.include({
      direction: 'journal_ahead',
      severity: 'critical',
    });
    expect(result.adopted).to.deep.equal([]);
  });

  it('are compared where only their intent is young', async () => {
    clock.advance(31 * DAY_MS);
    const looks: string[] = [];
    const result = await against([{...intentOf(7), amount_received: 1}], looks);
    expect(result).to.include({compared: 1, agreeing: 0});
    expect(result.findings.map(({local_id}) => local_id)).to.deep.equal([payId(7)]);
    expect(looks).to.deep.equal(['pi_7']);
  });
});
