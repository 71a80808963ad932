import type {CardFailure, Cryptogram} from '../../core/card.js';
import {failureOf, STATUS, statusOf} from '../wire/status.js';

/** Everything a reader and a card say about how a read ended. */
export interface Said {
  readonly status: number;
  /** Error code (FFEE1F); null when there is none. */
  readonly error: number | null;
  /** The reader's own account (DFEE25); null when there is none, `OTHER_OUTCOME` for what is not known. */
  readonly outcome: number | null;
  readonly cryptogram: Cryptogram;
  /** A magnetic stripe, its fallback, or a contactless card in mag-stripe mode. */
  readonly stripe: boolean;
  /** The reader ended the transaction with a made-up answer of the issuer (8A = Z3), to let go of the card. */
  readonly quickChip: boolean;
}

/** What that means. A status that says the reader can take no payment at all is judged before. */
export type Meaning =
  /** The reader did its part: what the card answered is the answer, also when it is nothing. */
  | {readonly kind: 'card'}
  | {readonly kind: 'declined'}
  | {readonly kind: 'failed'; readonly reason: CardFailure}
  | {readonly kind: 'no_card'}
  /** The reader refuses the command as such. */
  | {readonly kind: 'rejected'};

/** The reader's own account of how the read ended (DFEE25). */
export const OUTCOME = {
  approvedOffline: 0x0000,
  declinedOffline: 0x0001,
  goOnline: 0x0004,
  /** The chip was started; the host shall have it authenticated. */
  started: 0x0010,
} as const;

/** An outcome that contradicts itself or has another form. */
export const OTHER_OUTCOME = -1;

const ERROR = {goOnline: 0x23, declined: 0x42, offlineOnly: 0x43} as const;
/** What a quick chip's own end looks like, by the lower byte: approved, declined, online. It says nothing of the card. */
const QUICK_CHIP_OUTCOMES: readonly number[] = [0x00, 0x02, 0x03, 0x04];

/**
 * The table "Meaning of an answer", row by row: only an end that it names as good gives the card the word. The card's
 * cryptogram counts, not the status byte, except where the reader ended the transaction for a reason of its own.
 */
export function meaningOf(said: Said): Meaning {
  const {status, error, outcome, cryptogram, stripe} = said;
  const {kind} = statusOf(status);
  if (cryptogram === 'aac' || error === ERROR.declined || outcome === OUTCOME.declinedOffline) {
    return {kind: 'declined'};
  }
  if (error === ERROR.offlineOnly) return failed('reader_offline_only');
  if (stripe) return ended(kind) && error === null ? {kind: 'card'} : failed('magnetic_stripe');
  if (kind === 'timeout') return {kind: 'no_card'};
  if (kind === 'rejected') return {kind: 'rejected'};
  if (error !== null && error !== ERROR.goOnline) return failed(failureOf(status, error));
  if (!isGood(said)) return failed(ended(kind) ? 'unreadable' : failureOf(status, error));
  return {kind: 'card'};
}

/** True when reader and error code leave the word to the card. */
function isGood(said: Said): boolean {
  const {status, error, outcome} = said;
  const {kind} = statusOf(status);
  const named = outcome === OUTCOME.approvedOffline || outcome === OUTCOME.goOnline;
  if (ended(kind)) return outcome === null || named || endsQuickChip(said);
  return status === STATUS.failed && (named || (outcome === null && error === ERROR.goOnline));
}

function endsQuickChip({quickChip, cryptogram, outcome}: Said): boolean {
  return (
    quickChip && cryptogram === 'arqc' && outcome !== null && QUICK_CHIP_OUTCOMES.includes(outcome & 0xff)
  );
}

function ended(kind: ReturnType<typeof statusOf>['kind']): boolean {
  return kind === 'ok' || kind === 'online';
}

function failed(reason: CardFailure): Meaning {
  return {kind: 'failed', reason};
}
