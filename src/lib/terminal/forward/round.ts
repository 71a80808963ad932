import type {StowpayError} from '../../core/errors.js';
import type {Binding, Payment} from '../../core/payment.js';
import type {Journal} from '../../core/ports.js';
import {isSuspect} from '../../core/retry.js';
import {checkBinding} from '../network.js';
import {type Parts, statesNow} from '../parts.js';
import type {Settled} from '../settle.js';
import {reachableFailure} from './reachable.js';
import {type Failure, type ForwardItem, failureOf, left, stays} from './result.js';
import {visit} from './visit.js';

export interface RoundRequest {
  readonly binding: Binding;
  /** Intents the API already holds for payments that the journal says were never sent, by local id. */
  readonly known: ReadonlyMap<string, string>;
  /** A person asked for these payments by name. */
  readonly named: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onItem: (item: ForwardItem) => void;
}

export interface RoundVisit {
  readonly payment: Payment;
  readonly item: ForwardItem;
  readonly last: Settled['last'];
  /** False for a payment the round did not come to, or must not send. */
  readonly tried: boolean;
  /** It belongs to another account, mode or API. */
  readonly foreign: boolean;
}

/** What one round brought, in the order of its payments. */
export interface RoundResult {
  readonly visits: readonly RoundVisit[];
  /** What stopped the round; the payments it did not come to are left as they are. */
  readonly lost: Failure | null;
  /** Why some payments must not be sent with these credentials. It holds up no other payment. */
  readonly foreign: Failure | null;
}

/**
 * Visits each payment once, the oldest first, a few at a time. One payment's fault holds up no other: a visit never
 * waits before it tries again. After an outcome that may be the fault of the network or of the whole API, nothing new
 * is begun until a probe was answered, so that a dead or hanging link leaves at most one doubt a worker behind.
 */
export async function runRound(
  parts: Parts,
  journal: Journal,
  payments: readonly Payment[],
  request: RoundRequest,
): Promise<RoundResult> {
  const round = new Round(parts, journal, payments, request);
  const workers = Math.min(parts.profile.pace.concurrency, payments.length);
  await Promise.all(Array.from({length: workers}, () => round.work()));
  return round.result();
}

class Round {
  readonly #parts: Parts;
  readonly #journal: Journal;
  readonly #payments: readonly Payment[];
  readonly #request: RoundRequest;
  readonly #visits: RoundVisit[] = [];
  #next = 0;
  #lost: Failure | null = null;
  #foreign: Failure | null = null;
  /** A probe that nobody may go on without. */
  #probing: Promise<void> | null = null;

  constructor(parts: Parts, journal: Journal, payments: readonly Payment[], request: RoundRequest) {
    this.#parts = parts;
    this.#journal = journal;
    this.#payments = payments;
    this.#request = request;
  }

  async work(): Promise<void> {
    for (;;) {
      if (this.#probing !== null) {
        await this.#probing;
        continue;
      }
      const index = this.#next;
      const payment = this.#payments[index];
      if (payment === undefined) return;
      this.#next += 1;
      const entry = this.#notNow(payment) ?? (await this.#visit(payment));
      this.#visits[index] = entry;
      this.#request.onItem(entry.item);
    }
  }

  result(): RoundResult {
    return {visits: this.#visits, lost: this.#lost, foreign: this.#foreign};
  }

  /** Where a payment stays that this round must not send; null when it may. */
  #notNow(payment: Payment): RoundVisit | null {
    const elsewhere = misfit(payment, this.#request.binding);
    const foreign = elsewhere !== null;
    const untried = (item: ForwardItem): RoundVisit => ({payment, item, last: null, tried: false, foreign});
    if (foreign) {
      this.#foreign ??= elsewhere;
      return untried(left(this.#journal, payment, elsewhere.message));
    }
    if (this.#lost !== null) {
      return untried(stays(payment, this.#lost, statesNow(this.#journal)(payment)));
    }
    if (this.#request.signal?.aborted !== true) return null;
    return untried(left(this.#journal, payment, 'interrupted before it was sent'));
  }

  async #visit(payment: Payment): Promise<RoundVisit> {
    const {known, named} = this.#request;
    const {done, last, lost} = await visit(this.#parts, this.#journal, payment, known, named);
    this.#lost ??= lost;
    if (last !== null && isSuspect(last) && this.#lost === null) this.#probing ??= this.#probe();
    return {payment, item: done, last, tried: true, foreign: false};
  }

  async #probe(): Promise<void> {
    const failure = await reachableFailure(this.#parts, this.#request.signal);
    this.#lost ??= failure;
    this.#probing = null;
  }
}

/** Why this payment must not be sent with these credentials; null when it may. It holds up no other payment. */
function misfit(payment: Payment, binding: Binding): Failure | null {
  try {
    checkBinding(payment.binding, binding);
    return null;
  } catch (error) {
    return failureOf(error as StowpayError);
  }
}
