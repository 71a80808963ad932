import type {Brand, ReadMethod} from './card.js';
import type {Payment} from './payment.js';
import {amountsByCurrency} from './state.js';

export interface CurrencyLimits {
  /** Minor units. */
  readonly per_payment?: number;
  /** Minor units, over everything stored and not forwarded, the payment in hand included. */
  readonly stored_total?: number;
}

/** The merchant's risk policy for payments that are stored offline. A rule left out does not apply. */
export interface Policy {
  readonly version: 1;
  readonly limits: Readonly<Record<string, CurrencyLimits>>;
  readonly stored_count?: number;
  readonly oldest_age_hours?: number;
  readonly deny_issuer_ranges?: readonly string[];
  readonly read_methods?: readonly ReadMethod[];
  readonly brands?: readonly Brand[];
}

export type PolicyRule =
  | 'currency'
  | 'per_payment'
  | 'stored_total'
  | 'stored_count'
  | 'oldest_age_hours'
  | 'deny_issuer_ranges'
  | 'read_methods'
  | 'brands';

/** A decision with the figures it rests on; journalled with the payment it was made about. */
export type PolicyDecision =
  | {readonly allowed: true; readonly inputs: PolicyInputs}
  | {
      readonly allowed: false;
      readonly rule: PolicyRule;
      readonly limit: number | string;
      readonly value: number | string;
      readonly inputs: PolicyInputs;
    };

export interface PolicyInputs {
  readonly amount: number;
  readonly currency: string;
  /** Without the payment in hand. */
  readonly stored_count: number;
  readonly stored_total: number;
  readonly oldest_age_s: number | null;
}

export interface PolicyQuestion {
  readonly amount: number;
  readonly currency: string;
  readonly read_method: ReadMethod;
  readonly brand: Brand;
  readonly leading_digits: string;
  /** Effective time, ms. */
  readonly now: number;
  /** Everything stored and not settled, held payments too. */
  readonly stored: readonly Payment[];
}

/**
 * Judges one payment against the policy, itself included in every sum and count.
 * Pure; must be asked under the journal lock, or two payments could share one remaining place.
 */
export function judgePolicy(policy: Policy, question: PolicyQuestion): PolicyDecision {
  const inputs = inputsOf(question);
  const limits = policy.limits[question.currency];
  const deny = (rule: PolicyRule, limit: number | string, value: number | string): PolicyDecision => ({
    allowed: false,
    rule,
    limit,
    value,
    inputs,
  });
  if (limits === undefined) return deny('currency', 'none', question.currency);
  const {per_payment, stored_total} = limits;
  if (per_payment !== undefined && question.amount > per_payment) {
    return deny('per_payment', per_payment, question.amount);
  }
  if (stored_total !== undefined && inputs.stored_total + question.amount > stored_total) {
    return deny('stored_total', stored_total, inputs.stored_total);
  }
  if (policy.stored_count !== undefined && inputs.stored_count + 1 > policy.stored_count) {
    return deny('stored_count', policy.stored_count, inputs.stored_count);
  }
  const maxAge = policy.oldest_age_hours;
  if (maxAge !== undefined && inputs.oldest_age_s !== null && inputs.oldest_age_s > maxAge * 3600) {
    return deny('oldest_age_hours', maxAge, Math.floor(inputs.oldest_age_s / 3600));
  }
  if (policy.read_methods !== undefined && !policy.read_methods.includes(question.read_method)) {
    return deny('read_methods', policy.read_methods.join(','), question.read_method);
  }
  if (policy.brands !== undefined && !policy.brands.includes(question.brand)) {
    return deny('brands', policy.brands.join(','), question.brand);
  }
  const range = policy.deny_issuer_ranges?.find((entry) => touchesRange(question.leading_digits, entry));
  if (range !== undefined) return deny('deny_issuer_ranges', range, question.leading_digits);
  return {allowed: true, inputs};
}

function inputsOf({amount, currency, now, stored}: PolicyQuestion): PolicyInputs {
  const times = stored.map((payment) => Date.parse(payment.stored_at ?? payment.created_at));
  const oldest = times.length === 0 ? null : Math.min(...times);
  return {
    amount,
    currency,
    stored_count: stored.length,
    stored_total: amountsByCurrency(stored)[currency] ?? 0,
    oldest_age_s: oldest === null ? null : Math.max(0, Math.floor((now - oldest) / 1000)),
  };
}

/**
 * True when the card may lie in the range. Digits the reader masks could be anything,
 * so a range longer than what is visible denies whenever it cannot be decided.
 */
export function touchesRange(leadingDigits: string, range: string): boolean {
  const [from = '', to = from] = range.split('-');
  const length = Math.max(from.length, leadingDigits.length);
  const lowest = leadingDigits.padEnd(length, '0');
  const highest = leadingDigits.padEnd(length, '9');
  return highest >= from.padEnd(length, '0') && lowest <= to.padEnd(length, '9');
}
