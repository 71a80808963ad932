import type {PaymentClaim} from '../core/ports.js';
import {FileLock} from '../storage/file-lock.js';
import type {Storage} from '../storage/storage.js';
import {diskError, onDisk} from './damage.js';

/** How long to try before a payment counts as owned by somebody: a look at the byte takes microseconds. */
const PROBE_MS = 60;

/**
 * One byte a payment in the attempts file, locked during every network act on that payment, from before its
 * intent record to after its outcome record. The kernel frees the byte when the process dies.
 */
export class PaymentLocks {
  readonly #storage: Storage;
  readonly #path: string;
  #file: FileLock | null = null;
  readonly #held = new Set<number>();

  constructor(storage: Storage, path: string) {
    this.#storage = storage;
    this.#path = path;
  }

  /** True while this process owns more than one payment: several acts are under way at once. */
  get several(): boolean {
    return this.#held.size > 1;
  }

  /** Owns the payment until released, or null when another process (or another act of this one) does. */
  async claim(seq: number, waitMs: number = PROBE_MS): Promise<PaymentClaim | null> {
    if (this.#held.has(seq)) return null;
    const file = this.#open();
    // Reserved before the first try: acts of one process share the descriptor, so the kernel would grant it twice.
    this.#held.add(seq);
    if (!(await this.#locked(file, seq, waitMs))) {
      this.#held.delete(seq);
      return null;
    }
    return {
      release: () => {
        if (this.#held.delete(seq)) file.unlock(seq, 1);
      },
    };
  }

  async #locked(file: FileLock, seq: number, waitMs: number): Promise<boolean> {
    try {
      return await file.lock(Math.max(waitMs, PROBE_MS), seq, 1);
    } catch (error) {
      this.#held.delete(seq);
      throw diskError(error, this.#path);
    }
  }

  /** True while a running process owns the payment. */
  owned(seq: number): boolean {
    if (this.#held.has(seq)) return true;
    const file = this.#open();
    // Nobody can own anything where nothing can be written.
    if (file.file.readOnly === true) return false;
    if (!file.tryLock(seq, 1)) return true;
    file.unlock(seq, 1);
    return false;
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#held.clear();
  }

  #open(): FileLock {
    this.#file ??= onDisk(this.#path, () => new FileLock(this.#storage.openLock(this.#path)));
    return this.#file;
  }
}
