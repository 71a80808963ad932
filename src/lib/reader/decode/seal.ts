import type {SealedCardData} from '../../core/card.js';
import type {TlvObject} from '../wire/tlv.js';
import {
  clearNumber,
  holdsAnyNumber,
  holdsClearTrack,
  isBlank,
  isCardNumber,
  isLuhnValid,
  isRecognisable,
  isSame,
  isText,
  type MaskedAccount,
  maskedAccount,
  mayHoldClearTrack,
  numberHeld,
  readings,
} from './account.js';
import {isAllowed} from './emv-data.js';
import {readSwipeBlock, type SwipeBlock} from './swipe-block.js';
import type {TagList} from './tag-list.js';

/** One frame of an answer, opened. */
export interface AnswerPart {
  readonly tags: TagList;
  /** The first byte; null where the frame carries none. */
  readonly attribution: number | null;
  /** What could not be read of it. */
  readonly unread: readonly Buffer[];
  /** All of it, as it came. */
  readonly bytes: Buffer;
}

/** Whether the card data of an answer is provably encrypted. */
export type Seal =
  | {readonly kind: 'sealed'; readonly sealed: SealedCardData; readonly masked: readonly MaskedAccount[]}
  /** Readable, or not to be told from readable: the caller drops the answer. */
  | {readonly kind: 'unsealed'; readonly last4: string | null; readonly masked: readonly MaskedAccount[]}
  /** Encrypted, but so that nobody could open it later, or not for certain. */
  | {readonly kind: 'unusable'; readonly why: string; readonly masked: readonly MaskedAccount[]}
  /** No card number in any form. */
  | {readonly kind: 'absent'; readonly masked: readonly MaskedAccount[]};

/** Every tag whose value is, or begins with, a card number or a track. */
const ACCOUNT_TAGS: ReadonlySet<string> = new Set([
  '5A', // card number
  '56', // track 1 equivalent
  '57', // track 2 equivalent
  '58', // track 3 equivalent
  '5F21', // track 1
  '5F22', // track 2
  '5F23', // track 3
  '9F6B', // track 2 (Mastercard mag-stripe mode)
  'FFEE13', // track 1, as older firmware names it
  'FFEE14', // track 2
]);
/** The same, as the reader composes or masks them: judged, but never kept. Their plaintext is no EMV element. */
const COPY_TAGS: ReadonlySet<string> = new Set([
  'DFEF4D', // tracks and number in one
  'DFEF5B', // masked copies of 5A, 57, 9F6B and both tracks
  'DFEF5D',
  'DFEF5E',
  'DFEF5F',
  'DFEF60',
]);
const SWIPE_BLOCK = 'DFEE23';
const KSN_TAGS = ['DFEE12', 'FFEE12'] as const;
const ATTRIBUTION_COPY = 'DFEE26';
/** Bit of the attribution byte that is set when AES encrypts. */
const AES_BIT = 0x02;
/** Longest name the payment API takes ciphertext under, in hex digits. */
const LONGEST_NAME = 6;

/** KSN length → cipher and its block size in bytes. */
const CIPHERS: Readonly<
  Record<number, {readonly name: SealedCardData['encryption']; readonly block: number}>
> = {
  10: {name: 'tdes_dukpt', block: 8},
  12: {name: 'aes_dukpt', block: 16},
};

type Finding =
  | {readonly kind: 'masked'; readonly account: MaskedAccount}
  | {readonly kind: 'ciphertext'; readonly name: string; readonly bytes: Buffer}
  | {readonly kind: 'clear'; readonly last4: string | null}
  | {readonly kind: 'irrelevant'};

const IRRELEVANT: Finding = {kind: 'irrelevant'};

/** What is known before a value is judged. */
interface Context {
  readonly masked: readonly MaskedAccount[];
  /** The values that are such copies. */
  readonly copies: ReadonlySet<Buffer>;
  readonly hasKsn: boolean;
  /** False when no value of this frame can hold a readable track. */
  readonly tracks: boolean;
}

/**
 * Judges every object of an answer by its form, its look, the masked copies and the presence of a key serial number.
 * The latest part comes first: ciphertext and key serial number are taken from one part, never mixed.
 */
export function judgeSeal(parts: readonly AnswerPart[]): Seal {
  const masked: MaskedAccount[] = [];
  const copies = new Set<Buffer>();
  for (const {tags} of parts) collectMasked(tags, masked, copies);
  const context = {masked, copies, hasKsn: parts.some(({tags}) => keyNumbers(tags).length > 0), tracks: true};
  let opening: Opening | null = null;
  const clear: (string | null)[] = [];
  for (const part of parts) {
    const ciphertexts: Ciphertext[] = [];
    for (const finding of findingsOf(part, context)) {
      if (finding.kind === 'clear') clear.push(finding.last4);
      else if (finding.kind === 'ciphertext') ciphertexts.push(finding);
    }
    if (ciphertexts.length > 0) opening ??= sealedData(part, ciphertexts, masked);
  }
  if (clear.length > 0 || masked.length > MOST_COPIES)
    return {kind: 'unsealed', last4: clear.find((last4) => last4 !== null) ?? null, masked};
  return opening === null ? {kind: 'absent', masked} : {...opening, masked};
}

/** A card's number is masked in several ways at most; an answer with more than that is none, and not worth the search. */
const MOST_COPIES = 16;

/** Adds the masked copies, and what they show, each once. */
function collectMasked(tags: TagList, masked: MaskedAccount[], copies: Set<Buffer>): void {
  const collect = (value: Buffer): void => {
    const account = maskedAccount(value);
    if (account !== null) copies.add(value);
    if (account !== null && masked.length <= MOST_COPIES && !masked.some((other) => isSame(account, other)))
      masked.push(account);
  };
  for (const {tag, form, value} of tags.objects) {
    if (form === 'masked' || (form === 'plain' && isAccountTag(tag))) collect(value);
  }
  for (const {value} of tags.all(SWIPE_BLOCK)) {
    for (const track of readSwipeBlock(value)?.shown ?? []) collect(track);
  }
}

function isAccountTag(tag: string): boolean {
  return ACCOUNT_TAGS.has(tag) || COPY_TAGS.has(tag);
}

function findingsOf({tags, unread, bytes}: AnswerPart, context: Context): Finding[] {
  // This very card's number is looked for in the bytes as they came: no way of reading them can hide it.
  const texts = readings(bytes);
  const number = numberHeld(texts, context.masked);
  const here = {...context, tracks: mayHoldClearTrack(texts)};
  const findings: Finding[] = number === null ? [] : [{kind: 'clear', last4: number.last4}];
  for (const object of tags.objects) findings.push(judgeObject(object, here));
  for (const {value} of tags.all(SWIPE_BLOCK)) findings.push(...judgeSwipe(value));
  for (const rest of unread) findings.push(judgeUnread(rest, context));
  return findings;
}

function judgeObject(object: TlvObject, context: Context): Finding {
  const {tag, form, value} = object;
  if (tag === SWIPE_BLOCK) return IRRELEVANT;
  if (form === 'encrypted') return judgeEncrypted(object, context);
  if (isAccountTag(tag) && !isBlank(value)) return judgeAccount(object, context);
  const number = !isAllowed(tag) && isCardNumber(value);
  return number || (context.tracks && holdsClearTrack(value)) ? clear(value, context) : IRRELEVANT;
}

/** The label alone is not believed: a reader that marks readable data as encrypted is a broken reader. */
function judgeEncrypted(object: TlvObject, context: Context): Finding {
  const {value} = object;
  if (isLuhnValid(clearNumber(value, context.masked) ?? '') || isText(value)) return clear(value, context);
  return ciphertext(object);
}

/**
 * Older firmware marks masked and encrypted values as plain, and strict BER output writes ciphertext with a plain
 * length: what is neither masked nor readable is ciphertext if there is a key serial number and whole blocks.
 */
function judgeAccount(object: TlvObject, context: Context): Finding {
  const {form, value} = object;
  if (context.copies.has(value)) return IRRELEVANT;
  // Where the masked copies tell, this card's number was looked for already; ciphertext holds some other now and then.
  const track = !context.masked.some(isRecognisable) && holdsClearTrack(value);
  if (track || clearNumber(value, context.masked) !== null) return clear(value, context);
  // A mask that is written in a way of its own shows nothing, and hides what it hides.
  if (form === 'masked') return IRRELEVANT;
  const whole = value.length % 8 === 0;
  return context.hasKsn && whole && !isText(value) ? ciphertext(object) : clear(value, context);
}

/** A block that does not check out may hold anything. */
function judgeSwipe(value: Buffer): Finding[] {
  const block = readSwipeBlock(value);
  if (block === null) return [{kind: 'clear', last4: null}];
  return [...block.shown.map((track) => judgeShownTrack(track, block)), ...sealedTracks(block)];
}

function judgeShownTrack(track: Buffer, {encoding}: SwipeBlock): Finding {
  if (maskedAccount(track) !== null || !/\d{12}/.test(track.toString('latin1'))) return IRRELEVANT;
  // Driver's licences and club cards are not encrypted. They are no payment cards, unless they carry such a number.
  if (encoding !== BANK_CARD && isText(track) && !holdsAnyNumber(track)) return IRRELEVANT;
  return {kind: 'clear', last4: clearNumber(track, [])?.slice(-4) ?? null};
}

const BANK_CARD = 0x80;

function sealedTracks(block: SwipeBlock): Finding[] {
  return block.sealed.flatMap((bytes, index): Finding[] =>
    bytes === null ? [] : [{kind: 'ciphertext', name: `T${index + 1}`, bytes}],
  );
}

/** Bytes nobody can make sense of are looked through for any number, when no mask shows what this card's is like. */
function judgeUnread(bytes: Buffer, {masked}: Context): Finding {
  const number = !masked.some(isRecognisable) && holdsAnyNumber(bytes);
  return number || holdsClearTrack(bytes) ? {kind: 'clear', last4: null} : IRRELEVANT;
}

type Ciphertext = Extract<Finding, {kind: 'ciphertext'}>;
type Opening =
  | {readonly kind: 'sealed'; readonly sealed: SealedCardData}
  | {readonly kind: 'unusable'; readonly why: string};

/** The ciphertext of one part with what is needed to open it; `unusable` when that is missing or contradicts itself. */
function sealedData(
  part: AnswerPart,
  ciphertexts: readonly Ciphertext[],
  masked: readonly MaskedAccount[],
): Opening {
  const blocks = part.tags.all(SWIPE_BLOCK).flatMap(({value}) => readSwipeBlock(value) ?? []);
  const swiped = blocks.find((block) => block.sealed.some((track) => track !== null));
  // A swipe block's ciphertext belongs to the block's own key serial number.
  const own = swiped === undefined ? ciphertexts : ciphertexts.filter(({name}) => /^T\d$/.test(name));
  const numbers =
    swiped?.ksn === undefined || swiped.ksn === null ? keyNumbers(part.tags) : [upperHex(swiped.ksn)];
  const [ksn] = numbers;
  if (ksn === undefined) return unusable('there is no key serial number');
  if (numbers.length > 1) return unusable('there are two key serial numbers');
  const cipher = CIPHERS[ksn.length / 2];
  if (cipher === undefined) return unusable(`the key serial number has ${ksn.length / 2} bytes`);
  const named = namedCipher(part, swiped);
  if (named === 'unknown') return unusable('the key is not a DUKPT data key');
  if (named === 'aes' && cipher.name !== 'aes_dukpt')
    return unusable('AES is used with the key serial number of a TDES key');
  const opening = collect(own, cipher, ksn);
  return opening.kind === 'sealed' && lacksTags(own, masked)
    ? unusable('the values are encrypted without their tags')
    : opening;
}

/**
 * Some firmware encrypts the value alone, not the element with tag and length that the payment API opens. It shows: two
 * elements cannot begin with the same ciphertext, and a number's is longer than the number.
 */
function lacksTags(ciphertexts: readonly Ciphertext[], masked: readonly MaskedAccount[]): boolean {
  const elements = ciphertexts.filter(({name}) => ACCOUNT_TAGS.has(name));
  const beginnings = new Map(elements.map(({name, bytes}) => [name, upperHex(bytes.subarray(0, 8))]));
  if (new Set(beginnings.values()).size < beginnings.size) return true;
  const digits = masked.find((account) => account.digits !== null)?.digits ?? 0;
  const shortest = 2 + Math.ceil(digits / 2);
  return elements.some(({name, bytes}) => name === '5A' && bytes.length < shortest);
}

function collect(
  ciphertexts: readonly Ciphertext[],
  cipher: {readonly name: SealedCardData['encryption']; readonly block: number},
  ksn: string,
): Opening {
  const tags: Record<string, string> = {};
  for (const {name, bytes} of ciphertexts) {
    const account = ACCOUNT_TAGS.has(name) || /^T\d$/.test(name);
    const whole = bytes.length % cipher.block === 0;
    if (account && !whole) return unusable(`the ciphertext of ${name} is not whole blocks`);
    const text = upperHex(bytes);
    if (account && (tags[name] ?? text) !== text) return unusable(`there are two ciphertexts of ${name}`);
    if (whole && !COPY_TAGS.has(name) && name.length <= LONGEST_NAME) tags[name] ??= text;
  }
  const holdsAccount = Object.keys(tags).some((name) => ACCOUNT_TAGS.has(name) || /^T\d$/.test(name));
  if (!holdsAccount) return unusable('neither card number nor track is in it');
  return {kind: 'sealed', sealed: {encryption: cipher.name, ksn, tags}};
}

/** The cipher the reader itself names; null when it says nothing but TDES, which older firmware says of everything. */
function namedCipher(
  {attribution, tags}: AnswerPart,
  swiped: SwipeBlock | undefined,
): 'aes' | 'unknown' | null {
  if (swiped !== undefined && swiped.cipher !== 'tdes') return swiped.cipher;
  const copy = tags.first(ATTRIBUTION_COPY)?.[0] ?? 0;
  return (((attribution ?? 0) | copy) & AES_BIT) === 0 ? null : 'aes';
}

function keyNumbers(tags: TagList): string[] {
  const numbers: string[] = [];
  for (const tag of KSN_TAGS) {
    for (const {value} of tags.all(tag)) {
      const number = isBlank(value) ? null : upperHex(value);
      if (number !== null && !numbers.includes(number)) numbers.push(number);
    }
  }
  return numbers;
}

function unusable(why: string): Opening {
  return {kind: 'unusable', why};
}

function ciphertext(object: TlvObject): Finding {
  return {kind: 'ciphertext', name: object.tag, bytes: object.value};
}

function clear(value: Buffer, {masked}: Context): Finding {
  return {kind: 'clear', last4: clearNumber(value, masked)?.slice(-4) ?? null};
}

function upperHex(bytes: Buffer): string {
  return bytes.toString('hex').toUpperCase();
}
