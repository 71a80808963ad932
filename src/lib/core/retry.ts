import type {Outcome, Random} from './ports.js';

export interface Backoff {
  /** The ceiling after the first failure, ms; it doubles with each further one. */
  readonly first_ms: number;
  readonly cap_ms: number;
}

/** Between the tries of one run, while somebody waits for it. */
export const IN_RUN: Backoff = {first_ms: 400, cap_ms: 5_000};
/** Between the tries of one payment while somebody waits for the whole queue. */
export const WAITING: Backoff = {first_ms: 500, cap_ms: 30_000};
/** Between the tries of one payment by a forwarder that runs for days. */
export const LASTING: Backoff = {first_ms: 1_000, cap_ms: 5 * 60_000};

/**
 * How long to wait before the next try, ms: full jitter below a ceiling that doubles up to the cap, so that many
 * devices do not come back at once; longer where the API asked for it, but never above the cap.
 *
 * @param failures how many tries failed up to now, at least 1
 * @param jitter from 0 to 1, drawn anew each time
 * @param askedMs what the API's Retry-After asked for, ms; null when it did not
 */
export function backoffMs(
  backoff: Backoff,
  failures: number,
  jitter: number,
  askedMs: number | null,
): number {
  const doublings = Math.min(Math.max(failures, 1) - 1, 30);
  const ceiling = Math.min(backoff.cap_ms, backoff.first_ms * 2 ** doublings);
  return Math.max(Math.min(askedMs ?? 0, backoff.cap_ms), jitter * ceiling);
}

/** Chance for a pause: from 0 to 1, drawn anew each time. */
export function jitterOf(random: Random): number {
  const [byte = 128] = random(1);
  return byte / 255;
}

/** A number from 0 to 1 that is the same for a device every time and spread evenly over a fleet (FNV-1a). */
export function shareOf(device: string): number {
  let hash = 0x811c9dc5;
  for (const character of device) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash / 2 ** 32;
}

/**
 * True for an outcome that may be the fault of the network or of the whole API rather than of one payment: before
 * the next payment is sent, somebody should ask whether the API works at all.
 */
export function isSuspect({kind}: Outcome<unknown>): boolean {
  return kind === 'never_sent' || kind === 'in_doubt' || kind === 'retry';
}

/** The same request may be sent again in this run. Without any network there is nothing to wait for. */
export function mayRepeat({kind}: Outcome<unknown>): boolean {
  return kind === 'retry' || kind === 'in_doubt';
}

/** What the API's Retry-After asked for, ms; null when it did not. */
export function askedPause(outcome: Outcome<unknown> | null): number | null {
  return outcome?.kind === 'retry' ? outcome.retry_after_ms : null;
}
