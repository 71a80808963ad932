import {createdPayment, foldPayment} from '../core/apply-payment.js';
import type {JournalRecord, PaymentEvent} from '../core/events.js';
import type {Payment} from '../core/payment.js';
import type {Journal} from '../core/ports.js';
import {healthyState} from './parts.js';

/** A payment with every record of it, also when it left the list of open ones long ago. */
export interface Story {
  readonly payment: Payment;
  readonly records: readonly JournalRecord[];
}

/** The story of one payment; null when the journal holds none by that local id. */
export async function storyOf(journal: Journal, localId: string): Promise<Story | null> {
  const stories = await storiesOf(journal, (payment) => payment === localId);
  return stories.get(localId) ?? null;
}

/** A payment as it is now, also when it closed and left the list since it was seen. Call it owning the payment. */
export async function latestOf(journal: Journal, seen: Payment): Promise<Payment> {
  const state = await healthyState(journal);
  return state.payments.get(seen.local_id) ?? (await storyOf(journal, seen.local_id))?.payment ?? seen;
}

/** The stories of all payments `wanted` says yes to, oldest first. Reads the whole journal. */
export async function storiesOf(
  journal: Journal,
  wanted: (localId: string) => boolean,
): Promise<ReadonlyMap<string, Story>> {
  const stories = new Map<string, {payment: Payment; records: JournalRecord[]}>();
  for await (const {record} of journal.history()) {
    if (!('payment' in record) || !wanted(record.payment)) continue;
    const story = stories.get(record.payment);
    const payment = paymentAfter(story?.payment, record);
    if (payment === undefined) continue;
    const records = story?.records ?? [];
    records.push(record);
    stories.set(record.payment, {payment, records});
  }
  return stories;
}

/** Every payment the journal ever held, oldest first. Reads the whole journal. */
export async function everyPayment(journal: Journal): Promise<readonly Payment[]> {
  const payments = new Map<string, Payment>();
  for await (const {record} of journal.history()) {
    if (!('payment' in record)) continue;
    const payment = paymentAfter(payments.get(record.payment), record);
    if (payment !== undefined) payments.set(record.payment, payment);
  }
  return [...payments.values()];
}

/** A payment after its next record; undefined while none has created it. */
function paymentAfter(
  before: Payment | undefined,
  record: JournalRecord & PaymentEvent,
): Payment | undefined {
  if (before !== undefined) return foldPayment(before, record);
  return record.type === 'payment.created' ? createdPayment(record) : undefined;
}
