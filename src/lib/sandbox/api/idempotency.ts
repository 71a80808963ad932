import {createHash} from 'node:crypto';
import {Problem} from './problem.js';
import type {ApiRequest} from './request.js';
import type {AccountState, ReplyRecord} from './state.js';

/** The API keeps keys for at least a day; the sandbox for exactly one. */
const KEPT_S = 24 * 3600;
const LONGEST_KEY = 255;

/** The key of a request that can change something; null when it names none. Throws a 400 Problem for a bad one. */
export function idempotencyKey(request: ApiRequest): string | null {
  const key = request.headers['idempotency-key'];
  if (request.method !== 'POST' || key === undefined) return null;
  if (key !== '' && key.length <= LONGEST_KEY) return key;
  throw new Problem(400, {
    type: 'invalid_request_error',
    message: `An idempotency key has 1 to ${LONGEST_KEY} characters.`,
  });
}

/** The answer given before for this key; null when there is none. Throws a 400 Problem when it was another request. */
export function replyBefore(account: AccountState, key: string, request: ApiRequest): ReplyRecord | null {
  const reply = account.replies.get(key);
  if (reply === undefined || seconds(request) >= reply.at + KEPT_S) return null;
  if (reply.request === digest(request)) return reply;
  throw new Problem(400, {
    type: 'idempotency_error',
    message: 'This idempotency key was used for a request with another path or other parameters.',
  });
}

/** The record to keep for a key; null for answers the API does not keep: those that decided nothing. */
export function replyRecord(
  key: string,
  request: ApiRequest,
  status: number,
  body: string,
): ReplyRecord | null {
  const kept = (status >= 200 && status <= 299) || status === 402 || status === 500;
  return kept ? {key, at: seconds(request), request: digest(request), status, body} : null;
}

export function keyInUse(): Problem {
  return new Problem(409, {
    type: 'invalid_request_error',
    code: 'idempotency_key_in_use',
    message: 'Another request with this idempotency key is still being served.',
  });
}

/** A number for the byte range that stands for a key in use (31 bits). */
export function keyDigest(account: string, key: string): number {
  return createHash('sha256').update(`${account}\n${key}`).digest().readUInt32BE() >>> 1;
}

function digest(request: ApiRequest): string {
  return createHash('sha256')
    .update(`${request.method}\n${request.path}\n${request.query}\n${request.body}`)
    .digest('base64url');
}

function seconds(request: ApiRequest): number {
  return Math.floor(request.at / 1000);
}
