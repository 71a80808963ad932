import {AsyncLocalStorage} from 'node:async_hooks';
import type * as http from 'node:http';
import type Stripe from 'stripe';
import type {Exchange, Reply, WireRequest} from './exchange.js';
import {type Limits, send} from './send.js';

/** One call of the gateway: how long it may take, over which connections, and the evidence it leaves. */
export interface Call {
  readonly limits: Limits;
  readonly agent: http.Agent;
  /** The one request this call may send is on its way, or was made. */
  begun: boolean;
  /** What came of it; null until then, and when none was sent. */
  exchange: Exchange | null;
}

/** Where a request really goes; the composition root cuts the sandbox's network with it. */
export type Route = (host: string, port: number) => Target | Promise<Target>;

export interface Target {
  readonly host: string;
  readonly port: number;
}

/**
 * The `stripe` client's way to the network. It sends one request per call and records what the socket saw.
 *
 * The client repeats a request once after ECONNRESET or EPIPE, even with retries off, and its errors do not tell.
 * So failures leave here without those codes, and a second request of the same call is refused unsent:
 * what `Call.exchange` says is then the whole truth about the call.
 */
export class RecordingHttpClient implements Stripe.HttpClient {
  private readonly calls = new AsyncLocalStorage<Call>();
  private readonly route: Route;

  constructor(route: Route) {
    this.route = route;
  }

  /** Runs one call of the client library; requests it makes are recorded in `call`. */
  record<T>(call: Call, act: () => Promise<T>): Promise<T> {
    return this.calls.run(call, act);
  }

  getClientName(): string {
    return 'stowpay';
  }

  async makeRequest(
    host: string,
    port: string,
    path: string,
    method: string,
    headers: Readonly<Record<string, string | number | string[]>>,
    body: string,
    protocol: string,
  ): Promise<Stripe.HttpClientResponse> {
    const call = this.calls.getStore();
    if (call === undefined) throw new UnsentError('request outside a call');
    if (call.begun) throw new UnsentError('second request of one call');
    call.begun = true;
    const target = await this.route(host, Number(port));
    const request: WireRequest = {
      protocol: protocol === 'http' ? 'http' : 'https',
      host: target.host,
      port: target.port,
      path,
      method,
      headers: {...headers, Host: hostHeader(host, Number(port), protocol)},
      body,
    };
    call.exchange = await send(request, call.agent, call.limits);
    return response(call.exchange);
  }
}

/** Carries no `code`, so that the client library does not repeat the request. */
class UnsentError extends Error {}

function response(exchange: Exchange): Stripe.HttpClientResponse {
  const {reply} = exchange;
  // Only a JSON object may enter the client library: it fails without calling back on a bare number.
  if (reply === null || reply.body.kind !== 'object') throw new UnsentError('no usable answer');
  return new RecordedResponse(reply, reply.body.value);
}

class RecordedResponse implements Stripe.HttpClientResponse {
  private readonly reply: Reply;
  private readonly body: object;

  constructor(reply: Reply, body: object) {
    this.reply = reply;
    this.body = body;
  }

  getStatusCode(): number {
    return this.reply.status;
  }

  getHeaders(): Record<string, string> {
    // The library prints this header's text as a process warning; stderr belongs to the command.
    const {'stripe-notice': _notice, ...headers} = this.reply.headers;
    return headers;
  }

  getRawResponse(): unknown {
    return {};
  }

  toStream(): never {
    throw new UnsentError('no streaming');
  }

  async toJSON(): Promise<object> {
    // A copy: the library writes into what it is given, and the recorded evidence must stay as it arrived.
    return structuredClone(this.body);
  }
}

function hostHeader(host: string, port: number, protocol: string): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === (protocol === 'http' ? 80 : 443) ? name : `${name}:${port}`;
}
