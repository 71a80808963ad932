import {type Moment, mustLookFirst} from '../../core/look-first.js';
import type {Payment} from '../../core/payment.js';
import type {Journal, Outcome} from '../../core/ports.js';
import {askedPause} from '../../core/retry.js';
import {rfc3339} from '../../core/time.js';
import {leftoverIntents} from '../leftovers.js';
import {type Online, reachApi} from '../network.js';
import type {Parts} from '../parts.js';
import {reachableFailure} from './reachable.js';
import {type Failure, type ForwardItem, failure, left} from './result.js';
import {interruption, type RoundVisit, runRound, untried} from './round.js';
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

/** What was found out about payments before they are sent. */
interface LookedUp {
  /** Local ids of those that must wait, and why. */
  readonly blocked: ReadonlySet<string>;
  readonly why: Failure | null;
  /** Nothing can be sent at all. */
  readonly lost: Failure | 'interrupted' | null;
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
   * Visits each of these once, and what is due by then according to `more`. Afterwards the schedule tells when each that
   * is not settled is due again. Throws `authentication_failed`.
   */
  async pass(payments: readonly Payment[], more?: () => Promise<readonly Payment[]>): Promise<Pass> {
    const {named, signal, onItem} = this.#options;
    const reach = this.#reached ?? (await this.#reach());
    if ('lost' in reach) return {visits: this.#stay(payments, reach.lost), ...this.#lose(reach.lost)};
    const {blocked, why, lost} = await this.#lookUp(payments);
    if (lost !== null) return {visits: this.#stay(payments, lost), ...this.#lose(lost)};
    const free = payments.filter((payment) => !blocked.has(payment.local_id));
    const known = new Map([...this.#known].filter((one): one is [string, string] => one[1] !== null));
    const inHand = new Set(free.map(({local_id}) => local_id));
    const onVisit = (visited: RoundVisit, seen: Payment, last: Outcome<unknown> | null): void => {
      inHand.delete(seen.local_id);
      this.#reschedule(visited, seen, last);
      onItem(visited.item);
    };
    const request = {binding: reach.binding, known, named, signal, onVisit};
    const round = await runRound(this.#parts, this.#journal, free, {
      ...request,
      ...(more === undefined ? {} : {more: () => this.#taken(more, inHand)}),
    });
    if (round.lost !== null) this.#lose(round.lost);
    return why === null
      ? round
      : {...round, visits: [...round.visits, ...this.#block(payments, blocked, why)]};
  }

  /** Those of them that nobody has in hand and that need no look before they are sent; they are in hand afterwards. */
  async #taken(more: () => Promise<readonly Payment[]>, inHand: Set<string>): Promise<readonly Payment[]> {
    const now = this.#now();
    const taken = (await more()).filter(
      (payment) =>
        !inHand.has(payment.local_id) &&
        (this.#known.get(payment.local_id) === null || !mustLookFirst(payment, now)),
    );
    for (const {local_id} of taken) inHand.add(local_id);
    return taken;
  }

  async #reach(): Promise<Online | {readonly lost: Failure | 'interrupted'}> {
    const reach = await reachApi(this.#parts, this.#options.signal);
    if (this.#interrupted()) return {lost: 'interrupted'};
    if (reach.kind === 'offline') return {lost: failure(reach.error, 'temporary')};
    this.reached(reach);
    return reach;
  }

  /**
   * A restored backup forgets what was sent: what may be old is looked up once before it is sent. Where the API works
   * and only its list cannot be had, those payments are blocked, and no others.
   */
  async #lookUp(payments: readonly Payment[]): Promise<LookedUp> {
    const {signal} = this.#options;
    const now = this.#now();
    const unknown = payments.filter(
      (payment) => !this.#known.has(payment.local_id) && mustLookFirst(payment, now),
    );
    const ids = new Set(unknown.map(({local_id}) => local_id));
    const looked = await leftoverIntents(this.#parts, unknown, now, signal);
    if (looked.kind === 'unavailable') {
      const lost = this.#interrupted() ? 'interrupted' : await reachableFailure(this.#parts, signal);
      return {blocked: ids, why: failure(looked.error, 'temporary'), lost};
    }
    for (const localId of ids) this.#known.set(localId, looked.intents.get(localId) ?? null);
    return {blocked: new Set(), why: null, lost: null};
  }

  #block(payments: readonly Payment[], blocked: ReadonlySet<string>, why: Failure): readonly RoundVisit[] {
    const ones = payments.filter(({local_id}) => blocked.has(local_id));
    for (const {local_id} of ones) this.#options.schedule.failed(local_id, null);
    return this.#untried(ones, `it could not be looked up before it is sent: ${why.message}`);
  }

  #interrupted(): boolean {
    return this.#options.signal?.aborted === true;
  }

  #stay(payments: readonly Payment[], why: Failure | 'interrupted'): readonly RoundVisit[] {
    const reason = why === 'interrupted' ? interruption(this.#options.signal) : why.message;
    return this.#untried(payments, reason);
  }

  #untried(payments: readonly Payment[], reason: string): readonly RoundVisit[] {
    return payments.map((payment) => {
      const item = left(this.#journal, payment, reason);
      this.#options.onItem(item);
      return untried(item);
    });
  }

  #lose(lost: Failure | 'interrupted'): Pick<Pass, 'lost' | 'foreign'> {
    if (lost === 'interrupted') return {lost: null, foreign: null};
    if (lost.condition === 'temporary') {
      this.#parts.device.setNetwork('offline', rfc3339(this.#parts.clock.now()));
      // The next one asks anew who we are: another account may answer when the network is back.
      this.#reached = null;
    }
    return {lost, foreign: null};
  }

  #now(): Moment {
    const {clock} = this.#parts;
    const told = this.#reached?.account.server_time ?? null;
    const ms = told === null ? clock.now() : told + performance.now() - this.#reachedAt;
    return {ms, boot: clock.boot, mono: clock.mono()};
  }

  #reschedule(
    {item, tried, foreign}: RoundVisit,
    {local_id, soft_declines: softDeclines}: Payment,
    last: Outcome<unknown> | null,
  ): void {
    const {schedule} = this.#options;
    if (foreign) {
      schedule.finished(local_id);
      return;
    }
    switch (item.outcome) {
      case 'left':
        if (last?.kind === 'declined') schedule.softDeclined(local_id, softDeclines + 1);
        else if (tried) schedule.failed(local_id, askedPause(last));
        break;
      case 'in_doubt':
        if (tried) schedule.failed(local_id, askedPause(last));
        break;
      case 'busy':
        if (tried) schedule.busy(local_id);
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
