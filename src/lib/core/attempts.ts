import {stateOf} from './apply-payment.js';
import type {Decision} from './decide.js';
import {StowpayError} from './errors.js';
import type {EventBody} from './events.js';
import {formatAmount} from './money.js';
import {type Operation, type Payment, type PaymentState, toPaymentIntent} from './payment.js';
import type {Outcome, RemoteIntent} from './ports.js';

/** How long a key may be sent again. The API keeps keys at least 24 h; an hour is left for its clock and ours. */
const KEY_LIFETIME_MS = 23 * 3600 * 1000;
/** A soft decline may be tried so often again, then it is final. */
export const MAX_SOFT_DECLINES = 5;

export interface NextKey {
  readonly key: string;
  readonly generation: number;
}

/**
 * The idempotency key of the next attempt: derived from payment, operation and generation, so that it can be told
 * again from the journal alone. The generation goes up only when the old key can do no good any more.
 */
export function nextKey(payment: Payment, operation: Operation, now: number): NextKey {
  const last = payment.generations[operation];
  if (last === undefined) return keyOf(payment, operation, 0);
  const since = Date.parse(payment.key_since[operation] ?? '');
  // NaN (a clock that was never right) compares false: a new key is the safe side once the id is known.
  const alive = now - since < KEY_LIFETIME_MS && now >= since;
  const spent = payment.spent_keys[operation] === true;
  return keyOf(payment, operation, spent || !alive ? last + 1 : last);
}

function keyOf(payment: Payment, operation: Operation, generation: number): NextKey {
  return {key: `stowpay-${payment.local_id}-${operation}-${generation}`, generation};
}

/** The intent record of an attempt: durable before the request leaves. */
export function attemptEvent(payment: Payment, operation: Operation, next: NextKey): EventBody {
  return {type: 'payment.attempted', payment: payment.local_id, data: {operation, ...next}};
}

/** What an answer to create or confirm does to a payment. Pure and total over outcomes. */
export function outcomeEvents(
  payment: Payment,
  operation: 'create' | 'confirm',
  outcome: Outcome<RemoteIntent>,
): readonly EventBody[] {
  const of = payment.local_id;
  const failed = (
    kind: Extract<EventBody, {type: 'payment.attempt_failed'}>['data']['outcome'],
    error: Extract<EventBody, {type: 'payment.attempt_failed'}>['data']['error'],
  ): readonly EventBody[] => [
    {type: 'payment.attempt_failed', payment: of, data: {operation, outcome: kind, error}},
  ];
  switch (outcome.kind) {
    case 'delivered':
      return deliveredEvents(payment, operation, outcome.value, outcome.request_id, false);
    case 'declined': {
      const bounded = outcome.soft && payment.stored_at !== null && payment.soft_declines < MAX_SOFT_DECLINES;
      if (bounded) return failed('soft_decline', outcome.error);
      const id = outcome.intent?.id ?? null;
      return [
        {type: 'payment.declined', payment: of, data: {operation, error: outcome.error, id, looked: false}},
      ];
    }
    case 'never_sent':
    case 'retry':
    case 'refused':
    case 'in_doubt':
    case 'stop':
      return failed(outcome.kind, outcome.error);
  }
}

/**
 * What a look at the API (GET) tells about a confirm whose answer was lost.
 * An intent without a payment and without an error was never confirmed: `untouched`.
 */
export function lookEvents(
  payment: Payment,
  intent: RemoteIntent,
  requestId: string | null,
  unclaimed: boolean,
): readonly EventBody[] {
  const untouched =
    intent.status === 'requires_confirmation' ||
    (intent.status === 'requires_payment_method' && intent.last_payment_error === null);
  if (untouched) {
    const data = {operation: 'confirm' as const, outcome: 'untouched' as const, error: null};
    return [{type: 'payment.attempt_failed', payment: payment.local_id, data}];
  }
  return deliveredEvents(payment, 'confirm', intent, requestId, true, unclaimed);
}

function deliveredEvents(
  payment: Payment,
  operation: 'create' | 'confirm',
  intent: RemoteIntent,
  requestId: string | null,
  looked: boolean,
  unclaimed = false,
): readonly EventBody[] {
  const of = payment.local_id;
  const wrong = mismatch(payment, intent);
  if (wrong !== null) {
    return [
      {type: 'payment.quarantined', payment: of, data: {code: 'api_mismatch', message: wrong, error: null}},
    ];
  }
  if (operation === 'confirm' && stateOf(intent) === 'declined') {
    const error = intent.last_payment_error ?? {
      type: 'card_error',
      code: 'card_declined',
      decline_code: null,
      message: 'The API shows the payment as not authorised.',
      http_status: null,
      request_id: requestId,
    };
    return [{type: 'payment.declined', payment: of, data: {operation, error, id: intent.id, looked}}];
  }
  const data = {operation, intent, request_id: requestId, looked, ...(unclaimed ? {unclaimed} : {})};
  return [{type: 'payment.delivered', payment: of, data}];
}

/** An answer about other money than ours is nobody's settlement: keep everything and have a person look. */
function mismatch(payment: Payment, intent: RemoteIntent): string | null {
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
      return ['It is held back', `Run stowpay release ${of} first.`];
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
  if (wrong !== null) {
    return [
      {type: 'payment.quarantined', payment: of, data: {code: 'api_mismatch', message: wrong, error: null}},
    ];
  }
  switch (intent.status) {
    case 'succeeded':
      return [{type: 'payment.captured', payment: of, data: {intent, request_id: requestId, looked}}];
    case 'requires_capture':
      return [
        {
          type: 'payment.attempt_failed',
          payment: of,
          data: {operation: 'capture', outcome: 'untouched', error: null},
        },
      ];
    case 'canceled': {
      const why = intent.cancellation_reason ?? 'unknown reason';
      const message = `The authorisation was cancelled or lapsed at the API (${why}); nothing was captured.`;
      return [{type: 'payment.canceled', payment: of, data: {reason: 'canceled_at_api', message}}];
    }
    default:
      return [
        {
          type: 'payment.attempt_failed',
          payment: of,
          data: {operation: 'capture', outcome: 'in_doubt', error: null},
        },
      ];
  }
}
