import {holdsNumberLike, type Visible} from './account.js';
import type {TagList} from './tag-list.js';

interface Allowed {
  readonly tag: string;
  /** Longest value EMV gives it, in bytes: longer is not what the tag says, and is left out. */
  readonly max: number;
  readonly why: string;
}

/**
 * The only clear tags that leave the reader's room. What an issuer recomputes the cryptogram from, and what
 * explains the terminal's decision; nothing that may hold a card number, track, name or discretionary data.
 */
export const EMV_DATA_ALLOWLIST: readonly Allowed[] = [
  {tag: '4F', max: 16, why: 'application chosen'},
  {tag: '50', max: 16, why: 'application label, printed on the receipt'},
  {tag: '5F24', max: 3, why: 'expiry: judged at acceptance, sent to the issuer'},
  {tag: '5F25', max: 3, why: 'application effective date'},
  {tag: '5F28', max: 2, why: 'issuer country'},
  {tag: '5F2A', max: 2, why: 'currency, input of the cryptogram'},
  {tag: '5F34', max: 1, why: 'sequence number of the card, picks its key'},
  {tag: '82', max: 2, why: 'application interchange profile, input of the cryptogram'},
  {tag: '84', max: 16, why: 'dedicated file name, printed on the receipt'},
  {tag: '8A', max: 2, why: 'authorization response code of the terminal'},
  {tag: '8E', max: 252, why: 'verification methods the card allows'},
  {tag: '8F', max: 1, why: 'index of the certification authority key'},
  {tag: '95', max: 5, why: 'terminal verification results, input of the cryptogram'},
  {tag: '9A', max: 3, why: 'transaction date, input of the cryptogram'},
  {tag: '9B', max: 2, why: 'transaction status information'},
  {tag: '9C', max: 1, why: 'transaction type, input of the cryptogram'},
  {tag: '9F02', max: 6, why: 'amount, input of the cryptogram'},
  {tag: '9F03', max: 6, why: 'other amount, input of the cryptogram'},
  {tag: '9F06', max: 16, why: 'application as the terminal knows it'},
  {tag: '9F07', max: 2, why: 'application usage control'},
  {tag: '9F09', max: 2, why: 'application version of the terminal'},
  {tag: '9F0D', max: 5, why: 'issuer action code, default'},
  {tag: '9F0E', max: 5, why: 'issuer action code, denial'},
  {tag: '9F0F', max: 5, why: 'issuer action code, online'},
  {tag: '9F10', max: 32, why: 'issuer application data: cryptogram version and the card’s own checks'},
  {tag: '9F11', max: 1, why: 'code table of the preferred name'},
  {tag: '9F12', max: 16, why: 'preferred name, printed on the receipt'},
  {tag: '9F15', max: 2, why: 'merchant category'},
  {tag: '9F1A', max: 2, why: 'terminal country, input of the cryptogram'},
  {tag: '9F1E', max: 8, why: 'serial number of the interface device'},
  {tag: '9F21', max: 3, why: 'transaction time'},
  {tag: '9F26', max: 8, why: 'the cryptogram'},
  {tag: '9F27', max: 1, why: 'cryptogram information: approved, online, declined'},
  {tag: '9F33', max: 3, why: 'terminal capabilities'},
  {tag: '9F34', max: 3, why: 'cardholder verification results'},
  {tag: '9F35', max: 1, why: 'terminal type'},
  {tag: '9F36', max: 2, why: 'transaction counter of the card, input of the cryptogram'},
  {tag: '9F37', max: 4, why: 'unpredictable number, input of the cryptogram'},
  {tag: '9F39', max: 1, why: 'entry mode'},
  {tag: '9F40', max: 5, why: 'additional terminal capabilities'},
  {tag: '9F41', max: 4, why: 'transaction sequence counter'},
  {tag: '9F53', max: 1, why: 'transaction category (Mastercard)'},
  {tag: '9F66', max: 4, why: 'terminal transaction qualifiers (Visa)'},
  {tag: '9F6C', max: 2, why: 'card transaction qualifiers (Visa)'},
  {tag: '9F6D', max: 2, why: 'application version, mag-stripe mode (Mastercard)'},
];

/** What no issuer can do without: the cryptogram, what kind it is, and what differs from one payment to the next. */
const REQUIRED = ['9F26', '9F27', '9F36', '9F37'] as const;

const ALLOWED: ReadonlySet<string> = new Set(EMV_DATA_ALLOWLIST.map(({tag}) => tag));

export function isAllowed(tag: string): boolean {
  return ALLOWED.has(tag);
}

export interface EmvData {
  /** Plain BER, upper-case hex, of the allowed tags in the order of the list. */
  readonly hex: string;
  /** Required tags that are not in it. */
  readonly missing: readonly string[];
}

/** Each allowed tag as it is written, and room for all of them at their longest. */
const WRITTEN = EMV_DATA_ALLOWLIST.map(({tag, max}) => ({tag, max, bytes: [...Buffer.from(tag, 'hex')]}));
const LONGEST = WRITTEN.reduce((sum, {max, bytes}) => sum + bytes.length + 2 + max, 0);

/** What may leave the reader's room of the clear tags. */
export function emvData(tags: TagList, account: Visible): EmvData {
  const out = Buffer.allocUnsafe(LONGEST);
  const kept = new Set<string>();
  let end = 0;
  for (const {tag, max, bytes} of WRITTEN) {
    const value = tags.first(tag);
    if (value === null || value.length > max) continue;
    // A card may put anything into its own tags: the last defence against a number in the wrong place.
    if (holdsNumberLike(value, account)) continue;
    kept.add(tag);
    // Byte by byte: they are few.
    for (const byte of bytes) out[end++] = byte;
    if (value.length > 0x7f) out[end++] = 0x81;
    out[end++] = value.length;
    for (let at = 0; at < value.length; at += 1) out[end++] = value[at] as number;
  }
  return {
    hex: out.toString('hex', 0, end).toUpperCase(),
    missing: REQUIRED.filter((tag) => !kept.has(tag)),
  };
}
