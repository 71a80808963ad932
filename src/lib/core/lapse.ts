import {awaitsCancel, type Payment, type PaymentState} from './payment.js';
import {rfc3339} from './time.js';

/** Authorisations and how long they can still be captured. */
export interface Authorizations {
  /** RFC 3339; the earliest time at which one of them lapses that has not lapsed yet. Null when none will. */
  readonly next_lapse_at: string | null;
  /** So many lapse within a day. */
  readonly lapsing: number;
  /** So many have lapsed by now: the issuer has released the hold, or will. */
  readonly lapsed: number;
}

const SOON_MS = 24 * 3600 * 1000;

/**
 * What is authorised and not captured, against `latest_charge.payment_method_details.card_present.capture_before`.
 * @param now ms since the epoch
 */
export function authorizationsOf(
  payments: Iterable<Payment>,
  effective: (payment: Payment) => PaymentState,
  now: number,
): Authorizations {
  let [next, lapsing, lapsed] = [Number.POSITIVE_INFINITY, 0, 0];
  for (const payment of payments) {
    if (payment.capture_before === null || awaitsCancel(payment)) continue;
    if (!isCapturable(effective(payment))) continue;
    const until = payment.capture_before * 1000;
    if (until <= now) {
      lapsed += 1;
      continue;
    }
    if (until - now <= SOON_MS) lapsing += 1;
    next = Math.min(next, until);
  }
  return {next_lapse_at: Number.isFinite(next) ? rfc3339(next) : null, lapsing, lapsed};
}

function isCapturable(state: PaymentState): boolean {
  return state === 'authorized' || state === 'capturing';
}
