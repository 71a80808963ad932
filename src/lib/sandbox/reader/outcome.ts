import type {ResponseFrame} from '../../reader/wire/frame.js';
import type {Behavior} from './behaviors.js';
import {ATTRIBUTION, chipData, msdData, type Presentation} from './card-data.js';
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
}

/** What the reader answers to one card. `firstResponse`: it tells as soon as it sees a card. */
export function outcomeOf(it: Presentation, firstResponse: boolean): Outcome {
  const outcome = finalOutcome(it);
  if (!firstResponse || outcome.frames[0]?.command !== ACTIVATE || it.behavior === 'no_card') return outcome;
  return {...outcome, frames: [response(ACTIVATE, 0x63), ...outcome.frames]};
}

function finalOutcome(it: Presentation): Outcome {
  switch (it.behavior) {
    case 'approve':
    case 'phone':
    case 'expired':
    case 'online_pin':
    case 'signature':
    case 'wrong_amount':
    case 'missing_emv':
    case 'unencrypted':
    case 'repeated_ksn':
    case 'old_output':
    case 'strict_output':
      return final(0x23, attributed(it, ATTRIBUTION.contactless, chipData(it)));
    case 'approve_offline':
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
      return contactOutcome(it);
    case 'no_card':
      return final(0x08);
    case 'collision':
      return failure(0x21);
    case 'tap_again':
      return failure(0x30);
    case 'removed_early':
      return failure(0x20);
    case 'use_contact':
      return failure(0x02);
    case 'over_limit':
      return failure(0x22);
    case 'blocked':
      return failure(0x25);
    case 'tamper':
      return final(0x1d);
    case 'key_missing':
      return final(0x90);
    case 'key_exhausted':
      return final(0x91);
    case 'reboot':
    case 'silent':
      // A fault of the reader (faults.ts); nothing is answered.
      return {frames: []};
  }
}

/** True when a behavior sends card data, and so uses up a key. */
export function sendsCardData(behavior: Behavior): boolean {
  return !WITHOUT_DATA.has(behavior);
}

const WITHOUT_DATA: ReadonlySet<Behavior> = new Set<Behavior>([
  'no_card',
  'collision',
  'tap_again',
  'removed_early',
  'use_contact',
  'over_limit',
  'blocked',
  'tamper',
  'key_missing',
  'key_exhausted',
  'reboot',
  'silent',
]);

function failure(error: number): Outcome {
  return final(0x0a, Buffer.concat([Buffer.from([ATTRIBUTION.contactless]), cardError(error)]));
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
