import type {CardRead} from './card.js';
import {StowpayError} from './errors.js';
import type {EventBody} from './events.js';
import {MAX_OFFLINE_AMOUNT} from './limits.js';
import {formatAmount} from './money.js';
import type {
  Binding,
  CaptureMethod,
  CardDetails,
  OfflineBehavior,
  Payment,
  PrivateData,
  ReaderDetails,
} from './payment.js';
import {judgePolicy, type Policy, type PolicyDecision, type PolicyInputs, type PolicyRule} from './policy.js';
import type {JsonObject} from './ports.js';
import {type Refusal, refusal, refuseCard, refuseOffline} from './rules.js';
import {type EffectiveState, offlinePayments, referenceKey, type State} from './state.js';
import {type EffectiveTime, rfc3339} from './time.js';

/** Events to journal in one commit, and what the caller learns once they are durable. */
export interface Decision<T> {
  readonly events: readonly EventBody[];
  readonly result: T;
}

export interface CreateCommand {
  readonly local_id: string;
  readonly binding: Binding;
  readonly amount: number;
  readonly tip: number;
  readonly currency: string;
  readonly capture_method: CaptureMethod;
  readonly offline_behavior: OfflineBehavior;
  readonly reference: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly description: string | null;
  readonly request: {readonly api_version: string; readonly create: JsonObject};
}

/** A payment that already holds the reference of a new one. */
export interface ReferenceHolder {
  readonly local_id: string;
  /** Null when a checkpoint let go of it: it is closed, and its story is in the journal. */
  readonly payment: Payment | null;
}

/** Who holds this reference; null when nobody does. */
export function referenceHolder(state: State, account: string, reference: string): ReferenceHolder | null {
  const entry = state.references.get(referenceKey(account, reference));
  if (entry === undefined) return null;
  return {local_id: entry.payment, payment: state.payments.get(entry.payment) ?? null};
}

/**
 * True when the payment surely took no money and never will, so that its order may be collected again:
 * refused, interrupted before it took effect, released because no caller ever heard of it, or declined while the
 * customer was still there.
 * A payment that was accepted keeps its reference for ever, also when it was declined or voided later.
 */
export function freesReference(payment: Payment, effective: EffectiveState): boolean {
  switch (effective(payment)) {
    case 'refused':
      return true;
    case 'canceled':
      return payment.reason?.code === 'interrupted' || payment.reason?.code === 'unclaimed';
    case 'declined':
      return payment.stored_at === null;
    default:
      return false;
  }
}

/**
 * Creates a payment. Must run under the journal lock: a reference has one holder at a time.
 * The result names the holder instead when the reference is taken.
 */
export function decideCreate(
  state: State,
  command: CreateCommand,
  effective: EffectiveState,
): Decision<{readonly holder: ReferenceHolder | null}> {
  const {reference, binding} = command;
  if (reference !== null) {
    const holder = referenceHolder(state, binding.account, reference);
    if (holder !== null && (holder.payment === null || !freesReference(holder.payment, effective))) {
      return {events: [], result: {holder}};
    }
  }
  const {local_id, ...data} = command;
  return {events: [{type: 'payment.created', payment: local_id, data}], result: {holder: null}};
}

/** Same order, same money: throws `reference_amount_mismatch` when the caller asks for another amount. */
export function checkSameOrder(
  payment: Pick<Payment, 'local_id' | 'amount' | 'currency' | 'reference'>,
  asked: {readonly amount: number; readonly currency: string},
): void {
  if (payment.amount === asked.amount && payment.currency === asked.currency) return;
  const was = formatAmount(payment.amount, payment.currency);
  throw new StowpayError(
    'reference_amount_mismatch',
    `Reference ${payment.reference} already belongs to ${payment.local_id} over ${was}; ` +
      `${formatAmount(asked.amount, asked.currency)} was asked for now. No money was taken by this command.`,
    {
      hint: 'One reference is one order with one amount. Use the first amount, or another reference.',
      details: {local_id: payment.local_id, amount: payment.amount, currency: payment.currency},
    },
  );
}

export interface OfflineTerms {
  readonly offline_enabled: boolean;
  readonly policy: Policy;
  /** Of the location, ISO 3166-1 alpha-2. */
  readonly country: string | null;
}

/**
 * Rules of an offline payment that can be judged before a card is read; null when it may go on.
 * @param storedCount payments stored now, without this one
 */
export function refuseOfflineCreate(
  payment: Pick<Payment, 'amount' | 'currency' | 'offline_behavior'>,
  terms: Pick<OfflineTerms, 'offline_enabled' | 'policy'>,
  storedCount: number,
): Refusal | null {
  const {currency, amount, offline_behavior} = payment;
  if (!terms.offline_enabled) {
    return offline_behavior === 'force_offline'
      ? refusal(
          'force_offline_with_feature_disabled',
          'This location is not configured to sell offline, and force_offline was asked for.',
          'Enable offline in the terminal configuration of the location, then run stowpay connect with network.',
        )
      : refusal(
          'offline_disabled',
          'There is no network, and this location is not configured to sell offline.',
          'Restore the network, or enable offline in the terminal configuration of the location.',
        );
  }
  const cap = MAX_OFFLINE_AMOUNT[currency];
  if (cap === undefined || terms.policy.limits[currency] === undefined) {
    return refusal(
      'invalid_offline_currency',
      `There is no offline limit for ${currency}, so it is not sold offline.`,
      'Name the currency in the limits of policy.json, or take the payment with network.',
      {currency, rule: 'currency'},
    );
  }
  if (amount > cap) {
    return refusal(
      'amount_exceeds_max_offline_amount',
      `${formatAmount(amount, currency)} is more than the ${formatAmount(cap, currency)} one offline payment may be.`,
      'Wait for the network, or take the payment another way.',
      {limit: cap, value: amount, currency},
    );
  }
  const {stored_count} = terms.policy;
  if (stored_count !== undefined && storedCount >= stored_count) {
    return refusal(
      'offline_payments_database_too_large',
      `${storedCount} payments are stored, and the risk policy allows ${stored_count}: no more is taken.`,
      'Forward what is stored (stowpay forward) when there is network.',
      {rule: 'stored_count', limit: stored_count, value: storedCount},
    );
  }
  return null;
}

export interface CardCommand {
  readonly payment: Payment;
  readonly card: CardRead;
  readonly reader: ReaderDetails;
  readonly confirm: JsonObject;
}

export interface StoreCommand extends CardCommand {
  /** Keyed digest of `visibleCard`; null where there is none, or the policy does not count by card. */
  readonly fingerprint: string | null;
}

export type Stored = {readonly refusal: Refusal | null};

/**
 * Stores a payment offline, or refuses it. Every rule and limit is judged here, under the journal lock,
 * with the payment in hand counted.
 */
export function decideStoreOffline(
  state: State,
  command: StoreCommand,
  terms: OfflineTerms,
  time: EffectiveTime,
  effective: EffectiveState,
): Decision<Stored> {
  const {payment, card, reader, fingerprint} = command;
  const stored = offlinePayments(state, effective).filter((other) => other.local_id !== payment.local_id);
  const refusal =
    refuseOfflineCreate(payment, terms, stored.length) ??
    refuseOffline(card, {
      amount: payment.amount,
      currency: payment.currency,
      livemode: payment.binding.livemode,
      country: terms.country,
      reader,
      time,
      // The KSN of this very read is known already when an online attempt was journalled first.
      ksn: payment.private_data === 'present' ? new Map() : state.ksn,
    });
  if (refusal !== null) return refused(payment, refusal, null, command);
  const decision = judgePolicy(terms.policy, {
    amount: payment.amount,
    currency: payment.currency,
    read_method: card.read_method,
    brand: card.brand,
    leading_digits: card.leading_digits,
    fingerprint,
    card_times: fingerprint === null ? [] : (state.cards.get(fingerprint) ?? []),
    now: time.ms,
    clock_uncertain: time.uncertain,
    stored,
  });
  if (!decision.allowed) return refused(payment, policyRefusal(decision, payment, card), decision, command);
  return {
    events: [
      {
        type: 'payment.accepted_offline',
        payment: payment.local_id,
        data: {
          card: {...cardDetails(card), ...(fingerprint === null ? {} : {fingerprint})},
          reader,
          request: {confirm: command.confirm},
          stored_at: rfc3339(time.ms),
          clock_uncertain: time.uncertain,
          policy: decision,
        },
        ...(payment.private_data === 'present' ? {} : {private: privateData(card)}),
      },
    ],
    result: {refusal: null},
  };
}

/**
 * Journals what was read and that the confirm is about to leave, in one commit, before any byte of it does.
 * `authorizing` is never forwarded: only a stored payment is.
 */
export function decideAuthorize(
  state: State,
  command: CardCommand & {readonly key: string},
  time: EffectiveTime,
): Decision<Stored> {
  const {payment, card, reader, confirm, key} = command;
  const refusal = refuseCard(card, {
    amount: payment.amount,
    currency: payment.currency,
    livemode: payment.binding.livemode,
    country: null,
    reader,
    time,
    ksn: state.ksn,
  });
  if (refusal !== null) return refused(payment, refusal, null, command);
  return {
    events: [
      {
        type: 'payment.authorizing',
        payment: payment.local_id,
        data: {card: cardDetails(card), reader, request: {confirm}},
        private: privateData(card),
      },
      {
        type: 'payment.attempted',
        payment: payment.local_id,
        data: {operation: 'confirm', key, generation: 0},
      },
    ],
    result: {refusal: null},
  };
}

/**
 * Journals a refusal: the payment is over, nothing of the card is kept but brand and last4.
 * @param read the card that was read; its key serial number counts as used, or what was refused could be played back
 */
export function refused(
  payment: Payment,
  refusal: Refusal,
  policy: PolicyDecision | null,
  read: Pick<CardCommand, 'card' | 'reader'> | null,
): Decision<Stored> {
  const {brand, last4} = refusal.details as {brand?: string; last4?: string | null};
  return {
    events: [
      {
        type: 'payment.refused',
        payment: payment.local_id,
        data: {
          code: refusal.code,
          message: refusal.message,
          card: brand === undefined ? null : {brand, last4: last4 ?? null},
          policy,
          ...(read === null ? {} : {used_key: {ksn: read.card.sealed.ksn, reader: read.reader}}),
        },
      },
    ],
    result: {refusal},
  };
}

/** The refusal of a policy, with what it rests on. */
export function policyRefusal(
  decision: Extract<PolicyDecision, {allowed: false}>,
  payment: Pick<Payment, 'amount' | 'currency'>,
  {brand, last4}: Pick<CardRead, 'brand' | 'last4'>,
): Refusal {
  const {rule, limit, value, inputs} = decision;
  const money = rule === 'per_payment' || rule === 'stored_total';
  const show = (figure: number | string): string =>
    money && typeof figure === 'number' ? formatAmount(figure, payment.currency) : String(figure);
  return refusal(
    'policy_refused',
    `The risk policy refuses it: rule ${rule}, limit ${show(limit)}${money ? shrinkText(inputs) : ''}, present value ` +
      `${show(value)}, this payment ${formatAmount(payment.amount, payment.currency)}.`,
    OF_THE_CARD.has(rule)
      ? 'Ask for another card, or take the payment with network.'
      : 'Forward what is stored (stowpay forward) when there is network, or change policy.json.',
    {rule, limit, value, amount: payment.amount, currency: payment.currency, inputs, brand, last4},
  );
}

/** Rules that another card may pass. */
const OF_THE_CARD: ReadonlySet<PolicyRule> = new Set<PolicyRule>([
  'per_card',
  'read_methods',
  'brands',
  'deny_issuer_ranges',
]);

function shrinkText({shrink_factor = 1}: PolicyInputs): string {
  return shrink_factor === 1 ? '' : ` (× ${shrink_factor} after so long an outage)`;
}

function cardDetails(card: CardRead): CardDetails {
  const {brand, last4, exp_month, exp_year, read_method, receipt} = card;
  return {brand, last4, exp_month, exp_year, read_method, receipt, ksn: card.sealed.ksn};
}

function privateData(card: CardRead): PrivateData {
  return {sealed: card.sealed, cardholder_name: card.cardholder_name};
}
