import type {SealedCardData} from '../../core/card.js';
import type {TlvObject} from '../wire/tlv.js';
import {
  clearLast4,
  holdsClearTrack,
  isClearAccount,
  isText,
  type MaskedAccount,
  maskedAccount,
  mayBeClearAccount,
} from './account.js';
import {readSwipeBlock} from './swipe-block.js';
import type {TagList} from './tag-list.js';

/** Whether the card data of an answer is provably encrypted. */
export type Seal =
  | {readonly kind: 'sealed'; readonly sealed: SealedCardData; readonly masked: readonly MaskedAccount[]}
  /** Readable, or not to be told from readable: the caller drops the answer. */
  | {readonly kind: 'unsealed'; readonly last4: string | null; readonly masked: readonly MaskedAccount[]}
  /** No card number in any form, or ciphertext nobody could open (no key serial number, broken blocks). */
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
  'DFEF4D', // tracks and number, as the reader was set to compose them
  'DFEF5B', // masked copy of 5A
  'DFEF5D', // masked copy of 57
]);
const SWIPE_BLOCK = 'DFEE23';
const KSN_TAGS = ['DFEE12', 'FFEE12'] as const;

/** KSN length → cipher and its block size in bytes. */
const CIPHERS: Readonly<
  Record<number, {readonly name: SealedCardData['encryption']; readonly block: number}>
> = {
  10: {name: 'tdes_dukpt', block: 8},
  12: {name: 'aes_dukpt', block: 16},
};

type Finding =
  | {readonly kind: 'masked'; readonly account: MaskedAccount | null}
  | {readonly kind: 'ciphertext'; readonly name: string; readonly bytes: Buffer}
  | {readonly kind: 'clear'; readonly last4: string | null}
  | {readonly kind: 'irrelevant'};

/** Judges every object of an answer by its form, its look and the presence of a key serial number. */
export function judgeSeal(tags: TagList): Seal {
  const ksn = keySerialNumber(tags);
  const findings = [
    ...tags.objects.map((object) => judgeObject(object, ksn)),
    ...tags.all(SWIPE_BLOCK).flatMap((object) => judgeSwipe(object.value)),
  ];
  const masked = findings.flatMap((finding) =>
    finding.kind === 'masked' && finding.account !== null ? [finding.account] : [],
  );
  const clear = findings.filter((finding) => finding.kind === 'clear');
  if (clear.length > 0) {
    const last4 = clear.map((finding) => finding.last4).find((digits) => digits !== null) ?? null;
    return {kind: 'unsealed', last4, masked};
  }
  const sealed = sealedData(findings, ksn);
  return sealed === null ? {kind: 'absent', masked} : {kind: 'sealed', sealed, masked};
}

function judgeObject(object: TlvObject, ksn: Buffer | null): Finding {
  if (object.tag === SWIPE_BLOCK) return {kind: 'irrelevant'};
  switch (object.form) {
    case 'masked':
      return isClearAccount(object.value) && maskedAccount(object.value) === null
        ? clear(object.value)
        : {kind: 'masked', account: maskedAccount(object.value)};
    case 'encrypted':
      // The label alone is not believed: a reader that marks readable data as encrypted is a broken reader.
      if (isClearAccount(object.value) || isText(object.value)) return clear(object.value);
      return isCiphertext(object.value, ksn) ? ciphertext(object) : {kind: 'irrelevant'};
    case 'plain':
      return judgePlain(object, ksn);
  }
}

/**
 * Older firmware marks masked and encrypted values as plain, and strict BER output writes ciphertext with a plain
 * length: what is neither masked nor readable is ciphertext if there is a key serial number and whole blocks.
 */
function judgePlain(object: TlvObject, ksn: Buffer | null): Finding {
  if (!ACCOUNT_TAGS.has(object.tag)) {
    return holdsClearTrack(object.value) ? clear(object.value) : {kind: 'irrelevant'};
  }
  const account = maskedAccount(object.value);
  if (account !== null) return {kind: 'masked', account};
  const readable = [mayBeClearAccount, holdsClearTrack, isText].some((looks) => looks(object.value));
  if (readable) return clear(object.value);
  return isCiphertext(object.value, ksn) ? ciphertext(object) : clear(object.value);
}

/** A block that does not check out may hold anything. */
function judgeSwipe(value: Buffer): Finding[] {
  const block = readSwipeBlock(value);
  if (block === null) return [{kind: 'clear', last4: null}];
  const shown = block.shown.filter((track) => track.length > 0).map(judgeShownTrack);
  const sealed = block.sealed.flatMap((bytes, index): Finding[] =>
    bytes === null ? [] : [{kind: 'ciphertext', name: `T${index + 1}`, bytes}],
  );
  return [...shown, ...sealed];
}

function judgeShownTrack(track: Buffer): Finding {
  const account = maskedAccount(track);
  return account === null ? clear(track) : {kind: 'masked', account};
}

function sealedData(findings: readonly Finding[], ksn: Buffer | null): SealedCardData | null {
  const cipher = ksn === null ? undefined : CIPHERS[ksn.length];
  if (ksn === null || cipher === undefined) return null;
  const tags: Record<string, string> = {};
  for (const finding of findings) {
    if (finding.kind === 'ciphertext') tags[finding.name] ??= upperHex(finding.bytes);
  }
  const holdsAccount = Object.keys(tags).some((name) => ACCOUNT_TAGS.has(name) || /^T[123]$/.test(name));
  return holdsAccount ? {encryption: cipher.name, ksn: upperHex(ksn), tags} : null;
}

/** The first key serial number of a known length: the swipe block's, its own tag's, or the older tag's. */
function keySerialNumber(tags: TagList): Buffer | null {
  const own = KSN_TAGS.flatMap((tag) => tags.all(tag)).map((object) => object.value);
  const swiped = tags.all(SWIPE_BLOCK).map((object) => readSwipeBlock(object.value)?.ksn ?? null);
  // A swipe block's ciphertext belongs to the block's own.
  return [...swiped, ...own].find((value) => value !== null && value.length in CIPHERS) ?? null;
}

function isCiphertext(value: Buffer, ksn: Buffer | null): boolean {
  const block = ksn === null ? undefined : CIPHERS[ksn.length]?.block;
  return block !== undefined && value.length % block === 0;
}

function ciphertext(object: TlvObject): Finding {
  return {kind: 'ciphertext', name: object.tag, bytes: object.value};
}

function clear(value: Buffer): Finding {
  return {kind: 'clear', last4: clearLast4(value)};
}

function upperHex(bytes: Buffer): string {
  return bytes.toString('hex').toUpperCase();
}
