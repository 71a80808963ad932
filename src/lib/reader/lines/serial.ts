import type {SerialPort} from 'serialport';
import {StowpayError} from '../../core/errors.js';
import type {Line} from '../line.js';

/** What the readers speak by default. */
const BAUD_RATE = 115_200;

/**
 * Opens a serial port, 8N1 without flow control. Rejects with `reader_not_found` (no such port, no permission) or
 * `reader_busy` (another program holds it).
 */
export async function openSerialLine(path: string, baudRate: number = BAUD_RATE): Promise<Line> {
  // Native code, loaded only by who uses it.
  const {SerialPort} = await import('serialport');
  const port = new SerialPort({path, baudRate, dataBits: 8, parity: 'none', stopBits: 1, autoOpen: false});
  await new Promise<void>((resolve, reject) => {
    port.open((error) => (error === null ? resolve() : reject(openError(path, error))));
  });
  return portLine(port);
}

function portLine(port: SerialPort): Line {
  let closing = false;
  let ended: (reason: string) => void = () => {};
  // The library emits 'close' twice for some ways a port can go.
  const end = (reason: string): void => {
    const tell = closing ? undefined : ended;
    closing = true;
    tell?.(reason);
  };
  port.on('error', (error) => end(error.message));
  port.on('close', (error: Error | null) => end(error?.message ?? 'the port was closed'));
  // Without a listener nothing is read, and a hang-up goes unnoticed.
  port.on('data', () => {});
  return {
    write: (bytes) => {
      if (port.isOpen) port.write(Buffer.from(bytes));
    },
    onData: (listener) => {
      port.on('data', listener);
    },
    onClose: (listener) => {
      ended = listener;
    },
    close: () => {
      closing = true;
      if (!port.isOpen) return Promise.resolve();
      return new Promise((resolve) => port.close(() => resolve()));
    },
  };
}

function openError(path: string, error: Error): StowpayError {
  const message = error.message;
  if (/EACCES|EPERM|permission|access denied/i.test(message)) {
    return new StowpayError('reader_not_found', `The port ${path} exists, but this user may not open it.`, {
      hint: 'Add the user to the group of the port (usually dialout), log in again, or add the udev rule of docs/READER.md.',
      cause: error,
    });
  }
  if (/cannot lock|EBUSY|EAGAIN|temporarily unavailable|resource busy/i.test(message)) {
    return new StowpayError('reader_busy', `The port ${path} is in use by another program.`, {
      hint: 'Stop the other program, or wait until the other stowpay is done, and try again.',
      cause: error,
    });
  }
  return new StowpayError('reader_not_found', `There is no usable serial port at ${path}.`, {
    hint: 'Check the cable and the name of the port: `ls /dev/serial/by-id/` lists stable names.',
    cause: error,
  });
}
