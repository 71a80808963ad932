import type {Brand, ReadMethod} from '../core/card.js';
import {policyRefusal, refuseOfflineCreate} from '../core/decide.js';
import {MAX_OFFLINE_AMOUNT} from '../core/limits.js';
import {
  type CurrencyLimits,
  judgePolicy,
  oldestAgeS,
  type Policy,
  type PolicyDecision,
  shrinkFactor,
  shrunk,
} from '../core/policy.js';
import type {Refusal} from '../core/rules.js';
import {amountsByCurrency, emptyState, offlinePayments, type State} from '../core/state.js';
import {healthyState, type Parts, statesNow, timeNow} from './parts.js';

/** The risk policy as it holds now. Amounts in minor units. */
export interface ShownPolicy {
  /** The file it comes from; null: the built-in limits. */
  readonly file: string | null;
  readonly policy: Policy;
  /** What amount limits are multiplied by now, because of the outage. */
  readonly shrink_factor: number;
  readonly currencies: readonly ShownLimits[];
  readonly stored_count: number;
}

export interface ShownLimits extends CurrencyLimits {
  readonly currency: string;
  /** The hard cap of one payment; null: not sold offline whatever the policy says. */
  readonly max_offline_amount: number | null;
  readonly stored: number;
}

export interface PolicyTest {
  /** Minor units, the tip included. */
  readonly amount: number;
  readonly currency: string;
  readonly read_method: ReadMethod;
  readonly brand: Brand;
  /** Leading digits of the card, as far as the reader would show them; '' when none. */
  readonly bin: string;
  /** Earlier payments of the same card in the window of `per_card`. */
  readonly card_count: number;
}

/** How the policy would judge a payment now. */
export interface PolicyTested {
  readonly allowed: boolean;
  /** Null when a hard limit refuses it before the policy is asked. */
  readonly decision: PolicyDecision | null;
  readonly refusal: Refusal | null;
}

/** The policy with what of it is used up. Throws `policy_invalid`, `journal_damaged`. */
export async function showPolicy(parts: Parts): Promise<ShownPolicy> {
  const policy = parts.policy();
  const {stored, time} = await storedNow(parts);
  const factor = shrinkFactor(policy, oldestAgeS(stored, time.ms), time.uncertain);
  const sums = amountsByCurrency(stored);
  const {path, exists} = parts.policyFile();
  return {
    file: exists ? path : null,
    policy,
    shrink_factor: factor,
    currencies: Object.entries(policy.limits).map(([currency, limits]) => ({
      currency,
      ...shrunk(limits, factor),
      max_offline_amount: MAX_OFFLINE_AMOUNT[currency] ?? null,
      stored: sums[currency] ?? 0,
    })),
    stored_count: stored.length,
  };
}

/** A dry run: the same judgement as at the moment of storing, on what is stored now. Nothing is written. */
export async function testPolicy(parts: Parts, test: PolicyTest): Promise<PolicyTested> {
  const policy = parts.policy();
  const {amount, currency, read_method, brand, bin, card_count} = test;
  const payment = {amount, currency, offline_behavior: 'prefer_online'} as const;
  const {stored, time} = await storedNow(parts);
  const hard = refuseOfflineCreate(payment, {offline_enabled: true, policy}, stored.length);
  if (hard !== null) return {allowed: false, decision: null, refusal: hard};
  const decision = judgePolicy(policy, {
    amount,
    currency,
    read_method,
    brand,
    leading_digits: bin,
    fingerprint: 'the card in question',
    card_times: Array.from({length: card_count}, () => time.ms),
    now: time.ms,
    clock_uncertain: time.uncertain,
    stored,
  });
  return {
    allowed: decision.allowed,
    decision,
    refusal: decision.allowed ? null : policyRefusal(decision, payment, {brand, last4: null}),
  };
}

/** What counts against the limits now; nothing where there is no journal yet. */
async function storedNow(parts: Parts) {
  const journal = parts.journals.exists ? parts.journals.open() : null;
  const state: State = journal === null ? emptyState() : await healthyState(journal);
  const time = timeNow(parts, state);
  const stored = journal === null ? [] : offlinePayments(state, statesNow(journal));
  return {stored, time};
}
