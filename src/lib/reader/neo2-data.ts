import {StowpayError} from '../core/errors.js';
import type {CardRequest, ReaderKey, SaleOutcome} from '../core/ports.js';
import type {Reading, Way} from './dialogue.js';
import type {ResponseFrame} from './wire/frame.js';
import {statusOf} from './wire/status.js';
import {writeTlv} from './wire/tlv.js';

/** Data of the commands of this reader family: what goes out and what comes back. */

const WAY_BITS: Readonly<Record<Way, number>> = {swipe: 0x01, contactless: 0x02, contact: 0x04};
const MAX_TIMEOUT_S = 0xff;
const MAX_AMOUNT = 999_999_999_999;
/** How long the reader waits for the host's next command while a chip is in it. */
const NEXT_COMMAND = [0x00, 0x60] as const;

/** The data of a card read (02-40). No date or time: the reader's own clock was set. */
export function transactionRequest(
  request: CardRequest,
  {ways, wait_ms}: Pick<Reading, 'ways' | 'wait_ms'>,
): Buffer {
  const mask = ways.reduce((bits, way) => bits | WAY_BITS[way], 0);
  return Buffer.concat([
    Buffer.from([secondsOf(wait_ms)]),
    saleData(request),
    writeTlv('DFEF37', Buffer.from([mask])),
    writeTlv('DFEF3C', Buffer.from([fallback(request), ...NEXT_COMMAND])),
  ]);
}

/** The data of 60-10: fallback, the time to seat the card, the time for the next command, the sale. */
export function startContactRequest(request: CardRequest, {wait_ms}: Pick<Reading, 'wait_ms'>): Buffer {
  const head = Buffer.from([fallback(request), 0x00, secondsOf(wait_ms), ...NEXT_COMMAND]);
  return Buffer.concat([head, saleData(request)]);
}

/** The data of 60-11: no PIN bypass, and the seconds it may take. */
export function contactRequest(waitMs: number): Buffer {
  return Buffer.from([0x00, 0x00, Math.min(waitMs / 1000, MAX_TIMEOUT_S)]);
}

/**
 * The data of 60-12: what the host answered (8A). Where no issuer was asked, or nobody knows what it said, the card
 * hears what a terminal says that cannot go online: Z3. What the card makes of it is of no matter any more: its
 * cryptogram is read, and the money is decided.
 */
export function hostAnswer(outcome: SaleOutcome): Buffer {
  return writeTlv('8A', Buffer.from(RESPONSE_CODES[outcome], 'latin1'));
}

const RESPONSE_CODES: Readonly<Record<SaleOutcome, string>> = {
  authorized: '00',
  declined: '05',
  stored: 'Z3',
  not_taken: 'Z3',
  unknown: 'Z3',
};

function saleData({amount, currency_numeric}: CardRequest): Buffer {
  if (!Number.isSafeInteger(amount) || amount < 0 || amount > MAX_AMOUNT) {
    throw new StowpayError('invalid_amount', 'The amount does not fit into the reader’s twelve digits.');
  }
  return Buffer.concat([
    writeTlv('9C', Buffer.from([0x00])),
    writeTlv('9F02', packed(amount, 12)),
    writeTlv('9F03', packed(0, 12)),
    writeTlv('5F2A', packed(Number(currency_numeric), 4)),
  ]);
}

/** A stripe in place of a chip only where one is taken: else the reader would ask for it in vain. */
function fallback({stripe}: CardRequest): number {
  return stripe ? 0x01 : 0x00;
}

function secondsOf(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms / 1000), 1), MAX_TIMEOUT_S);
}

/** State, KSN length, KSN. A reader without a key says so by status 90 or by another state. */
export function keyState(response: ResponseFrame): ReaderKey {
  const {kind} = statusOf(response.status);
  if (kind === 'key_exhausted') return {state: 'end_of_life', ksn: null};
  // Older firmware does not know the question. What it does not say here it says at the next sale.
  if (kind === 'rejected') return {state: 'unknown', ksn: null};
  if (kind !== 'ok') return {state: 'missing', ksn: null};
  const [state, length = 0] = response.data;
  const value = response.data.subarray(2, 2 + length);
  const ksn = length > 0 && value.length === length ? value.toString('hex').toUpperCase() : null;
  if (state === 0x02) return {state: 'end_of_life', ksn};
  return state === 0x01 && ksn !== null ? {state: 'valid', ksn} : {state: 'missing', ksn: null};
}

/** The key sets of ANSI X9.24 and of ID TECH's demonstration readers are published. */
export function isTestKey(ksn: string | null): boolean {
  return ksn?.startsWith('FFFF') ?? false;
}

/** Text of a NUL-padded field, without anything a terminal would act on. */
export function printable(data: Buffer): string {
  return data
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, '')
    .trim();
}

/** Packed decimal digits, padded with zeros on the left. */
export function packed(value: number, digits: number): Buffer {
  return Buffer.from(String(value).padStart(digits, '0'), 'hex');
}
