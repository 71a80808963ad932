import type {ApiError, JsonObject, JsonValue} from '../core/ports.js';
import type {Reply} from './exchange.js';
import type {Redact} from './redact.js';

/** Codes and ids are short words; anything else in their place is not passed on. */
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
    request_id: requestId(reply),
  };
}

/** The fields an error object has wherever it stands: in an answer, or as a PaymentIntent's `last_payment_error`. */
export function errorFields(error: JsonObject, redact: Redact): Omit<ApiError, 'http_status' | 'request_id'> {
  return {
    type: word(error.type) ?? 'unknown',
    code: word(error.code),
    decline_code: word(error.decline_code),
    message: typeof error.message === 'string' ? redact(error.message) : 'The API gave no message.',
  };
}

/** An error of our own making: `type` tells that no API said it. */
export function ownError(code: string, message: string, reply: Reply | null = null): ApiError {
  return {
    type: 'stowpay',
    code,
    decline_code: null,
    message,
    http_status: reply?.status ?? null,
    request_id: reply === null ? null : requestId(reply),
  };
}

/** The id the API's operator can find the request by. */
export function requestId(reply: Reply): string | null {
  return word(reply.headers['request-id']);
}

export function objectOrNull(value: JsonValue | undefined): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
}

function word(value: JsonValue | undefined): string | null {
  return typeof value === 'string' && WORD.test(value) ? value : null;
}
