import type Stripe from 'stripe';
import type {SealedCardData} from '../core/card.js';
import {StowpayError} from '../core/errors.js';
import type {ConfirmDraft, CreateDraft, JsonObject} from '../core/ports.js';
import {isWellFormed, length, metadataWith} from './metadata.js';
import {minimumAmount} from './minimum-amounts.js';

const LONGEST_DESCRIPTION = 1000;

/**
 * The parameters of the create call, complete and validated, so that every later sending is identical.
 * Throws `invalid_metadata`, `amount_too_small`, `invalid_amount` (not a positive integer of minor units),
 * `invalid_usage` (description over 1000 characters).
 */
export function freezeCreate(draft: CreateDraft): JsonObject {
  checkAmount(draft.amount, draft.currency);
  const params = {
    amount: draft.amount,
    currency: draft.currency,
    capture_method: draft.capture_method,
    // `payment_method_types` is refused since API version 2026-09-30.
    allowed_payment_method_types: ['card_present'],
    metadata: metadataWith(draft, draft.metadata),
    ...describe(draft.description),
    expand: ['latest_charge'],
  } satisfies Stripe.PaymentIntentCreateParams;
  return params;
}

/**
 * The parameters of the confirm call without the ciphertext: that stays in the journal's private part, and
 * `withSealedData` puts it in when the call is sent. The KSN is here, so that the two can be matched.
 */
export function freezeConfirm(draft: ConfirmDraft): JsonObject {
  const {card, reader} = draft;
  return {
    payment_method_data: {
      type: 'card_present',
      card_present: {
        ksn: card.sealed.ksn,
        encryption: card.sealed.encryption,
        emv_data: card.emv_data,
        read_method: card.read_method,
        reader: {serial: reader.serial, type: reader.type, firmware: reader.firmware},
        ...(draft.stored_at === null ? {} : {offline: {stored_at: draft.stored_at}}),
      },
    },
    expand: ['latest_charge'],
  };
}

/**
 * A frozen confirm with its ciphertext merged in; null when the two do not belong together (another KSN or cipher,
 * no ciphertext left), which no answer of the API could ever mend.
 */
export function withSealedData(params: JsonObject, sealed: SealedCardData): JsonObject | null {
  const data = params.payment_method_data as JsonObject | undefined;
  const card = data?.card_present as JsonObject | undefined;
  if (data === undefined || card === undefined) return null;
  if (card.ksn !== sealed.ksn || card.encryption !== sealed.encryption) return null;
  if (Object.keys(sealed.tags).length === 0) return null;
  return {...params, payment_method_data: {...data, card_present: {...card, sealed: sealed.tags}}};
}

function checkAmount(amount: number, currency: string): void {
  if (!Number.isSafeInteger(amount) || amount <= 0) {
    throw new StowpayError('invalid_amount', 'The amount is not a positive whole number of minor units.');
  }
  const least = minimumAmount(currency);
  if (amount < least) {
    throw new StowpayError(
      'amount_too_small',
      `The API charges no less than ${least} (minor units) in ${currency}.`,
      {
        hint: 'Collect a larger amount.',
        details: {amount, minimum: least, currency},
      },
    );
  }
}

function describe(description: string | null): {description?: string} {
  if (description === null || description === '') return {};
  if (length(description) > LONGEST_DESCRIPTION || !isWellFormed(description)) {
    throw new StowpayError('invalid_usage', 'The description is too long or not valid text.', {
      hint: `Use at most ${LONGEST_DESCRIPTION} characters.`,
    });
  }
  return {description};
}
