import {type Backoff, backoffMs, jitterOf} from '../../core/retry.js';
import type {Parts} from '../parts.js';

/** A soft decline is the issuer's "later": minutes, not seconds. */
const SOFT_DECLINE: Backoff = {first_ms: 10 * 60_000, cap_ms: 4 * 3600_000};

/** A payment in another process's hand is settled by it within seconds. */
const BUSY_MS = 1_500;

export interface ScheduleOptions {
  readonly backoff: Backoff;
  /** Milliseconds that never jump. */
  readonly mono: () => number;
  /** From 0 to 1. */
  readonly jitter: () => number;
}

/** Chance, and the clock that timers run on: never the wall's, which may jump. */
export function timing(parts: Pick<Parts, 'random'>): Pick<ScheduleOptions, 'mono' | 'jitter'> {
  return {mono: () => performance.now(), jitter: () => jitterOf(parts.random)};
}

interface Entry {
  readonly failures: number;
  /** On the clock of `mono`; infinite when this process is done with it. */
  readonly due: number;
  /** The issuer asked for time, not the network: its return changes nothing. */
  readonly soft: boolean;
}

/** When each payment is tried again. A payment it does not know is due now. */
export class Schedule {
  readonly #options: ScheduleOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: ScheduleOptions) {
    this.#options = options;
  }

  /** How often it failed since it was last forgotten. */
  failures(localId: string): number {
    return this.#entries.get(localId)?.failures ?? 0;
  }

  isDue(localId: string): boolean {
    return (this.#entries.get(localId)?.due ?? 0) <= this.#options.mono();
  }

  /** Afterwards it is due later, the more it failed the later; `askedMs` as the API's Retry-After. */
  failed(localId: string, askedMs: number | null): void {
    const failures = this.failures(localId) + 1;
    const pause = backoffMs(this.#options.backoff, failures, this.#options.jitter(), askedMs);
    this.#entries.set(localId, {failures, due: this.#options.mono() + pause, soft: false});
  }

  /** Another process has it in hand, so that it was not tried: soon again, and no failure of its own. */
  busy(localId: string): void {
    const due = this.#options.mono() + BUSY_MS * (0.5 + this.#options.jitter() / 2);
    this.#entries.set(localId, {failures: this.failures(localId), due, soft: false});
  }

  /**
   * Afterwards it is due when the issuer may have changed its mind.
   *
   * @param declines how often it was declined so up to now
   * @param agoMs how long ago the last one was
   */
  softDeclined(localId: string, declines: number, agoMs = 0): void {
    // Never at once: half of the ceiling is sure.
    const pause = backoffMs(SOFT_DECLINE, declines, 0.5 + this.#options.jitter() / 2, null);
    // A clock that jumped makes it wait no longer than the pause.
    const due = this.#options.mono() + pause - Math.min(Math.max(agoMs, 0), pause);
    this.#entries.set(localId, {failures: this.failures(localId), due, soft: true});
  }

  /** It was seen before: when it is due was decided then. */
  isKnown(localId: string): boolean {
    return this.#entries.has(localId);
  }

  /** There is nothing more this process can do for it. */
  finished(localId: string): void {
    this.#entries.set(localId, {
      failures: this.failures(localId),
      due: Number.POSITIVE_INFINITY,
      soft: false,
    });
  }

  isFinished(localId: string): boolean {
    return this.#entries.get(localId)?.due === Number.POSITIVE_INFINITY;
  }

  forget(localId: string): void {
    this.#entries.delete(localId);
  }

  /** Milliseconds until the next of them is due; null when none waits. */
  untilNext(localIds: Iterable<string>): number | null {
    let soonest = Number.POSITIVE_INFINITY;
    for (const localId of localIds) soonest = Math.min(soonest, this.#entries.get(localId)?.due ?? 0);
    return Number.isFinite(soonest) ? Math.max(0, soonest - this.#options.mono()) : null;
  }

  /** The network came back: what failed because of it is due now. */
  reset(): void {
    for (const [localId, {due, soft}] of this.#entries) {
      if (!soft && Number.isFinite(due)) this.#entries.delete(localId);
    }
  }

  /** Lets go of all but these: they are settled, and the memory stays flat. */
  keepOnly(localIds: ReadonlySet<string>): void {
    for (const localId of this.#entries.keys()) if (!localIds.has(localId)) this.#entries.delete(localId);
  }
}
