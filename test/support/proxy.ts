import * as http from 'node:http';
import type {AddressInfo, Socket} from 'node:net';

export interface Hit {
  readonly method: string;
  readonly path: string;
}

/**
 * What becomes of one request. `cut_before`: it never arrives. `cut_after`: it takes effect, its answer is lost.
 * `late_ms`: the client is cut off at once, and the request arrives so much later all the same; `late`: when that
 * resolves.
 */
export type Fate =
  | 'pass'
  | 'cut_before'
  | 'cut_after'
  | {readonly late_ms: number}
  | {readonly late: Promise<unknown>}
  | {readonly status: number; readonly body: object};

export interface Proxy {
  readonly url: string;
  /** Resolves when every late request has arrived. */
  settle(): Promise<void>;
  close(): void;
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** A bad network between the till and the API, with a memory: a lost request may still arrive. */
export async function openProxy(target: string, fateOf: (hit: Hit) => Fate): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const late: Promise<unknown>[] = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => void meet(request, response, body));
  });
  const meet = async (
    request: http.IncomingMessage,
    response: http.ServerResponse,
    body: string,
  ): Promise<void> => {
    const fate = fateOf({method: request.method ?? '', path: (request.url ?? '').split('?')[0] ?? ''});
    if (fate === 'cut_before') return void request.socket.destroy();
    if (typeof fate === 'object' && 'status' in fate) {
      response.writeHead(fate.status, {'content-type': 'application/json'});
      return void response.end(JSON.stringify(fate.body));
    }
    if (typeof fate === 'object') {
      request.socket.destroy();
      const then = 'late' in fate ? fate.late : new Promise((resolve) => setTimeout(resolve, fate.late_ms));
      late.push(then.then(() => passOn(target, request, body)));
      return;
    }
    const answer = await passOn(target, request, body);
    if (fate === 'cut_after') return void request.socket.destroy();
    const {'content-length': _length, 'transfer-encoding': _encoding, ...headers} = answer.headers;
    response.writeHead(answer.status, {...headers, 'content-length': Buffer.byteLength(answer.body)});
    response.end(answer.body);
  };
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    settle: async () => {
      await Promise.all(late);
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function passOn(target: string, request: http.IncomingMessage, body: string): Promise<Answer> {
  const {hostname, port, host} = new URL(target);
  const options = {
    host: hostname,
    port,
    method: request.method,
    path: request.url,
    headers: {...request.headers, host},
  };
  return new Promise((resolve, reject) => {
    const onward = http.request(options, (message) => {
      let text = '';
      message.on('data', (chunk) => {
        text += chunk;
      });
      message.on('end', () =>
        resolve({status: message.statusCode ?? 0, headers: message.headers, body: text}),
      );
    });
    onward.on('error', reject);
    onward.end(body);
  });
}
