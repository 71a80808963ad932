import fc from 'fast-check';
import {createdPayment, foldPayment} from '../../src/lib/core/apply-payment.js';
import type {EventBody, JournalRecord} from '../../src/lib/core/events.js';
import {type Operation, PAYMENT_STATES, type Payment, type PaymentState} from '../../src/lib/core/payment.js';
import {recordOf} from '../../src/lib/journal/encode.js';
import {CARD, createdEvent} from './events.js';

const STAMP = {at: '2026-11-24T12:00:00.000Z', boot: 'boot', mono: 1};

/** A payment after events that were decided for it. */
export function foldedOver(payment: Payment, events: readonly EventBody[], at = STAMP.at): Payment {
  return events.reduce((now, event, index) => {
    const record = recordOf(event, payment.seq + 1 + index, payment.seq + 1, {...STAMP, at});
    return foldPayment(now, record as Parameters<typeof foldPayment>[1]);
  }, payment);
}

const [CREATED] = [recordOf(createdEvent('pay_ANY', {reference: 'order-1'}), 1, 1, STAMP)];
const NEW = createdPayment(CREATED as JournalRecord & {type: 'payment.created'});

const generation = fc.option(fc.nat({max: 3}), {nil: undefined});
const request = fc.option(
  fc.record({at: fc.constant(STAMP.at), operator: fc.constant('op'), reason: fc.constant(null)}),
  {nil: null},
);

/**
 * Any payment that a history may lead to, and many that none does: what is decided of it must be right or refused all
 * the same.
 */
export const anyPayment: fc.Arbitrary<Payment> = fc
  .record({
    state: fc.constantFrom(...PAYMENT_STATES),
    id: fc.constantFrom(null, 'pi_1'),
    stored_at: fc.constantFrom(null, '2026-11-24T11:00:00.000Z', '2026-11-20T11:00:00.000Z'),
    generations: fc.record({create: generation, confirm: generation, cancel: generation}, {requiredKeys: []}),
    attempting: fc.nat({max: 2}),
    unresolved_confirms: fc.nat({max: 2}),
    charge: fc.constantFrom(null, 'ch_1'),
    reason: fc.constantFrom(
      null,
      {code: 'canceled_at_api', message: 'm'},
      {code: 'journal_repaired', message: 'm'},
    ),
    amount_capturable: fc.constantFrom(0, 1250),
    leftover: fc.boolean(),
    stray: fc.boolean(),
    unclaimed: fc.boolean(),
    cancel_unsure: fc.boolean(),
    cancel_requested: request,
    acknowledged: fc.boolean(),
    look_first: fc.boolean(),
  })
  .map(({attempting, ...fields}) => ({
    ...NEW,
    ...fields,
    generations: defined(fields.generations),
    attempt: attemptOf(OPERATIONS[fields.state]?.[attempting]),
    id: NAMED.has(fields.state) ? 'pi_1' : fields.id,
    leftover: fields.leftover && OVER.has(fields.state),
    // Before a card is read nothing can have been set aside.
    card: fields.state === 'created' ? null : CARD,
    stored_at: STORED.has(fields.state) ? (fields.stored_at ?? STAMP.at) : fields.stored_at,
    look_first: fields.look_first && fields.state !== 'created',
    stray: fields.stray && OVER.has(fields.state),
  }));

/** What may be under way in which state. */
const OPERATIONS: Readonly<Partial<Record<PaymentState, readonly Operation[]>>> = {
  created: ['create'],
  authorizing: ['confirm', 'cancel'],
  forwarding: ['create', 'confirm'],
  in_doubt: ['cancel'],
  authorized: ['cancel'],
  capturing: ['capture', 'cancel'],
};
const STORED: ReadonlySet<PaymentState> = new Set<PaymentState>(['accepted_offline', 'forwarding', 'held']);
const OVER: ReadonlySet<PaymentState> = new Set<PaymentState>(['canceled', 'refused']);
const NAMED: ReadonlySet<PaymentState> = new Set<PaymentState>([
  'authorizing',
  'in_doubt',
  'authorized',
  'capturing',
  'captured',
]);

function attemptOf(operation: Operation | undefined): Payment['attempt'] {
  return operation === undefined ? null : {operation, key: 'key', generation: 0, at: STAMP.at};
}

function defined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
