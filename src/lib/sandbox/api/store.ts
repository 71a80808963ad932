import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import {join} from 'node:path';
import {StowpayError} from '../../core/errors.js';
import {FileLock} from '../../storage/file-lock.js';
import {apply, type Change, emptyState, type State} from './state.js';

/** What one request decided under the lock: the changes to keep, and its own result. */
export interface Transaction<T> {
  readonly changes: readonly Change[];
  readonly result: T;
}

const LOCK_WAIT_MS = 30_000;
/** Short, so that a closing store does not wait long behind another process. */
const LOCK_SLICE_MS = 200;
const READ_SIZE = 1 << 20;
const LINE_END = 0x0a;
const WHOLE_STATE = {offset: 0, length: 1};
/** Byte ranges behind the state's own byte stand for idempotency keys. */
const FIRST_KEY_BYTE = 1024;

/**
 * The sandbox's memory: one append-only file of JSON lines, shared by every process that opened the directory.
 * A line is one request's changes, whole. Nothing is synced to the platter: an emulated bank may lose a power cut,
 * but it survives the death of any process, also in the middle of a write.
 */
export class Store {
  private readonly lock: FileLock;
  private readonly fd: number;
  private state: State = emptyState();
  /** Everything before it is in `state`. */
  private offset = 0;
  /** One request after the other within this process; the file lock orders the processes. */
  private queue: Promise<unknown> = Promise.resolve();
  private closing = false;
  private readonly keys = new Set<number>();

  private constructor(lock: FileLock, fd: number) {
    this.lock = lock;
    this.fd = fd;
  }

  /** Opens (and creates) the store in `dir`. Throws `data_directory_unusable`. */
  static open(dir: string): Store {
    try {
      mkdirSync(dir, {recursive: true, mode: 0o700});
      const lock = FileLock.open(join(dir, 'api.lock'));
      const flags = constants.O_RDWR | constants.O_CREAT;
      return new Store(lock, openSync(join(dir, 'api.jsonl'), flags, 0o600));
    } catch (cause) {
      throw new StowpayError('data_directory_unusable', 'The sandbox API cannot keep its state here.', {
        hint: 'Check that the directory exists and can be written.',
        cause,
      });
    }
  }

  /**
   * Runs `work` alone, on a state that includes what every process appended. When this resolves the changes are in
   * the file; when `work` throws nothing is.
   */
  transact<T>(work: (state: State) => Transaction<T>): Promise<T> {
    const run = this.queue.then(async () => {
      await this.acquire();
      try {
        this.catchUp();
        const {changes, result} = work(this.state);
        if (changes.length > 0) this.append(changes);
        return result;
      } finally {
        this.lock.unlock(WHOLE_STATE.offset, WHOLE_STATE.length);
      }
    });
    this.queue = run.catch(() => {});
    return run;
  }

  /** False when a request with the same key is being served, here or in another process. */
  claimKey(digest: number): boolean {
    if (this.closing || this.keys.has(digest)) return false;
    if (!this.lock.tryLock(FIRST_KEY_BYTE + digest, 1)) return false;
    this.keys.add(digest);
    return true;
  }

  releaseKey(digest: number): void {
    if (!this.keys.delete(digest) || this.closing) return;
    this.lock.unlock(FIRST_KEY_BYTE + digest, 1);
  }

  /** Waits for the request that holds the lock, refuses the others, releases the files. */
  async close(): Promise<void> {
    if (this.closing) return;
    this.closing = true;
    await this.queue;
    this.lock.close();
    closeSync(this.fd);
  }

  private async acquire(): Promise<void> {
    const deadline = performance.now() + LOCK_WAIT_MS;
    while (!this.closing && performance.now() < deadline) {
      if (await this.lock.lock(LOCK_SLICE_MS, WHOLE_STATE.offset, WHOLE_STATE.length)) return;
    }
    throw new StowpayError('api_unavailable', 'The sandbox API is busy or closing.');
  }

  /** Reads what others appended. The lock is ours, so a line without its end is a dead writer's: it is cut. */
  private catchUp(): void {
    const size = fstatSync(this.fd).size;
    if (size < this.offset) this.startOver();
    let rest: Buffer = Buffer.alloc(0);
    let position = this.offset;
    while (position < size) {
      const chunk = Buffer.alloc(Math.min(READ_SIZE, size - position));
      const count = readSync(this.fd, chunk, 0, chunk.length, position);
      if (count === 0) break;
      position += count;
      rest = this.applyLines(Buffer.concat([rest, chunk.subarray(0, count)]));
    }
    if (rest.length > 0) ftruncateSync(this.fd, this.offset);
  }

  /** Applies every whole line and returns the bytes after the last one. */
  private applyLines(bytes: Buffer): Buffer {
    let start = 0;
    for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, start)) {
      this.applyLine(bytes.toString('utf8', start, end));
      this.offset += end + 1 - start;
      start = end + 1;
    }
    return bytes.subarray(start);
  }

  private applyLine(line: string): void {
    for (const change of parseLine(line)) apply(this.state, change);
  }

  /** The file became shorter: somebody emptied the sandbox. */
  private startOver(): void {
    this.state = emptyState();
    this.offset = 0;
  }

  private append(changes: readonly Change[]): void {
    const line = Buffer.from(`${JSON.stringify({v: 1, changes})}\n`);
    try {
      for (let written = 0; written < line.length; ) {
        written += writeSync(this.fd, line, written, line.length - written, this.offset + written);
      }
    } catch (cause) {
      // Half a line must not stay: the next writer would begin in the middle of it.
      ftruncateSync(this.fd, this.offset);
      throw cause;
    }
    this.offset += line.length;
    for (const change of changes) apply(this.state, change);
  }
}

function parseLine(line: string): readonly Change[] {
  try {
    const parsed = JSON.parse(line) as {v: number; changes: readonly Change[]};
    if (parsed.v === 1) return parsed.changes;
  } catch {
    // Reported below, with the same words.
  }
  throw new StowpayError('data_directory_unusable', 'The state file of the sandbox API is damaged.', {
    hint: 'Remove api.jsonl from the sandbox directory to start afresh; no money is in it.',
  });
}
