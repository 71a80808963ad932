import {createServer} from 'node:net';
import {StowpayError} from '../../core/errors.js';
import {socketLine} from '../../reader/lines/tcp.js';
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

/** Serves the reader on a TCP port (0: any free one), to one client at a time. */
export async function serveTcp(
  world: EmulatorWorld,
  port: number,
  host = '127.0.0.1',
  options: EmulatorOptions = {},
): Promise<ServedReader> {
  let hangUp: (() => Promise<void>) | undefined;
  const server = createServer((socket) => {
    // A reader has one cable.
    if (hangUp !== undefined) {
      socket.destroy();
      return;
    }
    const line = socketLine(socket);
    const emulator = attachEmulator(line, world, options);
    hangUp = async () => {
      hangUp = undefined;
      emulator.detach();
      await line.close();
    };
    line.onClose(() => void hangUp?.());
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
      await hangUp?.();
      await ended;
      world.close();
    },
  };
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
