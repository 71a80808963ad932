import {StowpayError} from '../core/errors.js';
import type {Gateway, Outcome, RemoteAccount, RemoteIntent} from '../core/ports.js';
import {ownError} from './api-error.js';
import {API_VERSION, type Budget, Client, type Deadlines} from './client.js';
import {freezeConfirm, freezeCreate} from './freeze.js';
import type {Route} from './http-client.js';
import * as paymentIntents from './payment-intents.js';
import {remoteAccount} from './remote-account.js';
import {terminal} from './terminal.js';

export interface GatewayOptions {
  /** Scheme, host and port; the API's paths begin at its root. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** What payments are bound to: `sandbox`, or the origin of the base URL. */
  readonly origin: string;
  /** False for Stripe itself: then `confirmPaymentIntent` sends nothing. */
  readonly acceptsSealedData: boolean;
  /** Asked for every request; by default a request goes where the base URL says. */
  readonly route?: Route;
  readonly deadlines?: Partial<Deadlines>;
  /** Of `probe`. */
  readonly probeDeadlines?: Partial<Deadlines>;
}

const DEADLINES: Deadlines = {connect_ms: 3000, total_ms: 10_000};
const PROBE_DEADLINES: Deadlines = {connect_ms: 3000, total_ms: 5000};

/**
 * The payment API behind `Gateway`. Opens no connection and loads no client library until the first call.
 * Throws `profile_invalid` for a base URL that is not plain http(s), `authentication_failed` for an unusable key.
 */
export function openGateway(options: GatewayOptions): Gateway {
  const client = new Client({
    baseUrl: parseBaseUrl(options.baseUrl),
    apiKey: checkedKey(options.apiKey),
    route: options.route ?? ((host, port) => ({host, port})),
    deadlines: {...DEADLINES, ...options.deadlines},
    probeDeadlines: {...PROBE_DEADLINES, ...options.probeDeadlines},
  });
  const account = (budget: Budget): Promise<Outcome<RemoteAccount>> =>
    client.request(
      {operation: 'read'},
      budget,
      (stripe, options) => stripe.accounts.retrieveCurrent(undefined, options),
      (body, reply) => remoteAccount(body, reply, options.apiKey),
    );
  return {
    origin: options.origin,
    apiVersion: API_VERSION,
    acceptsSealedData: options.acceptsSealedData,
    freezeCreate,
    freezeConfirm,
    account: (signal) => account(client.budget(signal)),
    probe: (signal) => account(client.probeBudget(signal)),
    terminal: (location, signal) => terminal(client, location, signal),
    createPaymentIntent: (call, signal) => paymentIntents.create(client, call, signal),
    retrievePaymentIntent: (id, signal) => paymentIntents.retrieve(client, id, signal),
    confirmPaymentIntent: async (id, call, sealed, signal) =>
      options.acceptsSealedData
        ? paymentIntents.confirm(client, id, call, sealed, signal)
        : forwardingNotSupported(),
    capturePaymentIntent: (id, call, signal) => paymentIntents.capture(client, id, call, signal),
    cancelPaymentIntent: (id, call, signal) => paymentIntents.cancel(client, id, call, signal),
    listPaymentIntents: (since, signal) => paymentIntents.list(client, since, signal),
    renew: () => client.renew(),
    close: async () => client.close(),
  };
}

/** Nothing was sent, nothing is lost: the payment waits for a profile whose API takes sealed data. */
function forwardingNotSupported(): Outcome<RemoteIntent> {
  return {
    kind: 'stop',
    error: ownError(
      'forwarding_not_supported',
      'This API accepts no card data that was sealed by a reader of its own; nothing was sent, and the payment stays stored.',
    ),
  };
}

function parseBaseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const plain =
    url !== null &&
    ['http:', 'https:'].includes(url.protocol) &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '' &&
    url.username === '';
  if (!plain) {
    throw new StowpayError('profile_invalid', 'The API address is not a plain http or https address.', {
      hint: 'Use scheme, host and port only, for example https://payments.example.com.',
    });
  }
  return url;
}

function checkedKey(key: string): string {
  // Printable ASCII is what an Authorization header can carry; a stray line end comes from reading a file.
  if (!/^[\x21-\x7e]{8,500}$/.test(key)) {
    throw new StowpayError('authentication_failed', 'The API key is empty or has characters no key has.', {
      hint: 'Check the key file of this profile.',
    });
  }
  return key;
}
