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
  const records = await journal.story(localId);
  let payment: Payment | undefined;
  for (const record of records) if ('payment' in record) payment = paymentAfter(payment, record);
  return payment === undefined ? null : {payment, records};
}

/** A payment as it is now, also when it closed and left the list since it was seen. Call it owning the payment. */
export async function latestOf(journal: Journal, seen: Payment): Promise<Payment> {
  const state = await healthyState(journal);
  return state.payments.get(seen.local_id) ?? (await storyOf(journal, seen.local_id))?.payment ?? seen;
}

/** The closed payments that left the state, the one created last first. */
export async function* closedPayments(journal: Journal): AsyncIterable<Payment> {
  for await (const localId of journal.closed()) {
    const story = await storyOf(journal, localId);
    if (story !== null) yield story.payment;
  }
}

/** A payment after its next record; undefined while none has created it. */
function paymentAfter(
  before: Payment | undefined,
  record: JournalRecord & PaymentEvent,
): Payment | undefined {
  if (before !== undefined) return foldPayment(before, record);
  return record.type === 'payment.created' ? createdPayment(record) : undefined;
}
