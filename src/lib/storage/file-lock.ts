import {openLockFile} from './lock-file.js';
import type {LockFile} from './storage.js';

/** Waits between tries grow from 1 ms to 50 ms: a lock is normally held for a millisecond or two. */
const FIRST_DELAY_MS = 1;
const LAST_DELAY_MS = 50;

/**
 * A lock file held through the kernel (OFD lock): freed when the process dies, never stale,
 * seen across containers that share the directory. The file is never unlinked or replaced.
 */
export class FileLock {
  readonly #file: LockFile;
  #closed = false;

  constructor(file: LockFile) {
    this.#file = file;
  }

  /** Opens (and creates, mode 0600) a lock file on the real disk without locking it. */
  static open(path: string): FileLock {
    return new FileLock(openLockFile(path));
  }

  /** The file itself, for what is kept in it. */
  get file(): LockFile {
    return this.#file;
  }

  /** Tries once. `offset`/`length` name a byte range; length 0 means to the end of the file. */
  tryLock(offset = 0, length = 0): boolean {
    // Somebody may still wait here; the system gives the descriptor's number to the next file that is opened.
    if (this.#closed) throw Object.assign(new Error(`closed: ${this.#file.path}`), {code: 'EBADF'});
    return this.#file.tryLock(offset, length);
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
    this.#file.unlock(offset, length);
  }

  /** False when the path no longer names the file we hold: somebody replaced it, so our lock guards nothing. */
  isCurrent(): boolean {
    return this.#file.isCurrent();
  }

  /** Releases every lock held through this descriptor. */
  close(): void {
    this.#closed = true;
    this.#file.close();
  }
}
