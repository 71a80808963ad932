import {type TestCard, testCard} from '../cards.js';
import type {Behavior} from './behaviors.js';
import type {Fault} from './faults.js';

/** What the emulated reader keeps through a power cut. */
export interface ReaderMemory {
  readonly serial_number: string;
  /** The last key serial number used, upper-case hex. */
  readonly ksn: string;
  readonly poll_on_demand: boolean;
  /** Leading and trailing digits shown. */
  readonly masking: readonly [leading: number, trailing: number];
  readonly mask: {readonly text: string; readonly nibble: string; readonly shows_expiry: boolean};
  readonly first_response: boolean;
  /** The reader's clock minus the machine's when it was last set, milliseconds. */
  readonly clock_offset_ms: number;
  /** When that was, by the machine's clock; null: never. */
  readonly clock_set_at: number | null;
  /** When the line is back that was taken away, by the machine's clock; 0: it is there. */
  readonly unplugged_until: number;
}

/** How card numbers are shown. */
export interface Masking {
  readonly digits: ReaderMemory['masking'];
  /** What hides a character of a track, and a nibble of a packed value. */
  readonly text: string;
  readonly nibble: string;
  readonly shows_expiry: boolean;
}

/** How a firmware writes values that are masked or encrypted. */
export const OUTPUTS = ['current', 'old', 'strict'] as const;

export type Output = (typeof OUTPUTS)[number];

export interface EmulatorMemory {
  load(): ReaderMemory;
  /** Afterwards what was saved survives a kill. */
  save(memory: ReaderMemory): void;
}

/** What a canceled read still says, and whether before or after the cancel's own answer. */
export const LATE_ANSWERS = ['before', 'after', 'never', 'card_before', 'card_after'] as const;

export type LateAnswer = (typeof LATE_ANSWERS)[number];

/** How the reader is set up, from outside. */
export interface ReaderSettings {
  readonly encryption_off?: boolean;
  readonly key?: 'missing' | 'exhausted';
  readonly tampered?: boolean;
  /** A reader without a slot for chips: it knows neither 60-xx nor that way. */
  readonly without_contact?: boolean;
  /** Sends no faster than 115200 baud. Takes effect when the line is opened. */
  readonly paced?: boolean;
  readonly late_answer?: LateAnswer;
  readonly output?: Output;
  readonly firmware?: string;
  /** Null: it was never set. */
  readonly serial_number?: string | null;
  /** How far the clock is ahead, seconds, until the host sets it. */
  readonly clock_offset_s?: number;
  /** How much the clock gains, seconds a day. */
  readonly clock_drift_s?: number;
  /** Older firmware: refuses the settings of masking and first response, which it does not know. */
  readonly refuses_settings?: boolean;
  /** After a power cycle it has to be told again to read cards only on demand. */
  readonly forgets_poll_mode?: boolean;
}

export interface PresentedCard {
  readonly card: TestCard;
  readonly behavior: Behavior;
  /** Milliseconds until it is there; the emulator's own when left out. */
  readonly after_ms?: number;
  readonly faults?: readonly Fault[];
}

/** What happens when nothing was said on the line for so long. */
export interface IdleFaults {
  readonly idle_ms: number;
  readonly faults: readonly Fault[];
}

/** Everything around the emulated reader. */
export interface EmulatorWorld {
  readonly memory: EmulatorMemory;
  settings(): ReaderSettings;
  /** The card of this activation; asked once for each. */
  nextCard(): PresentedCard;
  /** What goes wrong with this command; asked once for each. */
  commandFaults(command: number, sub: number): readonly Fault[];
  /** What comes if the line stays silent now; null for nothing. */
  idleFaults(): IdleFaults | null;
  /** Afterwards it has happened. */
  takeIdleFaults(): void;
  /** The line is gone for so long. */
  unplug(forMs: number): void;
  /** Releases what the world holds. May be called twice. */
  close(): void;
}

export const FRESH_MEMORY: ReaderMemory = {
  serial_number: 'SANDBOX001',
  ksn: 'FFFF9876543210E00000',
  poll_on_demand: false,
  masking: [4, 4],
  mask: {text: '*', nibble: 'C', shows_expiry: true},
  first_response: false,
  clock_offset_ms: 0,
  clock_set_at: null,
  unplugged_until: 0,
};

export const DEFAULT_PAN = '4242424242424242';

/** The card with this number; an unknown number is nobody's card, so none is presented. */
export function presented(pan: string, behavior: Behavior): PresentedCard {
  const card = testCard(pan);
  if (card !== undefined) return {card, behavior};
  return {card: testCard(DEFAULT_PAN) as TestCard, behavior: 'no_card'};
}
