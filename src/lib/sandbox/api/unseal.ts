import {createHmac} from 'node:crypto';
import {dataRequestKey, decryptTag, TEST_BDK} from '../dukpt.js';
import {elementAt} from './emv.js';
import {invalidRequest} from './problem.js';

/** What the reader sealed, opened. Lives only while one request is decided; only `StoredCard` is ever written. */
export interface ClearCard {
  readonly pan: string;
  /** 1–12 and four digits; null when the sealed part tells none. */
  readonly expiry: {readonly month: number; readonly year: number} | null;
}

/** What the sandbox keeps of a card. */
export interface StoredCard {
  readonly brand: string;
  readonly last4: string;
  /** The same for the same number, and no way back to it. */
  readonly fingerprint: string;
}

export interface Sealed {
  readonly encryption: string;
  readonly ksn: string;
  readonly tags: Readonly<Record<string, string>>;
}

const SEALED = 'payment_method_data[card_present][sealed]';

/** Opens sealed card data with the public test key. Throws a 400 Problem when it cannot be opened or holds no card. */
export function unseal(sealed: Sealed): ClearCard {
  if (sealed.encryption !== 'tdes_dukpt') {
    throw invalidRequest('The sandbox opens only tdes_dukpt.', {
      code: 'sealed_encryption_unsupported',
      param: 'payment_method_data[card_present][encryption]',
    });
  }
  const key = dataRequestKey(TEST_BDK, hex(sealed.ksn, 'payment_method_data[card_present][ksn]', 10));
  const cards = Object.entries(sealed.tags).map(([tag, cipher]) => open(tag, cipher, key));
  const found = cards.filter((card) => card !== null);
  const [first] = found;
  if (first === undefined) throw undecryptable(SEALED);
  if (found.some((card) => card.pan !== first.pan)) throw undecryptable(SEALED);
  return {pan: first.pan, expiry: found.find((card) => card.expiry !== null)?.expiry ?? null};
}

/** The part of a card that may be stored and shown. */
export function storedCard(pan: string): StoredCard {
  return {
    brand: brandOf(pan),
    last4: pan.slice(-4),
    fingerprint: createHmac('sha256', 'stowpay sandbox').update(pan).digest('base64url').slice(0, 16),
  };
}

/** One sealed element; null when it was opened and holds no card number (a name, an expiry date). */
function open(tag: string, cipher: string, key: Buffer): ClearCard | null {
  const path = `${SEALED}[${tag}]`;
  const clear = decryptTag(key, hex(cipher, path, null));
  if (/^T[123]$/.test(tag)) return trackCard(tag, clear, path);
  // The plaintext is the whole TLV, zero-padded: anything else means another key.
  const found = elementAt(clear, 0);
  if (found === null || found.element.tag !== tag.toUpperCase()) throw undecryptable(path);
  if (clear.subarray(found.end).some((byte) => byte !== 0)) throw undecryptable(path);
  switch (found.element.tag) {
    case '5A':
      return fromDigits(found.element.value.toString('hex').toUpperCase().replace(/F+$/, ''), null, path);
    case '57':
    case '9F6B':
      return trackTwo(found.element.value.toString('hex').toUpperCase().replace('D', '='), path);
    case '56':
      return trackCard('T1', found.element.value, path);
    default:
      return null;
  }
}

function trackCard(tag: string, clear: Buffer, path: string): ClearCard | null {
  const text = clear.toString('latin1');
  if (tag === 'T2') return trackTwo(text.replace(/^;/, ''), path);
  if (tag === 'T3') return null;
  const match = /^%?B(\d{12,19})\^[^^]*\^(\d{4})/.exec(text);
  if (match === null) throw undecryptable(path);
  return fromDigits(match[1] ?? '', match[2] ?? null, path);
}

function trackTwo(text: string, path: string): ClearCard {
  const match = /^(\d{12,19})=(\d{4})/.exec(text);
  if (match === null) throw undecryptable(path);
  return fromDigits(match[1] ?? '', match[2] ?? null, path);
}

function fromDigits(pan: string, yymm: string | null, path: string): ClearCard {
  if (!/^\d{12,19}$/.test(pan)) throw undecryptable(path);
  if (yymm === null) return {pan, expiry: null};
  return {pan, expiry: {year: 2000 + Number(yymm.slice(0, 2)), month: Number(yymm.slice(2, 4))}};
}

function hex(text: string, path: string, bytes: number | null): Buffer {
  const blocks = bytes === null ? text.length % 16 === 0 && text.length > 0 : text.length === bytes * 2;
  if (!blocks || !/^[0-9A-Fa-f]+$/.test(text)) throw undecryptable(path);
  return Buffer.from(text, 'hex');
}

function undecryptable(param: string) {
  return invalidRequest('The sealed card data cannot be opened with the test key.', {
    code: 'sealed_data_undecryptable',
    param,
  });
}

/** Issuer ranges, coarsely: ISO/IEC 7812 and the schemes' published ranges. */
const BRANDS: readonly (readonly [RegExp, string])[] = [
  [/^4/, 'visa'],
  [/^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, 'mastercard'],
  [/^3[47]/, 'amex'],
  [/^(6011|64[4-9]|65)/, 'discover'],
  [/^3(0[0-59]|[689])/, 'diners'],
  [/^35(2[89]|[3-8])/, 'jcb'],
  [/^62/, 'unionpay'],
];

function brandOf(pan: string): string {
  return BRANDS.find(([range]) => range.test(pan))?.[1] ?? 'unknown';
}
