import * as http from 'node:http';
import * as https from 'node:https';
import type Stripe from 'stripe';
import {StowpayError} from '../core/errors.js';
import type {Outcome} from '../core/ports.js';
import {type Call, RecordingHttpClient, type Route} from './http-client.js';
import {outcomeOf, type Read} from './outcome.js';
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
}

/** The time one method of the gateway has, over all the requests it makes. */
export interface Budget {
  /** On the clock of `performance.now()`. */
  readonly ends: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Idle sockets are given up before servers and middleboxes usually do: a request written into a connection that
 * the other side just closed is a doubt that a fresh connection would have spared.
 */
const IDLE_SOCKET_MS = 4000;

/** The official client, loaded when first used, over our own HTTP client; every request ends in an Outcome. */
export class Client {
  readonly redact: Redact;
  private readonly options: ClientOptions;
  private readonly agent: http.Agent;
  private readonly httpClient: RecordingHttpClient;
  private loading: Promise<Stripe> | undefined;

  constructor(options: ClientOptions) {
    this.options = options;
    this.redact = redactor(options.apiKey);
    const pool = {keepAlive: true, timeout: IDLE_SOCKET_MS};
    this.agent = options.baseUrl.protocol === 'http:' ? new http.Agent(pool) : new https.Agent(pool);
    this.httpClient = new RecordingHttpClient(this.agent, options.route);
  }

  budget(signal: AbortSignal | undefined): Budget {
    return {ends: performance.now() + this.options.deadlines.total_ms, signal};
  }

  /** Makes one request and judges it by what the socket saw. Throws only for a mistake of our own. */
  async request<T>(
    budget: Budget,
    act: (stripe: Stripe) => Promise<unknown>,
    read: Read<T>,
  ): Promise<Outcome<T>> {
    const stripe = await this.stripe();
    const call: Call = {limits: this.limits(budget), begun: false, exchange: null};
    // The library's own error says less than the recorded exchange and may hold parameters.
    const failure = await this.httpClient
      .record(call, () => act(stripe))
      .then(
        () => null,
        (error: unknown) => error,
      );
    if (call.exchange === null) throw neverBuilt(failure);
    return outcomeOf(call.exchange, read, this.redact);
  }

  /** Releases the sockets; a request still on its way ends in doubt. */
  close(): void {
    this.agent.destroy();
  }

  private limits(budget: Budget): Call['limits'] {
    const left = Math.max(0, budget.ends - performance.now());
    return {
      connect_ms: Math.min(this.options.deadlines.connect_ms, left),
      total_ms: left,
      signal: budget.signal,
    };
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
    return new StripeClient(apiKey, {
      apiVersion: API_VERSION,
      host: baseUrl.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: baseUrl.port === '' ? (protocol === 'http' ? 80 : 443) : Number(baseUrl.port),
      protocol,
      httpClient: this.httpClient,
      maxNetworkRetries: 0,
      telemetry: false,
      emitEventBodies: false,
    });
  }
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
