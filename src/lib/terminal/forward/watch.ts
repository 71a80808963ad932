import {StowpayError} from '../../core/errors.js';
import type {Payment} from '../../core/payment.js';
import {FORWARDER, type NetworkStatus} from '../../core/ports.js';
import {LASTING, shareOf} from '../../core/retry.js';
import {amountsByCurrency, offlinePayments, type State} from '../../core/state.js';
import {rfc3339} from '../../core/time.js';
import {healthyState, type Parts, statesNow} from '../parts.js';
import {leftoversOf, sweep} from '../sweep.js';
import {type Doing, keepForwarding} from './keep-forwarding.js';
import {paced} from './pace.js';
import {type Failure, type ForwardItem, type ForwardOutcome, isSettled} from './result.js';
import {Schedule, timing} from './schedule.js';
import {duePayments, stateStillThere} from './select.js';
import {sleep} from './sleep.js';

/** What a forwarder tells while it runs, one at a time, each when it is true. */
export type ForwarderEvent =
  | {
      readonly event: 'offline_status_change';
      readonly at: string;
      readonly network_status: NetworkStatus;
      readonly offline_payments_count: number;
      readonly offline_payment_amounts_by_currency: Readonly<Record<string, number>>;
    }
  /** A payment reached its end here, good or bad. Its error is null when it was delivered. */
  | {
      readonly event: 'payment_intent_forwarded';
      readonly at: string;
      readonly outcome: ForwardOutcome;
      readonly payment: ForwardItem['payment'];
      readonly error: string | null;
    }
  /** Nothing can be sent now, and no single payment is to blame. */
  | {
      readonly event: 'forwarding_failure';
      readonly at: string;
      readonly error: Pick<Failure, 'code' | 'message'>;
    };

export interface WatchRequest {
  readonly signal: AbortSignal;
  readonly onEvent: (event: ForwarderEvent) => void;
  /** It is alive and does this. Called at least every few seconds while it is well. */
  readonly onBeat: (doing: Doing, queue: QueueNow) => void;
}

export interface QueueNow {
  readonly count: number;
  readonly amounts: Readonly<Record<string, number>>;
}

export interface Watched {
  readonly outcomes: Readonly<Partial<Record<ForwardOutcome, number>>>;
  /** What ended it; null when it was asked to stop. */
  readonly forwarding_failure: Failure | null;
}

/** A device must not come back at the very moment all others do. */
const SPREAD_MS = 700;
/** Unconfirmed intents move no money: cleaning up may take its time. */
/** Between two looks at the journal while it is busy. */
const LOOK_MS = 900;
const SWEEP_PAUSE_MS = 60_000;
const LONGEST_SWEEP_PAUSE_MS = 3_600_000;

/**
 * Forwards whenever it can, until the signal is raised: what is stored now and what will be. There is one forwarder a
 * data directory at a time; other commands work beside it.
 *
 * @throws forwarder_running, or what the journal throws
 */
export async function watch(parts: Parts, request: WatchRequest): Promise<Watched> {
  const journal = parts.journals.open();
  parts.journals.prepare();
  const claim = await journal.claim(FORWARDER);
  if (claim === null) throw forwarderRunning();
  try {
    return await new Watch(paced(parts, request.signal), request).run();
  } finally {
    claim.release();
  }
}

function forwarderRunning(): StowpayError {
  return new StowpayError('forwarder_running', 'A forwarder already runs on this data directory.', {
    hint: 'One is enough: it sends everything. stowpay forward (without --watch) may run beside it.',
  });
}

class Watch {
  readonly #parts: Parts;
  readonly #request: WatchRequest;
  readonly #schedule: Schedule;
  readonly #outcomes: Partial<Record<ForwardOutcome, number>> = {};
  #status = '';
  #queue: QueueNow = {count: 0, amounts: {}};
  #failing: string | null = null;
  #nextSweep = 0;
  #looking: Promise<void> | null = null;
  #nextLook = 0;
  #sweepPause = SWEEP_PAUSE_MS;
  /** Leftovers that had their turn. */
  readonly #swept = new Set<string>();

  constructor(parts: Parts, request: WatchRequest) {
    this.#parts = parts;
    this.#request = request;
    this.#schedule = new Schedule({...timing(parts), backoff: LASTING});
  }

  async run(): Promise<Watched> {
    const journal = this.#parts.journals.open();
    const {lost} = await keepForwarding(this.#parts, journal, {
      schedule: this.#schedule,
      named: false,
      signal: this.#request.signal,
      select: async () => {
        const state = await stateStillThere(this.#parts, journal);
        this.#tellStatus(state);
        const due = duePayments(this.#parts, journal, state);
        this.#schedule.keepOnly(new Set(due.map(({local_id}) => local_id)));
        this.#respectIssuers(due);
        return due;
      },
      isOver: () => false,
      onItem: (item) => this.#tellItem(item),
      onBeat: (doing, failure) => this.#beat(doing, failure),
      onForeign: (failure) => this.#tellFailure(failure),
      onReturn: () => this.#return(),
      onIdle: () => this.#sweep(),
    });
    await this.#looking;
    this.#tellStatus(await healthyState(journal));
    if (lost !== null) this.#tellFailure(lost);
    return {outcomes: this.#outcomes, forwarding_failure: lost};
  }

  #tellStatus(state: State): void {
    const stored = offlinePayments(state, statesNow(this.#parts.journals.open()));
    const [count, amounts] = [stored.length, amountsByCurrency(stored)];
    this.#queue = {count, amounts};
    const status = {
      network_status: this.#parts.device.network().status,
      offline_payments_count: count,
      offline_payment_amounts_by_currency: amounts,
    };
    const text = JSON.stringify(status);
    if (text === this.#status) return;
    this.#status = text;
    this.#request.onEvent({event: 'offline_status_change', at: this.#now(), ...status});
  }

  #tellItem(item: ForwardItem): void {
    const {outcome, payment, reason} = item;
    // What another process settled is told by that process.
    if (!isSettled(outcome) || outcome === 'elsewhere') return;
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
    this.#request.onEvent({
      event: 'payment_intent_forwarded',
      at: this.#now(),
      outcome,
      payment,
      error: reason,
    });
  }

  #tellFailure({code, message}: Failure): void {
    this.#request.onEvent({event: 'forwarding_failure', at: this.#now(), error: {code, message}});
  }

  #beat(doing: Doing, failure: Failure | null): void {
    if (failure !== null && failure.code !== this.#failing) this.#tellFailure(failure);
    this.#failing = failure?.code ?? null;
    this.#request.onBeat(doing, this.#queue);
    // Where it is idle it looks anyway; an outage lasts for hours, and kiosks go on selling.
    if (doing !== 'idle') this.#lookBeside();
  }

  /** Tells what changed while it is busy or waits. What is wrong with the journal is met by the next selection. */
  #lookBeside(): void {
    if (this.#looking !== null || performance.now() < this.#nextLook) return;
    this.#nextLook = performance.now() + LOOK_MS;
    this.#looking = stateStillThere(this.#parts, this.#parts.journals.open())
      .then((state) => this.#tellStatus(state))
      .catch((error: unknown) => {
        if (!(error instanceof StowpayError)) throw error;
      })
      .finally(() => {
        this.#looking = null;
      });
    // A bug is thrown where somebody waits for it: at the end.
    this.#looking.catch(() => {});
  }

  async #return(): Promise<void> {
    const {state} = await this.#parts.journals.open().view();
    await sleep(shareOf(state.device ?? '') * SPREAD_MS, this.#request.signal);
  }

  /** An issuer that asked for time, in an earlier run or of another process, is given it: from then on, not from now. */
  #respectIssuers(due: readonly Payment[]): void {
    const now = this.#parts.clock.now();
    for (const {local_id, soft_declines, state, updated_at} of due) {
      if (soft_declines === 0 || state !== 'accepted_offline' || this.#schedule.isKnown(local_id)) continue;
      this.#schedule.softDeclined(local_id, soft_declines, now - Date.parse(updated_at));
    }
  }

  /**
   * One at a time, so that what is stored meanwhile does not wait behind them. After one that failed the others have
   * their turn later, and ever later while all fail: each try is journalled.
   */
  async #sweep(): Promise<void> {
    if (performance.now() < this.#nextSweep) return;
    const leftovers = await this.#leftovers();
    const leftover = leftovers.find(({local_id}) => !this.#swept.has(local_id));
    if (leftover === undefined) {
      if (leftovers.length > 0) this.#nextSweep = performance.now() + this.#sweepPause;
      this.#swept.clear();
      return;
    }
    this.#swept.add(leftover.local_id);
    await sweep(this.#parts, this.#parts.journals.open(), [leftover], this.#request.signal);
    const failed = (await this.#leftovers()).some(({local_id}) => local_id === leftover.local_id);
    this.#sweepPause = failed ? Math.min(this.#sweepPause * 2, LONGEST_SWEEP_PAUSE_MS) : SWEEP_PAUSE_MS;
    if (failed) this.#nextSweep = performance.now() + this.#sweepPause;
  }

  async #leftovers(): Promise<readonly Payment[]> {
    return leftoversOf(await healthyState(this.#parts.journals.open()), this.#parts);
  }

  #now(): string {
    return rfc3339(this.#parts.clock.now());
  }
}
