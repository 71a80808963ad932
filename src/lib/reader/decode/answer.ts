import type {CardAnswer, CardFailure} from '../../core/card.js';
import {StowpayError} from '../../core/errors.js';
import {hexByte, STATUS, type StatusKind, statusOf} from '../wire/status.js';
import {readTlv, type TlvReading} from '../wire/tlv.js';
import {brandOf} from './brand.js';
import {applicationId, cardRead, cryptogramOf, visibleAccount} from './card-read.js';
import {isStripe, readMethod} from './entry.js';
import {meaningOf, OTHER_OUTCOME, OUTCOME, type Said} from './meaning.js';
import {type AnswerPart, judgeSeal, type Seal} from './seal.js';
import {TagList} from './tag-list.js';

/** The final response to a card read. `earlier`: data of answers before it that belong to the same card. */
export interface FinalAnswer {
  readonly status: number;
  readonly data: Buffer;
  readonly earlier?: readonly Buffer[];
}

const ERROR_OBJECT = 'FFEE1F';
const NO_ERROR = 0x00;
const ERROR_GO_ONLINE = 0x23;
/** Older firmware sends error, SW1, SW2 and RF state without a tag. */
const BARE_ERROR_SIZE = 4;
const QUICK_CHIP_RESPONSE = Buffer.from('Z3');

/**
 * What came of a card read. Pure; throws only StowpayError, for what is the reader's own fault
 * (`reader_tampered`, `reader_key_missing`, `reader_key_exhausted`, `reader_fault`).
 * Card data that did not arrive provably encrypted is in nothing that is returned.
 */
export function decodeAnswer(answer: FinalAnswer): CardAnswer {
  refuseReaderFault(statusOf(answer.status).kind);
  const opened = openAnswer(answer);
  const seal = judgeSeal(opened.parts);
  if (seal.kind === 'unsealed') return unsealed(opened, seal);
  const said = saidBy(opened, answer);
  const meaning = meaningOf(said);
  switch (meaning.kind) {
    case 'card':
      return sealedCard(opened, seal, said);
    case 'declined':
      return declinedCard(opened, seal, said);
    case 'failed':
      return failed(meaning.reason, opened, seal, technical(said));
    case 'no_card':
      return {kind: 'no_card', reason: 'timeout'};
    case 'rejected':
      throw rejected(answer.status);
  }
}

/** True when the chip is only started: the card must still be authenticated (contact). */
export function isChipStarted(data: Buffer): boolean {
  const {parts, tags} = openAnswer({status: STATUS.ok, data});
  return outcomeOf(parts[0]) === OUTCOME.started && cryptogramOf(tags) === null;
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

/** A good result is a card only if its data is sealed so that it can be opened, and it is known how it was read. */
function sealedCard(opened: Opened, seal: Exclude<Seal, {kind: 'unsealed'}>, said: Said): CardAnswer {
  switch (seal.kind) {
    case 'unusable':
      return failed('unusable_encryption', opened, seal, `${technical(said)}, ${seal.why}`);
    case 'absent':
      return failed(said.stripe ? 'magnetic_stripe' : 'missing_emv_data', opened, seal, technical(said));
    case 'sealed': {
      const method = readMethod(opened.tags, opened.attribution);
      if (method === null)
        return failed('missing_emv_data', opened, seal, `${technical(said)}, no entry mode`);
      return {kind: 'card', card: cardRead(opened.tags, seal, method)};
    }
  }
}

/** A decline is one however little came with it. */
function declinedCard(opened: Opened, seal: Exclude<Seal, {kind: 'unsealed'}>, said: Said): CardAnswer {
  const answer = said.cryptogram === 'aac' ? sealedCard(opened, seal, said) : null;
  return answer?.kind === 'card' ? answer : failed('declined_by_card', opened, seal, technical(said));
}

function unsealed({tags}: Opened, seal: Extract<Seal, {kind: 'unsealed'}>): CardAnswer {
  const account = visibleAccount(seal.masked);
  return {
    kind: 'unsealed',
    brand: brandOf(applicationId(tags), account.leading),
    last4: account.last4 ?? seal.last4,
  };
}

function failed(reason: CardFailure, {tags}: Opened, seal: Seal, technical: string): CardAnswer {
  const account = visibleAccount(seal.masked);
  const brand = brandOf(applicationId(tags), account.leading);
  return {kind: 'failed', reason, brand, last4: account.last4, technical};
}

function technical({status, error, outcome}: Pick<Said, 'status' | 'error' | 'outcome'>): string {
  const parts = [`status ${hexByte(status)} (${statusOf(status).meaning})`];
  if (error !== null) parts.push(`error ${hexByte(error)}`);
  if (outcome === OTHER_OUTCOME) parts.push('outcome unclear');
  else if (outcome !== null) parts.push(`outcome ${outcome.toString(16).toUpperCase().padStart(4, '0')}`);
  return parts.join(', ');
}

function rejected(status: number): StowpayError {
  const what = technical({status, error: null, outcome: null});
  return new StowpayError(
    'reader_fault',
    `The reader refused to read a card: ${what}. Nothing was charged or stored.`,
    {
      hint: 'Run `stowpay connect` again to set the reader up; if it persists, check its firmware and settings.',
    },
  );
}

function saidBy({parts, tags, attribution}: Opened, {status, data}: FinalAnswer): Said {
  return {
    status,
    error: errorOf(parts[0], data),
    outcome: outcomeOf(parts[0]),
    cryptogram: cryptogramOf(tags),
    stripe: isStripe(tags, attribution),
    quickChip: tags.first('8A')?.equals(QUICK_CHIP_RESPONSE) ?? false,
  };
}

/** The last frame's: that a chip was started says nothing of how it ended. */
function outcomeOf(last: AnswerPart | undefined): number | null {
  const values = last?.tags.all('DFEE25') ?? [];
  const outcomes = new Set(
    values.map(({value}) => (value.length === 2 ? value.readUInt16BE() : OTHER_OUTCOME)),
  );
  if (outcomes.has(OUTCOME.declinedOffline)) return OUTCOME.declinedOffline;
  const [first] = outcomes;
  return outcomes.size > 1 ? OTHER_OUTCOME : (first ?? null);
}

/** The error the reader ended with: the worst, if it names several. */
function errorOf(last: AnswerPart | undefined, data: Buffer): number | null {
  const codes = last?.tags.all(ERROR_OBJECT).map(({value}) => value[0] as number) ?? [];
  const errors = codes.filter((code) => code !== NO_ERROR);
  if (errors.length > 0) return errors.find((error) => error !== ERROR_GO_ONLINE) ?? ERROR_GO_ONLINE;
  return data.length === BARE_ERROR_SIZE && last?.attribution === null ? (data[0] as number) : null;
}

interface Opened {
  /** The latest first, so that its values come before those of earlier ones. */
  readonly parts: readonly AnswerPart[];
  /** Of all parts. */
  readonly tags: TagList;
  readonly attribution: number | null;
}

function openAnswer({status, data, earlier = []}: FinalAnswer): Opened {
  const last = openData(status, data);
  const parts = [last, ...earlier.map((before) => openData(STATUS.ok, before))];
  return {
    parts,
    tags: earlier.length === 0 ? last.tags : new TagList(parts.flatMap(({tags}) => tags.objects)),
    attribution: parts.find((part) => part.attribution !== null)?.attribution ?? null,
  };
}

/**
 * The first byte is the attribution, by position: it may look like a tag. Whether a failure carries one is not
 * documented, so there the reading that comes out whole is taken.
 */
function openData(status: number, data: Buffer): AnswerPart {
  const stripped = readTlv(data.subarray(1));
  const {kind} = statusOf(status);
  if (kind === 'ok' || kind === 'online') return part(data, stripped, data[0] ?? null);
  const bare = readTlv(data);
  if (isBareError(data, stripped, bare)) return part(data, {objects: [], truncated: false, unread: []}, null);
  if (hasAnswerTag(stripped) !== hasAnswerTag(bare)) {
    return hasAnswerTag(bare) ? part(data, bare, null) : part(data, stripped, data[0] ?? null);
  }
  return stripped.truncated && !bare.truncated
    ? part(data, bare, null)
    : part(data, stripped, data[0] ?? null);
}

function part(bytes: Buffer, {objects, unread}: TlvReading, attribution: number | null): AnswerPart {
  return {tags: new TagList(objects), attribution, unread, bytes};
}

/** Four bytes that are no answer of tags. */
function isBareError(data: Buffer, stripped: TlvReading, bare: TlvReading): boolean {
  return data.length === BARE_ERROR_SIZE && !hasAnswerTag(stripped) && !hasAnswerTag(bare);
}

function hasAnswerTag(reading: TlvReading): boolean {
  return reading.objects.some((object) => [ERROR_OBJECT, 'DFEE25', 'DFEE12', 'FFEE12'].includes(object.tag));
}
