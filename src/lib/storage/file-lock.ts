import {closeSync, constants, fstatSync, openSync, statSync} from 'node:fs';
import {createRequire} from 'node:module';

/** What fs-native-extensions gives us of the kernel's open-file-description locks. */
interface NativeLocks {
  tryLock(fd: number, offset: number, length: number): boolean;
  unlock(fd: number, offset: number, length: number): void;
}

let native: NativeLocks | undefined;

function locks(): NativeLocks {
  // Loaded on first use: the native module costs start-up time that `--help` need not pay.
  native ??= createRequire(import.meta.url)('fs-native-extensions') as NativeLocks;
  return native;
}

/** Waits between tries grow from 1 ms to 50 ms: a lock is normally held for a millisecond or two. */
const FIRST_DELAY_MS = 1;
const LAST_DELAY_MS = 50;

/**
 * A lock file held through the kernel (OFD lock): freed when the process dies, never stale,
 * seen across containers that share the directory. The file is never unlinked or replaced.
 */
export class FileLock {
  readonly path: string;
  readonly fd: number;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
  }

  /** Opens (and creates, mode 0600) the lock file without locking it. */
  static open(path: string): FileLock {
    return new FileLock(path, openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600));
  }

  /** Tries once. `offset`/`length` name a byte range; length 0 means to the end of the file. */
  tryLock(offset = 0, length = 0): boolean {
    return locks().tryLock(this.fd, offset, length);
  }

  /**
   * True when locked within `waitMs` milliseconds; false when somebody else held it all that time.
   * Excludes other processes, not other callers of this descriptor.
   */
  async lock(waitMs: number, offset = 0, length = 0): Promise<boolean> {
    const deadline = performance.now() + waitMs;
    let delay = FIRST_DELAY_MS;
    while (!this.tryLock(offset, length)) {
      if (performance.now() >= deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, delay * (0.5 + Math.random())));
      delay = Math.min(delay * 2, LAST_DELAY_MS);
    }
    return true;
  }

  /**
   * Runs `act` with the whole file locked. `act` is synchronous on purpose: two callers in one process share the
   * descriptor, so for them the lock only excludes as long as nothing else runs in between.
   * @returns null when somebody else held the lock for `waitMs` milliseconds
   */
  async exclusively<T>(waitMs: number, act: () => T): Promise<{readonly value: T} | null> {
    const deadline = performance.now() + waitMs;
    for (let delay = FIRST_DELAY_MS; !this.tryLock(); delay = Math.min(delay * 2, LAST_DELAY_MS)) {
      if (performance.now() >= deadline) return null;
      await new Promise((resolve) => setTimeout(resolve, delay * (0.5 + Math.random())));
    }
    try {
      return {value: act()};
    } finally {
      this.unlock();
    }
  }

  unlock(offset = 0, length = 0): void {
    locks().unlock(this.fd, offset, length);
  }

  /** False when the path no longer names the file we hold: somebody replaced it, so our lock guards nothing. */
  isCurrent(): boolean {
    try {
      const held = fstatSync(this.fd);
      const named = statSync(this.path);
      return held.ino === named.ino && held.dev === named.dev;
    } catch {
      return false;
    }
  }

  /** Releases every lock held through this descriptor. */
  close(): void {
    closeSync(this.fd);
  }
}
