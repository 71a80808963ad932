import {stateOf} from './apply-payment.js';
import type {Decision} from './decide.js';
import {isSoftDecline} from './declines.js';
import {StowpayError} from './errors.js';
import type {EventBody} from './events.js';
import {formatAmount} from './money.js';
import {
  awaitsCancel,
  KEY_LIFETIME_MS,
  type Operation,
  type Payment,
  type PaymentState,
  toPaymentIntent,
} from './payment.js';
import type {ApiError, Outcome, RemoteIntent} from './ports.js';

/** A soft decline may be tried so often again, then it is final. */
export const MAX_SOFT_DECLINES = 5;
/** … and for so long after the first, ms. */
const LONGEST_SOFT_MS = 72 * 3600 * 1000;
/** An API that answers so often without deciding will not decide it: a person must look. Half a day at least. */
export const MAX_UNDECIDED = 200;

export interface NextKey {
  readonly key: string;
  readonly generation: number;
}

/**
 * The idempotency key of the next attempt: derived from payment, operation and generation, so that it can be told
 * again from the journal alone. The generation goes up only when the old key can do no good any more.
 *
 * A create keeps its key for ever: to an API that forgot it, it is a new one anyway, and to one that did not it names
 * the one intent this payment may have, also for a journal that was restored from a backup and begins again.
 */
export function nextKey(payment: Payment, operation: Operation, now: number): NextKey {
  const last = payment.generations[operation];
  if (last === undefined) return keyOf(payment, operation, 0);
  const spent = payment.spent_keys[operation] === true;
  if (operation === 'create') return keyOf(payment, operation, spent ? last + 1 : last);
  const since = Date.parse(payment.key_since[operation] ?? '');
  // NaN (a clock that was never right) compares false: a new key is the safe side once the id is known.
  const alive = now - since < KEY_LIFETIME_MS && now >= since;
  return keyOf(payment, operation, spent || !alive ? last + 1 : last);
}

function keyOf(payment: Payment, operation: Operation, generation: number): NextKey {
  return {key: `stowpay-${payment.local_id}-${operation}-${generation}`, generation};
}

/** The intent record of an attempt: durable before the request leaves. */
export function attemptEvent(payment: Payment, operation: Operation, next: NextKey): EventBody {
  return {type: 'payment.attempted', payment: payment.local_id, data: {operation, ...next}};
}

type FailedData = Extract<EventBody, {type: 'payment.attempt_failed'}>['data'];

/** What an answer to create or confirm does to a payment. Pure and total over outcomes. */
export function outcomeEvents(
  payment: Payment,
  operation: 'create' | 'confirm',
  outcome: Outcome<RemoteIntent>,
): readonly EventBody[] {
  switch (outcome.kind) {
    case 'delivered':
      return deliveredEvents(payment, operation, outcome.value, outcome.request_id);
    case 'declined':
      return [declineEvent(payment, operation, outcome.error, outcome.soft, outcome.intent, false)];
    case 'never_sent':
    case 'retry':
    case 'refused':
    case 'in_doubt':
    case 'stop':
      return [failedEvent(payment, {operation, outcome: outcome.kind, error: outcome.error})];
  }
}

function failedEvent(payment: Payment, data: FailedData): EventBody {
  return {type: 'payment.attempt_failed', payment: payment.local_id, data};
}

/**
 * A decline. A soft one of a stored payment is kept for another try, a bounded number of times. A final one is final
 * only if no earlier confirm may still be on its way: else the intent must be cancelled at the API first.
 */
function declineEvent(
  payment: Payment,
  operation: 'create' | 'confirm',
  error: ApiError,
  soft: boolean,
  intent: RemoteIntent | null,
  looked: boolean,
): EventBody {
  const charge = intent?.charge?.id ?? null;
  if (soft && payment.stored_at !== null && maySoften(payment)) {
    return failedEvent(payment, {operation, outcome: 'soft_decline', error, charge});
  }
  // A look accounts for one lost confirm only if it shows a charge that was not known before.
  const accounted = looked && charge !== null && charge !== payment.charge ? 1 : 0;
  if (payment.unresolved_confirms > accounted) {
    return failedEvent(payment, {operation, outcome: 'declined_in_doubt', error, charge});
  }
  return {
    type: 'payment.declined',
    payment: payment.local_id,
    data: {operation, error, id: intent?.id ?? null, looked, charge},
  };
}

/** The issuer may be asked once more. Measured between records: what the clock says of today does not matter. */
function maySoften({soft_declines, soft_since, attempt}: Payment): boolean {
  if (soft_declines >= MAX_SOFT_DECLINES) return false;
  if (soft_since === null || attempt === null) return true;
  return Date.parse(attempt.at) - Date.parse(soft_since) <= LONGEST_SOFT_MS;
}

/** Sets a payment aside that the API answers and never decides; null while it may be tried again. */
export function tooManyAttempts(payment: Payment): EventBody | null {
  if (payment.undecided < MAX_UNDECIDED || payment.state !== 'accepted_offline') return null;
  const last = payment.last_error?.message ?? 'it gave no reason';
  const message = `The payment API answered ${payment.undecided} times without deciding it: ${last} It was not charged up to the last look.`;
  return setAside(payment, 'too_many_attempts', message);
}

/**
 * What a look at the API (GET) tells about a confirm whose answer was lost.
 *
 * An intent without a payment and without an error of *this* attempt was not confirmed up to now: `untouched`. The
 * decline of an earlier attempt, known by its charge, proves nothing about this one.
 */
export function lookEvents(
  payment: Payment,
  intent: RemoteIntent,
  requestId: string | null,
  unclaimed: boolean,
): readonly EventBody[] {
  if (isBeingCanceled(payment, intent)) {
    const error = payment.last_error ?? unexplained(requestId);
    const data = {operation: 'confirm', outcome: 'declined_in_doubt', error, charge: payment.charge} as const;
    return [failedEvent(payment, data)];
  }
  if (isUntouched(payment, intent)) {
    return [failedEvent(payment, {operation: 'confirm', outcome: 'untouched', error: null})];
  }
  return deliveredEvents(payment, 'confirm', intent, requestId, {unclaimed});
}

/**
 * A cancel was sent to make a decline final, and its answer was lost. Until it is known to be over, an authorisation that
 * a look shows may still be undone by it, and so may the next one: neither is settled, and the cancel is sent again.
 */
function isBeingCanceled(payment: Payment, intent: RemoteIntent): boolean {
  if (!payment.cancel_unsure || payment.stored_at === null || mismatch(payment, intent) !== null)
    return false;
  const state = stateOf(intent);
  // Declined anew, too: it must not be asked again as after a soft decline.
  return state === 'authorized' || state === 'declined' || isUntouched(payment, intent);
}

function isUntouched(payment: Payment, intent: RemoteIntent): boolean {
  if (intent.status === 'requires_confirmation') return true;
  if (intent.status !== 'requires_payment_method') return false;
  const charge = intent.charge?.id ?? null;
  return (
    intent.last_payment_error === null ||
    (payment.charge !== null && (charge === null || charge === payment.charge))
  );
}

function deliveredEvents(
  payment: Payment,
  operation: 'create' | 'confirm',
  intent: RemoteIntent,
  requestId: string | null,
  look: {readonly unclaimed: boolean} | null = null,
): readonly EventBody[] {
  const of = payment.local_id;
  const wrong = mismatch(payment, intent);
  if (wrong !== null) return [setAside(payment, 'api_mismatch', wrong)];
  if (operation === 'confirm' && stateOf(intent) === 'declined') {
    const error = intent.last_payment_error ?? unexplained(requestId);
    return [declineEvent(payment, operation, error, isSoftDecline(error), intent, look !== null)];
  }
  if (operation === 'confirm' && intent.status === 'canceled') return [canceledAtApi(payment, intent)];
  const unclaimed = look?.unclaimed === true ? {unclaimed: true} : {};
  const data = {operation, intent, request_id: requestId, looked: look !== null, ...unclaimed};
  return [{type: 'payment.delivered', payment: of, data}];
}

function unexplained(requestId: string | null): ApiError {
  return {
    type: 'card_error',
    code: 'card_declined',
    decline_code: null,
    message: 'The API shows the payment as not authorised.',
    http_status: null,
    request_id: requestId,
  };
}

/**
 * An intent that is cancelled at the API. If it was declined before, it was the decline that ended it. A stored
 * payment was promised to a customer: a person must look at it. Of an online one nobody was told: its order is free.
 */
function canceledAtApi(payment: Payment, intent: RemoteIntent): EventBody {
  const error = declineBehind(payment, intent);
  const charge = intent.charge?.id ?? null;
  if (error !== null) {
    const data = {operation: 'confirm', error, id: intent.id, looked: true, charge} as const;
    return {type: 'payment.declined', payment: payment.local_id, data};
  }
  const before =
    charge === null ? 'before it was authorised' : 'after it was authorised, or its authorisation lapsed';
  const why = intent.cancellation_reason ?? 'no reason given';
  const message = `${intent.id} was cancelled at the API ${before} (${why}). No money is held for it.`;
  if (payment.stored_at !== null) return setAside(payment, 'canceled_at_api', message);
  return {type: 'payment.canceled', payment: payment.local_id, data: {reason: 'interrupted', message}};
}

/** The decline a cancelled intent ended with; an API may forget it when it cancels, so ours counts too. */
function declineBehind(payment: Payment, intent: RemoteIntent): ApiError | null {
  if (intent.charge === null) return null;
  if (intent.last_payment_error !== null) return intent.last_payment_error;
  const ours =
    payment.state === 'in_doubt' && payment.charge === intent.charge.id ? payment.last_error : null;
  return ours?.type === 'card_error' ? ours : null;
}

export function setAside(payment: Payment, code: string, message: string): EventBody {
  return {type: 'payment.quarantined', payment: payment.local_id, data: {code, message, error: null}};
}

/** An answer about other money than ours is nobody's settlement: keep everything and have a person look. */
export function mismatch(payment: Payment, intent: RemoteIntent): string | null {
  if (intent.metadata.stowpay_id !== undefined && intent.metadata.stowpay_id !== payment.local_id) {
    return `The API answered for ${intent.id}, which belongs to ${intent.metadata.stowpay_id}.`;
  }
  if (payment.id !== null && intent.id !== payment.id) {
    return `The API answered for ${intent.id} instead of ${payment.id}.`;
  }
  if (intent.amount !== payment.amount || intent.currency !== payment.currency) {
    const says = formatAmount(intent.amount, intent.currency);
    return `The API holds ${intent.id} over ${says} instead of ${formatAmount(payment.amount, payment.currency)}.`;
  }
  if (intent.livemode !== payment.binding.livemode) {
    return `The API holds ${intent.id} in ${intent.livemode ? 'live' : 'test'} mode.`;
  }
  return null;
}

/** Which payments an ordinary `forward` sends, in the state they are really in. */
export function isForwardable(state: PaymentState): boolean {
  return state === 'accepted_offline' || state === 'in_doubt';
}

/** An online authorisation nobody heard of is released after this time, unless its reference claims it first. */
const UNCLAIMED_MS = 15 * 60 * 1000;

/**
 * True for a payment whose collect died before it could tell anybody, that turned out to be authorised, and that
 * nobody has asked for since: the customer must not be charged for it.
 */
export function isAbandonedAuthorization(payment: Payment, now: number): boolean {
  return (
    payment.state === 'authorized' &&
    payment.unclaimed &&
    now - Date.parse(payment.updated_at) >= UNCLAIMED_MS
  );
}

/** The amount a capture takes; throws what a person must know when it cannot be captured. */
export function captureAmount(payment: Payment, state: PaymentState, asked: number | null): number {
  if (awaitsCancel(payment)) {
    const hint = `stowpay forward ${payment.local_id} finishes that when there is network.`;
    throw unexpectedState(payment, state, 'Its cancel was requested', hint);
  }
  if (state === 'capturing') {
    // An undecided capture fixes its amount: another one could take money twice.
    const fixed = payment.capture_amount ?? payment.amount_capturable;
    if (asked !== null && asked !== fixed) {
      throw unexpectedState(
        payment,
        state,
        `A capture of ${formatAmount(fixed, payment.currency)} is under way and its outcome is not known yet`,
        `Run stowpay capture ${payment.local_id} without --amount to settle that one first.`,
      );
    }
    return fixed;
  }
  if (state !== 'authorized') throw unexpectedState(payment, state, ...whyNotCapturable(payment, state));
  const amount = asked ?? payment.capture_amount ?? payment.amount_capturable;
  if (amount < 1 || amount > payment.amount_capturable) {
    throw new StowpayError(
      'invalid_amount',
      `${payment.local_id} can be captured up to ${formatAmount(payment.amount_capturable, payment.currency)}; ` +
        `${formatAmount(amount, payment.currency)} was asked for. Nothing was captured.`,
      {hint: 'Capture the whole amount, or a part of it.', details: {local_id: payment.local_id}},
    );
  }
  return amount;
}

function whyNotCapturable(payment: Payment, state: PaymentState): readonly [string, string] {
  const of = payment.local_id;
  switch (state) {
    case 'accepted_offline':
    case 'forwarding':
      return ['It is stored offline and was not forwarded yet', `Run stowpay forward ${of} first.`];
    case 'in_doubt':
      return ['Whether it was authorised is not known', `Run stowpay forward ${of}: it looks at the API.`];
    case 'captured':
      return ['It is captured already', `See stowpay inspect ${of}.`];
    case 'declined':
      return ['It was declined', `Nothing can be captured. See stowpay inspect ${of}.`];
    case 'held':
      return ['It is held back', `Run stowpay release ${of} first, then forward it.`];
    case 'quarantined':
      return ['It is set aside', `Run stowpay retry ${of} first.`];
    default:
      return [`It is ${state}`, `See stowpay inspect ${of}.`];
  }
}

function unexpectedState(payment: Payment, state: PaymentState, why: string, hint: string): StowpayError {
  return new StowpayError(
    'payment_intent_unexpected_state',
    `${payment.local_id} (${formatAmount(payment.amount, payment.currency)}) cannot be captured: ${why}. ` +
      'Nothing was captured by this command.',
    {hint, details: {local_id: payment.local_id, state, payment: toPaymentIntent(payment, state)}},
  );
}

/** Journals that a capture of a fixed amount is about to leave. */
export function decideCapture(
  payment: Payment,
  state: PaymentState,
  asked: number | null,
  now: number,
): Decision<NextKey & {readonly amount: number}> {
  const amount = captureAmount(payment, state, asked);
  const next = nextKey(payment, 'capture', now);
  return {
    events: [{type: 'payment.capture_attempted', payment: payment.local_id, data: {amount, ...next}}],
    result: {...next, amount},
  };
}

/** What an answer to a capture does to a payment. */
export function captureEvents(payment: Payment, outcome: Outcome<RemoteIntent>): readonly EventBody[] {
  const of = payment.local_id;
  if (outcome.kind === 'delivered')
    return captureLookEvents(payment, outcome.value, outcome.request_id, false);
  const kind = outcome.kind === 'declined' ? 'refused' : outcome.kind;
  return [
    {
      type: 'payment.attempt_failed',
      payment: of,
      data: {operation: 'capture', outcome: kind, error: outcome.error},
    },
  ];
}

/** What the intent itself tells about a capture: done here or elsewhere, untouched, or lapsed. */
export function captureLookEvents(
  payment: Payment,
  intent: RemoteIntent,
  requestId: string | null,
  looked: boolean,
): readonly EventBody[] {
  const of = payment.local_id;
  const wrong = mismatch(payment, intent);
  if (wrong !== null) return [setAside(payment, 'api_mismatch', wrong)];
  switch (intent.status) {
    case 'succeeded':
      return [{type: 'payment.captured', payment: of, data: {intent, request_id: requestId, looked}}];
    case 'requires_capture':
      return [...(looked ? interruptedCapture(payment) : []), captureFailed(payment, 'untouched')];
    case 'canceled': {
      const why = intent.cancellation_reason ?? 'unknown reason';
      const message = `The authorisation was cancelled or lapsed at the API (${why}); nothing was captured.`;
      return [{type: 'payment.canceled', payment: of, data: {reason: 'canceled_at_api', message}}];
    }
    default:
      return [captureFailed(payment, 'in_doubt')];
  }
}

/** The sender of a capture died, so that its answer is lost as any other: its amount stays until a person asks otherwise. */
function interruptedCapture(payment: Payment): readonly EventBody[] {
  return payment.attempt?.operation === 'capture' ? [captureFailed(payment, 'interrupted')] : [];
}

function captureFailed(payment: Payment, outcome: 'untouched' | 'in_doubt' | 'interrupted'): EventBody {
  return failedEvent(payment, {operation: 'capture', outcome, error: null});
}
