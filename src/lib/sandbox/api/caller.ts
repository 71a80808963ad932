import {accountIdOf} from './account.js';
import {idempotencyKey} from './idempotency.js';
import {invalidRequest} from './problem.js';
import type {ApiRequest} from './request.js';
import {API_VERSION} from './version.js';

/** Who asks, under which idempotency key, for which version's shapes. */
export interface Caller {
  readonly account: string;
  readonly key: string | null;
  readonly version: string;
}

/**
 * The caller a request's headers name. Throws a Problem for bad credentials, keys and versions.
 * Any version is taken and named in the answer, as a frozen request of an older release may come; the shapes are
 * always those of `API_VERSION`.
 */
export function callerOf(request: ApiRequest): Caller {
  const account = accountIdOf(request.headers.authorization);
  const version = request.headers['stripe-version'] ?? API_VERSION;
  if (!/^\d{4}-\d{2}-\d{2}(\.[a-z_]+)?$/.test(version)) throw invalidRequest('This is no API version.');
  return {account, version, key: idempotencyKey(request)};
}
