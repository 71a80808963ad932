import type {Brand, CardRead, ReadMethod} from './card.js';
import type {Payment} from './payment.js';
import {amountsByCurrency} from './state.js';

/** What a policy may name; a stripe is never taken offline, nor is Interac. */
export const OFFLINE_READ_METHODS: readonly ReadMethod[] = ['contact_emv', 'contactless_emv'];
export const BRANDS: readonly Brand[] = [
  'visa',
  'mastercard',
  'maestro',
  'amex',
  'discover',
  'jcb',
  'unionpay',
  'cartes_bancaires',
  'eftpos_au',
  'unknown',
];

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
  /** So many payments of one card, stored within so many hours; the payment in hand included. */
  readonly per_card?: {readonly count: number; readonly window_hours: number};
  /** Amount limits are multiplied by the smallest factor whose time has come, counted from the oldest stored payment. */
  readonly outage_shrink?: readonly {readonly after_hours: number; readonly factor: number}[];
  /** `strict` (default): while the clock is uncertain the smallest factor of all applies. */
  readonly on_uncertain_clock?: 'strict' | 'lower_bound';
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
  | 'per_card'
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
  /** A lower bound where the clock was uncertain. */
  readonly oldest_age_s: number | null;
  /** Payments of this card in the window of `per_card`; absent where the policy has no such rule. */
  readonly card_count?: number;
  /** What the amount limits were multiplied by; absent where the policy has no `outage_shrink`. */
  readonly shrink_factor?: number;
}

/** The most hours `per_card` may look back: what the journal remembers of a card. */
export const MOST_WINDOW_HOURS = 168;

export interface PolicyQuestion {
  readonly amount: number;
  readonly currency: string;
  readonly read_method: ReadMethod;
  readonly brand: Brand;
  readonly leading_digits: string;
  /** Keyed digest of what the reader shows of the card; null when that is too little to tell one from another. */
  readonly fingerprint: string | null;
  /** When payments of this card were stored, ms. */
  readonly card_times: readonly number[];
  /** Effective time, ms. */
  readonly now: number;
  readonly clock_uncertain: boolean;
  /** Everything stored and not settled, held payments too. */
  readonly stored: readonly Payment[];
}

/**
 * Judges one payment against the policy, itself included in every sum and count.
 * Pure; must be asked under the journal lock, or two payments could share one remaining place.
 */
export function judgePolicy(policy: Policy, question: PolicyQuestion): PolicyDecision {
  const inputs = inputsOf(policy, question);
  const limits = policy.limits[question.currency];
  const deny = (rule: PolicyRule, limit: number | string, value: number | string): PolicyDecision => ({
    allowed: false,
    rule,
    limit,
    value,
    inputs,
  });
  if (limits === undefined) return deny('currency', 'none', question.currency);
  const {per_payment, stored_total} = shrunk(limits, inputs.shrink_factor);
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
  const {per_card} = policy;
  if (
    per_card !== undefined &&
    (question.fingerprint === null || (inputs.card_count ?? 0) + 1 > per_card.count)
  ) {
    return deny(
      'per_card',
      per_card.count,
      question.fingerprint === null ? 'unknown card' : (inputs.card_count ?? 0),
    );
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

/**
 * What a card shows of itself, to tell it from others: weak, since other cards may show the same. Null where the reader
 * hides even the last digits.
 */
export function visibleCard({brand, leading_digits, last4, exp_month, exp_year}: CardRead): string | null {
  return last4 === null ? null : [brand, leading_digits, last4, exp_month, exp_year].join(' ');
}

/** The limits of a currency after so long an outage. */
export function shrunk({per_payment, stored_total}: CurrencyLimits, factor = 1): CurrencyLimits {
  const times = (limit: number): number => Math.floor(limit * factor);
  return {
    ...(per_payment === undefined ? {} : {per_payment: times(per_payment)}),
    ...(stored_total === undefined ? {} : {stored_total: times(stored_total)}),
  };
}

/**
 * What amount limits are multiplied by when the oldest stored payment is that old, s.
 * Under an uncertain clock an age is only a lower bound, so that by default the outage counts as the longest one named.
 */
export function shrinkFactor(
  {outage_shrink = [], on_uncertain_clock = 'strict'}: Policy,
  oldestAgeS: number | null,
  clockUncertain: boolean,
): number {
  if (oldestAgeS === null) return 1;
  const longest = clockUncertain && on_uncertain_clock === 'strict';
  const reached = outage_shrink.filter(({after_hours}) => longest || oldestAgeS >= after_hours * 3600);
  return Math.min(1, ...reached.map(({factor}) => factor));
}

/** Whole seconds since the oldest of these was stored; null for none. */
export function oldestAgeS(
  stored: readonly Pick<Payment, 'stored_at' | 'created_at'>[],
  now: number,
): number | null {
  if (stored.length === 0) return null;
  const times = stored.map((payment) => Date.parse(payment.stored_at ?? payment.created_at));
  const oldest = times.reduce((least, time) => Math.min(least, time));
  return Math.max(0, Math.floor((now - oldest) / 1000));
}

function inputsOf(policy: Policy, question: PolicyQuestion): PolicyInputs {
  const {amount, currency, now, stored} = question;
  const oldest_age_s = oldestAgeS(stored, now);
  return {
    amount,
    currency,
    stored_count: stored.length,
    stored_total: amountsByCurrency(stored)[currency] ?? 0,
    oldest_age_s,
    ...(policy.per_card === undefined ? {} : {card_count: countWithin(policy.per_card, question)}),
    ...(policy.outage_shrink === undefined
      ? {}
      : {shrink_factor: shrinkFactor(policy, oldest_age_s, question.clock_uncertain)}),
  };
}

function countWithin({window_hours}: NonNullable<Policy['per_card']>, question: PolicyQuestion): number {
  return question.card_times.filter((time) => question.now - time < window_hours * 3_600_000).length;
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
