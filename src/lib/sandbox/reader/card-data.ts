import {randomBytes} from 'node:crypto';
import {writeTlv} from '../../reader/wire/tlv.js';
import type {TestCard} from '../cards.js';
import {encryptTag} from '../dukpt.js';
import type {Behavior} from './behaviors.js';
import type {Interface} from './interfaces.js';
import type {KeyUse} from './key-counter.js';
import type {Masking, Output} from './world.js';

/** What one presentation of a card is made of. */
export interface Presentation {
  readonly card: TestCard;
  readonly behavior: Behavior;
  /** The way the card comes to the reader. */
  readonly via: Interface;
  /** The command that asked for a card; its answers carry it. */
  readonly asked_by: number;
  /** How long a chip waits for the host's next command, ms. */
  readonly patience_ms: number;
  /** Null when the reader does not encrypt. */
  readonly use: KeyUse | null;
  readonly masking: Masking;
  /** How it writes masked and encrypted values. */
  readonly output: Output;
  /** Packed decimal, as the host asked (9F02), and ISO 4217 numeric (5F2A). */
  readonly amount: Buffer;
  readonly currency: Buffer;
  /** The reader's own clock. */
  readonly now: Date;
}

/** Attribution: encryption on in the high bits, the source in bits 4, 3 and 0. */
export const ATTRIBUTION = {contact: 0xe0, contactless: 0xe1, msd: 0xf1, swipe: 0xe8} as const;

/** The reader's own account of how the read ended. */
const OUTCOME = {tc: '0000', arqc: '0004', aac: '0001'} as const;

const CRYPTOGRAM = {tc: '40', arqc: '80', aac: '00'} as const;

/** The chip's data of one sale, sealed, in the order real readers send it. */
export function chipData(it: Presentation): Buffer {
  const contact = it.via === 'contact';
  const mastercard = it.card.brand === 'mastercard' && !contact;
  const body = Buffer.concat([accountData(it), commonData(it, contact), cryptogramData(it)]);
  return Buffer.concat([
    tag('DFEE25', OUTCOME[cryptogram(it.behavior)]),
    keyData(it),
    // Mastercard's kernel delivers its data in a container of its own.
    mastercard ? writeTlv('FF8105', body) : body,
    tag('9F39', contact ? '05' : '07'),
  ]);
}

/** Mag-stripe mode: tracks instead of a cryptogram. */
export function msdData(it: Presentation): Buffer {
  return Buffer.concat([
    keyData(it),
    tag('84', it.card.aid),
    text('50', it.card.label),
    sealedTag(it, '9F6B', track2(it.card, expiry(it)), maskedTrack2(it)),
    writeTlv('9F02', it.amount),
    writeTlv('5F2A', it.currency),
    tag('9F39', '91'),
  ]);
}

/** Key serial number first, as the readers of today do; the older ones have another tag for it. */
function keyData(it: Presentation): Buffer {
  if (it.use === null || it.behavior === 'no_ksn') return Buffer.alloc(0);
  return writeTlv(it.output === 'old' ? 'FFEE12' : 'DFEE12', it.use.ksn);
}

function accountData(it: Presentation): Buffer {
  const {pan} = it.card;
  return Buffer.concat([
    it.behavior === 'half_clear'
      ? writeTlv('57', track2(it.card, expiry(it)))
      : sealedTag(it, '57', track2(it.card, expiry(it)), maskedTrack2(it)),
    sealedTag(it, '5A', packed(pan), packed(masked(pan, it.masking, it.masking.nibble))),
  ]);
}

function commonData(it: Presentation, contact: boolean): Buffer {
  const mastercard = it.card.brand === 'mastercard';
  return Buffer.concat([
    tag('4F', it.card.aid),
    text('50', it.behavior === 'number_in_label' ? it.card.pan : it.card.label),
    // Readers over the air get no name: the schemes took it off the chip.
    text('5F20', contact ? it.card.name : ' /'),
    tag('5F24', `${expiry(it)}31`),
    tag('5F28', '0840'),
    it.behavior === 'wrong_currency' ? tag('5F2A', '0978') : writeTlv('5F2A', it.currency),
    tag('5F34', '01'),
    tag('82', contact ? '5900' : '1980'),
    tag('84', it.card.aid),
    tag('95', contact ? '8080048000' : '0000008001'),
    tag('9A', dateDigits(it.now)),
    // Contactless kernels have no transaction status; Mastercard's sends it as zero.
    contact ? tag('9B', 'E800') : mastercard ? tag('9B', '0000') : Buffer.alloc(0),
    tag('9C', '00'),
    writeTlv('9F02', it.behavior === 'wrong_amount' ? oneMore(it.amount) : it.amount),
    it.behavior === 'two_amounts' ? writeTlv('9F02', oneMore(it.amount)) : Buffer.alloc(0),
    tag('9F03', '000000000000'),
    tag('9F06', it.card.aid),
    tag('9F1A', '0840'),
    tag('9F21', timeDigits(it.now)),
    tag('9F33', '6028C8'),
    tag('9F34', verification(it.behavior)),
    tag('9F35', '25'),
    mastercard ? Buffer.alloc(0) : tag('9F66', '3600C000'),
  ]);
}

function cryptogramData(it: Presentation): Buffer {
  if (it.behavior === 'missing_emv') return Buffer.alloc(0);
  return Buffer.concat([
    tag('9F10', it.card.brand === 'mastercard' ? '0110A00003220000000000000000000000FF' : '06010A03A00000'),
    writeTlv('9F26', randomBytes(8)),
    tag('9F27', CRYPTOGRAM[cryptogram(it.behavior)]),
    // A card's counter grows with every use; the key's does as well.
    writeTlv('9F36', it.use === null ? Buffer.from([0, 1]) : it.use.ksn.subarray(8, 10)),
    writeTlv('9F37', randomBytes(4)),
  ]);
}

/** What the card answers to the first question for a cryptogram. */
export function cryptogram(behavior: Behavior): keyof typeof CRYPTOGRAM {
  switch (behavior) {
    case 'decline_by_card':
    case 'aac_despite_ok':
    case 'contact_decline':
      return 'aac';
    case 'approve_offline':
    case 'contact_approve_offline':
      return 'tc';
    default:
      return 'arqc';
  }
}

function verification(behavior: Behavior): string {
  switch (behavior) {
    case 'online_pin':
      return '420300';
    case 'signature':
      return '5E0300';
    case 'phone':
      return '010002';
    default:
      return '1F0302';
  }
}

/** A value twice, masked and encrypted, in the notation of this firmware; once and readable without a key. */
function sealedTag(it: Presentation, name: string, plain: Buffer, shown: Buffer): Buffer {
  if (it.use === null) return writeTlv(name, plain);
  const sealed = encryptTag(it.use.key, writeTlv(name, plain));
  switch (it.output) {
    case 'old':
      return Buffer.concat([longForm(name, 0x81, shown), longForm(name, 0x81, sealed)]);
    case 'strict':
      return Buffer.concat([writeTlv(name, sealed), writeTlv(name === '5A' ? 'DFEF5B' : 'DFEF5D', shown)]);
    case 'current':
      return Buffer.concat([longForm(name, 0xa1, shown), longForm(name, 0xc1, sealed)]);
  }
}

function longForm(name: string, octet: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from(name, 'hex'), Buffer.from([octet, value.length]), value]);
}

/** Number, separator, expiry, service code 201, discretionary data. */
function track2(card: TestCard, expiryDigits: string): Buffer {
  return packed(`${card.pan}D${expiryDigits}2010000000000`);
}

function maskedTrack2(it: Presentation): Buffer {
  const {nibble, shows_expiry} = it.masking;
  const shown = shows_expiry ? expiry(it) : nibble.repeat(4);
  return packed(`${masked(it.card.pan, it.masking, nibble)}D${shown}${nibble.repeat(13)}`);
}

/** `YYMM`. */
export function expiry(it: Presentation): string {
  if (it.behavior === 'expired') return '2012';
  return `${String(it.card.exp_year).slice(2)}${String(it.card.exp_month).padStart(2, '0')}`;
}

/** A card number with everything masked between what may be shown. */
export function masked(pan: string, {digits}: Masking, mask: string): string {
  const [leading, trailing] = digits;
  const hidden = pan.length - leading - trailing;
  return pan.slice(0, leading) + mask.repeat(hidden) + pan.slice(pan.length - trailing);
}

/** Nibbles, filled up with F to whole bytes. */
function packed(nibbles: string): Buffer {
  return Buffer.from(nibbles.length % 2 === 0 ? nibbles : `${nibbles}F`, 'hex');
}

function oneMore(amount: Buffer): Buffer {
  return Buffer.from(String(Number(amount.toString('hex')) + 1).padStart(12, '0'), 'hex');
}

export function tag(name: string, hex: string): Buffer {
  return writeTlv(name, Buffer.from(hex, 'hex'));
}

function text(name: string, value: string): Buffer {
  return writeTlv(name, Buffer.from(value, 'latin1'));
}

/** `YYMMDD`, UTC. */
function dateDigits(now: Date): string {
  return now.toISOString().slice(2, 10).replaceAll('-', '');
}

/** `HHMMSS`, UTC. */
function timeDigits(now: Date): string {
  return now.toISOString().slice(11, 19).replaceAll(':', '');
}
