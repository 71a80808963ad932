import {isAbandonedAuthorization, isForwardable} from '../../core/attempts.js';
import {StowpayError} from '../../core/errors.js';
import {formatAmount} from '../../core/money.js';
import {abandonedState, awaitsCancel, type Payment, type PaymentState} from '../../core/payment.js';
import type {Journal} from '../../core/ports.js';
import type {State} from '../../core/state.js';
import {findPayments} from '../find.js';
import {healthyState, type Parts, statesNow, timeNow} from '../parts.js';
import type {ForwardRequest} from './forward.js';

/** The payments named. Throws `payment_intent_unexpected_state` for one there is nothing to forward of. */
export async function namedPayments(
  journal: Journal,
  state: State,
  {names, chosen = false}: Pick<ForwardRequest, 'names' | 'chosen'>,
): Promise<readonly Payment[]> {
  const effective = statesNow(journal);
  const named = await findPayments(journal, state, names);
  if (!chosen) for (const payment of named) checkForwardable(payment, effective(payment));
  return named;
}

/**
 * The state to act on, of a process that runs for long. Throws `journal_not_found` when the directory was taken away
 * under it: what it remembers would read as an empty queue.
 */
export async function stateStillThere(parts: Parts, journal: Journal): Promise<State> {
  if (parts.journals.exists) return healthyState(journal);
  throw new StowpayError(
    'journal_not_found',
    `The journal in ${parts.directory} is gone: its directory was removed while this forwarder ran.`,
    {
      hint: 'If nobody wiped this device on purpose, what was stored there may be lost: find out before you sell.',
    },
  );
}

/** Everything a forward has something to do for, oldest first. */
export function duePayments(parts: Parts, journal: Journal, state: State): readonly Payment[] {
  const effective = statesNow(journal);
  const now = timeNow(parts, state).ms;
  return [...state.payments.values()]
    .filter(
      (payment) =>
        isPending(payment, effective(payment)) ||
        isAbandonedAuthorization(payment, now) ||
        isUnheardCapture(payment),
    )
    .sort((a, b) => a.seq - b.seq);
}

/** Owning it: there is something a forward has to do for it, or to tell. */
export function isDue(payment: Payment): boolean {
  const unheard = payment.unclaimed && (payment.state === 'authorized' || payment.state === 'captured');
  return unheard || isPending(payment, abandonedState(payment));
}

/** Stored, in doubt, or to be cancelled: a wait goes on while there is one. */
export function isPending(payment: Payment, state: PaymentState): boolean {
  return (
    isForwardable(state) ||
    awaitsCancel(payment) ||
    // Owned by a running sender: named as busy, so that nobody reads an empty list as an empty queue.
    payment.state === 'forwarding' ||
    isInterrupted(payment, state)
  );
}

/** An online payment whose collect died before anything was sent: closed here, nothing is sent for it. */
function isInterrupted(payment: Payment, state: PaymentState): boolean {
  return payment.state === 'authorizing' && state === 'canceled';
}

/** Money was received and nobody knows: named by every forward until its reference, or a person by name, takes note. */
export function isUnheardCapture(payment: Payment): boolean {
  return payment.state === 'captured' && payment.unclaimed;
}

function checkForwardable(payment: Payment, state: PaymentState): void {
  if (isPending(payment, state) || isUnheardCapture(payment)) return;
  throw new StowpayError(
    'payment_intent_unexpected_state',
    `${payment.local_id} (${formatAmount(payment.amount, payment.currency)}) is ${state}: there is nothing to forward. ` +
      'Nothing was sent.',
    {hint: whatInstead(payment, state), details: {local_id: payment.local_id, state}},
  );
}

function whatInstead({local_id}: Payment, state: PaymentState): string {
  if (state === 'held') return `Run stowpay release ${local_id} first.`;
  if (state === 'quarantined')
    return `stowpay retry ${local_id} sends it, stowpay cancel ${local_id} closes it.`;
  return `See stowpay inspect ${local_id}.`;
}
