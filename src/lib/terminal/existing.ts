import {checkSameOrder, freesReference, referenceHolder} from '../core/decide.js';
import {StowpayError} from '../core/errors.js';
import {formatAmount} from '../core/money.js';
import {abandonedState, type Payment, type PaymentIntent, toPaymentIntent} from '../core/payment.js';
import type {Journal} from '../core/ports.js';
import {storyOf} from './history.js';
import {checkBinding, reachApi} from './network.js';
import {type Parts, record, statesNow} from './parts.js';
import {inDoubt, withPayment} from './payment-errors.js';
import {lookAtApi, recovered, type Settled, voidUntouched} from './settle.js';

/**
 * What became of the payment that holds this reference: its PaymentIntent when it was taken, the error its collect
 * ended with otherwise. Null when nobody holds it, or when it surely took no money and may be collected (again).
 * A doubt that a crashed collect left behind is settled here, by looking at the API.
 */
export async function resultOfExisting(
  parts: Parts,
  journal: Journal,
  account: string,
  asked: {readonly reference: string | null; readonly amount: number; readonly currency: string},
): Promise<PaymentIntent | null> {
  if (asked.reference === null) return null;
  const {state} = await journal.view();
  const holder = referenceHolder(state, account, asked.reference);
  if (holder === null) return null;
  const payment = holder.payment ?? (await storyOf(journal, holder.local_id))?.payment ?? null;
  if (payment === null) return null;
  const effective = statesNow(journal);
  if (freesReference(payment, effective)) return null;
  checkSameOrder(payment, asked);
  if (effective(payment) === 'in_doubt' && payment.stored_at === null) {
    return settleDoubt(parts, journal, payment);
  }
  if (payment.unclaimed) return claimOutcome(journal, payment);
  return outcomeOf(payment, effective(payment));
}

function outcomeOf(payment: Payment, state: Payment['state']): PaymentIntent | null {
  switch (state) {
    case 'created':
      return null;
    case 'accepted_offline':
    case 'forwarding':
    case 'held':
    case 'authorized':
    case 'capturing':
    case 'captured':
    case 'transferred':
      return toPaymentIntent(payment, state);
    case 'in_doubt':
      // Stored offline: the customer was told "accepted" then, and forwarding settles the rest.
      if (payment.stored_at !== null) return toPaymentIntent(payment, state);
      throw withPayment(inDoubt(payment), payment);
    case 'authorizing':
      throw withPayment(
        new StowpayError('payment_busy', `${payment.local_id} is being authorised by another process now.`, {
          hint: 'Wait for it, then run the command again with the same --reference.',
        }),
        payment,
      );
    case 'declined':
      throw withPayment(
        new StowpayError(
          'payment_declined_after_acceptance',
          `${payment.local_id} over ${formatAmount(payment.amount, payment.currency)} was accepted offline and declined ` +
            `when it was forwarded: ${payment.last_error?.message ?? ''} No money was received for it.`,
          {hint: 'The goods may be gone. To charge the customer again, use a new --reference.'},
        ),
        payment,
      );
    case 'quarantined':
      throw withPayment(
        new StowpayError(
          'payment_quarantined',
          `${payment.local_id} is set aside: ${payment.reason?.message ?? ''}`,
          {
            hint: `Have a technician look: stowpay inspect ${payment.local_id}.`,
          },
        ),
        payment,
      );
    case 'canceled':
    case 'refused':
      throw withPayment(
        new StowpayError(
          'payment_intent_unexpected_state',
          `${payment.local_id} was ${state}: ${payment.reason?.message ?? ''} No money is held for it.`,
          {hint: 'To collect this order again, use a new --reference.'},
        ),
        payment,
      );
  }
}

/** A forward settled it before its caller came back: now somebody has heard, and it is not released any more. */
async function claimOutcome(journal: Journal, seen: Payment): Promise<PaymentIntent | null> {
  const claim = await journal.claim(seen.seq, CLAIM_WAIT_MS);
  if (claim === null) return outcomeOf(seen, 'authorizing');
  try {
    const payment = await latest(journal, seen);
    if (!payment.unclaimed || payment.state === 'canceled') return again(payment);
    const event = {type: 'payment.claimed', payment: payment.local_id, data: {}} as const;
    return outcomeOf(await record(journal, payment, [event]), payment.state);
  } finally {
    claim.release();
  }
}

const CLAIM_WAIT_MS = 10_000;

/** The payment as it is now that it is ours. */
async function latest(journal: Journal, seen: Payment): Promise<Payment> {
  return (await journal.view()).state.payments.get(seen.local_id) ?? seen;
}

function again(payment: Payment): PaymentIntent | null {
  return freesReference(payment, (one) => one.state) ? null : outcomeOf(payment, payment.state);
}

/** Looks; what was never confirmed is cancelled at the API, so that a lost confirm can never take effect. */
async function settleLost(parts: Parts, journal: Journal, doubted: Payment): Promise<Settled> {
  const looked = await lookAtApi(parts, journal, await recovered(journal, doubted));
  return looked.payment.state === 'authorizing' ? voidUntouched(parts, journal, looked.payment) : looked;
}

/** A collect died, or lost its answer, while the money may have moved. The API knows; the intent's id is journalled. */
async function settleDoubt(parts: Parts, journal: Journal, seen: Payment): Promise<PaymentIntent | null> {
  const claim = await journal.claim(seen.seq);
  if (claim === null) return outcomeOf(seen, 'authorizing');
  try {
    const doubted = await latest(journal, seen);
    // A forward may have settled it between our look at the journal and the claim.
    if (abandonedState(doubted) !== 'in_doubt' && !doubted.unclaimed) return again(doubted);
    const reach = await reachApi(parts);
    if (reach.kind === 'offline') throw withPayment(inDoubt(doubted), doubted);
    checkBinding(doubted.binding, reach.binding);
    const {payment} = doubted.unclaimed ? {payment: doubted} : await settleLost(parts, journal, doubted);
    if (payment.unclaimed) {
      const told = await record(journal, payment, [
        {type: 'payment.claimed', payment: payment.local_id, data: {}},
      ]);
      return toPaymentIntent(told);
    }
    return again(payment);
  } finally {
    claim.release();
  }
}
