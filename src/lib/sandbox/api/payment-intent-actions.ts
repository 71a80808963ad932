import {CARD_FIELDS, type PresentedCard, presentedCard} from './card-data.js';
import {type Context, type Reply, saveIntent} from './context.js';
import {type Decision, decideAuthorization} from './decide.js';
import {type Expansion, expansionOf} from './expand.js';
import {newAuthorizationCode, newId} from './ids.js';
import {type Fields, type Params, readParams} from './params.js';
import {EXPANDABLE, paymentError, paymentIntentObject} from './payment-intent-object.js';
import {mergeMetadata, theIntent} from './payment-intents.js';
import {invalidRequest, unexpectedState} from './problem.js';
import type {AccountState, ChargeRecord, DeclineRecord, IntentRecord} from './state.js';
import {storedCard} from './unseal.js';

/** How long a card-present authorisation can be captured. */
const CAPTURE_WINDOW_S = 2 * 24 * 3600;

const CONFIRM = {
  payment_method_data: {
    kind: 'fields',
    required: true,
    fields: {
      type: {kind: 'one_of', values: ['card_present'], required: true},
      card_present: {kind: 'fields', fields: CARD_FIELDS, required: true},
    },
  },
  expand: {kind: 'strings'},
} as const satisfies Fields;

/** POST /v1/payment_intents/{id}/confirm: asks the emulated issuer. The one call that moves the emulated money. */
export function confirm(context: Context): Reply {
  const params = readParams(context.form, CONFIRM);
  const expand = expansionOf(params.expand, EXPANDABLE);
  const intent = theIntent(context);
  if (intent.status !== 'requires_payment_method') throw unexpectedState('confirmed', intent.status);
  if (intent.allowed_payment_method_types?.includes('card_present') === false) {
    throw invalidRequest('This PaymentIntent does not allow card_present.', {
      param: 'payment_method_data[type]',
    });
  }
  const data = params.payment_method_data.card_present;
  const card = presentedCard(data);
  const decision = decideAuthorization(card.clear.pan, intent.amount);
  const charge = newCharge(context, intent, data, card, decision);
  return charge.decline === null
    ? approved(context, intent, charge, expand)
    : declined(context, intent, charge, charge.decline, expand);
}

const CAPTURE = {
  amount_to_capture: {kind: 'integer', least: 1},
  final_capture: {kind: 'boolean'},
  metadata: {kind: 'map'},
  statement_descriptor: {kind: 'string', longest: 22},
  statement_descriptor_suffix: {kind: 'string', longest: 22},
  expand: {kind: 'strings'},
} as const satisfies Fields;

/** POST /v1/payment_intents/{id}/capture: all, or a part, and then the rest is released. */
export function capture(context: Context): Reply {
  const params = readParams(context.form, CAPTURE);
  const expand = expansionOf(params.expand, EXPANDABLE);
  const intent = theIntent(context);
  if (intent.status !== 'requires_capture') throw unexpectedState('captured', intent.status);
  const amount = params.amount_to_capture ?? intent.amount;
  if (amount > intent.amount) {
    throw invalidRequest('More than the authorised amount cannot be captured.', {
      code: 'amount_too_large',
      param: 'amount_to_capture',
    });
  }
  const record: IntentRecord = {
    ...intent,
    status: 'succeeded',
    amount_received: amount,
    captures: intent.captures + 1,
    metadata: mergeMetadata(intent.metadata, params.metadata ?? {}),
    statement_descriptor: params.statement_descriptor ?? intent.statement_descriptor,
    statement_descriptor_suffix: params.statement_descriptor_suffix ?? intent.statement_descriptor_suffix,
  };
  const charge = updateCharge(context, intent, {
    captured: true,
    amount_captured: amount,
    amount_refunded: intent.amount - amount,
  });
  saveIntent(context, record, 'payment_intent.succeeded');
  return showAfter(context, record, charge, expand);
}

const CANCEL = {
  cancellation_reason: {
    kind: 'one_of',
    values: ['abandoned', 'duplicate', 'fraudulent', 'requested_by_customer'],
  },
  expand: {kind: 'strings'},
} as const satisfies Fields;

/** POST /v1/payment_intents/{id}/cancel: releases an authorisation, or ends an intent that never had one. */
export function cancel(context: Context): Reply {
  const params = readParams(context.form, CANCEL);
  const expand = expansionOf(params.expand, EXPANDABLE);
  const intent = theIntent(context);
  if (intent.status !== 'requires_payment_method' && intent.status !== 'requires_capture') {
    throw unexpectedState('canceled', intent.status);
  }
  const {record, charge} = end(context, intent, params.cancellation_reason ?? null);
  return showAfter(context, record, charge, expand);
}

/** Cancels every authorisation whose capture window is over, as the API does by itself. True when there was one. */
export function lapse(context: Context): boolean {
  for (const id of context.account.uncaptured) {
    const intent = context.account.intents.get(id);
    const before = context.account.charges.get(intent?.latest_charge ?? '')?.capture_before ?? null;
    if (intent !== undefined && before !== null && before <= context.now) end(context, intent, 'automatic');
  }
  return context.changes.length > 0;
}

function end(context: Context, intent: IntentRecord, reason: string | null) {
  const record: IntentRecord = {
    ...intent,
    status: 'canceled',
    canceled_at: context.now,
    cancellation_reason: reason,
  };
  const charge =
    intent.status === 'requires_capture'
      ? updateCharge(context, intent, {amount_refunded: intent.amount})
      : null;
  saveIntent(context, record, 'payment_intent.canceled');
  return {record, charge};
}

function approved(context: Context, intent: IntentRecord, charge: ChargeRecord, expand: Expansion): Reply {
  const automatic = intent.capture_method === 'automatic';
  const record: IntentRecord = {
    ...intent,
    ...attempted(intent, charge),
    status: automatic ? 'succeeded' : 'requires_capture',
    amount_received: automatic ? intent.amount : 0,
    last_payment_error: null,
    confirms: intent.confirms + 1,
    captures: intent.captures + (automatic ? 1 : 0),
  };
  saveCharge(context, charge);
  const event = automatic ? 'payment_intent.succeeded' : 'payment_intent.amount_capturable_updated';
  saveIntent(context, record, event);
  return showAfter(context, record, charge, expand);
}

/** HTTP 402 with the intent inside, which is back where it was and may be confirmed again with other card data. */
function declined(
  context: Context,
  intent: IntentRecord,
  charge: ChargeRecord,
  decline: DeclineRecord,
  expand: Expansion,
): Reply {
  const record: IntentRecord = {
    ...intent,
    ...attempted(intent, charge),
    payment_method: null,
    last_payment_error: decline,
  };
  saveCharge(context, charge);
  saveIntent(context, record, 'payment_intent.payment_failed');
  const payment_intent = paymentIntentObject(withCharge(context.account, charge), record, expand);
  return {status: 402, body: {error: {...paymentError(decline), payment_intent}}};
}

function attempted(intent: IntentRecord, charge: ChargeRecord) {
  return {
    latest_charge: charge.id,
    payment_method: charge.payment_method,
    attempts: intent.attempts + 1,
  };
}

function newCharge(
  context: Context,
  intent: IntentRecord,
  data: Params<typeof CARD_FIELDS>,
  card: PresentedCard,
  decision: Decision,
): ChargeRecord {
  const id = newId('ch');
  const ok = decision.kind === 'approved';
  const captured = ok && intent.capture_method === 'automatic';
  return {
    id,
    created: context.now,
    intent: intent.id,
    payment_method: newId('pm'),
    amount: intent.amount,
    amount_captured: captured ? intent.amount : 0,
    amount_refunded: 0,
    currency: intent.currency,
    captured,
    card: storedCard(card.clear.pan),
    exp_month: card.exp_month,
    exp_year: card.exp_year,
    read_method: data.read_method,
    reader: {
      serial: data.reader?.serial ?? '',
      type: data.reader?.type ?? '',
      firmware: data.reader?.firmware ?? '',
    },
    ksn: data.ksn.toUpperCase(),
    stored_at: data.offline?.stored_at ?? null,
    receipt: card.receipt,
    authorization_code: ok ? newAuthorizationCode() : null,
    capture_before: ok && !captured ? context.now + CAPTURE_WINDOW_S : null,
    decline: ok ? null : declineRecord(id, decision),
  };
}

function declineRecord(charge: string, decision: Decision & {kind: 'declined'}): DeclineRecord {
  return {
    charge,
    code: decision.code,
    decline_code: decision.decline_code,
    advice_code: decision.advice_code,
    message: `The emulated issuer declined the card (${decision.decline_code}).`,
  };
}

function updateCharge(
  context: Context,
  intent: IntentRecord,
  change: Partial<ChargeRecord>,
): ChargeRecord | null {
  const charge = context.account.charges.get(intent.latest_charge ?? '');
  if (charge === undefined) return null;
  const record = {...charge, ...change};
  saveCharge(context, record);
  return record;
}

function saveCharge(context: Context, record: ChargeRecord): void {
  context.changes.push({kind: 'charge', account: context.account.id, record});
}

function showAfter(
  context: Context,
  record: IntentRecord,
  charge: ChargeRecord | null,
  expand: Expansion,
): Reply {
  return {status: 200, body: paymentIntentObject(withCharge(context.account, charge), record, expand)};
}

/** The account as it will be: an answer shows the charge this very request made, which is not folded in yet. */
function withCharge(account: AccountState, charge: ChargeRecord | null): AccountState {
  if (charge === null) return account;
  const charges = new Map([[charge.id, charge]]);
  return {...account, charges};
}
