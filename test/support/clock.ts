import type {Clock} from '../../src/lib/core/ports.js';

/** A clock a test sets. `reboot()` starts a new boot with the monotonic clock at zero. */
export interface TestClock extends Clock {
  set(iso: string): void;
  advance(ms: number): void;
  reboot(): void;
}

export function testClock(start = '2026-11-23T10:00:00.000Z'): TestClock {
  let wall = Date.parse(start);
  let mono = 1000;
  let boots = 1;
  return {
    now: () => wall,
    mono: () => mono,
    get boot() {
      return `boot-${boots}`;
    },
    set(iso) {
      wall = Date.parse(iso);
    },
    advance(ms) {
      wall += ms;
      mono += ms;
    },
    reboot() {
      boots += 1;
      mono = 0;
    },
  };
}
