import * as http from 'node:http';
import * as https from 'node:https';
import type {JsonObject} from '../core/ports.js';
import type {Body, Exchange, Reply, TransportFailure, WireRequest} from './exchange.js';

/** Time limits of one request, milliseconds. */
export interface Limits {
  /** Until the channel is open (TLS included). */
  readonly connect_ms: number;
  /** Until the whole answer is here. */
  readonly total_ms: number;
  readonly signal?: AbortSignal | undefined;
}

/** No answer of the API comes near this; an endless one must not fill the memory. */
const LARGEST_BODY = 16 * 1024 * 1024;

/**
 * Sends one request once and resolves with what is known about it, at the latest after `total_ms`.
 * Never rejects for what the network or the peer does; throws only for a request that cannot be written at all.
 */
export function send(request: WireRequest, agent: http.Agent, limits: Limits): Promise<Exchange> {
  const attempt = new Attempt();
  const wire = openRequest(request, agent);
  attempt.watch(wire, request.protocol === 'https', limits);
  wire.end(request.body);
  return attempt.done;
}

function openRequest(request: WireRequest, agent: http.Agent): http.ClientRequest {
  const transport = request.protocol === 'https' ? https : http;
  return transport.request({
    agent,
    host: request.host,
    port: request.port,
    path: request.path,
    method: request.method,
    headers: request.headers as http.OutgoingHttpHeaders,
  });
}

/** One request on its way: collects evidence until the answer is whole, or something ends it. */
class Attempt {
  readonly done: Promise<Exchange>;
  private settle: (exchange: Exchange) => void = () => {};
  private connected = false;
  private response: http.IncomingMessage | null = null;
  private readonly chunks: Buffer[] = [];
  private received = 0;
  private ended = false;
  private readonly cleanups: Array<() => void> = [];

  constructor() {
    this.done = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  watch(wire: http.ClientRequest, secure: boolean, limits: Limits): void {
    const stop = (failure: TransportFailure) => {
      this.finish(failure);
      wire.destroy();
    };
    this.after(limits.total_ms, () => stop('deadline'));
    this.onAbort(limits.signal, () => stop('aborted'));
    wire.on('socket', (socket) => {
      // A pooled socket was opened by an earlier request, so it emits no connect event again.
      if (wire.reusedSocket) this.connected = true;
      if (this.connected || this.ended) return;
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        this.connected = true;
      });
      this.after(limits.connect_ms, () => {
        if (!this.connected) stop('connect_timeout');
      });
    });
    wire.on('response', (response) => this.receive(response, stop));
    wire.on('error', (error) => this.finish(this.failureOf(error, secure)));
    wire.on('close', () => this.finish('reset'));
  }

  private receive(response: http.IncomingMessage, stop: (failure: TransportFailure) => void): void {
    this.response = response;
    response.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.received += chunk.length;
      if (this.received > LARGEST_BODY) stop('protocol');
    });
    response.on('end', () => this.finish(response.complete ? null : 'reset'));
    response.on('error', () => this.finish('reset'));
    response.on('close', () => this.finish('reset'));
  }

  /** The first ending counts; those that follow from it (a destroyed socket closes) do not. */
  private finish(failure: TransportFailure | null): void {
    if (this.ended) return;
    this.ended = true;
    for (const cleanup of this.cleanups) cleanup();
    this.settle({
      transport: {connected: this.connected, response_started: this.response !== null, failure},
      reply: this.reply(failure),
    });
  }

  private reply(failure: TransportFailure | null): Reply | null {
    if (this.response === null) return null;
    return {
      status: this.response.statusCode ?? 0,
      headers: flatHeaders(this.response.headers),
      body: failure === null ? parseBody(Buffer.concat(this.chunks)) : {kind: 'truncated'},
    };
  }

  private failureOf(error: NodeJS.ErrnoException, secure: boolean): TransportFailure {
    const code = error.code ?? '';
    if (code === 'ENOTFOUND' || code.startsWith('EAI_')) return 'dns';
    if (code.startsWith('HPE_')) return 'protocol';
    if (this.connected) return 'reset';
    return secure && !UNREACHABLE.has(code) ? 'tls' : 'unreachable';
  }

  private after(ms: number, act: () => void): void {
    const timer = setTimeout(act, ms);
    this.cleanups.push(() => clearTimeout(timer));
  }

  private onAbort(signal: AbortSignal | undefined, act: () => void): void {
    if (signal === undefined) return;
    // Later than the caller's `watch`, so that an already aborted signal ends the request like a fresh one.
    if (signal.aborted) queueMicrotask(act);
    signal.addEventListener('abort', act, {once: true});
    this.cleanups.push(() => signal.removeEventListener('abort', act));
  }
}

const UNREACHABLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EHOSTDOWN',
  'ETIMEDOUT',
  'EADDRNOTAVAIL',
]);

function flatHeaders(headers: http.IncomingHttpHeaders): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}

function parseBody(bytes: Buffer): Body {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return {kind: 'not_an_object'};
    return {kind: 'object', value: value as JsonObject};
  } catch {
    return {kind: 'not_an_object'};
  }
}
