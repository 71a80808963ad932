import * as http from 'node:http';
import type {AddressInfo, Socket} from 'node:net';
import {StowpayError} from '../../core/errors.js';
import {Api} from './api.js';
import {control, isControl} from './control.js';
import type {FaultRequest} from './faults.js';
import {newId} from './ids.js';
import type {LedgerEntry} from './ledger.js';
import {type ApiRequest, type Delivery, json} from './request.js';
import type {FaultRecord} from './state.js';
import {Store} from './store.js';

export interface SandboxApiOptions {
  /** Where the state is kept; shared by every server started on it. */
  readonly dir: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Milliseconds since the epoch; default the machine's clock. */
  readonly now?: () => number;
}

export interface SandboxApi {
  readonly url: string;
  readonly port: number;
  addFault(fault: FaultRequest): Promise<FaultRecord>;
  faults(): Promise<FaultRecord[]>;
  clearFaults(): Promise<void>;
  ledger(): Promise<LedgerEntry[]>;
  /** Afterwards no socket, timer or file of the server is open. Requests still being served are cut off. */
  close(): Promise<void>;
}

const LARGEST_BODY = 1 << 20;

/**
 * Starts the emulated payment API on loopback; when this resolves it answers. Any number of servers, in any number
 * of processes, can share a directory: together they are one API.
 * Throws `data_directory_unusable` when the state cannot be kept or the port cannot be had.
 */
export async function startSandboxApi(options: SandboxApiOptions): Promise<SandboxApi> {
  const {dir, port = 0, host = '127.0.0.1', now = Date.now} = options;
  const store = Store.open(dir);
  const closing = new AbortController();
  const api = new Api(store, (ms) => sleep(ms, closing.signal));
  const server = http.createServer((incoming, outgoing) => {
    void serve(api, incoming, outgoing, now());
  });
  const sockets = track(server);
  try {
    await listen(server, port, host);
  } catch (cause) {
    await store.close();
    throw new StowpayError('data_directory_unusable', 'The sandbox API cannot listen.', {
      hint: 'Choose another port.',
      cause,
    });
  }
  const bound = (server.address() as AddressInfo).port;
  let closed: Promise<void> | undefined;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    addFault: (fault) => api.addFault(fault),
    faults: () => api.faults(),
    clearFaults: () => api.clearFaults(),
    ledger: () => api.ledger(),
    close: () => {
      closed ??= shutDown(server, sockets, store, closing);
      return closed;
    },
  };
}

async function serve(
  api: Api,
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
  at: number,
): Promise<void> {
  try {
    const request = await readRequest(incoming, at);
    deliver(outgoing, await route(api, request, incoming.socket));
  } catch {
    // Closing, a full disk, a client that went away: to the client it is a server that broke.
    if (outgoing.headersSent) incoming.destroy();
    else deliver(outgoing, json(500, {error: {type: 'api_error', message: 'The sandbox failed.'}}));
  }
}

async function route(api: Api, request: ApiRequest, socket: Socket): Promise<Delivery> {
  if (!isControl(request)) return api.answer(request);
  if (!isLoopback(socket.remoteAddress ?? '')) {
    return json(403, {error: {type: 'invalid_request_error', message: 'Only from this machine.'}});
  }
  return control(api, request);
}

async function readRequest(incoming: http.IncomingMessage, at: number): Promise<ApiRequest> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY) throw new RangeError('request too large');
    chunks.push(chunk);
  }
  const [path = '/', query = ''] = (incoming.url ?? '/').split('?');
  return {
    method: incoming.method ?? 'GET',
    path,
    query,
    body: Buffer.concat(chunks).toString('utf8'),
    headers: single(incoming.headers),
    request_id: newId('req'),
    at,
  };
}

function deliver(outgoing: http.ServerResponse, delivery: Delivery): void {
  if (delivery.cut === 'drop') {
    outgoing.socket?.destroy();
    return;
  }
  const body = Buffer.from(delivery.body);
  outgoing.writeHead(delivery.status, {...delivery.headers, 'Content-Length': body.length});
  if (delivery.cut === 'none') {
    outgoing.end(body);
    return;
  }
  // Flushed before the cut, so that the client surely sees the beginning of the answer.
  outgoing.write(body.subarray(0, Math.floor(body.length / 2)), () => outgoing.socket?.destroy());
}

function single(headers: http.IncomingHttpHeaders): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}

/** Every open socket: idle keep-alive connections would otherwise hold `close` up. */
function track(server: http.Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return sockets;
}

function listen(server: http.Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function shutDown(
  server: http.Server,
  sockets: ReadonlySet<Socket>,
  store: Store,
  closing: AbortController,
): Promise<void> {
  closing.abort();
  const done = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of sockets) socket.destroy();
  await done;
  await store.close();
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    if (signal.aborted) wake();
    else signal.addEventListener('abort', wake, {once: true});
  });
}
