import type {StowpayError} from '../../core/errors.js';
import type {Condition} from '../../core/exit-codes.js';
import {
  abandonedState,
  awaitsCancel,
  awaitsNotice,
  type Payment,
  type PaymentIntent,
  type PaymentState,
  toPaymentIntent,
} from '../../core/payment.js';
import type {ApiError, Journal, Outcome} from '../../core/ports.js';
import {amountsByCurrency} from '../../core/state.js';
import {statesNow} from '../parts.js';

/** What became of one payment in this run. */
export type ForwardOutcome =
  | 'authorized'
  | 'captured'
  | 'declined'
  | 'canceled'
  | 'quarantined'
  /** Captured online, and no caller ever heard of it: a person must find out about the goods. */
  | 'unclaimed'
  /** Its cancel was requested, and the money was received before: a person must refund it. */
  | 'too_late'
  | 'in_doubt'
  /** Still stored: no network, a soft decline, or the run was stopped. */
  | 'left'
  /** Owned by another process now, or the whole journal is. */
  | 'busy'
  /** Another process took care of it meanwhile: the outcome is that process's to report, `payment` shows it. */
  | 'elsewhere'
  /** `--dry-run`: it would be sent. */
  | 'planned';

/** True for an outcome after which there is nothing more to send. */
export function isSettled(outcome: ForwardOutcome): boolean {
  return !['in_doubt', 'left', 'busy', 'planned'].includes(outcome);
}

export interface ForwardItem {
  readonly outcome: ForwardOutcome;
  readonly payment: PaymentIntent;
  /** Why it is where it is; null when it was delivered. */
  readonly reason: string | null;
}

/** What stopped or hampered the whole run and is no single payment's fault. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly condition: Condition;
}

export type Counts = Readonly<
  Partial<
    Record<ForwardOutcome, {readonly count: number; readonly amounts: Readonly<Record<string, number>>}>
  >
>;

export interface ForwardResult {
  readonly dry_run: boolean;
  readonly total: number;
  readonly outcomes: Counts;
  readonly payments: readonly ForwardItem[];
  readonly forwarding_failure: Failure | null;
  /** Unconfirmed intents of sales that never were, cancelled at the API. They moved no money. */
  readonly leftovers_canceled: number;
  /** `--wait` ended at its time limit, and something is left. */
  readonly timed_out: boolean;
}

export interface Ending {
  readonly dry_run?: boolean;
  readonly forwarding_failure?: Failure | null;
  readonly leftovers_canceled?: number;
  readonly timed_out?: boolean;
}

export function summary(items: readonly ForwardItem[], ending: Ending = {}): ForwardResult {
  return {
    dry_run: ending.dry_run ?? false,
    total: items.length,
    outcomes: countsOf(items),
    payments: items,
    forwarding_failure: ending.forwarding_failure ?? null,
    leftovers_canceled: ending.leftovers_canceled ?? 0,
    timed_out: ending.timed_out ?? false,
  };
}

/** Counts and sums (minor units by currency) by outcome. */
export function countsOf(items: readonly ForwardItem[]): Counts {
  const kinds = [...new Set(items.map(({outcome}) => outcome))];
  return Object.fromEntries(
    kinds.map((kind) => {
      const of = items.filter(({outcome}) => outcome === kind).map(({payment}) => payment);
      return [kind, {count: of.length, amounts: amountsByCurrency(of)}];
    }),
  );
}

/** A payment after a visit by its owner. */
export function itemOf(payment: Payment, last: Outcome<unknown> | null): ForwardItem {
  const said = last !== null && last.kind !== 'delivered' ? last.error.message : null;
  // Ours until we let go of it: whatever it says of a running sender means us.
  const state = abandonedState(payment);
  if (awaitsCancel(payment)) {
    const reason = `its cancel is not finished: ${said ?? 'the payment API did not tell'}`;
    return item(state === 'in_doubt' ? 'in_doubt' : 'left', payment, reason, state);
  }
  switch (state) {
    case 'captured':
      if (!awaitsNotice(payment)) return item('captured', payment, null, state);
      return payment.cancel_requested === null
        ? item('unclaimed', payment, 'captured, but its collect died before it could tell anybody', state)
        : item('too_late', payment, TOO_LATE, state);
    case 'authorized':
      return item('authorized', payment, payment.unclaimed ? UNHEARD : null, state);
    case 'declined':
      return item('declined', payment, payment.last_error?.message ?? null, state);
    case 'canceled':
    case 'refused':
      return item('canceled', payment, payment.reason?.message ?? null, state);
    case 'quarantined':
      return item('quarantined', payment, payment.reason?.message ?? null, state);
    case 'in_doubt':
      return item('in_doubt', payment, said ?? 'the payment API did not tell what became of it', state);
    default:
      return item('left', payment, said, state);
  }
}

/** What another process made of it. */
export function settledElsewhere(payment: Payment): ForwardItem {
  const state = abandonedState(payment);
  return item(
    'elsewhere',
    payment,
    `another process took care of it: it is ${state.replaceAll('_', ' ')} now`,
    state,
  );
}

const UNHEARD =
  'its collect died before it could tell anybody: the same --reference claims it, else it is released after 15 minutes';

const TOO_LATE = 'the money was received before its cancel; refund it at Stripe, then acknowledge it';

export function item(
  outcome: ForwardOutcome,
  payment: Payment,
  reason: string | null,
  state: PaymentState,
): ForwardItem {
  return {outcome, payment: toPaymentIntent(payment, state), reason};
}

/** Not sent in this run. */
export function left(journal: Journal, payment: Payment, reason: string): ForwardItem {
  const state = statesNow(journal)(payment);
  return item(state === 'in_doubt' ? 'in_doubt' : 'left', payment, reason, state);
}

/** What stopped the run says why this payment is where it is. */
export function stays(payment: Payment, {condition, message}: Failure, state: PaymentState): ForwardItem {
  const outcome = condition === 'locked' ? 'busy' : 'left';
  return item(state === 'in_doubt' ? 'in_doubt' : outcome, payment, message, state);
}

export function failure(error: ApiError, condition: Condition): Failure {
  return {code: error.code ?? error.type, message: error.message, condition};
}

export function failureOf({code, message, condition}: StowpayError): Failure {
  return {code, message, condition};
}
