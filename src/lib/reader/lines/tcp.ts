import {connect, type Socket} from 'node:net';
import {StowpayError} from '../../core/errors.js';
import {Ending, type Line} from '../line.js';

const CONNECT_TIMEOUT_MS = 5000;

/** Connects to a serial device server. Rejects with `reader_not_found`, or `interrupted` when aborted. */
export async function openTcpLine(host: string, port: number, signal?: AbortSignal): Promise<Line> {
  const socket = connect({host, port});
  socket.setNoDelay(true);
  // A server that lost its power says nothing: let the system find out.
  socket.setKeepAlive(true, 10_000);
  await connected(socket, host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`, signal);
  return socketLine(socket);
}

/** A line over a connected socket. */
export function socketLine(socket: Socket): Line {
  const ending = new Ending();
  let failure = 'the connection was closed';
  socket.on('error', (error) => {
    failure = error.message;
  });
  // A device server that half-closes its side has nothing more to say.
  socket.on('end', () => socket.destroy());
  socket.once('close', () => ending.ended(failure));
  return {
    write: (bytes) => {
      if (socket.writable) socket.write(bytes);
    },
    onData: (listener) => {
      socket.on('data', listener);
    },
    onClose: (listener) => ending.onClose(listener),
    close: () => {
      ending.silence();
      if (socket.closed) return Promise.resolve();
      return new Promise((resolve) => {
        socket.once('close', () => resolve());
        socket.destroy();
      });
    },
  };
}

function connected(socket: Socket, where: string, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: StowpayError): void => {
      finish();
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void =>
      fail(new StowpayError('interrupted', 'Connecting to the reader was interrupted.'));
    const onError = (error: Error): void => fail(notFound(where, error.message, error));
    const timer = setTimeout(() => fail(notFound(where, 'no answer')), CONNECT_TIMEOUT_MS);
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.removeListener('error', onError);
      // What still fails after we gave up has nobody to tell.
      socket.on('error', () => {});
    };
    socket.once('connect', () => {
      finish();
      resolve();
    });
    socket.once('error', onError);
    signal?.addEventListener('abort', onAbort, {once: true});
    if (signal?.aborted === true) onAbort();
  });
}

function notFound(where: string, why: string, cause?: unknown): StowpayError {
  return new StowpayError('reader_not_found', `No reader can be reached at tcp://${where}: ${why}.`, {
    hint: 'Check the address and port of the serial device server and that it is switched on.',
    cause,
  });
}
