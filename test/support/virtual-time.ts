/** A timer of the virtual clock. */
interface Timer {
  readonly at: number;
  readonly order: number;
  readonly act: () => void;
}

/** What code may do with a timer it was given. */
class Handle {
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
}

/**
 * Runs `act` on a clock that jumps to the next timer whenever nothing else is left to do: every wait is as long as it
 * says, in order, takes no time, and is no shorter on a machine that is busy. For what happens inside this process
 * only: sockets and files do not know of it.
 */
export async function inVirtualTime<T>(act: (clock: VirtualClock) => Promise<T>): Promise<T> {
  const real = {setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout};
  const realNow = performance.now;
  const clock = new VirtualClock();
  Object.assign(globalThis, {
    setTimeout: (callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
      clock.start(() => callback(...args), ms),
    clearTimeout: (handle: Handle | undefined) => clock.stop(handle),
  });
  performance.now = () => clock.now;
  try {
    let settled = false;
    const result = act(clock).finally(() => {
      settled = true;
    });
    // Whoever waits for it hears of it below.
    result.catch(() => {});
    while (!settled) {
      await idle();
      if (!settled && !clock.advance()) throw new Error('Everybody waits, and no timer is running.');
    }
    return await result;
  } finally {
    Object.assign(globalThis, real);
    performance.now = realNow;
  }
}

export class VirtualClock {
  /** Milliseconds since it began. */
  now = 0;
  #order = 0;
  readonly #timers = new Map<Handle, Timer>();

  start(act: () => void, ms: number): Handle {
    const handle = new Handle();
    this.#order += 1;
    this.#timers.set(handle, {at: this.now + Math.max(ms, 1), order: this.#order, act});
    return handle;
  }

  stop(handle: Handle | undefined): void {
    if (handle !== undefined) this.#timers.delete(handle);
  }

  /** Jumps to the next timer and lets it act; false when there is none. */
  advance(): boolean {
    const [next] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at || a.order - b.order);
    if (next === undefined) return false;
    const [handle, timer] = next;
    this.#timers.delete(handle);
    this.now = timer.at;
    timer.act();
    return true;
  }
}

/** Resolves when neither promises nor immediates are left. */
async function idle(): Promise<void> {
  do {
    await new Promise((resolve) => setImmediate(resolve));
  } while (process.getActiveResourcesInfo().includes('Immediate'));
}
