import type Stripe from 'stripe';
import {chargeObject} from './charge-object.js';
import {type Expansion, within} from './expand.js';
import type {AccountState, DeclineRecord, IntentRecord} from './state.js';

/** What `expand[]` may name on a PaymentIntent. */
export const EXPANDABLE = ['latest_charge', 'latest_charge.payment_intent'] as const;

/** Stripe's PaymentIntent of a record; the compiler holds it to the installed client's types. */
export function paymentIntentObject(
  account: AccountState,
  record: IntentRecord,
  expand: Expansion,
): Stripe.PaymentIntent {
  return {
    id: record.id,
    object: 'payment_intent',
    allowed_payment_method_types:
      record.allowed_payment_method_types === null ? null : [...record.allowed_payment_method_types],
    amount: record.amount,
    amount_capturable: record.status === 'requires_capture' ? record.amount : 0,
    amount_details: {tip: {}},
    amount_received: record.amount_received,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: null,
    canceled_at: record.canceled_at,
    cancellation_reason: record.cancellation_reason,
    capture_method: record.capture_method,
    client_secret: record.client_secret,
    confirmation_method: 'automatic',
    created: record.created,
    currency: record.currency,
    customer: null,
    customer_account: null,
    description: record.description,
    excluded_payment_method_types: null,
    last_payment_error: record.last_payment_error === null ? null : paymentError(record.last_payment_error),
    latest_charge: latestCharge(account, record, expand),
    livemode: false,
    managed_payments: null,
    metadata: {...record.metadata},
    next_action: null,
    on_behalf_of: null,
    payment_method: record.payment_method,
    payment_method_configuration_details: null,
    payment_method_options: {
      card_present: {
        request_extended_authorization: false,
        request_incremental_authorization_support: false,
      },
    },
    payment_method_types: ['card_present'],
    payment_record: null,
    processing: null,
    receipt_email: record.receipt_email,
    review: null,
    setup_future_usage: null,
    shipping: null,
    source: null,
    statement_descriptor: record.statement_descriptor,
    statement_descriptor_suffix: record.statement_descriptor_suffix,
    status: record.status,
    transfer_data: null,
    transfer_group: record.transfer_group,
  };
}

/** A decline as it stands on the intent, and in the 402 answer. */
export function paymentError(decline: DeclineRecord): Stripe.PaymentIntent.LastPaymentError {
  return {
    type: 'card_error',
    code: decline.code,
    decline_code: decline.decline_code,
    ...(decline.advice_code === null ? {} : {advice_code: decline.advice_code}),
    message: decline.message,
    charge: decline.charge,
    payment_method_type: 'card_present',
  };
}

function latestCharge(
  account: AccountState,
  record: IntentRecord,
  expand: Expansion,
): string | Stripe.Charge | null {
  if (record.latest_charge === null || !expand.has('latest_charge')) return record.latest_charge;
  const charge = account.charges.get(record.latest_charge);
  return charge === undefined
    ? record.latest_charge
    : chargeObject(account, charge, within(expand, 'latest_charge'));
}
