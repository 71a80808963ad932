import {Crash} from '../support/crashing-storage.js';

/** A process dies at its n-th change of the disk, or at its n-th network call: before that took effect, or after. */
export interface Death {
  readonly on: 'disk' | 'network';
  readonly nth: number;
  readonly when: 'before' | 'after';
}

/**
 * One process, as far as its death goes. From its death on it changes nothing, sends nothing and tells nobody
 * anything, whatever the code in it still does while it unwinds.
 */
export class Life {
  readonly #death: Death | null;
  #changes = 0;
  #calls = 0;
  #dead = false;

  constructor(death: Death | null) {
    this.#death = death;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Every change of the disk goes through here. */
  change<T>(act: () => T): T {
    if (this.#dead) throw new Crash('dead already');
    this.#changes += 1;
    const when = this.#dyingAt('disk', this.#changes);
    if (when === null) return act();
    this.#dead = true;
    if (when === 'after') act();
    throw new Crash('died');
  }

  /** Every request that reached the network goes through here. Null: the process lives on. */
  call(): Death['when'] | null {
    this.#calls += 1;
    const when = this.#dyingAt('network', this.#calls);
    if (when !== null) this.#dead = true;
    return when;
  }

  /** Throws for the dead. */
  check(): void {
    if (this.#dead) throw new Crash('dead already');
  }

  #dyingAt(on: Death['on'], nth: number): Death['when'] | null {
    return this.#death?.on === on && this.#death.nth === nth ? this.#death.when : null;
  }
}
