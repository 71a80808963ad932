import type * as http from 'node:http';
import type Stripe from 'stripe';
import type {Exchange, WireRequest} from './exchange.js';
import {type Limits, send} from './send.js';

/** How long one call of the gateway may take, and over which connections it goes. */
export interface Terms {
  readonly limits: Limits;
  readonly agent: http.Agent;
}

/** Where a request really goes; the composition root cuts the sandbox's network with it. */
export type Route = (host: string, port: number) => Target | Promise<Target>;

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** The call a request belongs to travels with the headers the client library makes for it. */
const CALL = Symbol('call');

interface CallHeaders {
  [CALL]?: Call;
}

interface Call extends Terms {
  readonly answered: (exchange: Exchange) => void;
  readonly failed: (error: unknown) => void;
  sent: boolean;
}

/**
 * The `stripe` client's way to the network: a one-way street. The client builds the request; what came of it is judged
 * by what the socket saw, so the client never hears of an answer.
 *
 * That is also why it never repeats a request. It does so once after ECONNRESET or EPIPE, even with retries off, and
 * its errors do not tell. A second request of the same call is refused unsent all the same.
 */
export class OneWayHttpClient implements Stripe.HttpClient {
  private readonly apiKey: string;
  private readonly route: Route;

  constructor(apiKey: string, route: Route) {
    this.apiKey = apiKey;
    this.route = route;
  }

  /**
   * Sends the one request that `build` has the client library make with these options. Resolves with what is known
   * about it; rejects only when it could not be built, and then nothing was sent.
   */
  exchange(terms: Terms, build: (options: Stripe.RequestOptions) => Promise<unknown>): Promise<Exchange> {
    return new Promise((resolve, reject) => {
      const call: Call = {...terms, answered: resolve, failed: reject, sent: false};
      const unsent = () => reject(new UnsentError('the client made no request'));
      withoutStack(() => build({authenticator: this.authenticator(call)})).then(unsent, reject);
    });
  }

  getClientName(): string {
    return 'stowpay';
  }

  makeRequest(
    host: string,
    port: string,
    path: string,
    method: string,
    headers: Record<string, string | number | string[]> & CallHeaders,
    body: string,
    protocol: string,
  ): Promise<Stripe.HttpClientResponse> {
    const call = headers[CALL];
    if (call === undefined) return Promise.reject(new UnsentError('request outside a call'));
    if (call.sent) return Promise.reject(new UnsentError('second request of one call'));
    call.sent = true;
    headers.Host = hostHeader(host, Number(port), protocol);
    const request = {protocol: protocol === 'http' ? 'http' : 'https', path, method, headers, body} as const;
    this.dispatch(request, {host, port: Number(port)}, call).then(call.answered, call.failed);
    return new Promise(() => {});
  }

  private async dispatch(
    request: Omit<WireRequest, 'host' | 'port'>,
    to: Target,
    call: Call,
  ): Promise<Exchange> {
    const {host, port} = await this.route(to.host, to.port);
    return send({...request, host, port}, call.agent, call.limits);
  }

  private authenticator(call: Call): NonNullable<Stripe.RequestOptions['authenticator']> {
    return async (request) => {
      const headers: typeof request.headers & CallHeaders = request.headers;
      headers.Authorization = `Bearer ${this.apiKey}`;
      headers[CALL] = call;
    };
  }
}

/** Carries no `code`, so that the client library does not repeat the request. */
class UnsentError extends Error {}

/** The client takes a stack trace of every call, for errors that nobody here ever sees. They cost more than the request. */
function withoutStack<T>(act: () => T): T {
  const {stackTraceLimit} = Error;
  Error.stackTraceLimit = 0;
  try {
    return act();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function hostHeader(host: string, port: number, protocol: string): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === (protocol === 'http' ? 80 : 443) ? name : `${name}:${port}`;
}
