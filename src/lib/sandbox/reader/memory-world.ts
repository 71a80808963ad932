import {BEGINNING, type Progress} from './player.js';
import type {Scenario} from './scenario.js';
import {type Script, Stage} from './stage.js';
import {
  DEFAULT_PAN,
  type EmulatorMemory,
  type EmulatorWorld,
  FRESH_MEMORY,
  type PresentedCard,
  presented,
  type ReaderSettings,
} from './world.js';

/** A card to be: what is left out is the ordinary. */
export interface CardInHand extends Omit<Partial<PresentedCard>, 'card'> {
  readonly pan?: string;
}

export interface MemoryWorld extends EmulatorWorld {
  /** Cards are presented by pushing them; they come before those of the scenario. */
  readonly cards: CardInHand[];
  readonly memory: EmulatorMemory;
  /** How often and for how long the line was taken away, ms. */
  readonly pulls: number[];
  readonly progress: () => Progress;
}

/** A world in memory, for tests and measurements. */
export function memoryWorld(settings: ReaderSettings = {}, scenario: Scenario | null = null): MemoryWorld {
  let held = FRESH_MEMORY;
  const cards: CardInHand[] = [];
  const pulls: number[] = [];
  let progress = BEGINNING;
  const script: Script = {
    scenario,
    get progress() {
      return progress;
    },
    save: (now) => {
      progress = now;
    },
  };
  const stage = new Stage(script);
  return {
    cards,
    pulls,
    progress: () => progress,
    memory: {
      load: () => held,
      save: (memory) => {
        held = memory;
      },
    },
    settings: () => ({...settings, ...stage.settings()}),
    nextCard: () => {
      const inHand = cards.shift();
      if (inHand === undefined) return stage.nextCard();
      const {pan = DEFAULT_PAN, behavior = 'approve', ...rest} = inHand;
      return {...presented(pan, behavior), ...rest};
    },
    commandFaults: (command, sub) => stage.commandFaults(command, sub),
    idleFaults: () => stage.idleFaults(),
    takeIdleFaults: () => stage.takeIdleFaults(),
    unplug: (forMs) => pulls.push(forMs),
    close: () => {},
  };
}
