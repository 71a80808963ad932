import type {ResponseFrame} from '../../reader/wire/frame.js';
import type {Behavior} from './behaviors.js';
import {ATTRIBUTION, chipData, msdData, type Presentation, tag} from './card-data.js';
import type {Incoming} from './command-parser.js';
import {contactOutcome} from './contact.js';
import {swipeData} from './swipe-data.js';

const ACTIVATE = 0x02;

export interface TimedFrame extends ResponseFrame {
  /** Milliseconds after the frame before it; the emulator's own pace when left out. */
  readonly after_ms?: number;
}

/** What one presentation makes the reader send, in order. No frames: it falls silent. */
export interface Outcome {
  readonly frames: readonly TimedFrame[];
  /** Set where the read goes on: what comes of the host's next contact command (60-xx). */
  readonly next?: (command: Extract<Incoming, {kind: 'command'}>) => Outcome;
  /** How long it waits for that command, ms. */
  readonly patience_ms?: number;
}

/** What the reader answers to one card. `tells`: it says so as soon as it sees one. */
export function outcomeOf(it: Presentation, tells: boolean): Outcome {
  const outcome = finalOutcome(it);
  const frames = outcome.frames.map((frame) => ({...frame, command: it.asked_by}));
  if (!tells || frames.length === 0 || it.behavior === 'no_card') return {...outcome, frames};
  return {...outcome, frames: [response(it.asked_by, 0x0e, Buffer.from([0x01])), ...frames]};
}

function finalOutcome(it: Presentation): Outcome {
  if (sendsCardData(it.behavior)) {
    if (it.via === 'contact') return contactOutcome(it);
    if (it.via === 'swipe') return final(0x00, attributed(it, ATTRIBUTION.swipe, swipeData(it)));
  }
  switch (it.behavior) {
    case 'approve':
    case 'phone':
    case 'expired':
    case 'online_pin':
    case 'signature':
    case 'wrong_amount':
    case 'wrong_currency':
    case 'two_amounts':
    case 'missing_emv':
    case 'unencrypted':
    case 'half_clear':
    case 'no_ksn':
    case 'number_in_label':
    case 'repeated_ksn':
    case 'old_output':
    case 'strict_output':
      return final(0x23, attributed(it, ATTRIBUTION.contactless, chipData(it)));
    case 'approve_offline':
    case 'aac_despite_ok':
      return final(0x00, attributed(it, ATTRIBUTION.contactless, chipData(it)));
    case 'decline_by_card':
      return final(0x0a, attributed(it, ATTRIBUTION.contactless, cardError(0x42), chipData(it)));
    case 'offline_only':
      return final(0x0a, attributed(it, ATTRIBUTION.contactless, cardError(0x43), chipData(it)));
    case 'msd':
      return final(0x23, attributed(it, ATTRIBUTION.msd, msdData(it)));
    case 'swipe':
    case 'fallback':
      return final(0x00, attributed(it, ATTRIBUTION.swipe, swipeData(it)));
    case 'contact':
    case 'contact_approve_offline':
    case 'contact_decline':
    case 'chip_removed_early':
    case 'chip_seated_late':
      return contactOutcome(it);
    case 'chip_unreadable':
      return failure(it, 0x06, tag('DFEE25', '0007'));
    case 'see_phone':
      return final(0x0a, attributed(it, ATTRIBUTION.contactless, tag('FFEE1F', '20698600')));
    case 'reboot':
    case 'silent':
      // A fault of the reader (faults.ts); nothing is answered.
      return {frames: []};
    default: {
      const {status, error}: Failure = FAILURES[it.behavior];
      return error === undefined ? final(status) : failure(it, error);
    }
  }
}

interface Failure {
  readonly status: number;
  /** First byte of the error object. */
  readonly error?: number;
}

/** What is answered without card data. */
const FAILURES = {
  no_card: {status: 0x08},
  use_another: {status: 0x80},
  insert_or_swipe: {status: 0x81},
  use_contact: {status: 0x0a, error: 0x02},
  use_other_interface: {status: 0x0a, error: 0x04},
  removed_early: {status: 0x0a, error: 0x20},
  collision: {status: 0x0a, error: 0x21},
  over_limit: {status: 0x0a, error: 0x22},
  communication: {status: 0x0a, error: 0x24},
  blocked: {status: 0x0a, error: 0x25},
  reader_says_expired: {status: 0x0a, error: 0x26},
  unsupported: {status: 0x0a, error: 0x27},
  tap_again: {status: 0x0a, error: 0x30},
  not_authentic: {status: 0x0a, error: 0x50},
  restricted: {status: 0x0a, error: 0x55},
  cvm_failed: {status: 0x0a, error: 0x57},
  unreadable: {status: 0x0a, error: 0x62},
  chip_error: {status: 0x0a, error: 0x70},
  torn: {status: 0x0a, error: 0x73},
  tamper: {status: 0x1d},
  key_missing: {status: 0x90},
  key_exhausted: {status: 0x91},
} as const satisfies Partial<Record<Behavior, Failure>>;

/** True when a behavior sends card data, and so uses up a key. */
export function sendsCardData(behavior: Behavior): boolean {
  return !(behavior in FAILURES) && !WITHOUT_DATA.has(behavior);
}

const WITHOUT_DATA: ReadonlySet<Behavior> = new Set<Behavior>([
  'see_phone',
  'chip_removed_early',
  'chip_unreadable',
  'reboot',
  'silent',
]);

function failure(it: Presentation, error: number, ...data: readonly Buffer[]): Outcome {
  return final(0x0a, Buffer.concat([Buffer.from([ATTRIBUTION[it.via]]), cardError(error), ...data]));
}

/** The error object: error, SW1, SW2 and state of the field. */
export function cardError(error: number): Buffer {
  return Buffer.concat([Buffer.from('FFEE1F04', 'hex'), Buffer.from([error, 0, 0, 0])]);
}

/** The attribution byte in front; its high bits say whether the data is encrypted. */
export function attributed(it: Presentation, attribution: number, ...data: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([it.use === null ? attribution & 0x1f : attribution]), ...data]);
}

function final(status: number, data?: Buffer): Outcome {
  return {frames: [response(ACTIVATE, status, data)]};
}

export function response(command: number, status: number, data: Buffer = Buffer.alloc(0)): ResponseFrame {
  return {command, status, data};
}
