import type Stripe from 'stripe';
import type {Context, Reply} from './context.js';
import {inRange, LIST_FIELDS, page} from './pagination.js';
import {type Fields, readParams} from './params.js';
import {paymentIntentObject} from './payment-intent-object.js';
import {resourceMissing} from './problem.js';
import type {AccountState, EventRecord} from './state.js';
import {API_VERSION} from './version.js';

const LIST = {
  ...LIST_FIELDS,
  created: {kind: 'range'},
  type: {kind: 'string'},
  types: {kind: 'strings'},
} as const satisfies Fields;

/** GET /v1/events */
export function list(context: Context): Reply {
  const params = readParams(context.form, LIST);
  const types = params.type === undefined ? params.types : [params.type];
  const records = [...context.account.events.values()].filter(
    (event) => inRange(event.created, params.created) && (types === undefined || types.includes(event.type)),
  );
  const body = page(records, params, '/v1/events', (event) => eventObject(context.account, event));
  return {status: 200, body};
}

/** GET /v1/events/{id} */
export function retrieve(context: Context): Reply {
  readParams(context.form, {expand: {kind: 'strings'}});
  const event = context.account.events.get(context.id);
  if (event === undefined) throw resourceMissing('event', context.id, 'id');
  return {status: 200, body: eventObject(context.account, event)};
}

/** The intent inside is as it was when the event arose. */
function eventObject(account: AccountState, record: EventRecord): Stripe.EventBase {
  return {
    id: record.id,
    object: 'event',
    api_version: API_VERSION,
    created: record.created,
    data: {object: {...paymentIntentObject(account, record.intent, new Set())}},
    livemode: false,
    pending_webhooks: 0,
    request: record.request,
    type: record.type,
  };
}
