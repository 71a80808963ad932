import {fullBucket, type Rate, rateOf, type TokenBucket, takeToken} from '../../core/pace.js';
import type {Clock, Gateway, Outcome, Random} from '../../core/ports.js';
import {jitterOf} from '../../core/retry.js';
import type {Parts} from '../parts.js';
import {sleep} from './sleep.js';

/**
 * The same parts, with a gateway that keeps to the pace of the profile, on the clock that timers run on. Once `over` is
 * raised no call waits long for its turn any more.
 */
export function paced(parts: Parts, over?: AbortSignal): Parts {
  const {gateway, profile, random} = parts;
  const clock = {mono: () => performance.now()};
  return {...parts, gateway: pacedGateway(gateway, {rate: rateOf(profile.pace), clock, random, sleep, over})};
}

/** Resolves after `ms` milliseconds, or as soon as the signal is raised. Never rejects. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

export interface PaceOptions {
  readonly rate: Rate;
  readonly clock: Pick<Clock, 'mono'>;
  readonly random: Random;
  readonly sleep: Sleep;
  /** Raised when the work is to end: a call that gets no turn soon after is given up, unsent. */
  readonly over?: AbortSignal | undefined;
}

/** What is in hand when the work is to end may be brought to its end, if only the rate is in the way. */
const GRACE_MS = 1000;

/**
 * The same gateway, not faster than the rate: every request waits for its turn, first come first served, and after a
 * 429 all of them wait for as long as the API asks, or ever longer. A call given up while it waits was never sent.
 * `probe` waits for nothing: it asks whether there is a network at all.
 */
export function pacedGateway(gateway: Gateway, options: PaceOptions): Gateway {
  const pacer = new Pacer(options);
  return {
    origin: gateway.origin,
    apiVersion: gateway.apiVersion,
    acceptsSealedData: gateway.acceptsSealedData,
    freezeCreate: (draft) => gateway.freezeCreate(draft),
    freezeConfirm: (draft) => gateway.freezeConfirm(draft),
    account: (signal) => pacer.call(() => gateway.account(signal), signal),
    probe: (signal) => gateway.probe(signal),
    terminal: (location, signal) => pacer.call(() => gateway.terminal(location, signal), signal),
    createPaymentIntent: (call, signal) =>
      pacer.call(() => gateway.createPaymentIntent(call, signal), signal),
    retrievePaymentIntent: (id, signal) =>
      pacer.call(() => gateway.retrievePaymentIntent(id, signal), signal),
    confirmPaymentIntent: (id, call, sealed, signal) =>
      pacer.call(() => gateway.confirmPaymentIntent(id, call, sealed, signal), signal),
    capturePaymentIntent: (id, call, signal) =>
      pacer.call(() => gateway.capturePaymentIntent(id, call, signal), signal),
    cancelPaymentIntent: (id, call, signal) =>
      pacer.call(() => gateway.cancelPaymentIntent(id, call, signal), signal),
    listPaymentIntents: (since, signal) => pacer.pages(gateway.listPaymentIntents(since, signal), signal),
    renew: () => gateway.renew(),
    close: () => gateway.close(),
  };
}

/** Without a Retry-After: a random part of this, doubled with every refusal in a row. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;
/** A limit that asks for more is asked again: it may have been lifted, and a queue must not stand for a day. */
const LONGEST_ASKED_MS = 60_000;

class Pacer {
  private readonly options: PaceOptions;
  private bucket: TokenBucket;
  /** Told whether they may start. */
  private readonly waiting: Array<(mayStart: boolean) => void> = [];
  /** Ends the sleep of whoever serves the queue; null while nobody sleeps. */
  private asleep: AbortController | null = null;
  private serving = false;
  private pausedAt = Number.NEGATIVE_INFINITY;
  private resumesAt = Number.NEGATIVE_INFINITY;
  private refusals = 0;

  constructor(options: PaceOptions) {
    this.options = options;
    this.bucket = fullBucket(options.rate, options.clock.mono());
  }

  async call<T>(act: () => Promise<Outcome<T>>, signal: AbortSignal | undefined): Promise<Outcome<T>> {
    if (!(await this.turn(signal))) return GIVEN_UP;
    const startedAt = this.options.clock.mono();
    const outcome = await act();
    this.learn(outcome, startedAt);
    return outcome;
  }

  /** Each page is a request of its own. */
  async *pages<T>(
    pages: AsyncIterable<Outcome<T>>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Outcome<T>> {
    const iterator = pages[Symbol.asyncIterator]();
    try {
      for (;;) {
        if (!(await this.turn(signal))) return yield GIVEN_UP;
        const startedAt = this.options.clock.mono();
        const page = await iterator.next();
        if (page.done === true) return;
        this.learn(page.value, startedAt);
        yield page.value;
      }
    } finally {
      await iterator.return?.();
    }
  }

  /** Resolves when a request may start now, with true; with false as soon as it is given up. */
  private turn(signal: AbortSignal | undefined): Promise<boolean> {
    if (signal?.aborted === true) return Promise.resolve(false);
    if (!this.serving && this.takeTurn() === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (mayStart: boolean): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve(mayStart);
      };
      const giveUp = (): void => {
        this.waiting.splice(this.waiting.indexOf(end), 1);
        if (this.waiting.length === 0) this.asleep?.abort();
        end(false);
      };
      signal?.addEventListener('abort', giveUp, {once: true});
      this.waiting.push(end);
      if (!this.serving) void this.serve();
    });
  }

  /** Lets those who wait start, in order. Asks the clock again after every sleep: one that lasted too long saves nothing up. */
  private async serve(): Promise<void> {
    this.serving = true;
    const hurry = this.hurried();
    while (this.waiting.length > 0) {
      const wait = this.takeTurn();
      if (wait === 0) {
        this.waiting.shift()?.(true);
        continue;
      }
      this.asleep = new AbortController();
      await this.options.sleep(wait, this.asleep.signal);
      this.asleep = null;
    }
    hurry.end();
    this.serving = false;
  }

  /** Once the work is to end, whoever still waits a moment later is given up. One listener, however many wait. */
  private hurried(): {end(): void} {
    const {over, sleep: pause} = this.options;
    const served = new AbortController();
    const hurry = async (): Promise<void> => {
      await pause(GRACE_MS, served.signal);
      if (served.signal.aborted) return;
      for (const end of this.waiting.splice(0)) end(false);
      this.asleep?.abort();
    };
    const onOver = (): void => void hurry();
    if (over?.aborted === true) onOver();
    else over?.addEventListener('abort', onOver, {once: true});
    return {
      end: () => {
        served.abort();
        over?.removeEventListener('abort', onOver);
      },
    };
  }

  /** Milliseconds until it is worth asking again; 0 when one request may start. */
  private takeTurn(): number {
    const now = this.options.clock.mono();
    if (now < this.resumesAt) return Math.max(1, Math.ceil(this.resumesAt - now));
    const taken = takeToken(this.options.rate, this.bucket, now);
    this.bucket = taken.bucket;
    return taken.wait_ms;
  }

  /** Of requests that were refused together only the first makes the pause longer. */
  private learn(outcome: Outcome<unknown>, startedAt: number): void {
    const afterPause = startedAt >= this.pausedAt;
    const limited = rateLimit(outcome);
    if (limited === null) {
      if (afterPause && outcome.kind !== 'never_sent') this.refusals = 0;
      return;
    }
    const now = this.options.clock.mono();
    if (afterPause) {
      this.refusals += 1;
      this.pausedAt = now;
    }
    this.resumesAt = Math.max(this.resumesAt, now + this.pauseMs(limited.retry_after_ms));
  }

  /** Random, also on top of what the API asks for: devices that were refused together must not come back together. */
  private pauseMs(asked: number | null): number {
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.refusals - 1));
    return Math.min(asked ?? 0, LONGEST_ASKED_MS) + jitterOf(this.options.random) * longest;
  }
}

const GIVEN_UP: Outcome<never> = {
  kind: 'never_sent',
  error: {
    type: 'stowpay',
    code: 'aborted',
    decline_code: null,
    message: 'The call was given up before it was sent.',
    http_status: null,
    request_id: null,
  },
};

/** A 429 about a lock is about one object; any other is about all of our requests. */
function rateLimit(outcome: Outcome<unknown>): Extract<Outcome<unknown>, {kind: 'retry'}> | null {
  if (outcome.kind !== 'retry' || outcome.error.http_status !== 429) return null;
  return outcome.error.code === 'lock_timeout' ? null : outcome;
}
