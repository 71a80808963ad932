import type {CardAnswer} from '../../core/card.js';
import {StowpayError} from '../../core/errors.js';
import {failureOf, hexByte, STATUS, type StatusKind, statusOf} from '../wire/status.js';
import {readTlv, type TlvReading} from '../wire/tlv.js';
import {brandOf} from './brand.js';
import {applicationId, cardRead, cryptogramOf, visibleAccount} from './card-read.js';
import {judgeSeal, type Seal} from './seal.js';
import {TagList} from './tag-list.js';

/** The final response to a card read. `earlier`: data of answers before it that belong to the same card. */
export interface FinalAnswer {
  readonly status: number;
  readonly data: Buffer;
  readonly earlier?: readonly Buffer[];
}

/** The reader's own account of how the read ended (DFEE25). */
const OUTCOME = {
  approvedOffline: 0x0000,
  declinedOffline: 0x0001,
  goOnline: 0x0004,
  /** The chip was started; the host shall have it authenticated. */
  started: 0x0010,
} as const;

const ERROR_OBJECT = 'FFEE1F';
const ERROR_GO_ONLINE = 0x23;
const ERROR_OFFLINE_ONLY = 0x43;
/** Older firmware sends error, SW1, SW2 and RF state without a tag. */
const BARE_ERROR_SIZE = 4;

/**
 * What came of a card read. Pure; throws only StowpayError, for what is the reader's own fault
 * (`reader_tampered`, `reader_key_missing`, `reader_key_exhausted`, `reader_fault`).
 * Card data that did not arrive provably encrypted is in nothing that is returned.
 */
export function decodeAnswer(answer: FinalAnswer): CardAnswer {
  const {kind} = statusOf(answer.status);
  refuseReaderFault(kind);
  const {tags, attribution} = openAnswer(answer);
  const seal = judgeSeal(tags);
  if (seal.kind === 'unsealed') return unsealed(tags, seal);
  if (seal.kind === 'sealed' && isCardResult(kind, tags, answer)) {
    return {kind: 'card', card: cardRead(tags, seal, attribution)};
  }
  if (kind === 'timeout') return {kind: 'no_card', reason: 'timeout'};
  if (kind === 'rejected') throw rejected(answer.status);
  return failed(answer, kind, tags, seal);
}

/** True when the chip is only started: the card must still be authenticated (contact). */
export function isChipStarted(data: Buffer): boolean {
  const {tags} = openAnswer({status: STATUS.ok, data});
  return outcomeOf(tags) === OUTCOME.started && cryptogramOf(tags) === null;
}

/** Throws the error that a status stands for when the reader can take no payment at all. */
export function refuseReaderFault(kind: StatusKind): void {
  const service = 'Take the reader out of service and call its supplier.';
  switch (kind) {
    case 'tampered':
      throw new StowpayError(
        'reader_tampered',
        'The reader reports that it was tampered with. No card was read.',
        {
          hint: service,
        },
      );
    case 'key_missing':
      throw new StowpayError('reader_key_missing', 'The reader holds no encryption key. No card was read.', {
        hint: 'Have the key injected by the reader’s supplier.',
      });
    case 'key_exhausted':
      throw new StowpayError(
        'reader_key_exhausted',
        'The reader’s encryption key is used up. No card was read.',
        {
          hint: 'Have a new key injected by the reader’s supplier.',
        },
      );
    case 'ok':
    case 'interim':
    case 'online':
    case 'timeout':
    case 'failed':
    case 'rejected':
      return;
  }
}

/**
 * The cryptogram counts, not the status byte – except where the reader ended the transaction for a reason of its
 * own. A card that declined is a result whatever the status.
 */
function isCardResult(kind: StatusKind, tags: TagList, answer: FinalAnswer): boolean {
  if (cryptogramOf(tags) === 'aac') return true;
  const error = errorOf(tags, answer.data);
  if (error === ERROR_OFFLINE_ONLY) return false;
  const outcome = outcomeOf(tags);
  if (outcome === OUTCOME.declinedOffline || outcome === OUTCOME.started) return false;
  const finished = outcome === OUTCOME.approvedOffline || outcome === OUTCOME.goOnline;
  return kind === 'ok' || kind === 'online' || finished || error === ERROR_GO_ONLINE;
}

function unsealed(tags: TagList, seal: Extract<Seal, {kind: 'unsealed'}>): CardAnswer {
  const account = visibleAccount(seal.masked);
  return {
    kind: 'unsealed',
    brand: brandOf(applicationId(tags), account.leading),
    last4: account.last4 ?? seal.last4,
  };
}

function failed(answer: FinalAnswer, kind: StatusKind, tags: TagList, seal: Seal): CardAnswer {
  const account = visibleAccount(seal.masked);
  const error = errorOf(tags, answer.data);
  const declined = outcomeOf(tags) === OUTCOME.declinedOffline || cryptogramOf(tags) === 'aac';
  const incomplete = kind === 'ok' || kind === 'online';
  const byReader = error === null && incomplete ? 'missing_emv_data' : failureOf(answer.status, error);
  return {
    kind: 'failed',
    reason: declined ? 'declined_by_card' : byReader,
    brand: brandOf(applicationId(tags), account.leading),
    last4: account.last4,
    technical: technical(answer.status, error),
  };
}

function technical(status: number, error: number | null): string {
  const text = `status ${hexByte(status)} (${statusOf(status).meaning})`;
  return error === null ? text : `${text}, error ${hexByte(error)}`;
}

function rejected(status: number): StowpayError {
  return new StowpayError(
    'reader_fault',
    `The reader refused to read a card: ${technical(status, null)}. Nothing was charged or stored.`,
    {
      hint: 'Run `stowpay connect` again to set the reader up; if it persists, check its firmware and settings.',
    },
  );
}

function outcomeOf(tags: TagList): number | null {
  const value = tags.first('DFEE25');
  return value !== null && value.length === 2 ? value.readUInt16BE() : null;
}

function errorOf(tags: TagList, data: Buffer): number | null {
  const tagged = tags.first(ERROR_OBJECT)?.[0];
  if (tagged !== undefined) return tagged;
  return data.length === BARE_ERROR_SIZE && tags.objects.length === 0 ? (data[0] as number) : null;
}

interface OpenedAnswer {
  readonly tags: TagList;
  readonly attribution: number | null;
}

/** The latest answer comes first, so that its key serial number and ciphertext belong together. */
function openAnswer(answer: FinalAnswer): OpenedAnswer {
  const last = openData(answer.status, answer.data);
  const earlier = (answer.earlier ?? []).map((data) => openData(STATUS.ok, data));
  const opened = [last, ...earlier];
  return {
    tags: new TagList(opened.flatMap(({reading}) => reading.objects)),
    attribution: opened.find((one) => one.attribution !== null)?.attribution ?? null,
  };
}

/**
 * The first byte is the attribution, by position: it may look like a tag. Whether a failure carries one is not
 * documented, so there the reading that comes out whole is taken.
 */
function openData(status: number, data: Buffer): {reading: TlvReading; attribution: number | null} {
  const stripped = {reading: readTlv(data.subarray(1)), attribution: data[0] ?? null};
  const {kind} = statusOf(status);
  if (kind === 'ok' || kind === 'online') return stripped;
  const bare = {reading: readTlv(data), attribution: null};
  if (hasAnswerTag(stripped.reading) !== hasAnswerTag(bare.reading)) {
    return hasAnswerTag(bare.reading) ? bare : stripped;
  }
  return stripped.reading.truncated && !bare.reading.truncated ? bare : stripped;
}

function hasAnswerTag(reading: TlvReading): boolean {
  return reading.objects.some((object) => [ERROR_OBJECT, 'DFEE25', 'DFEE12', 'FFEE12'].includes(object.tag));
}
