import {createServer, type Socket} from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';
import {StowpayError} from '../../core/errors.js';
import {socketEnd} from './cable.js';
import {attachEmulator, type EmulatorOptions} from './emulator.js';
import type {EmulatorWorld} from './world.js';

/** An emulated reader that other processes can reach. */
export interface ServedReader {
  /** To be given to `--reader`. */
  readonly address: string;
  /** Resolves when it ended, by itself or by `close`. */
  readonly ended: Promise<void>;
  /** Afterwards nothing of it is left: no process, no link, no port, no lock. */
  close(): Promise<void>;
}

const GOODBYE_MS = 250;

/** Serves the reader on a TCP port (0: any free one), to one client at a time. */
export async function serveTcp(
  world: EmulatorWorld,
  port: number,
  host = '127.0.0.1',
  options: EmulatorOptions = {},
): Promise<ServedReader> {
  let client: Client | undefined;
  let backAt = 0;
  const pull = (forMs: number): void => {
    backAt = performance.now() + forMs;
    void client?.hangUp();
  };
  const server = createServer(async (socket) => {
    // A paced reader sends a few bytes at a time: none waits for the last one’s acknowledgement.
    socket.setNoDelay(true);
    // What goes wrong with a client is told by its close.
    socket.on('error', () => {});
    // A reader has one cable. The next client may be there before the last one's goodbye.
    if (client !== undefined) await Promise.race([client.gone, sleep(GOODBYE_MS)]);
    if (client === undefined && performance.now() >= backAt)
      client = serveClient(socket, world, {...options, pull}, () => {
        client = undefined;
      });
    else socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(portTaken(host, port, error)));
    server.listen(port, host, resolve);
  });
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const bound = server.address();
  return {
    address: `tcp://${host}:${typeof bound === 'object' && bound !== null ? bound.port : port}`,
    ended,
    close: async () => {
      server.close();
      await client?.hangUp();
      await ended;
      world.close();
    },
  };
}

interface Client {
  readonly gone: Promise<void>;
  hangUp(): Promise<void>;
}

function serveClient(
  socket: Socket,
  world: EmulatorWorld,
  options: EmulatorOptions,
  onGone: () => void,
): Client {
  const line = socketEnd(socket);
  const emulator = attachEmulator(line, world, options);
  const gone = new Promise<void>((resolve) => {
    socket.once('close', () => {
      emulator.detach();
      onGone();
      resolve();
    });
  });
  return {gone, hangUp: () => line.close()};
}

function portTaken(host: string, port: number, cause: Error): StowpayError {
  return new StowpayError(
    'invalid_usage',
    `The emulated reader cannot listen on ${host}:${port}: ${cause.message}.`,
    {
      hint: 'Choose another port; 0 takes any free one.',
      cause,
    },
  );
}
