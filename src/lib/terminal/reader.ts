import {StowpayError} from '../core/errors.js';
import {type PaymentClaim, READER, type Reader} from '../core/ports.js';
import type {State} from '../core/state.js';
import {isTrusted} from '../core/time.js';
import {type Parts, throwIfInterrupted, timeNow} from './parts.js';

const SLICE_MS = 200;

/**
 * Opens the reader, runs `act` with it, and closes it again whatever happens. Meanwhile no other process of this
 * device talks to it: throws `reader_busy` when another one does for `waitMs`.
 */
export function withReader<T>(
  parts: Parts,
  address: string,
  signal: AbortSignal | undefined,
  act: (reader: Reader) => Promise<T>,
  waitMs: number = parts.readerWaitMs,
): Promise<T> {
  return whileReaderIsOurs(parts, signal, waitMs, () => whileOpen(parts, address, signal, act));
}

/** Opens the reader, runs `act` with it, and closes it again whatever happens. */
export async function whileOpen<T>(
  parts: Parts,
  address: string,
  signal: AbortSignal | undefined,
  act: (reader: Reader) => Promise<T>,
): Promise<T> {
  const reader = await parts.openReader(address, signal);
  try {
    return await act(reader);
  } finally {
    await closeQuietly(reader);
  }
}

/** Runs `act` while no other process of this device uses the reader. Throws `reader_busy` when one does for `waitMs`. */
export async function whileReaderIsOurs<T>(
  parts: Parts,
  signal: AbortSignal | undefined,
  waitMs: number,
  act: () => Promise<T>,
): Promise<T> {
  const claim = await waitForReader(parts, signal, waitMs);
  try {
    return await act();
  } finally {
    claim?.release();
  }
}

async function waitForReader(
  parts: Parts,
  signal: AbortSignal | undefined,
  waitMs: number,
): Promise<PaymentClaim | null> {
  // Before the first connect nobody sells, so there is nobody to disturb.
  if (!parts.journals.exists) return null;
  const deadline = performance.now() + waitMs;
  for (;;) {
    throwIfInterrupted(signal);
    const claim = await parts.journals.open().claim(READER, SLICE_MS);
    if (claim !== null) return claim;
    if (performance.now() > deadline) throw readerBusy();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function readerBusy(): StowpayError {
  return new StowpayError('reader_busy', 'Another stowpay on this device is using the reader.', {
    hint: 'Wait until its sale is over, then try again. Nothing was read and nothing was stored.',
  });
}

/** Closing a reader must not hide what happened before. */
export async function closeQuietly(reader: Reader): Promise<void> {
  try {
    await reader.close();
  } catch {
    // The port is gone; there is nothing left to close.
  }
}

/** The time to set a reader's clock by; null when this machine's own clock cannot be trusted. */
export function readerTime(parts: Pick<Parts, 'clock'>, state: Pick<State, 'last_at'> | null): Date | null {
  const time = timeNow(parts, state ?? {last_at: null});
  return isTrusted(time) ? new Date(time.ms) : null;
}
