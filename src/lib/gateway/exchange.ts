import type {JsonObject} from '../core/ports.js';

/** One HTTP request as it goes on the wire. */
export interface WireRequest {
  readonly protocol: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string | number | readonly string[]>>;
  readonly body: string;
}

/** Why an exchange ended without a whole answer. */
export type TransportFailure =
  | 'dns'
  | 'unreachable'
  | 'tls'
  | 'connect_timeout'
  | 'deadline'
  | 'aborted'
  | 'reset'
  | 'protocol';

/** What the socket itself knows about one request, whatever the client library makes of it. */
export interface Transport {
  /**
   * A channel that could carry request bytes was once open: TCP for http, the finished handshake for https
   * (before it no byte of the request leaves). False means that nothing of the request left this machine.
   */
  readonly connected: boolean;
  /** The first byte of an answer arrived. */
  readonly response_started: boolean;
  /** Null when an answer arrived whole. */
  readonly failure: TransportFailure | null;
}

export type Body =
  | {readonly kind: 'object'; readonly value: JsonObject}
  /** Whole, but no JSON object: HTML of a proxy, an empty body, a bare number. */
  | {readonly kind: 'not_an_object'}
  /** The connection ended inside the body. */
  | {readonly kind: 'truncated'};

export interface Reply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
}

/** Everything known about one request: the only evidence an outcome is judged by. */
export interface Exchange {
  readonly transport: Transport;
  /** Null when not even a status line arrived. */
  readonly reply: Reply | null;
}
