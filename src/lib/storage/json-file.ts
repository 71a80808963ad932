import {LowSync, type SyncAdapter} from 'lowdb';
import {replaceDurable} from './durable.js';
import type {Storage} from './storage.js';

/**
 * lowdb's adapter over durable replacement. (lowdb's own file adapters do not sync: a power cut can leave
 * an empty file.) Reading a file that is not JSON gives null: what is kept this way can be rebuilt.
 */
class DurableJsonAdapter<T> implements SyncAdapter<T> {
  readonly #storage: Storage;
  readonly #path: string;
  readonly #temporary: string | undefined;

  constructor(storage: Storage, path: string, temporary?: string) {
    this.#storage = storage;
    this.#path = path;
    this.#temporary = temporary;
  }

  read(): T | null {
    const bytes = this.#storage.readFile(this.#path);
    if (bytes === null) return null;
    try {
      return JSON.parse(bytes.toString('utf8')) as T;
    } catch {
      return null;
    }
  }

  write(data: T): void {
    replaceDurable(
      this.#storage,
      this.#path,
      Buffer.from(`${JSON.stringify(data)}\n`, 'utf8'),
      this.#temporary,
    );
  }
}

/**
 * A JSON document kept with lowdb, read once. `data` is `empty` when there is no readable file.
 * @param temporary a name of the caller's own, where several processes write without a lock
 */
export function openJsonFile<T>(storage: Storage, path: string, empty: T, temporary?: string): LowSync<T> {
  const low = new LowSync<T>(new DurableJsonAdapter<T>(storage, path, temporary), empty);
  low.read();
  return low;
}

/** What a file that proves itself begins with, as the body follows it. */
const SIGNED_HEAD = /^\{"mac":"([\w-]{43})","body":$/;
const HEAD_BYTES = 60;
const SIGNED_TAIL = '}\n';

/**
 * The same over a file that proves itself: `{"mac":"…","body":…}`. The MAC covers the bytes of the body as they stand
 * there, so it needs no canonical form, and nothing is parsed that does not verify. What does not, reads as null.
 */
class SignedJsonAdapter<T> implements SyncAdapter<T> {
  readonly #storage: Storage;
  readonly #path: string;
  readonly #mac: (body: Buffer) => string;

  constructor(storage: Storage, path: string, mac: (body: Buffer) => string) {
    this.#storage = storage;
    this.#path = path;
    this.#mac = mac;
  }

  read(): T | null {
    const bytes = this.#storage.readFile(this.#path);
    if (bytes === null) return null;
    const head = SIGNED_HEAD.exec(bytes.toString('latin1', 0, HEAD_BYTES));
    const bodyEnd = bytes.length - SIGNED_TAIL.length;
    if (head === null || bytes.toString('latin1', bodyEnd) !== SIGNED_TAIL) return null;
    const body = bytes.subarray(HEAD_BYTES, bodyEnd);
    return this.#mac(body) === head[1] ? (JSON.parse(body.toString('utf8')) as T) : null;
  }

  write(data: T): void {
    const text = JSON.stringify(data);
    const bodyEnd = HEAD_BYTES + Buffer.byteLength(text, 'utf8');
    // In one piece from the start: with many open payments a second copy would be what this process needs most memory for.
    const bytes = Buffer.allocUnsafe(bodyEnd + SIGNED_TAIL.length);
    bytes.write(text, HEAD_BYTES, 'utf8');
    bytes.write(`{"mac":"${this.#mac(bytes.subarray(HEAD_BYTES, bodyEnd))}","body":`, 0, 'latin1');
    bytes.write(SIGNED_TAIL, bodyEnd, 'latin1');
    replaceDurable(this.#storage, this.#path, bytes);
  }
}

/** A JSON document kept with lowdb that only who has the key can have written. Not read yet: `read()` fills `data`. */
export function signedJsonFile<T>(
  storage: Storage,
  path: string,
  mac: (body: Buffer) => string,
): LowSync<T | null> {
  return new LowSync<T | null>(new SignedJsonAdapter<T | null>(storage, path, mac), null);
}
