import {KEY_LIFETIME_MS, type Payment} from './payment.js';

/** Now, as far as anybody knows. */
export interface Moment {
  /** Milliseconds since the epoch: the API's clock where it told, else ours. */
  readonly ms: number;
  readonly boot: string;
  /** Milliseconds since boot. */
  readonly mono: number;
}

/**
 * True for a stored payment without an intent that must be looked up at the API before it is sent.
 *
 * A journal restored from a backup looks healthy and has forgotten what was sent since. Within the life of a key the
 * API itself answers a second create with the first intent; after that only a look prevents a second charge. So the
 * age must be known to be less: by the clock that never jumps, in the same boot, and by the API's clock against what
 * ours said. Whatever cannot be known counts as old.
 */
export function mustLookFirst(payment: Payment, now: Moment): boolean {
  return payment.id === null && (payment.look_first || mayBeForgotten(payment, now));
}

/**
 * True for a stored payment of which more may have been done than this journal knows. Where its intent is known, a look
 * at that tells before it is confirmed again: one that was declined for good must not be shown to its issuer anew.
 */
export function mayBeForgotten(payment: Payment, now: Moment): boolean {
  if (payment.stored_at === null) return false;
  const age = ageInBoot(payment, now);
  const told = now.ms - Date.parse(payment.stored_at);
  return age === null || age > KEY_LIFETIME_MS || !(Math.abs(told) <= KEY_LIFETIME_MS);
}

const HOUR_MS = 3600 * 1000;
/** A clock without a battery comes back with the time of the last shutdown, or of an image: days, not months. */
const CLOCK_ERROR_MS = 48 * HOUR_MS;
/** A payment from the future tells nothing of its age. */
const LONGEST_MS = 30 * 24 * HOUR_MS;
const SKEW_MS = 5 * 60 * 1000;

/** From when on the API's intents are looked through for these payments; unix seconds. */
export function lookSince(payments: readonly Payment[], now: Moment): number {
  const since = Math.min(...payments.map((payment) => earliest(payment, now)));
  return Math.max(0, Math.floor(since / 1000));
}

/** The earliest time, ms, at which an intent of it can have been created. */
function earliest(payment: Payment, now: Moment): number {
  const created = Date.parse(payment.created_at);
  const age = ageInBoot(payment, now);
  const told =
    Number.isNaN(created) || created > now.ms + SKEW_MS ? now.ms - LONGEST_MS : created - CLOCK_ERROR_MS;
  return age === null ? told : Math.min(told, now.ms - age - HOUR_MS);
}

/** How long ago it was stored, ms, by a clock that never jumps; null in another boot. */
function ageInBoot({stored_in}: Payment, {boot, mono}: Moment): number | null {
  if (stored_in === null || stored_in.boot !== boot || mono < stored_in.mono) return null;
  return mono - stored_in.mono;
}
