import type {Outcome} from '../core/ports.js';
import {isSuspect} from '../core/retry.js';
import {reachableFailure} from './forward/reachable.js';
import type {Failure} from './forward/result.js';
import {sleep} from './forward/sleep.js';
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
  /** @param last the last outcome of the API; null when nothing had to be asked */
  readonly onResult: (result: R, payment: P, last: Outcome<unknown> | null) => void;
  readonly signal: AbortSignal | undefined;
  /** What came meanwhile. Asked now and then while the last ones take their time, so that nothing waits behind them. */
  more?(): Promise<readonly P[]>;
}

/** How often idle hands look for more. */
const LOOK_MS = 500;
/** Nothing more is taken in afterwards: whoever began the work gets to see its results. */
const MOST_RESULTS = 1000;

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
  const {concurrency} = parts.profile.pace;
  const workers = crew.more === undefined ? Math.min(concurrency, payments.length) : concurrency;
  const ends = await Promise.allSettled(Array.from({length: workers}, () => work.run()));
  // Only now: nobody may still be at work on a payment when its owner goes on.
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return {results: work.results, lost: work.lost};
}

class Work<P, R> {
  readonly results: R[] = [];
  lost: Failure | null = null;
  readonly #parts: Parts;
  readonly #payments: P[];
  readonly #crew: Crew<P, R>;
  #next = 0;
  /** How many are being acted on. */
  #inHand = 0;
  /** Raised when the last one in hand is done and there is no other. */
  #done = new AbortController();
  #looking: Promise<void> | null = null;
  /** A probe that nobody may go on without. */
  #probing: Promise<void> | null = null;

  constructor(parts: Parts, payments: readonly P[], crew: Crew<P, R>) {
    this.#parts = parts;
    this.#payments = [...payments];
    this.#crew = crew;
  }

  async run(): Promise<void> {
    for (;;) {
      // Also after the last one: what the probe tells is how the work ended.
      if (this.#probing !== null) {
        await this.#probing;
        continue;
      }
      if (this.#next >= this.#payments.length) {
        if (!this.#mayGetMore()) return;
        this.#looking ??= this.#lookForMore();
        await this.#looking;
        continue;
      }
      const index = this.#next;
      const payment = this.#payments[index] as P;
      this.#next += 1;
      const {result, last} = this.#withoutActing(payment) ?? (await this.#act(payment));
      this.results[index] = result;
      this.#crew.onResult(result, payment, last);
      if (this.#inHand === 0 && this.#next >= this.#payments.length) this.#done.abort();
    }
  }

  #mayGetMore(): boolean {
    if (this.#crew.more === undefined || this.lost !== null || this.#crew.signal?.aborted === true)
      return false;
    return this.#inHand > 0 && this.#payments.length < MOST_RESULTS;
  }

  async #lookForMore(): Promise<void> {
    this.#done = new AbortController();
    await sleep(LOOK_MS, this.#done.signal);
    if (this.#mayGetMore()) this.#payments.push(...((await this.#crew.more?.()) ?? []));
    this.#looking = null;
  }

  #withoutActing(payment: P): {readonly result: R; readonly last: null} | null {
    const result =
      this.#crew.skip(payment) ?? (this.lost === null ? null : this.#crew.left(payment, this.lost));
    return result === null ? null : {result, last: null};
  }

  async #act(payment: P): Promise<Pick<Acted<R>, 'result' | 'last'>> {
    this.#inHand += 1;
    const {result, last, lost} = await this.#crew.act(payment).finally(() => {
      this.#inHand -= 1;
    });
    this.lost ??= lost;
    if (last !== null && isSuspect(last) && this.lost === null) this.#probing ??= this.#probe();
    return {result, last};
  }

  async #probe(): Promise<void> {
    const failure = await reachableFailure(this.#parts, this.#crew.signal);
    this.lost ??= failure;
    this.#probing = null;
  }
}
