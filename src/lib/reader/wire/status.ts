import type {CardFailure} from '../../core/card.js';

/** What a response's status byte means for the command that was asked. */
export type StatusKind =
  /** Done; the data is the answer. */
  | 'ok'
  /** Not the answer yet: more follows. */
  | 'interim'
  /** The card wants its issuer to decide. */
  | 'online'
  /** Nobody presented a card in time. */
  | 'timeout'
  /** The command failed; error data may say why. */
  | 'failed'
  /** The reader refuses the command as such: a fault of ours or of its settings. */
  | 'rejected'
  /** The reader can take no payment until it is serviced. */
  | 'tampered'
  | 'key_missing'
  | 'key_exhausted';

export interface Status {
  readonly kind: StatusKind;
  readonly meaning: string;
}

export const STATUS = {
  ok: 0x00,
  wrongParameter: 0x05,
  unsupportedParameter: 0x06,
  timeout: 0x08,
  failed: 0x0a,
  notAllowed: 0x0b,
  uiEvent: 0x0e,
  online: 0x23,
  noData: 0x60,
  moreFollows: 0x63,
} as const;

const STATUSES: Readonly<Record<number, Status>> = {
  0: {kind: 'ok', meaning: 'done'},
  1: {kind: 'rejected', meaning: 'wrong header'},
  2: {kind: 'rejected', meaning: 'unknown command'},
  3: {kind: 'rejected', meaning: 'unknown sub-command'},
  4: {kind: 'rejected', meaning: 'check sum wrong'},
  5: {kind: 'rejected', meaning: 'wrong parameter'},
  6: {kind: 'rejected', meaning: 'parameter not supported'},
  7: {kind: 'rejected', meaning: 'malformed data'},
  8: {kind: 'timeout', meaning: 'timeout'},
  10: {kind: 'failed', meaning: 'failed'},
  11: {kind: 'rejected', meaning: 'command not allowed'},
  12: {kind: 'rejected', meaning: 'sub-command not allowed'},
  13: {kind: 'rejected', meaning: 'buffer overflow'},
  14: {kind: 'interim', meaning: 'user interface event'},
  29: {kind: 'tampered', meaning: 'tampered'},
  35: {kind: 'online', meaning: 'online authorization requested'},
  96: {kind: 'failed', meaning: 'no data'},
  97: {kind: 'failed', meaning: 'list full'},
  99: {kind: 'interim', meaning: 'another response follows'},
  128: {kind: 'failed', meaning: 'use another card'},
  129: {kind: 'failed', meaning: 'insert or swipe the card'},
  144: {kind: 'key_missing', meaning: 'encryption key missing'},
  145: {kind: 'key_exhausted', meaning: 'encryption keys used up'},
};

/** What a status byte means; an unknown one is a failure. */
export function statusOf(code: number): Status {
  return STATUSES[code] ?? {kind: 'failed', meaning: 'unknown status'};
}

/** First byte of the error object (FFEE1F) of a failed card read → what it means for the customer. */
const CARD_ERRORS: Readonly<Record<number, CardFailure>> = {
  2: 'use_contact',
  4: 'use_other_interface',
  6: 'use_magstripe',
  32: 'card_error',
  33: 'collision',
  34: 'over_contactless_limit',
  // The card asked for its issuer, but what the issuer needs did not come with it.
  35: 'missing_emv_data',
  36: 'card_error',
  37: 'card_blocked',
  38: 'card_expired',
  39: 'card_unsupported',
  48: 'tap_again',
  66: 'declined_by_card',
  67: 'reader_offline_only',
  80: 'authentication_failed',
  81: 'authentication_failed',
  82: 'authentication_failed',
  83: 'authentication_failed',
  84: 'authentication_failed',
  85: 'restricted',
  87: 'verification_failed',
  98: 'unreadable',
  112: 'card_error',
  115: 'torn',
};

/** Statuses that name the reason themselves, without an error object. */
const STATUS_FAILURES: Readonly<Record<number, CardFailure>> = {
  128: 'use_another_card',
  129: 'use_contact',
};

/** Why a card read failed: the error object first, else the status byte. */
export function failureOf(status: number, error: number | null): CardFailure {
  const named = error === null ? undefined : CARD_ERRORS[error];
  return named ?? STATUS_FAILURES[status] ?? 'unreadable';
}

/** Two upper-case hex digits, as the vendor's tables print a byte. */
export function hexByte(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}
