import type {Fault} from './faults.js';
import {nextIdle, type Played, type Progress, playCard, playCommand, playIdle, settingsAt} from './player.js';
import type {Scenario} from './scenario.js';
import {DEFAULT_PAN, type IdleFaults, type PresentedCard, presented, type ReaderSettings} from './world.js';

/** A scenario and how far it is, wherever that is kept. */
export interface Script {
  /** Null: nothing is played, ordinary cards come. */
  readonly scenario: Scenario | null;
  readonly progress: Progress;
  save(progress: Progress): void;
}

/** Plays a scenario to the emulated reader, from where it was left off each time. */
export class Stage {
  readonly #script: Script;

  constructor(script: Script) {
    this.#script = script;
  }

  /** What the scenario sets by now; nothing where none is played. */
  settings(): ReaderSettings {
    const {scenario} = this.#script;
    return scenario === null ? {} : settingsAt(scenario, this.#script.progress);
  }

  nextCard(): PresentedCard {
    const {scenario} = this.#script;
    if (scenario === null) return presented(DEFAULT_PAN, 'approve');
    return this.#save(playCard(scenario, this.#script.progress));
  }

  commandFaults(command: number, sub: number): readonly Fault[] {
    const {scenario} = this.#script;
    if (scenario === null) return [];
    const played = playCommand(scenario, this.#script.progress, command, sub);
    return played.what.length === 0 ? [] : this.#save(played);
  }

  idleFaults(): IdleFaults | null {
    const {scenario} = this.#script;
    return scenario === null ? null : nextIdle(scenario, this.#script.progress);
  }

  takeIdleFaults(): void {
    const {scenario} = this.#script;
    if (scenario !== null) this.#script.save(playIdle(scenario, this.#script.progress));
  }

  #save<T>({what, progress}: Played<T>): T {
    this.#script.save(progress);
    return what;
  }
}
