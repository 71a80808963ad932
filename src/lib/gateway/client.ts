import type * as http from 'node:http';
import type Stripe from 'stripe';
import {StowpayError} from '../core/errors.js';
import type {JsonObject, Outcome} from '../core/ports.js';
import {formOf} from './form.js';
import {OneWayHttpClient, type Route, type Terms} from './http-client.js';
import {type Asked, outcomeOf, type Read} from './outcome.js';
import {Pool} from './pool.js';
import {type Redact, redactor} from './redact.js';

/** The API version whose types and shapes this release knows; the compiler holds it to the installed client's. */
export const API_VERSION: Stripe.LatestApiVersion = '2026-10-28.endive';

export interface Deadlines {
  /** Milliseconds until a connection must be open. */
  readonly connect_ms: number;
  /** Milliseconds until a method must have its outcome. */
  readonly total_ms: number;
}

export interface ClientOptions {
  readonly baseUrl: URL;
  readonly apiKey: string;
  readonly route: Route;
  readonly deadlines: Deadlines;
  /** Of a probe, which is asked again soon. */
  readonly probeDeadlines: Deadlines;
}

/** What one method of the gateway has, over all the requests it makes: its time and its connections. */
export interface Budget {
  /** On the clock of `performance.now()`. */
  readonly ends: number;
  readonly connect_ms: number;
  readonly signal: AbortSignal | undefined;
  readonly agent: http.Agent;
}

/** The official client, loaded when first used, over our own HTTP client; every request ends in an Outcome. */
export class Client {
  readonly redact: Redact;
  private readonly options: ClientOptions;
  private readonly pool: Pool;
  private readonly httpClient: OneWayHttpClient;
  private loading: Promise<Stripe> | undefined;

  constructor(options: ClientOptions) {
    this.options = options;
    this.redact = redactor(options.apiKey);
    this.pool = new Pool(options.baseUrl.protocol);
    this.httpClient = new OneWayHttpClient(options.apiKey, options.route);
  }

  budget(signal: AbortSignal | undefined): Budget {
    return budgetOf(this.options.deadlines, this.pool.shared, signal);
  }

  /** A connection of its own: whatever hangs in the pool does not hold it up. */
  probeBudget(signal: AbortSignal | undefined): Budget {
    return budgetOf(this.options.probeDeadlines, this.pool.own, signal);
  }

  /**
   * Makes one request and judges it by what the socket saw. `build` has the client library make it, with the options it
   * is given. Throws only for a mistake of our own.
   */
  async request<T>(
    asked: Asked,
    budget: Budget,
    build: (stripe: Stripe, options: Stripe.RequestOptions) => Promise<unknown>,
    read: Read<T>,
  ): Promise<Outcome<T>> {
    const stripe = await this.stripe();
    const exchange = await this.httpClient
      .exchange(termsOf(budget), (options) => build(stripe, options))
      .catch((error: unknown) => {
        throw neverBuilt(error);
      });
    return outcomeOf(asked, exchange, read, this.redact);
  }

  /** New requests connect anew; requests under way are left alone. */
  renew(): void {
    this.pool.renew();
  }

  /** Releases the sockets; a request still on its way ends in doubt. */
  close(): void {
    this.pool.close();
  }

  private stripe(): Promise<Stripe> {
    this.loading ??= this.load();
    return this.loading;
  }

  private async load(): Promise<Stripe> {
    // Costs about 100 ms, so only commands that call the API pay it.
    const {default: StripeClient} = await import('stripe');
    const {baseUrl, apiKey} = this.options;
    const protocol = baseUrl.protocol === 'http:' ? 'http' : 'https';
    const client = new StripeClient(apiKey, {
      apiVersion: API_VERSION,
      host: baseUrl.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: baseUrl.port === '' ? (protocol === 'http' ? 80 : 443) : Number(baseUrl.port),
      protocol,
      httpClient: this.httpClient,
      maxNetworkRetries: 0,
      telemetry: false,
      emitEventBodies: false,
    });
    client.paymentIntents.requestDataProcessor = toForm;
    return client;
  }
}

/** What the client calls to encode parameters. */
function toForm(
  _method: string,
  data: unknown,
  _headers: unknown,
  send: (error: null, form: string) => void,
): void {
  send(null, data === null ? '' : formOf(data as JsonObject));
}

function budgetOf(deadlines: Deadlines, agent: http.Agent, signal: AbortSignal | undefined): Budget {
  const ends = performance.now() + deadlines.total_ms;
  return {ends, connect_ms: deadlines.connect_ms, signal, agent};
}

function termsOf({ends, connect_ms, signal, agent}: Budget): Terms {
  const left = Math.max(0, ends - performance.now());
  return {limits: {connect_ms: Math.min(connect_ms, left), total_ms: left, signal}, agent};
}

/** The error's message is left out: it may quote what could not be written. */
function neverBuilt(failure: unknown): StowpayError {
  const code = (failure as {detail?: {code?: unknown}; code?: unknown} | null)?.detail?.code;
  return new StowpayError(
    'unexpected',
    'A request to the payment API could not be built; nothing was sent.',
    {
      details: {cause: typeof code === 'string' ? code : 'unknown'},
    },
  );
}
