import type Stripe from 'stripe';
import type {Expansion} from './expand.js';
import {paymentIntentObject} from './payment-intent-object.js';
import type {AccountState, ChargeRecord} from './state.js';

/** Stripe's Charge of a record; the compiler holds it to the installed client's types. */
export function chargeObject(account: AccountState, record: ChargeRecord, expand: Expansion): Stripe.Charge {
  const intent = account.intents.get(record.intent);
  return {
    id: record.id,
    object: 'charge',
    amount: record.amount,
    amount_captured: record.amount_captured,
    amount_refunded: record.amount_refunded,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    ...(record.authorization_code === null ? {} : {authorization_code: record.authorization_code}),
    balance_transaction: null,
    billing_details: {address: null, email: null, name: null, phone: null, tax_id: null},
    calculated_statement_descriptor: 'SANDBOX',
    captured: record.captured,
    created: record.created,
    currency: record.currency,
    customer: null,
    description: intent?.description ?? null,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: record.decline?.code ?? null,
    failure_message: record.decline?.message ?? null,
    fraud_details: {},
    livemode: false,
    metadata: {...intent?.metadata},
    on_behalf_of: null,
    outcome: outcome(record),
    paid: record.decline === null,
    payment_intent:
      expand.has('payment_intent') && intent !== undefined
        ? paymentIntentObject(account, intent, new Set())
        : record.intent,
    payment_method: record.payment_method,
    payment_method_details: {type: 'card_present', card_present: cardPresent(record)},
    receipt_email: intent?.receipt_email ?? null,
    receipt_number: null,
    receipt_url: null,
    refunded: !record.captured && record.amount_refunded === record.amount,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: intent?.statement_descriptor ?? null,
    statement_descriptor_suffix: intent?.statement_descriptor_suffix ?? null,
    status: record.decline === null ? 'succeeded' : 'failed',
    transfer_data: null,
    transfer_group: intent?.transfer_group ?? null,
  };
}

function outcome(record: ChargeRecord): Stripe.Charge.Outcome {
  const {decline} = record;
  return {
    advice_code: decline?.advice_code ?? null,
    network_advice_code: null,
    network_decline_code: null,
    network_status: decline === null ? 'approved_by_network' : 'declined_by_network',
    reason: decline?.decline_code ?? null,
    risk_level: 'not_assessed',
    seller_message: decline?.message ?? 'The sandbox approved the payment.',
    type: decline === null ? 'authorized' : 'issuer_declined',
  };
}

function cardPresent(record: ChargeRecord): Stripe.Charge.PaymentMethodDetails.CardPresent {
  const approved = record.decline === null;
  return {
    amount_authorized: approved ? record.amount : null,
    brand: record.card.brand,
    brand_product: null,
    ...(record.capture_before === null ? {} : {capture_before: record.capture_before}),
    cardholder_name: null,
    country: 'US',
    emv_auth_data: null,
    exp_month: record.exp_month,
    exp_year: record.exp_year,
    fingerprint: record.card.fingerprint,
    funding: 'credit',
    generated_card: null,
    incremental_authorization_supported: false,
    last4: record.card.last4,
    network: record.card.brand,
    network_transaction_id: null,
    // An online charge has the object too, with nulls inside.
    offline: {stored_at: record.stored_at, type: record.stored_at === null ? null : 'deferred'},
    overcapture_supported: false,
    preferred_locales: ['en'],
    read_method: record.read_method,
    receipt: {
      ...record.receipt,
      ...(approved ? {account_type: 'credit' as const} : {}),
      authorization_code: record.authorization_code,
      // EMV tag 8A: approved, or do not honour.
      authorization_response_code: approved ? '3030' : '3035',
    },
  };
}
