import {ksnKey} from './apply.js';
import type {CardAnswer, CardFailure, CardRead} from './card.js';
import {type ErrorCode, StowpayError} from './errors.js';
import {splitKsn} from './ksn.js';
import {MAX_OFFLINE_AMOUNT} from './limits.js';
import {currencyOf, formatAmount, toCardAmount} from './money.js';
import type {ReaderDetails} from './payment.js';
import {refusesTapOffline} from './strong-authentication.js';
import {type EffectiveTime, isExpired} from './time.js';

/** A rule said no: nothing is stored but this. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface CardQuestion {
  readonly amount: number;
  readonly currency: string;
  readonly livemode: boolean;
  /** Of the location, ISO 3166-1 alpha-2. */
  readonly country: string | null;
  readonly reader: ReaderDetails;
  readonly time: EffectiveTime;
  /** Highest counters of KSNs seen, by reader and key. */
  readonly ksn: ReadonlyMap<string, number>;
}

/** The refusal as the error a caller gets. */
export function refusalError(refusal: Refusal): StowpayError {
  return new StowpayError(refusal.code, refusal.message, {hint: refusal.hint, details: refusal.details});
}

const NOTHING_STORED = 'No money was taken and no payment was stored.';

/** What the reader's answer means when it is not a card to go on with; null when it is one. */
export function refuseAnswer(answer: CardAnswer): Refusal | null {
  switch (answer.kind) {
    case 'card':
      return null;
    case 'unsealed':
      return refusal(
        'reader_not_encrypting',
        'The reader sent card data that was not encrypted. It was dropped at once and is stored nowhere.',
        'Do not sell with this reader. Have its encryption enabled, then run stowpay connect again.',
        {brand: answer.brand, last4: answer.last4},
      );
    case 'no_card':
      return answer.reason === 'timeout'
        ? refusal('no_card_presented', 'No card was presented in time.', 'Run the command again.', {})
        : refusal('card_read_canceled', 'The card read was canceled.', 'Run the command again.', {});
    case 'failed':
      return refuseFailure(answer.reason, answer);
  }
}

type FailedAnswer = Extract<CardAnswer, {kind: 'failed'}>;

function refuseFailure(reason: CardFailure, {brand, last4, technical, earlier}: FailedAnswer): Refusal {
  const [code, what, hint] = FAILURES[reason];
  const before = earlier === undefined ? {} : {earlier};
  const forBoth = `${hint} For the technician: ${technical}.`;
  return refusal(code, what, forBoth, {brand, last4, reason, technical, ...before});
}

const OTHER_CARD = 'Ask for another card.';
const FAILURES: Readonly<Record<CardFailure, readonly [ErrorCode, string, string]>> = {
  declined_by_card: ['offline_transaction_declined', 'The card declined the payment.', OTHER_CARD],
  reader_offline_only: [
    'reader_fault',
    'The reader is set to offline-only and declined a card that wanted to go online.',
    'Change the reader setting for online authorization, then run stowpay connect again.',
  ],
  use_contact: ['card_unusable', 'This card cannot be tapped here.', 'Ask the customer to insert the card.'],
  use_other_interface: [
    'card_unusable',
    'The card cannot be read this way.',
    'Ask the customer to insert the card instead of tapping it, or the other way round.',
  ],
  use_magstripe: [
    'card_swipe_not_available',
    'The chip cannot be used and a magnetic stripe is never taken offline.',
    OTHER_CARD,
  ],
  use_another_card: ['card_unusable', 'The reader cannot take this card.', OTHER_CARD],
  card_error: ['card_unusable', 'The card could not be read.', 'Try again, or ask for another card.'],
  collision: [
    'card_unusable',
    'More than one card was in the field.',
    'Ask the customer to present one card only.',
  ],
  over_contactless_limit: [
    'card_unusable',
    'The amount is over the contactless limit.',
    'Ask the customer to insert the card.',
  ],
  card_blocked: ['card_unusable', 'The card is blocked.', OTHER_CARD],
  card_expired: ['offline_and_card_expired', 'The card has expired.', OTHER_CARD],
  card_unsupported: ['card_unusable', 'The reader does not support this card.', OTHER_CARD],
  tap_again: ['card_unusable', 'The card left the field too early.', 'Ask the customer to tap again.'],
  see_phone: [
    'card_unusable',
    'The phone asked its holder for consent and was not held to the reader again.',
    'Ask the customer to look at the phone, then to tap again.',
  ],
  authentication_failed: ['card_unusable', 'The card could not be authenticated.', OTHER_CARD],
  verification_failed: ['card_unusable', 'The cardholder could not be verified.', OTHER_CARD],
  restricted: ['card_unusable', 'The card may not be used for this.', OTHER_CARD],
  torn: [
    'card_unusable',
    'The card was removed before the payment was complete.',
    'Ask the customer to try again.',
  ],
  missing_emv_data: ['missing_emv_data', 'The reader could not read the card completely.', 'Try again.'],
  magnetic_stripe: [
    'card_swipe_not_available',
    'A magnetic stripe was read, which is never taken offline.',
    'Ask the customer to insert or tap a chip card.',
  ],
  unusable_encryption: [
    'reader_fault',
    'The card data came encrypted, but so that nobody could open it later. It was dropped.',
    'Do not sell with this reader. Have it set to encrypt with a DUKPT data key: TDES with a key serial number of ' +
      '10 bytes, or AES with one of 12.',
  ],
  unreadable: ['card_unusable', 'The card could not be read.', 'Try again, or ask for another card.'],
};

/** Rules that hold online and offline: never without a proper cryptogram, never for another amount, never a replay. */
export function refuseCard(card: CardRead, question: CardQuestion): Refusal | null {
  return (
    refuseCryptogram(card) ??
    refuseMissing(card) ??
    refuseAmount(card, question) ??
    refuseKsn(card, question) ??
    (question.livemode && isTestKsn(card.sealed.ksn)
      ? refuseWith(
          card,
          'offline_test_card_in_livemode',
          'Test data in live mode.',
          'Use a live reader and card.',
        )
      : null)
  );
}

/**
 * Rules of storing offline, in the order of judgement: the card's own answer, entry method, expiry,
 * the amount in the cryptogram, the hard cap. (That it is sealed was judged before; the policy comes after.)
 */
export function refuseOffline(card: CardRead, question: CardQuestion): Refusal | null {
  return (
    refuseCryptogram(card) ??
    refuseEntry(card, question) ??
    refuseExpired(card, question.time) ??
    refuseCard(card, question) ??
    refuseCap(card, question)
  );
}

function refuseCryptogram(card: CardRead): Refusal | null {
  if (card.cryptogram !== 'aac') return null;
  return refuseWith(card, 'offline_transaction_declined', 'The card declined the payment.', OTHER_CARD);
}

function refuseEntry(card: CardRead, {country}: CardQuestion): Refusal | null {
  switch (card.read_method) {
    case 'magnetic_stripe_fallback':
    case 'magnetic_stripe_track2':
    case 'contactless_magstripe_mode':
      return refuseWith(
        card,
        'card_swipe_not_available',
        'Magnetic stripe data is never taken offline: it is easily forged.',
        'Ask the customer to insert or tap a chip card.',
      );
    case 'contactless_emv':
      if (!refusesTapOffline(country)) break;
      return refuseWith(
        card,
        'contactless_not_supported_offline',
        `Without network a tap is not taken in ${country}: the customer must be authenticated by chip and PIN.`,
        'Ask the customer to insert the card and enter the PIN.',
      );
    case 'contact_emv':
      break;
  }
  if (card.brand === 'interac') {
    return refuseWith(
      card,
      'interac_not_supported_offline',
      'Interac cards are not taken offline.',
      OTHER_CARD,
    );
  }
  return refuseMissing(card) ?? refuseVerification(card);
}

/** A chip that was read without what its issuer checks: sent now or later, it could only be declined. */
function refuseMissing(card: CardRead): Refusal | null {
  if (card.read_method !== 'contact_emv' && card.read_method !== 'contactless_emv') return null;
  const {cryptogram, missing_tags, receipt} = card;
  if (cryptogram === null || receipt.application_cryptogram === null) {
    return refuseWith(card, 'missing_emv_data', 'The reader gave no cryptogram for this card.', 'Try again.');
  }
  if (missing_tags.length === 0) return null;
  return refuseWith(
    card,
    'missing_emv_data',
    `The reader left out what the issuer needs to check the cryptogram (${missing_tags.join(', ')}).`,
    'Try again. If it happens with every card, have these tags added to what the reader sends.',
    {missing: missing_tags},
  );
}

function refuseVerification(card: CardRead): Refusal | null {
  switch (card.receipt.cardholder_verification_method) {
    case 'online_pin':
      return refuseWith(
        card,
        'online_pin_not_supported_offline',
        'The card asked for a PIN that only its bank can check, and there is no network.',
        OTHER_CARD,
      );
    case 'failure':
      return refuseWith(card, 'card_unusable', 'The cardholder could not be verified.', OTHER_CARD, {
        reason: 'verification_failed',
      });
    case 'approval':
    case 'none':
    case 'offline_pin':
    case 'offline_pin_and_signature':
    case 'signature':
    case null:
      return null;
  }
}

function refuseExpired(card: CardRead, time: EffectiveTime): Refusal | null {
  if (card.exp_month === null || card.exp_year === null) {
    return refuseWith(
      card,
      'missing_emv_data',
      'The reader gave no expiry date for this card.',
      'Try again.',
    );
  }
  if (!isExpired(card.exp_month, card.exp_year, time.ms)) return null;
  const month = `${String(card.exp_month).padStart(2, '0')}/${card.exp_year}`;
  return refuseWith(
    card,
    'offline_and_card_expired',
    `The card expired at the end of ${month}.`,
    OTHER_CARD,
    {
      exp_month: card.exp_month,
      exp_year: card.exp_year,
      clock_uncertain: time.uncertain,
    },
  );
}

function refuseAmount(card: CardRead, {amount, currency}: CardQuestion): Refusal | null {
  const known = currencyOf(currency);
  const asked = toCardAmount(amount, known);
  const hint = 'Run the command again. If it happens again, have the reader checked.';
  if (card.cryptogram !== null && card.amount_authorized === null) {
    return refuseWith(card, 'missing_emv_data', 'The cryptogram carries no amount.', hint);
  }
  if (card.amount_authorized !== null && card.amount_authorized !== asked) {
    const signed = formatAmount(
      card.amount_authorized / 10 ** (known.cardDecimals - known.decimals),
      currency,
    );
    const what = `The card signed ${signed}, but ${formatAmount(amount, currency)} was asked for.`;
    return refuseWith(card, 'amount_mismatch', what, hint, {asked, signed: card.amount_authorized});
  }
  if (card.currency_numeric !== null && card.currency_numeric !== known.numeric) {
    const what = `The card signed an amount in currency ${card.currency_numeric}, not in ${currency} (${known.numeric}).`;
    return refuseWith(card, 'amount_mismatch', what, hint);
  }
  return null;
}

function refuseKsn(card: CardRead, {reader, ksn}: CardQuestion): Refusal | null {
  const parts = splitKsn(card.sealed.ksn);
  const seen = parts === null ? undefined : ksn.get(ksnKey(reader, parts.key));
  if (parts !== null && (seen === undefined || parts.counter > seen)) return null;
  return refuseWith(
    card,
    'ksn_replayed',
    parts === null
      ? 'The reader sent a key serial number of unknown form.'
      : 'The reader used a key serial number that was used before: a fault, or old data played back.',
    'Do not sell with this reader until it has been checked.',
    {ksn: card.sealed.ksn},
  );
}

function refuseCap(card: CardRead, {amount, currency}: CardQuestion): Refusal | null {
  const cap = MAX_OFFLINE_AMOUNT[currency];
  if (cap === undefined) return null;
  if (amount <= cap) return null;
  return refuseWith(
    card,
    'amount_exceeds_max_offline_amount',
    `${formatAmount(amount, currency)} is more than the ${formatAmount(cap, currency)} one offline payment may be.`,
    'Wait for the network, or take the payment another way.',
    {limit: cap, value: amount, currency},
  );
}

/** Published demonstration key sets begin so (ANSI X9.24 and the reader vendor's demo keys). */
export function isTestKsn(ksn: string): boolean {
  return /^FFFF/i.test(ksn);
}

function refuseWith(
  card: CardRead,
  code: ErrorCode,
  what: string,
  hint: string,
  details: Readonly<Record<string, unknown>> = {},
): Refusal {
  const name = `${card.brand}${card.last4 === null ? '' : ` ending in ${card.last4}`}`;
  return refusal(code, `${what} (${name})`, hint, {
    brand: card.brand,
    last4: card.last4,
    read_method: card.read_method,
    ...details,
  });
}

/** A refusal in the one form they all have; says that no money was taken and nothing stored. */
export function refusal(
  code: ErrorCode,
  what: string,
  hint: string,
  details: Readonly<Record<string, unknown>> = {},
): Refusal {
  return {code, message: `${what} ${NOTHING_STORED}`, hint, details};
}
