import {isSoftDecline} from '../core/declines.js';
import type {ApiError, JsonObject, JsonValue, Outcome, RemoteIntent} from '../core/ports.js';
import {apiError, errorObject, objectOrNull, ownError, requestId} from './api-error.js';
import type {Exchange, Reply, Transport, TransportFailure} from './exchange.js';
import type {Redact} from './redact.js';
import {chargeById, remoteIntent} from './remote-intent.js';

/** Reads the object that was asked for out of a 2xx answer; null when it is some other object. */
export type Read<T> = (body: JsonObject, reply: Reply) => T | null;

/** What a request asks for. A read has no effect, whatever becomes of it; only a confirm shows a card to anybody. */
export type Asked =
  | {readonly operation: 'create' | 'capture' | 'cancel' | 'read'}
  /** The id of the intent that is confirmed. */
  | {readonly operation: 'confirm'; readonly id: string};

/**
 * What is known after one request. Pure and total: every status, body and transport failure has exactly one class.
 *
 * The rule behind the table (docs/GATEWAY.md): only an answer that is recognisably the API's proves anything.
 * A captive portal, a proxy, a cut connection prove nothing, so they are `in_doubt` whatever their status says;
 * and `never_sent` needs the socket's own word that no channel was ever open.
 */
export function outcomeOf<T>(asked: Asked, exchange: Exchange, read: Read<T>, redact: Redact): Outcome<T> {
  const {reply, transport} = exchange;
  if (reply === null) return unanswered(transport);
  const doubt = (code: string, message: string): Outcome<never> => ({
    kind: 'in_doubt',
    error: {...ownError(code, message), http_status: reply.status, request_id: requestId(reply, redact)},
  });
  if (reply.body.kind === 'truncated') return doubt('answer_truncated', 'The answer broke off.');
  if (reply.body.kind === 'not_an_object') return doubt('answer_not_json', NOT_THE_API);
  if (reply.status >= 200 && reply.status <= 299) {
    const value = reply.body.value.error === undefined ? read(reply.body.value, reply) : null;
    if (value === null) return doubt('answer_not_recognised', 'The answer is not the object asked for.');
    return {kind: 'delivered', value, request_id: requestId(reply, redact)};
  }
  const error = errorObject(reply);
  if (error === null) return doubt('answer_not_recognised', NOT_THE_API);
  return failure(asked, error, reply, redact);
}

const NOT_THE_API = 'Something answered, but not the API.';

function unanswered(transport: Transport): Outcome<never> {
  const error = ownError(transport.failure ?? 'no_answer', transportMessage(transport.failure));
  return transport.connected || transport.response_started
    ? {kind: 'in_doubt', error}
    : {kind: 'never_sent', error};
}

/** An answer of the API that is not a success. */
function failure(asked: Asked, body: JsonObject, reply: Reply, redact: Redact): Outcome<never> {
  const error = apiError(body, reply, redact);
  const {status} = reply;
  if (status === 401 || status === 403) return {kind: 'stop', error};
  if (status === 402 && error.type === 'card_error') return cardError(asked, body, error, redact);
  // The stored answer to an earlier request of this key: the same request gets it again and again, and what that
  // earlier one did is for a look to tell.
  if (notProcessed(error, reply) && isReplay(reply)) return {kind: 'in_doubt', error};
  if (notProcessed(error, reply)) return {kind: 'retry', error, retry_after_ms: retryAfter(reply)};
  if (status < 400 || status > 499 || UNDECIDED.has(status)) return {kind: 'in_doubt', error};
  // "Do not send it again" about a conflict says nothing about what the conflicting request did.
  if (status === 409) return {kind: 'in_doubt', error};
  return {kind: 'refused', error};
}

/** Request timeout, failed dependency, too early, client closed: somebody gave up, perhaps after the effect. */
const UNDECIDED: ReadonlySet<number> = new Set([408, 424, 425, 499]);

/**
 * The API says that it did not process this request now, so the same one may follow.
 * `Stripe-Should-Retry` outranks the status for 4xx and 503; a rate limit without "true" is still only a rate limit.
 * A 500 is never in here: the header cannot undo an effect.
 */
function notProcessed(error: ApiError, reply: Reply): boolean {
  const {status} = reply;
  if (status === 429) return true;
  if (status !== 503 && (status < 400 || status > 499 || UNDECIDED.has(status))) return false;
  if (status === 402) return false;
  const advice = reply.headers['stripe-should-retry'];
  if (advice === 'true') return true;
  if (advice === 'false') return false;
  return status === 409 || status === 503 || error.code === 'lock_timeout';
}

function isReplay(reply: Reply): boolean {
  return reply.headers['idempotent-replayed'] === 'true';
}

/** A decline ends a payment and has its card data blanked, so it must be the decline of this very confirm. */
function cardError(asked: Asked, body: JsonObject, error: ApiError, redact: Redact): Outcome<never> {
  const intent = objectOrNull(body.payment_intent);
  const about = intent === null ? body.payment_intent : intent.id;
  if (asked.operation === 'read') return {kind: 'in_doubt', error};
  if (asked.operation !== 'confirm') return {kind: 'refused', error};
  if (typeof about === 'string' && about !== asked.id) return {kind: 'in_doubt', error};
  return {
    kind: 'declined',
    error,
    intent: intent === null ? null : withCharge(remoteIntent(intent, redact), body.charge),
    soft: isSoftDecline(error),
  };
}

/** The error names the declined charge, also where its intent does not. */
function withCharge(intent: RemoteIntent | null, charge: JsonValue | undefined): RemoteIntent | null {
  if (intent === null || intent.charge !== null || typeof charge !== 'string') return intent;
  return {...intent, charge: chargeById(charge)};
}

const LONGEST_DELAY_S = 86_400;

/** Seconds of a `Retry-After` header as milliseconds; null without one, or when it is a date. */
function retryAfter(reply: Reply): number | null {
  const header = reply.headers['retry-after'];
  if (header === undefined || !/^\d{1,9}$/.test(header)) return null;
  return Math.min(Number(header), LONGEST_DELAY_S) * 1000;
}

function transportMessage(failure: TransportFailure | null): string {
  switch (failure) {
    case 'dns':
      return 'The name of the API cannot be resolved.';
    case 'unreachable':
      return 'No connection to the API could be opened.';
    case 'tls':
      return 'No secure connection to the API could be opened.';
    case 'connect_timeout':
      return 'No connection to the API was open in time.';
    case 'deadline':
      return 'The API did not answer in time.';
    case 'aborted':
      return 'The call was given up.';
    case 'reset':
      return 'The connection to the API was cut.';
    case 'protocol':
      return 'What answered does not speak HTTP.';
    case null:
      return 'The API gave no answer.';
  }
}
