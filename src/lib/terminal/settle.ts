import {attemptEvent, lookEvents, nextKey, outcomeEvents, tooManyAttempts} from '../core/attempts.js';
import type {SealedCardData} from '../core/card.js';
import {StowpayError} from '../core/errors.js';
import type {EventBody} from '../core/events.js';
import {interrupted} from '../core/operate.js';
import {abandonedState, type Payment} from '../core/payment.js';
import type {FrozenCall, Journal, JsonObject, Outcome, RemoteIntent} from '../core/ports.js';
import {askedPause, backoffMs, IN_RUN, jitterOf, mayRepeat} from '../core/retry.js';
import {sleep} from './forward/sleep.js';
import {type Parts, record} from './parts.js';
import {unrecorded, unsent} from './payment-errors.js';

/** How often one run sends or looks before it leaves a payment for the next. */
const TRIES = 4;

/** Where an act on one payment ended. */
export interface Settled {
  readonly payment: Payment;
  /** The last outcome seen; null when nothing had to be asked. */
  readonly last: Outcome<RemoteIntent> | null;
}

/**
 * Has the API know the payment: sends the frozen create until it is answered or this run gives up.
 * An answer lost here leaves at worst an unconfirmed intent, which moves no money, so it is simply sent again.
 * The caller owns the payment.
 *
 * With `thenConfirm` the intent record of the first confirm stands in the same commit as the API's answer: the caller
 * goes on with `confirmAtApi`.
 */
export async function createAtApi(
  parts: Parts,
  journal: Journal,
  start: Payment,
  {tries = TRIES, thenConfirm = false}: {readonly tries?: number; readonly thenConfirm?: boolean} = {},
): Promise<Settled> {
  let payment = start;
  let last: Outcome<RemoteIntent> | null = null;
  for (let attempt = 1; payment.id === null && attempt <= tries; attempt += 1) {
    const over = tooManyAttempts(payment);
    if (over !== null) return {payment: await record(journal, payment, [over]), last};
    const next = nextKey(payment, 'create', parts.clock.now());
    payment = await record(journal, payment, [attemptEvent(payment, 'create', next)]);
    last = await parts.gateway.createPaymentIntent(frozen(payment, next.key, payment.create_request));
    const events = outcomeEvents(payment, 'create', last);
    const confirm = thenConfirm ? firstConfirm(parts, payment, events) : [];
    payment = await record(journal, payment, [...events, ...confirm]);
    if (!mayRepeat(last) || attempt === tries) break;
    await pause(parts, attempt, last);
  }
  return {payment, last};
}

/** The intent record of a stored payment's first confirm, once an answer names the unconfirmed intent it goes to. */
function firstConfirm(parts: Parts, payment: Payment, events: readonly EventBody[]): readonly EventBody[] {
  const [event, second] = events;
  if (event?.type !== 'payment.delivered' || second !== undefined) return [];
  if (event.data.intent.status !== 'requires_payment_method') return [];
  return [attemptEvent(payment, 'confirm', nextKey(payment, 'confirm', parts.clock.now()))];
}

/**
 * Confirms a payment whose id is journalled: exactly once, by looking instead of guessing. A doubt is settled by
 * retrieving the intent; only an intent that a look has shown untouched is confirmed again. With `lookFirst` it is looked
 * at before anything is sent, doubt or not. The caller owns the payment.
 *
 * Ends early with `last.kind` `stop` when the API does not accept our credentials: nothing more was sent then.
 */
export async function confirmAtApi(
  parts: Parts,
  journal: Journal,
  start: Payment,
  {tries = TRIES, lookFirst = false}: {readonly tries?: number; readonly lookFirst?: boolean} = {},
): Promise<Settled> {
  let payment = start;
  let last: Outcome<RemoteIntent> | null = null;
  for (let attempt = 1; attempt <= tries; attempt += 1) {
    const unknown = lookFirst && attempt === 1;
    if (payment.state === 'in_doubt' || unknown) {
      const looked = await lookAtApi(parts, journal, payment);
      payment = looked.payment;
      last = looked.last;
      if (unknown && looked.last?.kind !== 'delivered') return looked;
    }
    const over = tooManyAttempts(payment);
    if (over !== null) return {payment: await record(journal, payment, [over]), last};
    if (needsConfirm(payment) && last?.kind !== 'stop') {
      const sealed = await sealedDataOf(journal, payment);
      if (sealed === null)
        return {payment: await record(journal, payment, [withoutSealedData(payment)]), last};
      const sent = await sendConfirm(parts, journal, payment, sealed);
      payment = await recordConfirm(parts, journal, sent.payment, sent.last);
      last = sent.last;
    }
    const undecided = payment.state === 'in_doubt' || needsConfirm(payment);
    if (!undecided || last === null || !mayRepeat(last) || attempt === tries) break;
    await pause(parts, attempt, last);
  }
  return {payment, last};
}

function needsConfirm({state, attempt}: Payment): boolean {
  if (state === 'accepted_offline' || state === 'authorizing') return true;
  // Journalled with the answer to the create, and not sent yet: ours, or the payment would be in doubt by now.
  return state === 'forwarding' && attempt?.operation === 'confirm';
}

/** The attempt is durable before the request leaves; `payment` may carry one that is journalled and not yet sent. */
async function sendConfirm(
  parts: Parts,
  journal: Journal,
  start: Payment,
  sealed: SealedCardData,
): Promise<{readonly payment: Payment; readonly last: Outcome<RemoteIntent>}> {
  let payment = start;
  if (payment.attempt?.operation !== 'confirm') {
    const next = nextKey(payment, 'confirm', parts.clock.now());
    payment = await record(journal, payment, [attemptEvent(payment, 'confirm', next)]);
  }
  const call = frozen(payment, payment.attempt?.key ?? '', start.confirm_request ?? {});
  return {payment, last: await parts.gateway.confirmPaymentIntent(start.id ?? '', call, sealed)};
}

/** The sealed card data of a payment; null when it is gone or was altered, which is this payment's fault alone. */
async function sealedDataOf(journal: Journal, payment: Payment): Promise<SealedCardData | null> {
  try {
    return (await journal.privateData(payment.local_id))?.sealed ?? null;
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    if (error.code === 'journal_damaged') return null;
    throw unsent(payment, error);
  }
}

function withoutSealedData(payment: Payment): EventBody {
  const message = 'The sealed card data of this payment is missing or was altered, so it cannot be sent.';
  const data = {code: 'sealed_data_lost', message, error: null};
  return {type: 'payment.quarantined', payment: payment.local_id, data};
}

async function recordConfirm(
  parts: Parts,
  journal: Journal,
  before: Payment,
  outcome: Outcome<RemoteIntent>,
): Promise<Payment> {
  if (outcome.kind === 'refused') return settleRefused(parts, journal, before, outcome);
  return recordSettling(parts, journal, before, outcomeEvents(before, 'confirm', outcome));
}

/** The API refused the confirm as such: perhaps because it is confirmed already. Look once, by id, before believing it. */
async function settleRefused(
  parts: Parts,
  journal: Journal,
  before: Payment,
  refused: Extract<Outcome<RemoteIntent>, {kind: 'refused'}>,
): Promise<Payment> {
  const doubt = outcomeEvents(before, 'confirm', {kind: 'in_doubt', error: refused.error});
  const look = await parts.gateway.retrievePaymentIntent(before.id ?? '');
  if (look.kind === 'delivered') {
    const events = lookEvents(before, look.value, look.request_id, false);
    if (!isUntouched(events)) return recordSettling(parts, journal, before, events);
  } else if (look.kind !== 'refused') {
    return recordAnswer(journal, before, doubt);
  }
  // "No money was taken" would be a guess while an earlier confirm may still be on its way.
  if (before.stored_at === null && before.unresolved_confirms > 0)
    return recordAnswer(journal, before, doubt);
  const events = [...outcomeEvents(before, 'confirm', refused), afterRefusal(before, refused)];
  return recordAnswer(journal, before, events);
}

/** Journals what an answer or a look told, and makes a decline final that an earlier lost confirm could still undo. */
export async function recordSettling(
  parts: Parts,
  journal: Journal,
  before: Payment,
  events: readonly EventBody[],
): Promise<Payment> {
  const payment = await recordAnswer(journal, before, events);
  for (const event of events) {
    if (event.type !== 'payment.attempt_failed' || event.data.outcome !== 'declined_in_doubt') continue;
    return declineForGood(parts, journal, payment, event.data);
  }
  return payment;
}

/** Declined, while an earlier confirm may still be on its way: only a cancelled intent makes the decline true for ever. */
async function declineForGood(
  parts: Parts,
  journal: Journal,
  payment: Payment,
  {error, charge}: Extract<EventBody, {type: 'payment.attempt_failed'}>['data'],
): Promise<Payment> {
  const {attempted, last} = await sendCancel(parts, journal, payment);
  if (!isCanceled(last) || error === null) return record(journal, attempted, [cancelFailed(attempted, last)]);
  const data = {operation: 'confirm', error, id: payment.id, looked: false, charge: charge ?? null} as const;
  return record(journal, attempted, [{type: 'payment.declined', payment: payment.local_id, data}]);
}

/** How often a lock that others hold too long is waited for again once money may have moved. */
const ANSWER_TRIES = 3;

/**
 * Journals the answer to something that moves money. If that fails, the caller must not hear "nothing happened".
 * Throws the journal's error, or `payment_in_doubt`, saying that it may have been charged.
 */
export async function recordAnswer(
  journal: Journal,
  payment: Payment,
  events: readonly EventBody[],
): Promise<Payment> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await record(journal, payment, events);
    } catch (error) {
      if (!(error instanceof StowpayError)) throw error;
      if (error.code !== 'journal_locked' || attempt === ANSWER_TRIES) throw unrecorded(payment, error);
    }
  }
}

/** A stored payment is kept for a person; one whose customer is still there is over. */
function afterRefusal(
  payment: Payment,
  {error}: Extract<Outcome<RemoteIntent>, {kind: 'refused'}>,
): EventBody {
  const message = `The payment API refused it: ${error.message} (request ${error.request_id ?? 'unknown'})`;
  if (payment.stored_at !== null) {
    return {
      type: 'payment.quarantined',
      payment: payment.local_id,
      data: {code: 'api_refused', message, error},
    };
  }
  return {
    type: 'payment.refused',
    payment: payment.local_id,
    data: {code: 'api_refused', message, card: null, policy: null},
  };
}

function isUntouched(events: readonly EventBody[]): boolean {
  return events.some(
    (event) => event.type === 'payment.attempt_failed' && event.data.outcome === 'untouched',
  );
}

/**
 * Settles a doubt by retrieving the intent. Moves no money.
 * Afterwards the payment is settled, known to be untouched, or still in doubt because the API did not tell.
 */
export async function lookAtApi(parts: Parts, journal: Journal, payment: Payment): Promise<Settled> {
  const last = await parts.gateway.retrievePaymentIntent(payment.id ?? '');
  switch (last.kind) {
    case 'delivered': {
      // One that a person named is heard of by that person, unless a cancel may still undo it.
      const unclaimed = payment.stored_at === null && (!payment.look_first || payment.cancel_unsure);
      const events = lookEvents(payment, last.value, last.request_id, unclaimed);
      return {payment: await recordSettling(parts, journal, payment, events), last};
    }
    case 'refused': {
      // Refused for any other reason, the look told nothing: the doubt stays.
      if (last.error.code !== 'resource_missing') return {payment, last};
      const message = `The payment API does not know ${payment.id}: ${last.error.message}`;
      const data = {code: 'api_refused', message, error: last.error};
      const event: EventBody = {type: 'payment.quarantined', payment: payment.local_id, data};
      return {payment: await record(journal, payment, [event]), last};
    }
    case 'stop':
    case 'declined':
    case 'never_sent':
    case 'retry':
    case 'in_doubt':
      return {payment, last};
  }
}

/**
 * Ends what a collect left behind that is gone: nothing was sent, and it is over; or the API tells what became of it;
 * or it was never confirmed, and is cancelled for good. It is never sent. The caller owns the payment.
 */
export async function settleAbandoned(parts: Parts, journal: Journal, found: Payment): Promise<Settled> {
  const payment = await recovered(journal, found);
  const state = abandonedState(payment);
  if (payment.state === 'authorizing' && state === 'canceled') {
    const message = 'The collect was interrupted before anything was sent; no card was charged.';
    return {payment: await record(journal, payment, [interruptedEvent(payment, message)]), last: null};
  }
  if (state !== 'in_doubt') return {payment, last: null};
  const looked = await lookAtApi(parts, journal, payment);
  const untouched = looked.last?.kind === 'delivered' && looked.payment.state === 'authorizing';
  if (untouched) return voidUntouched(parts, journal, looked.payment);
  return mayBeCanceledLate(looked.payment) ? releaseUnclaimed(parts, journal, looked.payment) : looked;
}

/** A cancel was sent and its answer lost: it may still arrive and undo an authorisation somebody was told of. */
export function mayBeCanceledLate(payment: Payment): boolean {
  return payment.state === 'authorized' && payment.unclaimed && payment.generations.cancel !== undefined;
}

/**
 * Takes back an online authorisation nobody ever heard of, so that nobody can owe goods for it. What the cancel does
 * not tell, a look does. Afterwards it is `canceled` with its order free, or still `unclaimed`. The caller owns it.
 */
export async function releaseUnclaimed(parts: Parts, journal: Journal, start: Payment): Promise<Settled> {
  const message =
    'It was authorised, but its collect died before it could tell anybody; the hold was released.';
  const released = await cancelAtApi(parts, journal, start, 'unclaimed', message);
  if (released.payment.state === 'canceled' || released.last?.kind === 'stop') return released;
  return lookAtApi(parts, journal, released.payment);
}

/** The caller hears now of a payment whose own collect could not tell. */
export async function heard(journal: Journal, payment: Payment): Promise<Payment> {
  if (!payment.unclaimed) return payment;
  return record(journal, payment, [{type: 'payment.claimed', payment: payment.local_id, data: {}}]);
}

/**
 * A look found the intent untouched, but the lost confirm may still be on its way. Cancelling the intent at the
 * API makes sure that it can never take effect: `canceled`; else the doubt stays. The caller owns the payment.
 */
async function voidUntouched(parts: Parts, journal: Journal, untouched: Payment): Promise<Settled> {
  const message = 'The collect was interrupted before the payment took effect; it was cancelled at the API.';
  return cancelAtApi(parts, journal, untouched, 'interrupted', message);
}

/** Cancels an intent; afterwards `canceled` for this reason, or where it was. The caller owns the payment. */
async function cancelAtApi(
  parts: Parts,
  journal: Journal,
  payment: Payment,
  reason: 'interrupted' | 'unclaimed',
  message: string,
): Promise<Settled> {
  const {attempted, last} = await sendCancel(parts, journal, payment);
  const event: EventBody = isCanceled(last)
    ? {type: 'payment.canceled', payment: payment.local_id, data: {reason, message}}
    : cancelFailed(attempted, last);
  return {payment: await record(journal, attempted, [event]), last};
}

/** Sends a journalled cancel. The caller owns the payment and records what it told. */
export async function sendCancel(
  parts: Parts,
  journal: Journal,
  payment: Payment,
): Promise<{readonly attempted: Payment; readonly last: Outcome<RemoteIntent>}> {
  const next = nextKey(payment, 'cancel', parts.clock.now());
  const attempted = await record(journal, payment, [attemptEvent(payment, 'cancel', next)]);
  const last = await parts.gateway.cancelPaymentIntent(payment.id ?? '', frozen(attempted, next.key, {}));
  return {attempted, last};
}

function isCanceled(outcome: Outcome<RemoteIntent>): boolean {
  return outcome.kind === 'delivered' && outcome.value.status === 'canceled';
}

/** What a cancel that did not cancel does to a payment. */
export function cancelFailed(payment: Payment, last: Outcome<RemoteIntent>): EventBody {
  const outcome = last.kind === 'delivered' || last.kind === 'declined' ? 'in_doubt' : last.kind;
  const error = last.kind === 'delivered' ? null : last.error;
  return {
    type: 'payment.attempt_failed',
    payment: payment.local_id,
    data: {operation: 'cancel', outcome, error},
  };
}

/** The end of a payment that was interrupted before anything of its confirm was sent: its order is free again. */
export function interruptedEvent(payment: Payment, message: string): EventBody {
  return {type: 'payment.canceled', payment: payment.local_id, data: {reason: 'interrupted', message}};
}

/** Journals what a dead sender left open, so that the payment is in the state it is really in. */
export async function recovered(journal: Journal, payment: Payment): Promise<Payment> {
  const events = interrupted(payment);
  return events.length === 0 ? payment : record(journal, payment, events);
}

export function frozen(payment: Payment, key: string, params: JsonObject): FrozenCall {
  return {api_version: payment.api_version, idempotency_key: key, params};
}

/** Between two tries of one run; longer when the API asks for it. */
export function pause(parts: Parts, attempt: number, outcome: Outcome<unknown> | null): Promise<void> {
  return sleep(backoffMs(IN_RUN, attempt, jitterOf(parts.random), askedPause(outcome)));
}
