import * as http from 'node:http';
import type {AddressInfo, Socket} from 'node:net';

export interface Hit {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/**
 * What becomes of one request. `cut_before`: it never arrives. `cut_after`: it takes effect, its answer is lost.
 * `late_ms`: the client is cut off at once, and the request arrives so much later all the same; `late`: when that
 * resolves, while the client is cut off or waits for an answer in vain. `hang`: it never arrives, and nothing tells. `slow_ms`: it arrives so much later, and is answered.
 */
export type Fate =
  | 'pass'
  | 'cut_before'
  | 'cut_after'
  | 'hang'
  | {readonly late_ms: number}
  | {readonly late: Promise<unknown>; readonly client?: 'waits'}
  | {readonly slow_ms: number}
  | {
      readonly status: number;
      readonly body: object | string;
      readonly headers?: Readonly<Record<string, string>>;
    };

export interface Line {
  readonly url: string;
  /** Every request that came here, in order. */
  readonly hits: readonly (Hit & {readonly at: number})[];
  /** How many requests were here at a time, at most. */
  readonly most: () => number;
  /** How many connections were opened. */
  readonly connections: () => number;
  /** Resolves when every late request has arrived. */
  settle(): Promise<void>;
  close(): void;
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** False when the API cut the connection inside the body. */
  readonly whole: boolean;
}

/** A bad network between the till and the API, with a memory: a lost request may still arrive. */
export async function openProxy(target: string, fateOf: (hit: Hit) => Fate): Promise<Line> {
  const sockets = new Set<Socket>();
  const late: Promise<unknown>[] = [];
  const hits: (Hit & {at: number})[] = [];
  let [here, most, connections] = [0, 0, 0];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      here += 1;
      most = Math.max(most, here);
      response.on('close', () => {
        here -= 1;
      });
      void meet(request, response, body).catch(() => request.socket.destroy());
    });
  });
  const meet = async (
    request: http.IncomingMessage,
    response: http.ServerResponse,
    body: string,
  ): Promise<void> => {
    const hit = {method: request.method ?? '', path: (request.url ?? '').split('?')[0] ?? '', body};
    hits.push({...hit, at: performance.now()});
    const fate = fateOf(hit);
    if (fate === 'hang') return;
    if (fate === 'cut_before') return void request.socket.destroy();
    if (typeof fate === 'object' && 'status' in fate) {
      const text = typeof fate.body === 'string' ? fate.body : JSON.stringify(fate.body);
      response.writeHead(fate.status, {'content-type': 'application/json', ...fate.headers});
      return void response.end(text);
    }
    if (typeof fate === 'object' && 'slow_ms' in fate) {
      await new Promise((resolve) => setTimeout(resolve, fate.slow_ms));
    } else if (typeof fate === 'object') {
      if (!('client' in fate)) request.socket.destroy();
      const then = 'late' in fate ? fate.late : new Promise((resolve) => setTimeout(resolve, fate.late_ms));
      late.push(then.then(() => passOn(target, request, body)));
      return;
    }
    const answer = await passOn(target, request, body);
    if (fate === 'cut_after' || answer === null) return void request.socket.destroy();
    const {'transfer-encoding': _encoding, ...headers} = answer.headers;
    response.writeHead(answer.status, headers);
    if (answer.whole) response.end(answer.body);
    else response.write(answer.body, () => request.socket.destroy());
  };
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hits,
    most: () => most,
    connections: () => connections,
    settle: async () => {
      await Promise.all(late);
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** What the API answered; null when it cut the connection instead. */
function passOn(target: string, request: http.IncomingMessage, body: string): Promise<Answer | null> {
  const {hostname, port, host} = new URL(target);
  const options = {
    host: hostname,
    port,
    method: request.method,
    path: request.url,
    headers: {...request.headers, host},
  };
  return new Promise((resolve) => {
    const onward = http.request(options, (message) => {
      const {statusCode: status = 0, headers} = message;
      let text = '';
      message.on('data', (chunk) => {
        text += chunk;
      });
      message.on('error', () => {});
      message.on('close', () => resolve({status, headers, body: text, whole: message.complete}));
    });
    onward.on('error', () => resolve(null));
    onward.end(body);
  });
}
