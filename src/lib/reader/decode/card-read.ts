import type {CardRead, Cryptogram, ReadMethod, Receipt} from '../../core/card.js';
import {holdsNumberLike} from './account.js';
import {brandOf} from './brand.js';
import {verificationMethod} from './cvm.js';
import {emvData} from './emv-data.js';
import type {Seal} from './seal.js';
import type {TagList} from './tag-list.js';

/** Most leading digits kept, whatever the reader is set to show. */
const MAX_LEADING_DIGITS = 6;

/** What the masked copies of the card number leave visible. */
export interface VisibleAccount {
  readonly leading: string;
  readonly last4: string | null;
  /** Of the whole number; null when no copy tells. */
  readonly digits: number | null;
  /** `YYMM`. */
  readonly expiry: string | null;
  readonly name: string | null;
}

/** What the masked copies show. What they disagree about counts as not shown. */
export function visibleAccount(masked: Seal['masked']): VisibleAccount {
  const [longest = ''] = masked.map(({leading}) => leading).sort((a, b) => b.length - a.length);
  return {
    leading: masked.every(({leading}) => longest.startsWith(leading))
      ? longest.slice(0, MAX_LEADING_DIGITS)
      : '',
    last4: common(masked.map(({last4}) => last4)),
    digits: common(masked.map(({digits}) => digits)),
    expiry: common(masked.map(({expiry}) => expiry)),
    name: masked.find(({name}) => name !== null)?.name ?? null,
  };
}

function common<T>(values: readonly (T | null)[]): T | null {
  let first: T | null = null;
  for (const value of values) {
    if (value !== null && first !== null && value !== first) return null;
    first ??= value;
  }
  return first;
}

/** The AID: of the chosen application, else as the directory or the terminal names it. */
export function applicationId(tags: TagList): Buffer | null {
  return dedicatedFile(tags) ?? tags.first('4F', '9F06');
}

/** The chosen application. The card's own directories (1PAY.SYS, 2PAY.SYS) are dedicated files, too, but no application. */
function dedicatedFile(tags: TagList): Buffer | null {
  const plain = tags
    .all('84')
    .filter(({form, value}) => form === 'plain' && !DIRECTORY.test(value.toString('latin1')));
  return plain[0]?.value ?? null;
}

const DIRECTORY = /^[12]PAY[.]SYS/;

/** One sealed card as the rest of stowpay sees it. */
export function cardRead(tags: TagList, seal: Extract<Seal, {kind: 'sealed'}>, method: ReadMethod): CardRead {
  const account = visibleAccount(seal.masked);
  const safe = (text: string | null): string | null =>
    text === null || holdsNumberLike(Buffer.from(text), account) ? null : text;
  const emv = emvData(tags, account);
  return {
    read_method: method,
    cryptogram: cryptogramOf(tags),
    brand: brandOf(applicationId(tags), account.leading),
    last4: account.last4,
    leading_digits: account.leading,
    ...expiry(tags, account),
    cardholder_name: safe(cardholderName(tags.text('5F20') ?? account.name)),
    receipt: receipt(tags, method, safe),
    amount_authorized: packedDecimal(tags.agreed('9F02'), 6),
    currency_numeric: currency(tags.agreed('5F2A')),
    sealed: seal.sealed,
    emv_data: emv.hex,
    missing_tags: emv.missing,
  };
}

/** What the card's cryptogram says. Contradicting ones count as none – unless one of them declines. */
export function cryptogramOf(tags: TagList): Cryptogram {
  let kind: number | null = null;
  let contradicts = false;
  for (const {form, value} of tags.all('9F27')) {
    if (form !== 'plain') continue;
    const said = (value[0] as number) & 0xc0;
    if (said === 0x00) return 'aac';
    contradicts ||= kind !== null && kind !== said;
    kind = said;
  }
  if (contradicts) return null;
  if (kind === 0x40) return 'tc';
  return kind === 0x80 ? 'arqc' : null;
}

function expiry(
  tags: TagList,
  account: VisibleAccount,
): {readonly exp_month: number | null; readonly exp_year: number | null} {
  const unknown = {exp_month: null, exp_year: null};
  const own = tags.agreed('5F24')?.toString('hex') ?? null;
  // Two dates, or none that is one: the track's would only hide that.
  if (own === null && tags.first('5F24') !== null) return unknown;
  const digits = own === null || !EXPIRY.test(own) ? account.expiry : own;
  if (digits === null) return unknown;
  const year = Number(digits.slice(0, 2));
  // As EMV counts them: a card of '98 expired in the last century.
  return {exp_month: Number(digits.slice(2, 4)), exp_year: year < 50 ? 2000 + year : 1900 + year};
}

const EXPIRY = /^\d{2}(?:0[1-9]|1[0-2])\d{2}$/;

function receipt(tags: TagList, method: ReadMethod, safe: (text: string | null) => string | null): Receipt {
  return {
    application_preferred_name: safe(tags.text('9F12')) ?? safe(tags.text('50')),
    dedicated_file_name: dedicatedFile(tags)?.toString('hex').toUpperCase() ?? null,
    application_cryptogram: tags.agreed('9F26')?.toString('hex').toUpperCase() ?? null,
    terminal_verification_results: tags.hex('95'),
    transaction_status_information: tags.hex('9B'),
    cardholder_verification_method: verificationMethod(tags, method),
    authorization_code: null,
  };
}

/** Contactless cards send ` /` for "no name". */
function cardholderName(text: string | null): string | null {
  const name =
    text
      ?.replace(/[^\x20-\x7e]/g, '')
      .replace(/\s+/g, ' ')
      .trim() ?? '';
  return /[A-Za-z]/.test(name) ? name : null;
}

function currency(value: Buffer | null): string | null {
  const digits = value?.toString('hex') ?? '';
  return /^0\d{3}$/.test(digits) ? digits.slice(1) : null;
}

function packedDecimal(value: Buffer | null, size: number): number | null {
  const digits = value?.toString('hex') ?? '';
  return value?.length === size && /^\d+$/.test(digits) ? Number(digits) : null;
}
