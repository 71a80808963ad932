import {type Moment, mustLookFirst} from '../../core/look-first.js';
import type {Payment} from '../../core/payment.js';
import type {Journal} from '../../core/ports.js';
import {askedPause, mayRepeat} from '../../core/retry.js';
import {leftoverIntents} from '../leftovers.js';
import {type Online, reachApi} from '../network.js';
import type {Parts} from '../parts.js';
import {type Failure, type ForwardItem, failure, left} from './result.js';
import {type RoundVisit, runRound} from './round.js';
import type {Schedule} from './schedule.js';

export interface ForwarderOptions {
  readonly schedule: Schedule;
  /** A person asked for these payments by name. */
  readonly named: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onItem: (item: ForwardItem) => void;
}

/** What a pass over some payments brought. */
export interface Pass {
  readonly visits: readonly RoundVisit[];
  readonly lost: Failure | null;
  readonly foreign: Failure | null;
}

/** Sends payments pass by pass and remembers between them who the API says we are, and what was looked up. */
export class Forwarder {
  readonly #parts: Parts;
  readonly #journal: Journal;
  readonly #options: ForwarderOptions;
  /** Intents the API holds for payments that the journal says were never sent; null where there is none. */
  readonly #known = new Map<string, string | null>();
  #reached: Online | null = null;
  /** `#reached.account.server_time` was true then, on the clock of `performance.now()`. */
  #reachedAt = 0;

  constructor(parts: Parts, journal: Journal, options: ForwarderOptions) {
    this.#parts = parts;
    this.#journal = journal;
    this.#options = options;
  }

  /** The API answered: for this account, mode and origin. */
  reached(reach: Online): void {
    this.#reached = reach;
    this.#reachedAt = performance.now();
  }

  /**
   * Visits each of these once. Afterwards the schedule tells when each that is not settled is due again.
   * Throws `authentication_failed`.
   */
  async pass(payments: readonly Payment[]): Promise<Pass> {
    const reach = this.#reached ?? (await this.#reach());
    if ('lost' in reach) return this.#stay(payments, reach.lost);
    const {blocked, why} = await this.#lookUp(payments);
    const free = payments.filter((payment) => !blocked.has(payment.local_id));
    if (why !== null && free.length === 0) return this.#stay(payments, why);
    const {named, signal, onItem} = this.#options;
    const known = new Map([...this.#known].filter((one): one is [string, string] => one[1] !== null));
    const request = {binding: reach.binding, known, named, signal, onItem};
    const round = await runRound(this.#parts, this.#journal, free, request);
    for (const visited of round.visits) this.#reschedule(visited);
    if (round.lost !== null) this.#lose(round.lost);
    return why === null
      ? round
      : {...round, visits: [...round.visits, ...this.#block(payments, blocked, why)]};
  }

  async #reach(): Promise<Online | {readonly lost: Failure}> {
    const reach = await reachApi(this.#parts, this.#options.signal);
    if (reach.kind === 'offline') return {lost: failure(reach.error, 'temporary')};
    this.reached(reach);
    return reach;
  }

  #now(): Moment {
    const {clock} = this.#parts;
    const told = this.#reached?.account.server_time ?? null;
    const ms = told === null ? clock.now() : told + performance.now() - this.#reachedAt;
    return {ms, boot: clock.boot, mono: clock.mono()};
  }

  /**
   * A restored backup forgets what was sent: what may be old is looked up once before it is sent. Where the API does
   * not tell now, those payments are blocked, and no others.
   */
  async #lookUp(
    payments: readonly Payment[],
  ): Promise<{readonly blocked: ReadonlySet<string>; readonly why: Failure | null}> {
    const now = this.#now();
    const unknown = payments.filter(
      (payment) => !this.#known.has(payment.local_id) && mustLookFirst(payment, now),
    );
    const ids = new Set(unknown.map(({local_id}) => local_id));
    const looked = await leftoverIntents(this.#parts, unknown, now, this.#options.signal);
    if (looked.kind === 'unavailable') return {blocked: ids, why: failure(looked.error, 'temporary')};
    for (const localId of ids) this.#known.set(localId, looked.intents.get(localId) ?? null);
    return {blocked: new Set(), why: null};
  }

  #block(payments: readonly Payment[], blocked: ReadonlySet<string>, why: Failure): readonly RoundVisit[] {
    return payments
      .filter(({local_id}) => blocked.has(local_id))
      .map((payment) => {
        const item = left(
          this.#journal,
          payment,
          `it could not be looked up before it is sent: ${why.message}`,
        );
        this.#options.schedule.failed(payment.local_id, null);
        this.#options.onItem(item);
        return {payment, item, last: null, tried: false, foreign: false};
      });
  }

  #stay(payments: readonly Payment[], lost: Failure): Pass {
    this.#lose(lost);
    const visits = payments.map((payment) => {
      const item = left(this.#journal, payment, lost.message);
      this.#options.onItem(item);
      return {payment, item, last: null, tried: false, foreign: false};
    });
    return {visits, lost, foreign: null};
  }

  #lose({condition}: Failure): void {
    if (condition !== 'temporary') return;
    this.#parts.device.setNetwork('offline', new Date(this.#parts.clock.now()).toISOString());
    // The next one asks anew who we are: another account may answer when the network is back.
    this.#reached = null;
  }

  #reschedule({payment: {local_id}, item, last, tried, foreign}: RoundVisit): void {
    const {schedule} = this.#options;
    if (foreign) {
      schedule.finished(local_id);
      return;
    }
    switch (item.outcome) {
      case 'left':
        if (last?.kind === 'declined') schedule.softDeclined(local_id);
        else if (tried) schedule.failed(local_id, askedPause(last));
        break;
      case 'in_doubt':
        if (tried) schedule.failed(local_id, askedPause(last));
        break;
      case 'busy':
        schedule.failed(local_id, null);
        break;
      case 'unclaimed':
        schedule.finished(local_id);
        break;
      case 'authorized':
      case 'captured':
      case 'declined':
      case 'canceled':
      case 'quarantined':
      case 'elsewhere':
      case 'planned':
        this.#known.delete(local_id);
        schedule.forget(local_id);
    }
  }
}

/** True when this visit may be followed by another one in the same run. */
export function mayFollow({item, last, tried}: RoundVisit): boolean {
  return (
    tried && last !== null && mayRepeat(last) && (item.outcome === 'left' || item.outcome === 'in_doubt')
  );
}
