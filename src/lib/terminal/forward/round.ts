import type {StowpayError} from '../../core/errors.js';
import type {Binding, Payment} from '../../core/payment.js';
import type {Journal} from '../../core/ports.js';
import {workThrough} from '../crew.js';
import {checkBinding} from '../network.js';
import {type Parts, statesNow} from '../parts.js';
import type {Settled} from '../settle.js';
import {type Failure, type ForwardItem, failureOf, left, stays} from './result.js';
import {TIME_IS_OVER} from './sleep.js';
import {visit} from './visit.js';

export interface RoundRequest {
  readonly binding: Binding;
  /** Intents the API already holds for payments that the journal says were never sent, by local id. */
  readonly known: ReadonlyMap<string, string>;
  /** A person asked for these payments by name. */
  readonly named: boolean;
  readonly signal: AbortSignal | undefined;
  /** Called with each visit as soon as it is over. */
  readonly onVisit: (visit: RoundVisit) => void;
  /** What may be sent, too, and came meanwhile. */
  more?(): Promise<readonly Payment[]>;
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
      return {result: {payment, item: done, last, tried: true, foreign: false}, last, lost};
    },
    skip: (payment) => {
      const elsewhere = misfit(payment, request.binding);
      if (elsewhere !== null) {
        foreign ??= elsewhere;
        return {...untried(payment, left(journal, payment, elsewhere.message)), foreign: true};
      }
      if (request.signal?.aborted !== true) return null;
      return untried(payment, left(journal, payment, interruption(request.signal)));
    },
    left: (payment, why) => untried(payment, stays(payment, why, statesNow(journal)(payment))),
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

function untried(payment: Payment, item: ForwardItem): RoundVisit {
  return {payment, item, last: null, tried: false, foreign: false};
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
