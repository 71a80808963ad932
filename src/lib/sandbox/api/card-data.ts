import type {CardholderVerificationMethod} from '../../core/card.js';
import {type Element, parseElements} from './emv.js';
import type {Fields, Params} from './params.js';
import {invalidRequest} from './problem.js';
import type {ReceiptRecord} from './state.js';
import {type ClearCard, unseal} from './unseal.js';

const CARD = 'payment_method_data[card_present]';

/** stowpay's extension of the confirm call: docs/stowpay-extension.openapi.yaml. */
export const CARD_FIELDS = {
  ksn: {kind: 'string', longest: 24, required: true},
  encryption: {kind: 'one_of', values: ['tdes_dukpt', 'aes_dukpt'], required: true},
  sealed: {kind: 'map', required: true},
  emv_data: {kind: 'string', longest: 4096},
  read_method: {
    kind: 'one_of',
    values: [
      'contact_emv',
      'contactless_emv',
      'contactless_magstripe_mode',
      'magnetic_stripe_fallback',
      'magnetic_stripe_track2',
    ],
    required: true,
  },
  reader: {
    kind: 'fields',
    fields: {serial: {kind: 'string'}, type: {kind: 'string'}, firmware: {kind: 'string'}},
  },
  offline: {kind: 'fields', fields: {stored_at: {kind: 'integer', least: 1, required: true}}},
} as const satisfies Fields;

/** A card as it was presented. The number in it is for the decision only, and never stored. */
export interface PresentedCard {
  readonly clear: ClearCard;
  readonly exp_month: number;
  readonly exp_year: number;
  readonly receipt: ReceiptRecord;
}

/** Opens what the reader sealed and reads what it left in clear. Throws a 400 Problem. */
export function presentedCard(params: Params<typeof CARD_FIELDS>): PresentedCard {
  const elements = clearElements(params.emv_data ?? '');
  const clear = unseal({encryption: params.encryption, ksn: params.ksn, tags: params.sealed});
  const expiry = clear.expiry ?? expiryOf(elements.get('5F24'));
  if (expiry === null) {
    throw invalidRequest('The card data has no expiry date.', {code: 'card_data_incomplete', param: CARD});
  }
  return {clear, exp_month: expiry.month, exp_year: expiry.year, receipt: receiptOf(elements)};
}

/** Tags whose value is, or contains, the card number. */
const SECRET_TAGS = ['5A', '57', '56', '9F6B'];

function clearElements(hex: string): ReadonlyMap<string, Buffer> {
  const param = `${CARD}[emv_data]`;
  const elements = /^([0-9A-Fa-f]{2})*$/.test(hex) ? parseElements(Buffer.from(hex, 'hex')) : null;
  if (elements === null) throw invalidRequest('emv_data is not hex TLV.', {param});
  const map = new Map(elements.map(({tag, value}: Element) => [tag, value]));
  if (SECRET_TAGS.some((tag) => map.has(tag))) {
    throw invalidRequest('emv_data holds a card number in clear.', {code: 'card_data_not_sealed', param});
  }
  return map;
}

function receiptOf(elements: ReadonlyMap<string, Buffer>): ReceiptRecord {
  const hexOf = (tag: string) => elements.get(tag)?.toString('hex').toUpperCase() ?? null;
  const name = elements.get('9F12') ?? elements.get('50');
  return {
    application_cryptogram: hexOf('9F26'),
    application_preferred_name: name?.toString('latin1') ?? null,
    cardholder_verification_method: verificationMethod(elements.get('9F34')),
    dedicated_file_name: hexOf('84'),
    terminal_verification_results: hexOf('95'),
    transaction_status_information: hexOf('9B'),
  };
}

/** EMV Book 4, A4: the low six bits of the first byte name the method. */
const METHODS: Readonly<Record<number, CardholderVerificationMethod>> = {
  0: 'failure',
  1: 'offline_pin',
  2: 'online_pin',
  3: 'offline_pin_and_signature',
  4: 'offline_pin',
  5: 'offline_pin_and_signature',
  30: 'signature',
  31: 'none',
};

function verificationMethod(results: Buffer | undefined): CardholderVerificationMethod | null {
  const first = results?.[0];
  return first === undefined ? null : (METHODS[first & 0x3f] ?? null);
}

/** Tag 5F24: YYMMDD, two digits a byte. */
function expiryOf(value: Buffer | undefined): ClearCard['expiry'] {
  const match = /^(\d\d)(\d\d)/.exec(value?.toString('hex') ?? '');
  if (match === null) return null;
  return {year: 2000 + Number(match[1]), month: Number(match[2])};
}
