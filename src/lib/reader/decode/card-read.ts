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
  /** `YYMM`. */
  readonly expiry: string | null;
  readonly name: string | null;
}

/** The first thing any of the masked copies shows. */
export function visibleAccount(masked: Seal['masked']): VisibleAccount {
  return {
    leading: masked.find((account) => account.leading !== '')?.leading.slice(0, MAX_LEADING_DIGITS) ?? '',
    last4: masked.find((account) => account.last4 !== null)?.last4 ?? null,
    expiry: masked.find((account) => account.expiry !== null)?.expiry ?? null,
    name: masked.find((account) => account.name !== null)?.name ?? null,
  };
}

/** The AID: of the chosen application, else as the directory or the terminal names it. */
export function applicationId(tags: TagList): Buffer | null {
  return tags.first('84', '4F', '9F06');
}

/** One sealed card as the rest of stowpay sees it. `attribution` is the answer's first byte. */
export function cardRead(
  tags: TagList,
  seal: Extract<Seal, {kind: 'sealed'}>,
  attribution: number | null,
): CardRead {
  const account = visibleAccount(seal.masked);
  const method = readMethod(tags, attribution);
  const safe = (text: string | null): string | null =>
    text === null || holdsNumberLike(Buffer.from(text), account.leading, account.last4) ? null : text;
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
    emv_data: emvData(tags, account.leading, account.last4),
  };
}

/** What the card's cryptogram says. Contradicting ones count as none – unless one of them declines. */
export function cryptogramOf(tags: TagList): Cryptogram {
  const kinds = new Set(
    tags
      .all('9F27')
      .flatMap((object) => (object.form === 'plain' ? [(object.value[0] as number) & 0xc0] : [])),
  );
  if (kinds.has(0x00)) return 'aac';
  if (kinds.size !== 1) return null;
  if (kinds.has(0x40)) return 'tc';
  return kinds.has(0x80) ? 'arqc' : null;
}

/** By the POS entry mode, else the attribution byte. Where either names a magnetic stripe, that is it: easily forged. */
function readMethod(tags: TagList, attribution: number | null): ReadMethod {
  const byMode = entryMode(tags);
  const bySource = attribution === null ? null : sourceOf(attribution);
  const swiped = tags.has('DFEE23') ? ('magnetic_stripe_track2' as const) : null;
  const named = [byMode, swiped, bySource].filter((method) => method !== null);
  return (
    named.find((method) => method.startsWith('magnetic') || method.endsWith('magstripe_mode')) ??
    named[0] ??
    'contactless_emv'
  );
}

function entryMode(tags: TagList): ReadMethod | null {
  switch (tags.first('9F39')?.[0]) {
    case 0x05:
      return 'contact_emv';
    case 0x07:
      return 'contactless_emv';
    case 0x80:
      return 'magnetic_stripe_fallback';
    case 0x02:
    case 0x90:
      return 'magnetic_stripe_track2';
    case 0x91:
      return 'contactless_magstripe_mode';
    default:
      return null;
  }
}

/** Bits 4, 3 and 0 of the attribution byte name the source. */
function sourceOf(attribution: number): ReadMethod {
  if ((attribution & 0x08) !== 0) return 'magnetic_stripe_track2';
  if ((attribution & 0x01) === 0) return 'contact_emv';
  return (attribution & 0x10) === 0 ? 'contactless_emv' : 'contactless_magstripe_mode';
}

function expiry(
  tags: TagList,
  account: VisibleAccount,
): {readonly exp_month: number | null; readonly exp_year: number | null} {
  const own = tags.hex('5F24');
  const digits = own !== null && /^\d{2}(?:0[1-9]|1[0-2])\d{2}$/.test(own) ? own : account.expiry;
  if (digits === null) return {exp_month: null, exp_year: null};
  return {exp_month: Number(digits.slice(2, 4)), exp_year: 2000 + Number(digits.slice(0, 2))};
}

function receipt(tags: TagList, method: ReadMethod, safe: (text: string | null) => string | null): Receipt {
  return {
    application_preferred_name: safe(tags.text('9F12')) ?? safe(tags.text('50')),
    dedicated_file_name: tags.hex('84'),
    application_cryptogram: tags.hex('9F26'),
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
