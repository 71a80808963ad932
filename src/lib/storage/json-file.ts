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
