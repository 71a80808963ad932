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
  readonly first_response: boolean;
  /** The reader's clock minus the machine's, milliseconds. */
  readonly clock_offset_ms: number;
}

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

/** Everything around the emulated reader. */
export interface EmulatorWorld {
  readonly memory: EmulatorMemory;
  settings(): ReaderSettings;
  /** The card of this activation; asked once for each. */
  nextCard(): PresentedCard;
  /** What goes wrong with this command; asked once for each. */
  commandFaults(command: number, sub: number): readonly Fault[];
  /** Releases what the world holds. May be called twice. */
  close(): void;
}

export const FRESH_MEMORY: ReaderMemory = {
  serial_number: 'SANDBOX001',
  ksn: 'FFFF9876543210E00000',
  poll_on_demand: false,
  masking: [4, 4],
  first_response: false,
  clock_offset_ms: 0,
};

export const DEFAULT_PAN = '4242424242424242';

/** A card to be: what is left out is the ordinary. */
export interface CardInHand extends Omit<Partial<PresentedCard>, 'card'> {
  readonly pan?: string;
}

/** A world in memory, for tests: cards are presented by pushing them onto `cards`. */
export function memoryWorld(
  settings: ReaderSettings = {},
): EmulatorWorld & {readonly cards: CardInHand[]; readonly memory: EmulatorMemory} {
  let held = FRESH_MEMORY;
  const cards: CardInHand[] = [];
  return {
    cards,
    memory: {
      load: () => held,
      save: (memory) => {
        held = memory;
      },
    },
    settings: () => settings,
    nextCard: () => {
      const {pan = DEFAULT_PAN, behavior = 'approve', ...rest} = cards.shift() ?? {};
      return {...presented(pan, behavior), ...rest};
    },
    commandFaults: () => [],
    close: () => {},
  };
}

/** The card with this number; an unknown number is nobody's card, so none is presented. */
export function presented(pan: string, behavior: Behavior): PresentedCard {
  const card = testCard(pan);
  if (card !== undefined) return {card, behavior};
  return {card: testCard(DEFAULT_PAN) as TestCard, behavior: 'no_card'};
}
