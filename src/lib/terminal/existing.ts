import {checkSameOrder, freesReference, referenceHolder} from '../core/decide.js';
import {StowpayError} from '../core/errors.js';
import {formatAmount} from '../core/money.js';
import {
  abandonedState,
  awaitsCancel,
  type Payment,
  type PaymentIntent,
  toPaymentIntent,
} from '../core/payment.js';
import type {Journal} from '../core/ports.js';
import {latestOf, storyOf} from './history.js';
import {checkBinding, credentialsError, reachApi} from './network.js';
import {type Parts, statesNow} from './parts.js';
import {inDoubt, withPayment} from './payment-errors.js';
import {heard, lookAtApi, mayBeCanceledLate, releaseUnclaimed, settleAbandoned} from './settle.js';

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
  const {reference} = asked;
  // Under the lock: only there a reference of a closed payment is sure to be known.
  const {result: holder} = await journal.transact((state) => ({
    events: [],
    result: referenceHolder(state, account, reference),
  }));
  if (holder === null) return null;
  const payment = holder.payment ?? (await storyOf(journal, holder.local_id))?.payment ?? null;
  if (payment === null) return null;
  const effective = statesNow(journal);
  if (freesReference(payment, effective)) return null;
  checkSameOrder(payment, asked);
  if (awaitsCancel(payment)) throw beingCanceled(payment);
  const lost = payment.state === 'authorizing' && effective(payment) !== 'authorizing';
  if (lost || (payment.state === 'in_doubt' && payment.stored_at === null)) {
    return settleLost(parts, journal, payment);
  }
  if (payment.unclaimed) return claimOutcome(parts, journal, payment);
  return outcomeOf(payment, effective(payment));
}

/** Whatever it is now, nobody may release goods for it. */
function beingCanceled(payment: Payment): StowpayError {
  const error = new StowpayError(
    'payment_intent_unexpected_state',
    `The cancel of ${payment.local_id} over ${formatAmount(payment.amount, payment.currency)} was requested and is not ` +
      'finished. It is never captured any more.',
    {
      hint: `stowpay forward ${payment.local_id} finishes it. To collect this order again, use a new --reference.`,
    },
  );
  return withPayment(error, payment);
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

/**
 * A forward settled it before its caller came back: now somebody hears of it, and it is not released any more. Unless
 * its release was begun: then that is finished, for it can still take effect; and a look tells whether it still stands.
 */
async function claimOutcome(parts: Parts, journal: Journal, seen: Payment): Promise<PaymentIntent | null> {
  return owning(journal, seen, async (payment) => {
    if (!payment.unclaimed) return again(payment);
    const reach = await reachApi(parts);
    const releasing = mayBeCanceledLate(payment);
    if (reach.kind === 'offline') {
      if (releasing) throw withPayment(inDoubt(payment), payment);
      return again(await heard(journal, payment));
    }
    checkBinding(payment.binding, reach.binding);
    const act = releasing ? releaseUnclaimed : lookAtApi;
    const settled = (await act(parts, journal, payment)).payment;
    if (releasing && settled.state === 'authorized') throw withPayment(inDoubt(settled), settled);
    return again(await heard(journal, settled));
  });
}

/** A collect died, or lost its answer. If the money may have moved the API knows; the intent's id is journalled. */
async function settleLost(parts: Parts, journal: Journal, seen: Payment): Promise<PaymentIntent | null> {
  return owning(journal, seen, async (payment) => {
    // A forward may have settled it between our look at the journal and the claim.
    if (abandonedState(payment) === 'in_doubt') {
      const reach = await reachApi(parts);
      if (reach.kind === 'offline') throw withPayment(inDoubt(payment), payment);
      checkBinding(payment.binding, reach.binding);
    }
    const settled = await settleAbandoned(parts, journal, payment);
    if (settled.last?.kind === 'stop') throw credentialsError(settled.last.error);
    if (mayBeCanceledLate(settled.payment)) throw withPayment(inDoubt(settled.payment), settled.payment);
    return again(await heard(journal, settled.payment));
  });
}

const CLAIM_WAIT_MS = 10_000;

/** Acts on the payment as it is once it is ours; somebody else's act is waited for, then told as busy. */
async function owning(
  journal: Journal,
  seen: Payment,
  act: (payment: Payment) => Promise<PaymentIntent | null>,
): Promise<PaymentIntent | null> {
  const claim = await journal.claim(seen.seq, CLAIM_WAIT_MS);
  if (claim === null) return outcomeOf(seen, 'authorizing');
  try {
    const payment = await latestOf(journal, seen);
    if (awaitsCancel(payment)) throw beingCanceled(payment);
    return await act(payment);
  } finally {
    claim.release();
  }
}

function again(payment: Payment): PaymentIntent | null {
  return freesReference(payment, abandonedState) ? null : outcomeOf(payment, abandonedState(payment));
}
