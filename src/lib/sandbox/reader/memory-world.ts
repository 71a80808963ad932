import {
  BEGINNING,
  nextIdle,
  type Played,
  type Progress,
  playCard,
  playCommand,
  playIdle,
  settingsAt,
} from './player.js';
import type {Scenario} from './scenario.js';
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
  let progress = BEGINNING;
  const cards: CardInHand[] = [];
  const pulls: number[] = [];
  const play = <T>(played: Played<T>): T => {
    progress = played.progress;
    return played.what;
  };
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
    settings: () => (scenario === null ? settings : {...settings, ...settingsAt(scenario, progress)}),
    nextCard: () => {
      if (cards.length === 0 && scenario !== null) return play(playCard(scenario, progress));
      const {pan = DEFAULT_PAN, behavior = 'approve', ...rest} = cards.shift() ?? {};
      return {...presented(pan, behavior), ...rest};
    },
    commandFaults: (command, sub) =>
      scenario === null ? [] : play(playCommand(scenario, progress, command, sub)),
    idleFaults: () => (scenario === null ? null : nextIdle(scenario, progress)),
    takeIdleFaults: () => {
      if (scenario !== null) progress = playIdle(scenario, progress);
    },
    unplug: (forMs) => pulls.push(forMs),
    close: () => {},
  };
}
