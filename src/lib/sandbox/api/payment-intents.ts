import {currencyOf} from '../../core/money.js';
import {type Context, type Reply, saveIntent} from './context.js';
import {type Expansion, expansionOf} from './expand.js';
import {newId} from './ids.js';
import {inRange, LIST_FIELDS, page} from './pagination.js';
import {type Fields, type Params, readParams} from './params.js';
import {EXPANDABLE, paymentIntentObject} from './payment-intent-object.js';
import {invalidRequest, resourceMissing, unexpectedState} from './problem.js';
import {parseSearch} from './search.js';
import type {AccountState, IntentRecord} from './state.js';

const URL = '/v1/payment_intents';
/** Eight digits, as Stripe documents for most currencies. */
const LARGEST_AMOUNT = 99_999_999;
const TEXTS = {
  description: {kind: 'string', longest: 1000},
  receipt_email: {kind: 'string', longest: 800},
  statement_descriptor: {kind: 'string', longest: 22},
  statement_descriptor_suffix: {kind: 'string', longest: 22},
  transfer_group: {kind: 'string'},
} as const satisfies Fields;

const CREATE = {
  amount: {kind: 'integer', least: 1, most: LARGEST_AMOUNT, required: true},
  currency: {kind: 'string', longest: 3, required: true},
  allowed_payment_method_types: {kind: 'strings'},
  capture_method: {kind: 'one_of', values: ['automatic', 'automatic_async', 'manual']},
  confirmation_method: {kind: 'one_of', values: ['automatic']},
  metadata: {kind: 'map'},
  expand: {kind: 'strings'},
  ...TEXTS,
} as const satisfies Fields;

/** POST /v1/payment_intents. No money moves before the confirm. */
export function create(context: Context): Reply {
  refuseRetired(context);
  const params = readParams(context.form, CREATE);
  const expand = expansionOf(params.expand, EXPANDABLE);
  const id = newId('pi');
  const record: IntentRecord = {
    id,
    created: context.now,
    amount: params.amount,
    currency: currency(params.currency),
    capture_method: params.capture_method === 'manual' ? 'manual' : 'automatic',
    ...texts(params),
    metadata: mergeMetadata({}, params.metadata ?? {}),
    allowed_payment_method_types: allowedTypes(params.allowed_payment_method_types),
    client_secret: `${id}_${newId('secret')}`,
    status: 'requires_payment_method',
    amount_received: 0,
    canceled_at: null,
    cancellation_reason: null,
    latest_charge: null,
    payment_method: null,
    last_payment_error: null,
    attempts: 0,
    confirms: 0,
    captures: 0,
  };
  saveIntent(context, record, 'payment_intent.created');
  return show(context.account, record, expand);
}

const RETRIEVE = {expand: {kind: 'strings'}, client_secret: {kind: 'string'}} as const satisfies Fields;

/** GET /v1/payment_intents/{id} */
export function retrieve(context: Context): Reply {
  const params = readParams(context.form, RETRIEVE);
  return show(context.account, theIntent(context), expansionOf(params.expand, EXPANDABLE));
}

const UPDATE = {
  amount: {kind: 'integer', least: 1, most: LARGEST_AMOUNT},
  currency: {kind: 'string', longest: 3},
  metadata: {kind: 'map'},
  expand: {kind: 'strings'},
  ...TEXTS,
} as const satisfies Fields;

/** POST /v1/payment_intents/{id}. The amount can change only before the confirm. */
export function update(context: Context): Reply {
  refuseRetired(context);
  const params = readParams(context.form, UPDATE);
  const expand = expansionOf(params.expand, EXPANDABLE);
  const intent = theIntent(context);
  const changesMoney = params.amount !== undefined || params.currency !== undefined;
  if (changesMoney && intent.status !== 'requires_payment_method') {
    throw unexpectedState('updated', intent.status);
  }
  const record: IntentRecord = {
    ...intent,
    amount: params.amount ?? intent.amount,
    currency: params.currency === undefined ? intent.currency : currency(params.currency),
    description: params.description ?? intent.description,
    receipt_email: params.receipt_email ?? intent.receipt_email,
    statement_descriptor: params.statement_descriptor ?? intent.statement_descriptor,
    statement_descriptor_suffix: params.statement_descriptor_suffix ?? intent.statement_descriptor_suffix,
    transfer_group: params.transfer_group ?? intent.transfer_group,
    metadata: updatedMetadata(context, intent, params.metadata),
  };
  saveIntent(context, record, null);
  return show(context.account, record, expand);
}

const LIST = {...LIST_FIELDS, created: {kind: 'range'}} as const satisfies Fields;

/** GET /v1/payment_intents */
export function list(context: Context): Reply {
  const params = readParams(context.form, LIST);
  const expand = expansionOf(params.expand, EXPANDABLE, 'data.');
  const records = [...context.account.intents.values()].filter((record) =>
    inRange(record.created, params.created),
  );
  const body = page(records, params, URL, (record) => paymentIntentObject(context.account, record, expand));
  return {status: 200, body};
}

const SEARCH = {
  query: {kind: 'string', required: true},
  limit: {kind: 'integer', least: 1, most: 100},
  page: {kind: 'string'},
  expand: {kind: 'strings'},
} as const satisfies Fields;

/** GET /v1/payment_intents/search. Unlike Stripe's it does not lag, and pages by position. */
export function search(context: Context): Reply {
  const params = readParams(context.form, SEARCH);
  const expand = expansionOf(params.expand, EXPANDABLE, 'data.');
  const matches = parseSearch(params.query);
  const found = [...context.account.intents.values()].filter(matches).reverse();
  const from = pagePosition(params.page);
  const end = from + (params.limit ?? 10);
  const has_more = found.length > end;
  const body = {
    object: 'search_result',
    url: `${URL}/search`,
    has_more,
    next_page: has_more ? String(end) : null,
    data: found.slice(from, end).map((record) => paymentIntentObject(context.account, record, expand)),
  };
  return {status: 200, body};
}

/** The intent a path names. Throws a 404 Problem. */
export function theIntent(context: Context): IntentRecord {
  const intent = context.account.intents.get(context.id);
  if (intent === undefined) throw resourceMissing('payment_intent', context.id, 'intent');
  return intent;
}

export function show(account: AccountState, record: IntentRecord, expand: Expansion): Reply {
  return {status: 200, body: paymentIntentObject(account, record, expand)};
}

/** Metadata after an update: an empty value removes its key. Throws a 400 Problem beyond Stripe's limits. */
export function mergeMetadata(
  before: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string>>,
): Record<string, string> {
  const merged = Object.entries({...before, ...change}).filter(([, value]) => value !== '');
  if (merged.length > 50) throw invalidRequest('Metadata may have at most 50 keys.', {param: 'metadata'});
  for (const [key] of merged) {
    if ([...key].length > 40) {
      throw invalidRequest('Metadata keys may have at most 40 characters.', {param: 'metadata'});
    }
  }
  return Object.fromEntries(merged);
}

function updatedMetadata(
  context: Context,
  intent: IntentRecord,
  change: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  if (change === undefined) return intent.metadata;
  return context.form.metadata === '' ? {} : mergeMetadata(intent.metadata, change);
}

/** Refused since API version 2026-09-30, and worth its own words: older integrations send it. */
function refuseRetired(context: Context): void {
  if (context.form.payment_method_types === undefined) return;
  throw invalidRequest('This API version takes allowed_payment_method_types, not payment_method_types.', {
    code: 'parameter_unknown',
    param: 'payment_method_types',
  });
}

function currency(code: string): string {
  try {
    return currencyOf(code).code;
  } catch {
    throw invalidRequest(`${JSON.stringify(code)} is no currency.`, {param: 'currency'});
  }
}

function allowedTypes(types: readonly string[] | undefined): readonly string[] | null {
  if (types === undefined) return null;
  const strange = types.find((type) => !/^[a-z0-9_]{2,40}$/.test(type));
  if (strange === undefined && types.length > 0) return types;
  throw invalidRequest('This is no list of payment method types.', {param: 'allowed_payment_method_types'});
}

function texts(params: Params<typeof TEXTS>) {
  return {
    description: params.description ?? null,
    receipt_email: params.receipt_email ?? null,
    statement_descriptor: params.statement_descriptor ?? null,
    statement_descriptor_suffix: params.statement_descriptor_suffix ?? null,
    transfer_group: params.transfer_group ?? null,
  };
}

function pagePosition(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\d{1,9}$/.test(text)) throw invalidRequest('This is no page of a search.', {param: 'page'});
  return Number(text);
}
