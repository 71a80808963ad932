import type {StowpayError} from '../../core/errors.js';
import type {Binding, Payment} from '../../core/payment.js';
import type {Journal, Outcome} from '../../core/ports.js';
import {mayRepeat} from '../../core/retry.js';
import {workThrough} from '../crew.js';
import {checkBinding} from '../network.js';
import {type Parts, statesNow} from '../parts.js';
import {type Failure, type ForwardItem, failureOf, isSettled, left, stays} from './result.js';
import {TIME_IS_OVER} from './sleep.js';
import {visit} from './visit.js';

export interface RoundRequest {
  readonly binding: Binding;
  /** Intents the API already holds for payments that the journal says were never sent, by local id. */
  readonly known: ReadonlyMap<string, string>;
  /** A person asked for these payments by name. */
  readonly named: boolean;
  readonly signal: AbortSignal | undefined;
  /** Called with each visit as soon as it is over, with what was seen before it and the last outcome of the API. */
  readonly onVisit: (visit: RoundVisit, seen: Payment, last: Outcome<unknown> | null) => void;
  /** What may be sent, too, and came meanwhile. */
  more?(): Promise<readonly Payment[]>;
}

/** Kept of each visit until its round is over: nothing that is as large as an answer of the API. */
export interface RoundVisit {
  readonly item: ForwardItem;
  /** Another visit may bring what this one did not. */
  readonly mayFollow: boolean;
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
 * waits before it tries again.
 */
export async function runRound(
  parts: Parts,
  journal: Journal,
  payments: readonly Payment[],
  request: RoundRequest,
): Promise<RoundResult> {
  let foreign: Failure | null = null;
  const {results, lost} = await workThrough<Payment, RoundVisit>(parts, payments, {
    signal: request.signal,
    act: async (payment) => {
      const {done, last, lost} = await visit(parts, journal, payment, request.known, request.named);
      const mayFollow = last !== null && mayRepeat(last) && !isSettled(done.outcome);
      return {result: {item: done, mayFollow, tried: true, foreign: false}, last, lost};
    },
    skip: (payment) => {
      const elsewhere = misfit(payment, request.binding);
      if (elsewhere !== null) {
        foreign ??= elsewhere;
        return {...untried(left(journal, payment, elsewhere.message)), foreign: true};
      }
      if (request.signal?.aborted !== true) return null;
      return untried(left(journal, payment, interruption(request.signal)));
    },
    left: (payment, why) => untried(stays(payment, why, statesNow(journal)(payment))),
    onResult: request.onVisit,
    ...(request.more === undefined ? {} : {more: request.more}),
  });
  return {visits: results, lost, foreign};
}

/** Why a payment was not sent when its run was ended. */
export function interruption(signal: AbortSignal | undefined): string {
  return signal?.reason === TIME_IS_OVER
    ? 'the time to wait was over before it was sent'
    : 'interrupted before it was sent';
}

export function untried(item: ForwardItem): RoundVisit {
  return {item, mayFollow: false, tried: false, foreign: false};
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
