import type {ReferenceEntry, References} from '../core/state.js';
import type {ClosedIndex} from './closed-index.js';
import {BrokenTable} from './table.js';

/** References that are decided on, with the closed ones behind them. */
export class IndexedReferences implements References {
  readonly #recent = new Map<string, ReferenceEntry>();
  #closed: Pick<ClosedIndex, 'reference'> | null;

  /** `closed` is null where closed payments were counted without being indexed: then what is not recent is not known. */
  constructor(
    recent: Iterable<readonly [string, ReferenceEntry]>,
    closed: Pick<ClosedIndex, 'reference'> | null,
  ) {
    for (const [key, entry] of recent) this.#recent.set(key, entry);
    this.#closed = closed;
  }

  get(key: string): ReferenceEntry | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    if (this.#closed === null) throw new BrokenTable('the index is not made yet');
    return this.#closed.reference(key);
  }

  /** What is known without asking the closed ones. */
  recent(key: string): ReferenceEntry | undefined {
    return this.#recent.get(key);
  }

  set(key: string, entry: ReferenceEntry): this {
    this.#recent.set(key, entry);
    return this;
  }

  delete(key: string): boolean {
    return this.#recent.delete(key);
  }

  [Symbol.iterator](): IterableIterator<[string, ReferenceEntry]> {
    return this.#recent[Symbol.iterator]();
  }

  /** From now on the closed ones are asked of another index. */
  behind(closed: Pick<ClosedIndex, 'reference'> | null): void {
    this.#closed = closed;
  }
}
