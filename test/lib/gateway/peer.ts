import * as net from 'node:net';

/** A peer that does to the connection whatever a test wants, and counts what reached it. */
export interface Peer {
  readonly url: string;
  readonly port: number;
  /** Connections, whole requests' first lines, and every byte received. */
  readonly connections: () => number;
  readonly requests: () => readonly string[];
  readonly received: () => string;
  close(): Promise<void>;
}

export async function startPeer(onRequest: (socket: net.Socket, text: string) => void): Promise<Peer> {
  const sockets = new Set<net.Socket>();
  const requests: string[] = [];
  let connections = 0;
  let received = '';
  const server = net.createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      received += text;
      const line = /^(GET|POST) \S+/.exec(text)?.[0];
      if (line !== undefined) requests.push(line);
      onRequest(socket, text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.address() as net.AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    connections: () => connections,
    requests: () => requests,
    received: () => received,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A loopback port nobody listens on. */
export async function closedPort(): Promise<number> {
  const peer = await startPeer(() => {});
  await peer.close();
  return peer.port;
}

export function httpAnswer(status: number, body: string, headers: readonly string[] = []): string {
  const lines = [`HTTP/1.1 ${status} X`, `Content-Length: ${Buffer.byteLength(body)}`, ...headers, '', body];
  return lines.join('\r\n');
}
