import type {Outcome} from '../core/ports.js';
import {isSuspect} from '../core/retry.js';
import {reachableFailure} from './forward/reachable.js';
import type {Failure} from './forward/result.js';
import type {Parts} from './parts.js';

/** What one act on one payment brought. */
export interface Acted<R> {
  readonly result: R;
  /** The last outcome of the API; null when nothing had to be asked. */
  readonly last: Outcome<unknown> | null;
  /** Set when nothing more may be tried: no credentials, no journal. */
  readonly lost: Failure | null;
}

export interface Crew<P, R> {
  /** Acts on one payment, once. Must not throw for what the API or the network does. */
  act(payment: P): Promise<Acted<R>>;
  /** Asked before each: its result when it is not its turn (another account's, interrupted), else null. */
  skip(payment: P): R | null;
  /** What becomes of a payment that the work did not come to. */
  left(payment: P, lost: Failure): R;
  readonly onResult: (result: R) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Acts on each payment once, the first first, as many at a time as the profile's pace allows. After an outcome that
 * may be the fault of the network or of the whole API, nothing new is begun until a probe was answered, so that a dead
 * or hanging link leaves at most one doubt a worker behind.
 *
 * @returns results in the order of the payments, and what stopped the work
 */
export async function workThrough<P, R>(
  parts: Parts,
  payments: readonly P[],
  crew: Crew<P, R>,
): Promise<{readonly results: readonly R[]; readonly lost: Failure | null}> {
  const work = new Work(parts, payments, crew);
  const workers = Math.min(parts.profile.pace.concurrency, payments.length);
  await Promise.all(Array.from({length: workers}, () => work.run()));
  return {results: work.results, lost: work.lost};
}

class Work<P, R> {
  readonly results: R[] = [];
  lost: Failure | null = null;
  readonly #parts: Parts;
  readonly #payments: readonly P[];
  readonly #crew: Crew<P, R>;
  #next = 0;
  /** A probe that nobody may go on without. */
  #probing: Promise<void> | null = null;

  constructor(parts: Parts, payments: readonly P[], crew: Crew<P, R>) {
    this.#parts = parts;
    this.#payments = payments;
    this.#crew = crew;
  }

  async run(): Promise<void> {
    for (;;) {
      // Also after the last one: what the probe tells is how the work ended.
      if (this.#probing !== null) {
        await this.#probing;
        continue;
      }
      if (this.#next >= this.#payments.length) return;
      const index = this.#next;
      const payment = this.#payments[index] as P;
      this.#next += 1;
      const result = this.#withoutActing(payment) ?? (await this.#act(payment));
      this.results[index] = result;
      this.#crew.onResult(result);
    }
  }

  #withoutActing(payment: P): R | null {
    const skipped = this.#crew.skip(payment);
    if (skipped !== null) return skipped;
    return this.lost === null ? null : this.#crew.left(payment, this.lost);
  }

  async #act(payment: P): Promise<R> {
    const {result, last, lost} = await this.#crew.act(payment);
    this.lost ??= lost;
    if (last !== null && isSuspect(last) && this.lost === null) this.#probing ??= this.#probe();
    return result;
  }

  async #probe(): Promise<void> {
    const failure = await reachableFailure(this.#parts, this.#crew.signal);
    this.lost ??= failure;
    this.#probing = null;
  }
}
