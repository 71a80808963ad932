import type {ReaderDisplayMessage} from '../../core/reader-input.js';
import {readTlv} from '../wire/tlv.js';

/** What a user interface event (status 0E) says, as far as it is known: a card was seen, or a message is shown. */
export type Shown =
  | {readonly kind: 'seen'}
  | {readonly kind: 'shown'; readonly message: ReaderDisplayMessage};

/** User interface request of a contactless kernel; its first byte is a message of EMV Book A. */
const REQUEST = 'DF8116';
const CARD_SEEN = 0x01;
const SEE_PHONE = 0x20;

/** Message identifiers of EMV's contactless Book A that ask something of the customer. */
const MESSAGES: Readonly<Record<number, ReaderDisplayMessage>> = {
  9: 'enter_pin',
  16: 'remove_card',
  21: 'present_card',
  22: 'processing',
  24: 'insert_card',
  25: 'multiple_contactless_cards_detected',
  27: 'processing',
  28: 'try_another_card',
  29: 'insert_card',
  32: 'check_mobile_device',
  33: 'retry_card',
};

/** Null for what is not understood: the customer is told nothing rather than something wrong. */
export function readUserInterface(data: Buffer): Shown | null {
  if (data.length === 1) return data[0] === CARD_SEEN ? {kind: 'seen'} : null;
  const id = requestIn(data);
  const message = id === null ? undefined : MESSAGES[id];
  if (message === undefined) return null;
  return message === 'processing' ? {kind: 'seen'} : {kind: 'shown', message};
}

/**
 * True when a failed tap was a phone that wants its holder's consent: the kernel says so, or the phone refused to go
 * on (6986), which means the same.
 */
export function asksToSeePhone(data: Buffer): boolean {
  if (requestIn(data) === SEE_PHONE) return true;
  return objectsOf(data).some(
    ({tag, value}) => tag === 'FFEE1F' && value.length >= 3 && value.readUInt16BE(1) === 0x6986,
  );
}

function requestIn(data: Buffer): number | null {
  return objectsOf(data).find(({tag}) => tag === REQUEST)?.value[0] ?? null;
}

/** Whether an attribution byte comes first is not documented for either: both readings are looked at. */
function objectsOf(data: Buffer): ReturnType<typeof readTlv>['objects'] {
  return [...readTlv(data.subarray(1)).objects, ...readTlv(data).objects];
}
