import type Stripe from 'stripe';
import type {SealedCardData} from '../core/card.js';
import type {FrozenCall, JsonObject, Outcome, RemoteIntent} from '../core/ports.js';
import {ownError} from './api-error.js';
import {API_VERSION, type Client} from './client.js';
import {withSealedData} from './freeze.js';
import type {Read} from './outcome.js';
import {remoteIntent} from './remote-intent.js';
import {pageOf} from './remote-terminal.js';

const EXPAND = {expand: ['latest_charge']};
const PAGE_SIZE = 100;

/** Creates the intent; no money moves. */
export function create(
  client: Client,
  call: FrozenCall,
  signal: AbortSignal | undefined,
): Promise<Outcome<RemoteIntent>> {
  return client.request(
    {operation: 'create'},
    client.budget(signal),
    (stripe, options) =>
      stripe.paymentIntents.create(
        frozen<Stripe.PaymentIntentCreateParams>(call.params),
        keyed(call, options),
      ),
    (body) => remoteIntent(body, client.redact),
  );
}

export function retrieve(
  client: Client,
  id: string,
  signal: AbortSignal | undefined,
): Promise<Outcome<RemoteIntent>> {
  return client.request(
    {operation: 'read'},
    client.budget(signal),
    (stripe, options) => stripe.paymentIntents.retrieve(id, EXPAND, options),
    theIntent(client, id),
  );
}

/** Confirms with the sealed card data: the one call that moves money. Sent at most once. */
export async function confirm(
  client: Client,
  id: string,
  call: FrozenCall,
  sealed: SealedCardData,
  signal: AbortSignal | undefined,
): Promise<Outcome<RemoteIntent>> {
  const params = withSealedData(call.params, sealed);
  if (params === null) {
    const message =
      'The stored card data does not belong to this request (another KSN or cipher, or it is gone).';
    return {kind: 'refused', error: ownError('sealed_data_mismatch', message)};
  }
  return client.request(
    {operation: 'confirm', id},
    client.budget(signal),
    (stripe, options) =>
      stripe.paymentIntents.confirm(
        id,
        frozen<Stripe.PaymentIntentConfirmParams>(params),
        keyed(call, options),
      ),
    theIntent(client, id),
  );
}

export function capture(
  client: Client,
  id: string,
  call: FrozenCall,
  signal: AbortSignal | undefined,
): Promise<Outcome<RemoteIntent>> {
  return client.request(
    {operation: 'capture'},
    client.budget(signal),
    (stripe, options) =>
      stripe.paymentIntents.capture(
        id,
        {...EXPAND, ...frozen<Stripe.PaymentIntentCaptureParams>(call.params)},
        keyed(call, options),
      ),
    theIntent(client, id),
  );
}

export function cancel(
  client: Client,
  id: string,
  call: FrozenCall,
  signal: AbortSignal | undefined,
): Promise<Outcome<RemoteIntent>> {
  return client.request(
    {operation: 'cancel'},
    client.budget(signal),
    (stripe, options) =>
      stripe.paymentIntents.cancel(
        id,
        {...EXPAND, ...frozen<Stripe.PaymentIntentCancelParams>(call.params)},
        keyed(call, options),
      ),
    theIntent(client, id),
  );
}

/** Every page until the last, newest first; ends after the first outcome that is not `delivered`. */
export async function* list(
  client: Client,
  since: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Outcome<readonly RemoteIntent[]>> {
  let after: string | undefined;
  for (;;) {
    const page = await listPage(client, since, after, signal);
    if (page.kind !== 'delivered') return yield page;
    const {items, has_more} = page.value;
    yield {...page, value: items};
    if (!has_more) return;
    const last = items.at(-1)?.id;
    // An API that says "more" and does not move on would keep us here for ever.
    if (last === undefined || last === after) return yield stuck();
    after = last;
  }
}

function listPage(client: Client, since: number, after: string | undefined, signal: AbortSignal | undefined) {
  const params: Stripe.PaymentIntentListParams = {
    created: {gte: since},
    limit: PAGE_SIZE,
    expand: ['data.latest_charge'],
    ...(after === undefined ? {} : {starting_after: after}),
  };
  return client.request(
    {operation: 'read'},
    client.budget(signal),
    (stripe, options) => stripe.paymentIntents.list(params, options),
    (body) => pageOf(body, (item) => remoteIntent(item, client.redact)),
  );
}

function stuck(): Outcome<never> {
  return {kind: 'in_doubt', error: ownError('list_does_not_advance', 'The list of the API does not end.')};
}

/** An answer about another intent than the one named proves nothing about this one. */
function theIntent(client: Client, id: string): Read<RemoteIntent> {
  return (body) => {
    const intent = remoteIntent(body, client.redact);
    return intent?.id === id ? intent : null;
  };
}

function keyed(call: FrozenCall, options: Stripe.RequestOptions): Stripe.RequestOptions {
  return {...options, idempotencyKey: call.idempotency_key, apiVersion: call.api_version || API_VERSION};
}

/** The journal's JSON as the client's parameters: this room froze it, and the extension has fields the types lack. */
function frozen<T>(params: JsonObject): T {
  return params as T;
}
