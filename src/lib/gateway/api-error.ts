import type {ApiError, JsonObject, JsonValue} from '../core/ports.js';
import type {Reply} from './exchange.js';
import type {Redact} from './redact.js';

/** Codes and ids are short words; anything else in their place, a secret among them, is not passed on. */
const WORD = /^[A-Za-z0-9_.-]{1,80}$/;

/** The `error` object of an answer, or null when the answer has none: then it was not the API that answered. */
export function errorObject(reply: Reply): JsonObject | null {
  if (reply.body.kind !== 'object') return null;
  return objectOrNull(reply.body.value.error);
}

/** The API's error, redacted, as far as stowpay keeps it. */
export function apiError(error: JsonObject, reply: Reply, redact: Redact): ApiError {
  return {
    ...errorFields(error, redact),
    http_status: reply.status,
    request_id: requestId(reply, redact),
  };
}

/** The fields an error object has wherever it stands: in an answer, or as a PaymentIntent's `last_payment_error`. */
export function errorFields(error: JsonObject, redact: Redact): Omit<ApiError, 'http_status' | 'request_id'> {
  return {
    type: word(error.type, redact) ?? 'unknown',
    code: word(error.code, redact),
    decline_code: word(error.decline_code, redact),
    message: text(error.message, redact) ?? 'The API gave no message.',
    ...(error.advice_code === undefined ? {} : {advice_code: word(error.advice_code, redact)}),
  };
}

/** An error of our own making: `type` tells that no API said it. */
export function ownError(code: string, message: string): ApiError {
  return {type: 'stowpay', code, decline_code: null, message, http_status: null, request_id: null};
}

/** The id the API's operator can find the request by. */
export function requestId(reply: Reply, redact: Redact): string | null {
  return word(reply.headers['request-id'], redact);
}

export function objectOrNull(value: JsonValue | undefined): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
}

function text(value: JsonValue | undefined, redact: Redact): string | null {
  const redacted = typeof value === 'string' ? redact(value).trim() : '';
  return redacted === '' ? null : redacted;
}

function word(value: JsonValue | undefined, redact: Redact): string | null {
  return typeof value === 'string' && WORD.test(value) && redact(value) === value ? value : null;
}
