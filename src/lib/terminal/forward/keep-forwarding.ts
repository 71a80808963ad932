import {StowpayError} from '../../core/errors.js';
import type {Payment} from '../../core/payment.js';
import type {Journal} from '../../core/ports.js';
import {type Backoff, backoffMs, jitterOf} from '../../core/retry.js';
import type {Parts} from '../parts.js';
import {Forwarder, type Pass} from './forwarder.js';
import {untilReachable} from './reachable.js';
import {type Failure, type ForwardItem, failureOf, isSettled} from './result.js';
import type {Schedule} from './schedule.js';
import {sleep} from './sleep.js';

/** How soon a payment that another process stored is seen. Looking costs no network and no write. */
const LOOK_MS = 500;
/** Between two looks while the journal cannot be written. */
const BLOCKED_MS = 1000;
const IN_VAIN: Backoff = {first_ms: 2_000, cap_ms: 60_000};
/** Somebody may be watching for a sign of life. */
const BEAT_MS = 5_000;
/** A pass is cut into pieces, so that what comes meanwhile is seen. */
const BATCH = 200;

/** What a forwarder does now. `blocked`: the journal cannot be written just now, so that nothing may be sent. */
export type Doing = 'sending' | 'idle' | 'offline' | 'blocked';

export interface KeepForwarding {
  readonly schedule: Schedule;
  readonly named: boolean;
  /** Raised to end it: nothing new is begun, what is in hand is brought to its end. */
  readonly signal: AbortSignal | undefined;
  /** What there is to send now, oldest first. */
  select(): Promise<readonly Payment[]>;
  /** Asked when nothing of these is due: the work is done. */
  isOver(payments: readonly Payment[]): boolean;
  onItem(item: ForwardItem): void;
  /** It is alive, and this is what it does. Called at least every few seconds. */
  onBeat(doing: Doing, lost: Failure | null): void;
  /** Some payments must not be sent with these credentials. Called once. */
  onForeign?(foreign: Failure): void;
  /** The API answered again after it did not. */
  onReturn?(): Promise<void>;
  /** Nothing is due; must not throw for what the API does. */
  onIdle?(): Promise<void>;
}

export interface Kept {
  /** What ended it for good: credentials, the journal. */
  readonly lost: Failure | null;
  readonly foreign: Failure | null;
  /** Why nothing could be sent when it was ended; null when something could. */
  readonly hindered: Failure | null;
}

/**
 * Forwards whenever it can, until the work is over, the signal is raised, or something fails that no waiting mends.
 * Without network it waits for its return, and then starts anew with what failed because of it.
 *
 * @throws what the journal throws, unless waiting mends it
 */
export function keepForwarding(parts: Parts, journal: Journal, work: KeepForwarding): Promise<Kept> {
  return new Keeper(parts, journal, work).run();
}

class Keeper {
  readonly #parts: Parts;
  readonly #work: KeepForwarding;
  readonly #forwarder: Forwarder;
  #foreign: Failure | null = null;
  /** Why nothing could be sent the last time. */
  #hindered: {readonly doing: 'offline' | 'blocked'; readonly why: Failure} | null = null;
  /** So often in a row something stopped a pass although the API answers. */
  #vain = 0;

  constructor(parts: Parts, journal: Journal, work: KeepForwarding) {
    this.#parts = parts;
    this.#work = work;
    const {schedule, named, signal} = work;
    const onItem = (item: ForwardItem): void => {
      if (isSettled(item.outcome)) this.#hindered = null;
      this.#beat();
      work.onItem(item);
    };
    this.#forwarder = new Forwarder(parts, journal, {schedule, named, signal, onItem});
  }

  async run(): Promise<Kept> {
    const {signal} = this.#work;
    while (signal?.aborted !== true) {
      const step = await this.#patiently(() => this.#step());
      if (step === 'over') break;
      if (step !== 'on') return {lost: step, foreign: this.#foreign, hindered: null};
    }
    return {lost: null, foreign: this.#foreign, hindered: this.#hindered?.why ?? null};
  }

  /** Forwards what is due, or waits a little. What ends the work is returned. */
  async #step(): Promise<'on' | 'over' | Failure> {
    const payments = await this.#work.select();
    const due = this.#dueOf(payments);
    if (due.length === 0) return this.#idle(payments);
    this.#beat();
    const pass = await this.#forwarder.pass(due, () => this.#more());
    this.#tellForeign(pass);
    if (pass.lost === null) {
      this.#hindered = null;
      this.#vain = 0;
      return 'on';
    }
    if (pass.lost.condition === 'temporary') return this.#offline(pass.lost);
    return isMendedByWaiting(pass.lost) ? this.#blocked(pass.lost) : pass.lost;
  }

  /** Those that failed before come last, so that nobody waits behind them. */
  #dueOf(payments: readonly Payment[]): readonly Payment[] {
    const {schedule} = this.#work;
    const due = payments.filter(({local_id}) => schedule.isDue(local_id));
    const failed = (payment: Payment): boolean => schedule.failures(payment.local_id) > 0;
    return [...due.filter((payment) => !failed(payment)), ...due.filter(failed)].slice(0, BATCH);
  }

  async #more(): Promise<readonly Payment[]> {
    this.#beat();
    try {
      return this.#dueOf(await this.#work.select());
    } catch (error) {
      // The next pass meets it, too.
      if (error instanceof StowpayError) return [];
      throw error;
    }
  }

  async #idle(payments: readonly Payment[]): Promise<'on' | 'over'> {
    const {schedule, signal} = this.#work;
    if (this.#work.isOver(payments)) return 'over';
    // What hindered a payment is over when there is none any more; else it is known when the next one is due.
    if (payments.length === 0) this.#hindered = null;
    this.#beat('idle');
    await this.#work.onIdle?.();
    const next = schedule.untilNext(payments.map(({local_id}) => local_id)) ?? LOOK_MS;
    await sleep(Math.min(next, LOOK_MS), signal);
    return 'on';
  }

  async #offline(lost: Failure): Promise<'on'> {
    this.#hindered = {doing: 'offline', why: lost};
    const back = await untilReachable(this.#parts, this.#work.signal, () => this.#beat());
    if (back === null) return 'on';
    // Those from before may be dead and not tell.
    this.#parts.gateway.renew();
    this.#forwarder.reached(back.reach);
    if (!back.was_away) {
      // It answers when it is asked whether it works, and does not work: the same again would only be a burden.
      this.#vain += 1;
      await this.#rest();
      return 'on';
    }
    this.#vain = 0;
    this.#hindered = null;
    this.#work.schedule.reset();
    await this.#work.onReturn?.();
    return 'on';
  }

  #beat(doing: 'sending' | 'idle' = 'sending'): void {
    this.#work.onBeat(this.#hindered?.doing ?? doing, this.#hindered?.why ?? null);
  }

  async #rest(): Promise<void> {
    const until = performance.now() + backoffMs(IN_VAIN, this.#vain, jitterOf(this.#parts.random), null);
    while (performance.now() < until && this.#work.signal?.aborted !== true) {
      this.#beat();
      await sleep(Math.min(BEAT_MS, until - performance.now()), this.#work.signal);
    }
  }

  /** Another process keeps the journal for itself, or its disk is full: that passes, and nothing was lost. */
  async #blocked(lost: Failure): Promise<'on'> {
    this.#hindered = {doing: 'blocked', why: lost};
    this.#beat();
    await sleep(BLOCKED_MS, this.#work.signal);
    return 'on';
  }

  async #patiently(step: () => Promise<'on' | 'over' | Failure>): Promise<'on' | 'over' | Failure> {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof StowpayError)) throw error;
      const failure = failureOf(error);
      if (isMendedByWaiting(failure)) return this.#blocked(failure);
      // Refused credentials: what was delivered before must still be told.
      if (failure.condition === 'credentials') return failure;
      throw error;
    }
  }

  #tellForeign({foreign}: Pass): void {
    if (foreign === null || this.#foreign !== null) return;
    this.#foreign = foreign;
    this.#work.onForeign?.(foreign);
  }
}

function isMendedByWaiting({condition, code}: Failure): boolean {
  return condition === 'locked' || code === 'journal_full';
}
