import {StowpayError} from '../core/errors.js';
import type {Binding, Payment} from '../core/payment.js';
import type {ApiError, Outcome, RemoteAccount} from '../core/ports.js';
import {rfc3339} from '../core/time.js';
import type {Parts} from './parts.js';

export interface Online {
  readonly kind: 'online';
  readonly account: RemoteAccount;
  readonly binding: Binding;
}

export type Reach = Online | {readonly kind: 'offline'; readonly error: ApiError};

/**
 * Asks the API who we are: whether it can be reached, and for which account. Bounded by the gateway's deadlines.
 * Throws `authentication_failed` when it answers but does not know us.
 */
export async function reachApi(parts: Parts, signal?: AbortSignal): Promise<Reach> {
  return reachOf(parts, await parts.gateway.account(signal), signal);
}

/**
 * What the answer to "who are we?" means; remembered as the state of the network, unless the question was given up.
 * Throws as `reachApi` does.
 */
export function reachOf(
  parts: Parts,
  outcome: Outcome<RemoteAccount>,
  signal: AbortSignal | undefined,
): Reach {
  const at = rfc3339(parts.clock.now());
  switch (outcome.kind) {
    case 'delivered': {
      parts.device.setNetwork('online', at);
      const {id: account, livemode} = outcome.value;
      return {
        kind: 'online',
        account: outcome.value,
        binding: {account, livemode, origin: parts.gateway.origin},
      };
    }
    case 'stop':
    case 'declined':
    case 'refused':
      parts.device.setNetwork('online', at);
      throw credentialsError(outcome.error);
    case 'never_sent':
    case 'in_doubt':
    case 'retry':
      if (signal?.aborted !== true) parts.device.setNetwork('offline', at);
      return {kind: 'offline', error: outcome.error};
  }
}

export function credentialsError(error: ApiError): StowpayError {
  const unsupported = error.code === 'forwarding_not_supported';
  return new StowpayError(
    unsupported ? 'forwarding_not_supported' : 'authentication_failed',
    unsupported ? error.message : `The payment API refused our credentials: ${error.message}`,
    {
      hint: unsupported
        ? 'Nothing is lost: stored payments stay stored. Forward them through a gateway that accepts sealed card data.'
        : 'Check the API key of this profile. Nothing was charged; stored payments stay stored.',
      details: {http_status: error.http_status, request_id: error.request_id, code: error.code},
    },
  );
}

/** The API we reach is where a payment belongs. */
export function isBoundTo({binding}: Payment, {account, livemode, origin}: Binding): boolean {
  return binding.account === account && binding.livemode === livemode && binding.origin === origin;
}

/** Throws when the API we reach is not where a payment belongs: a payment is never sent anywhere else. */
export function checkBinding(expected: Binding, actual: Binding): void {
  const stays = 'Nothing was sent; the payment stays where it is.';
  if (expected.origin !== actual.origin) {
    throw new StowpayError(
      'origin_mismatch',
      `The payment belongs to the API at ${expected.origin}, but this profile speaks to ${actual.origin}. ${stays}`,
      {hint: 'Use the profile the payment was taken with.', details: {expected, actual}},
    );
  }
  if (expected.livemode !== actual.livemode) {
    const mode = (livemode: boolean): string => (livemode ? 'live' : 'test');
    throw new StowpayError(
      'livemode_mismatch',
      `The payment was taken in ${mode(expected.livemode)} mode, but the key is for ${mode(actual.livemode)} mode. ${stays}`,
      {hint: 'Use the key of the mode the payment was taken in.', details: {expected, actual}},
    );
  }
  if (expected.account !== actual.account) {
    throw new StowpayError(
      'account_mismatch',
      `The payment belongs to account ${expected.account}, but the key is for ${actual.account}. ${stays}`,
      {hint: 'Use the key of the account the payment was taken for.', details: {expected, actual}},
    );
  }
}
