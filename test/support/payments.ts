import {apply} from '../../src/lib/core/apply.js';
import type {EventBody, JournalRecord} from '../../src/lib/core/events.js';
import type {Payment} from '../../src/lib/core/payment.js';
import {emptyState} from '../../src/lib/core/state.js';
import {rfc3339} from '../../src/lib/core/time.js';
import {createdEvent, storedEvent} from './events.js';

const START = Date.parse('2026-11-23T10:00:00.000Z');

/**
 * A payment after these records, as the journal would fold them.
 * @param laterBy how many ms after the first a record was written
 */
export function paymentAfter(
  id: string,
  events: readonly EventBody[],
  laterBy: (index: number, events: readonly EventBody[]) => number = () => 0,
): Payment {
  const state = emptyState();
  events.forEach((event, index) => {
    const meta = {
      v: 1,
      seq: index + 1,
      commit: index + 1,
      at: rfc3339(START + laterBy(index, events)),
      boot: 'boot-1',
      mono: 1,
    };
    apply(state, {...event, ...meta} as JournalRecord);
  });
  const payment = state.payments.get(id);
  if (payment === undefined) throw new Error(`no record created ${id}`);
  return payment;
}

/** A payment that was accepted offline and never sent. */
export function storedPayment(id = 'pay_A'): Payment {
  return paymentAfter(id, [createdEvent(id), storedEvent(id)]);
}
