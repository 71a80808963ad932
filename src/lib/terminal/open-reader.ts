import {StowpayError} from '../core/errors.js';
import type {Reader, ReaderIdentity} from '../core/ports.js';
import {type Backoff, backoffMs, jitterOf} from '../core/retry.js';
import type {Pairing} from '../core/state.js';
import {checkReader} from './connect.js';
import {sleep} from './forward/sleep.js';
import {type Parts, throwIfInterrupted} from './parts.js';
import {prepareForSale} from './prepare.js';
import {closeQuietly, whileReaderIsOurs} from './reader.js';

/** A port that was pulled and plugged in again is back within a second or two, a restarted reader within ten. */
const BETWEEN_TRIES: Backoff = {first_ms: 200, cap_ms: 2000};

export interface ReaderReady {
  readonly reader: Reader;
  readonly identity: ReaderIdentity;
}

interface Patience {
  readonly signal: AbortSignal | undefined;
  /** Called once, with what is wrong, when the reader is waited for. */
  readonly onWait: ((why: StowpayError) => void) | undefined;
  /** What to set its clock to; null to leave it. */
  readonly time: () => Date | null;
}

/**
 * Runs `act` with the connected reader, open, checked and prepared for a sale, and closes it again whatever happens.
 * Waits `parts.readerWaitMs` for one that is away for a moment: found under another port, restarting, behind a device
 * server that still holds its last connection. Every try goes the whole way, so that a reader that was swapped meanwhile
 * is noticed.
 */
export function withConnected<T>(
  parts: Parts,
  pairing: Pairing,
  patience: Patience,
  act: (ready: ReaderReady) => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + parts.readerWaitMs;
  return whileReaderIsOurs(parts, patience.signal, parts.readerWaitMs, async () => {
    const ready = await openPatiently(parts, pairing, patience, deadline);
    try {
      return await act(ready);
    } finally {
      await closeQuietly(ready.reader);
    }
  });
}

async function openPatiently(
  parts: Parts,
  pairing: Pairing,
  patience: Patience,
  deadline: number,
): Promise<ReaderReady> {
  const {signal, onWait} = patience;
  for (let failures = 1; ; failures += 1) {
    try {
      return await openOnce(parts, pairing, patience);
    } catch (error) {
      const left = deadline - performance.now();
      if (!mayComeBack(error) || left <= 0) throw error;
      if (failures === 1) onWait?.(error);
      await sleep(Math.min(backoffMs(BETWEEN_TRIES, failures, jitterOf(parts.random), null), left), signal);
      throwIfInterrupted(signal);
    }
  }
}

async function openOnce(parts: Parts, pairing: Pairing, {signal, time}: Patience): Promise<ReaderReady> {
  const reader = await parts.openReader(pairing.address, signal);
  try {
    const identity = await reader.identify(signal);
    checkReader(identity, pairing.address, parts);
    checkSameReader(identity.serial_number, pairing);
    await prepareForSale(parts, reader, time(), signal);
    return {reader, identity};
  } catch (error) {
    await closeQuietly(reader);
    throw error;
  }
}

function mayComeBack(error: unknown): error is StowpayError {
  if (!(error instanceof StowpayError)) return false;
  switch (error.code) {
    case 'reader_not_found':
    case 'reader_not_answering':
    case 'reader_lost':
    case 'reader_busy':
      return true;
    case 'reader_fault':
      // It restarted just then, or noise swallowed the answer.
      return error.details.answers_ping === true;
    default:
      return false;
  }
}

function checkSameReader(serial: string, pairing: Pairing): void {
  if (serial === pairing.identity.serial_number) return;
  throw new StowpayError(
    'reader_changed',
    `Another reader answers at ${pairing.address}: ${serial || '(no serial number)'} instead of ` +
      `${pairing.identity.serial_number || '(no serial number)'}. No card was read and nothing was stored.`,
    {hint: 'If it was replaced on purpose, run stowpay connect again.'},
  );
}
