import {lookSince, type Moment} from '../core/look-first.js';
import type {Payment} from '../core/payment.js';
import type {ApiError, Outcome} from '../core/ports.js';
import {credentialsError} from './network.js';
import type {Parts} from './parts.js';

export type Leftovers =
  | {readonly kind: 'known'; readonly intents: ReadonlyMap<string, string>}
  | {readonly kind: 'unavailable'; readonly error: ApiError};

/**
 * Intents the API already holds for these payments, which `mustLookFirst`, by local id: one list of the intents since
 * the oldest of them, matched by `metadata.stowpay_id`. (Search lags and proves nothing.)
 *
 * Without the list they must not be sent: `unavailable`. Throws `authentication_failed`.
 */
export async function leftoverIntents(
  parts: Parts,
  payments: readonly Payment[],
  now: Moment,
  signal: AbortSignal | undefined,
): Promise<Leftovers> {
  if (payments.length === 0) return {kind: 'known', intents: new Map()};
  const listed = await intentsOf(parts, payments, now, signal);
  if (listed.kind === 'stop') throw credentialsError(listed.error);
  if (listed.kind !== 'delivered') return {kind: 'unavailable', error: listed.error};
  return {kind: 'known', intents: listed.value};
}

/** Intents the API holds for these payments, at least one, by local id; of several the one that moved money. */
export async function intentsOf(
  parts: Parts,
  payments: readonly Payment[],
  now: Moment,
  signal: AbortSignal | undefined,
): Promise<Outcome<ReadonlyMap<string, string>>> {
  const known = new Map<string, string>();
  const best = new Map<string, number>();
  const wanted = new Set(payments.map(({local_id}) => local_id));
  for await (const page of parts.gateway.listPaymentIntents(lookSince(payments, now), signal)) {
    if (page.kind !== 'delivered') return page;
    for (const {id, metadata, status, charge} of page.value) {
      // Cancelled before it was ever confirmed: a leftover somebody cleaned up. It moved no money and never will.
      if (status === 'canceled' && charge === null) continue;
      const local = metadata.stowpay_id;
      if (local === undefined || !wanted.has(local)) continue;
      const told = tells(status, charge !== null);
      if (told <= (best.get(local) ?? 0)) continue;
      best.set(local, told);
      known.set(local, id);
    }
  }
  return {kind: 'delivered', value: known, request_id: null};
}

/**
 * Of several intents for one payment the one that moves money counts, then one its card was shown to, then the newest
 * (they come newest first).
 */
function tells(status: string, charged: boolean): number {
  if (['succeeded', 'requires_capture', 'processing'].includes(status)) return 3;
  return charged ? 2 : 1;
}
