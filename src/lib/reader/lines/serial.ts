import type {SerialPort} from 'serialport';
import {StowpayError} from '../../core/errors.js';
import type {SerialSettings} from '../../core/reader-address.js';
import {Ending, type Line} from '../line.js';
import {otherPrograms} from '../ports/rivals.js';

/** How often a port is asked, without a byte on its wire, whether it still has a far end. */
const PULSE_MS = 1000;

/**
 * Opens a serial port without flow control. Rejects with `reader_not_found` (no such port, no permission) or
 * `reader_busy` (another program holds it).
 */
export async function openSerialLine(path: string, settings: SerialSettings): Promise<Line> {
  // Native code, loaded only by who uses it.
  const {SerialPort} = await import('serialport');
  const {baud: baudRate, parity, stop_bits: stopBits} = settings;
  const port = new SerialPort({path, baudRate, dataBits: 8, parity, stopBits, autoOpen: false});
  const error = await new Promise<Error | null>((resolve) => port.open(resolve));
  if (error !== null) throw openError(path, error);
  return portLine(port);
}

/** The part of an open port that a line needs. */
export type OpenPort = Pick<
  SerialPort,
  'on' | 'write' | 'flush' | 'close' | 'isOpen' | 'path' | 'baudRate' | 'port'
>;

/** A line over an open port, 1200 baud or more. */
export function portLine(port: OpenPort, pulseMs: number = PULSE_MS): Line {
  const ending = new Ending();
  let quietAt = 0;
  let closed: Promise<void> | undefined;
  const end = (reason: string): void => {
    clearInterval(pulse);
    ending.ended(reason);
  };
  const pulse = watchPulse(port, pulseMs, end);
  // The library emits 'close' twice for some ways a port can go.
  port.on('error', (error: Error) => end(error.message));
  port.on('close', (error: Error | null) => end(error?.message ?? 'the port was closed'));
  // Without a listener nothing is read, and a hang-up goes unnoticed.
  port.on('data', () => {});
  return {
    write: (bytes) => {
      if (!port.isOpen) return;
      quietAt = Math.max(performance.now(), quietAt) + transmissionMs(bytes.length, port.baudRate);
      port.write(Buffer.from(bytes));
    },
    onData: (listener) => {
      port.on('data', listener);
    },
    onClose: (listener) => ending.onClose(listener),
    close: () => {
      ending.silence();
      clearInterval(pulse);
      closed ??= closePort(port, quietAt - performance.now());
      return closed;
    },
    rivals: async () => otherPrograms(port.path),
  };
}

/**
 * A port whose far end died right after it sent something may never say so: its library reads nothing, over and over,
 * and keeps a processor busy. Asking for its speed then fails, and disturbs nobody: it may be asked during a card read.
 */
function watchPulse(port: OpenPort, everyMs: number, dead: (reason: string) => void): NodeJS.Timeout {
  return setInterval(() => {
    // Elsewhere this is not implemented, or the library is told of a hang-up.
    if (!port.isOpen || process.platform !== 'linux') return;
    port.port?.getBaudRate().catch(() => {
      if (port.isOpen) dead('its far end is gone');
    });
  }, everyMs).unref();
}

/** Bytes that were never sent would hold the close up for half a minute: they are dropped, those on their way are not. */
async function closePort(port: OpenPort, sendingMs: number): Promise<void> {
  if (!port.isOpen) return;
  if (sendingMs > 0) await new Promise((resolve) => setTimeout(resolve, sendingMs));
  if (port.isOpen) await new Promise((resolve) => port.flush(resolve));
  if (port.isOpen) await new Promise((resolve) => port.close(resolve));
}

/** Eleven or twelve bits to a byte, and a little for the system's own buffers. */
function transmissionMs(bytes: number, baud: number): number {
  return (bytes * 12_000) / baud + 5;
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
    const programs = otherPrograms(path).join(', ');
    return new StowpayError(
      'reader_busy',
      `The port ${path} is in use by ${programs || 'another program'}.`,
      {
        hint: 'Stop the other program, or wait until the other stowpay is done, and try again.',
        cause: error,
      },
    );
  }
  return new StowpayError('reader_not_found', `There is no usable serial port at ${path}.`, {
    hint: 'Check the cable and the name of the port: stowpay readers lists the ports that are there.',
    cause: error,
  });
}
