import {createdPayment, foldPayment} from '../core/apply-payment.js';
import type {JournalRecord} from '../core/events.js';
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
    if (story !== undefined) {
      story.payment = foldPayment(story.payment, record);
      story.records.push(record);
    } else if (record.type === 'payment.created') {
      stories.set(record.payment, {payment: createdPayment(record), records: [record]});
    }
  }
  return stories;
}
