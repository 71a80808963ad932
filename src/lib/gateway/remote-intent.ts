import type Stripe from 'stripe';
import type {ApiError, JsonObject, RemoteIntent} from '../core/ports.js';
import {errorFields} from './api-error.js';
import type {Redact} from './redact.js';

/**
 * Stripe's PaymentIntent as stowpay keeps it; null when the object is not a whole PaymentIntent.
 * `charge` is null before a confirm; where the answer did not expand `latest_charge`, only its id is known.
 */
export function remoteIntent(body: JsonObject, redact: Redact): RemoteIntent | null {
  if (!isPaymentIntent(body)) return null;
  return {
    id: body.id,
    status: body.status,
    amount: body.amount,
    amount_capturable: body.amount_capturable,
    amount_received: body.amount_received,
    currency: body.currency,
    capture_method: body.capture_method,
    livemode: body.livemode,
    created: body.created,
    metadata: body.metadata,
    cancellation_reason: body.cancellation_reason ?? null,
    last_payment_error: lastError(body.last_payment_error, redact),
    charge: remoteCharge(body.latest_charge),
  };
}

/** The fields stowpay decides by must be there; a half-understood object is no evidence. */
function isPaymentIntent(body: JsonObject): body is JsonObject & Stripe.PaymentIntent {
  const texts = [body.id, body.status, body.currency, body.capture_method];
  const numbers = [body.amount, body.amount_capturable, body.amount_received, body.created];
  return (
    body.object === 'payment_intent' &&
    texts.every((text) => typeof text === 'string' && text !== '') &&
    numbers.every((number) => Number.isSafeInteger(number)) &&
    typeof body.livemode === 'boolean' &&
    isTextMap(body.metadata)
  );
}

function isTextMap(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((entry) => typeof entry === 'string')
  );
}

function lastError(error: Stripe.PaymentIntent.LastPaymentError | null, redact: Redact): ApiError | null {
  if (typeof error !== 'object' || error === null) return null;
  const fields = errorFields(error as unknown as JsonObject, redact);
  return {...fields, http_status: null, request_id: null};
}

const UNEXPANDED = {
  authorization_code: null,
  authorization_response_code: null,
  account_type: null,
  capture_before: null,
  offline_stored_at: null,
};

/** A charge of which nothing but its id is known. */
export function chargeById(id: string): NonNullable<RemoteIntent['charge']> {
  return {...UNEXPANDED, id};
}

function remoteCharge(charge: string | Stripe.Charge | null): RemoteIntent['charge'] {
  if (typeof charge === 'string') return chargeById(charge);
  if (typeof charge !== 'object' || charge === null) return null;
  const card = charge.payment_method_details?.card_present;
  return {
    id: charge.id,
    authorization_code: text(card?.receipt?.authorization_code) ?? text(charge.authorization_code),
    authorization_response_code: text(card?.receipt?.authorization_response_code),
    account_type: text(card?.receipt?.account_type),
    capture_before: integer(card?.capture_before),
    // A charge authorised online has an `offline` object too, with nulls inside.
    offline_stored_at: integer(card?.offline?.stored_at),
  };
}

function text(value: string | null | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function integer(value: number | null | undefined): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}
