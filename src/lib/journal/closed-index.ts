import {createHash} from 'node:crypto';
import {join} from 'node:path';
import type {ReferenceEntry} from '../core/state.js';
import type {Storage} from '../storage/storage.js';
import {type Entry, type Line, lineOf, mayBeIn, Table, type TableInfo, writeTable} from './table.js';

/** Where a record stands: first sequence number of its segment, byte its line starts at. */
export type Place = readonly [segment: number, offset: number];

/** What the index keeps of a payment that a checkpoint lets go of. */
export interface ClosedPayment {
  readonly local_id: string;
  /** Sequence number of its creation. */
  readonly seq: number;
  /** The PaymentIntent's id. */
  readonly id: string | null;
  /** The key of its reference, if it holds one for good. */
  readonly reference: string | null;
  /** All its records, in order. */
  readonly places: readonly Place[];
}

/** So many tables of one level are merged into one of the next. */
const FAN_IN = 4;
/** Tables grow no further: what one commit has to wait for a merge stays bounded. */
const LARGEST_PAGES = 2048;
/** Places of one entry; a payment with more has several. */
const PLACES = 100;
const LONGEST_NAME = 300;

/**
 * Closed payments by local id, PaymentIntent id, reference and age, in sorted tables that the checkpoint names.
 * A cache of the journal: it can be deleted and is made anew from it. It answers with proof or throws BrokenTable.
 *
 * Kinds of keys: `p local id #part` → places, `i PaymentIntent id` → local id, `r reference key` → holder,
 * `s sequence number` → local id.
 */
export class ClosedIndex {
  readonly #storage: Storage;
  readonly #directory: string;
  readonly #key: Buffer;
  readonly tables: readonly TableInfo[];
  readonly #open = new Map<string, Table>();

  constructor(storage: Storage, directory: string, key: Buffer, tables: readonly TableInfo[]) {
    this.#storage = storage;
    this.#directory = directory;
    this.#key = key;
    this.tables = tables;
  }

  /** Who holds a reference for good. */
  reference(key: string): ReferenceEntry | undefined {
    const found = this.#exact(keyOf('r', key));
    if (found === undefined) return undefined;
    const [payment, seq] = found as [string, number];
    return {payment, seq};
  }

  /** Where the records of a closed payment stand; empty when it is not here. */
  places(localId: string): readonly Place[] {
    const parts = this.#matching(`${keyOf('p', localId)} #`, Number.POSITIVE_INFINITY);
    return parts.flatMap(([, places]) => places as Place[]);
  }

  /** Local ids of closed payments that are called `name`: a local id, the beginning of one, or a PaymentIntent's id. */
  named(name: string, limit: number): readonly string[] {
    const intent = this.#exact(keyOf('i', name));
    if (intent !== undefined) return [intent as string];
    const ids = new Set<string>();
    for (const [key] of this.#matching(keyOf('p', name), limit * 2))
      ids.add(key.slice(2).split(' ')[0] ?? '');
    return [...ids].slice(0, limit);
  }

  /** Local ids of all closed payments, the one created last first. */
  *newest(): Generator<string> {
    const heads = this.tables.map((info) => ({info, head: this.#table(info).below('s~')}));
    for (;;) {
      const first = heads.reduce((a, b) => ((b.head?.[0] ?? '') > (a.head?.[0] ?? '') ? b : a), NONE);
      if (first.head === null || first.info === null) return;
      yield first.head[1] as string;
      first.head = this.#table(first.info).below(first.head[0]);
    }
  }

  /**
   * The index with these payments in it, its tables durable. This one stays usable; the tables it has and the other
   * has not may be removed once a checkpoint that names the other's is durable.
   *
   * @param seq where the journal stands: tells a person the age of a table
   */
  with(seq: number, closed: readonly ClosedPayment[]): ClosedIndex {
    if (closed.length === 0) return this;
    this.#storage.makeDirectory(this.#directory);
    const lines = closed.flatMap(entriesOf).map(lineOf).sort(byKey);
    const tables = [...this.tables, this.#write(seq, 0, lines)];
    for (let level = 0; this.#mergeable(tables, level); level += 1) {
      const olds = tables.filter((table) => table.level === level);
      const merged = olds.flatMap((info) => [...this.#table(info).lines()]).sort(byKey);
      const first = tables.indexOf(olds[0] as TableInfo);
      tables.splice(first, olds.length, this.#write(seq, level + 1, merged));
    }
    return new ClosedIndex(this.#storage, this.#directory, this.#key, tables);
  }

  /** False when a table is gone: by somebody who wrote a newer index, or damaged this one. */
  isWhole(): boolean {
    return this.tables.every(({name}) => this.#storage.has(join(this.#directory, name)));
  }

  /** Removes what is in the directory and not in this index: call it when its checkpoint is durable. */
  removeOthers(): void {
    const named = new Set(this.tables.map(({name}) => name));
    for (const name of this.#storage.list(this.#directory) ?? []) {
      if (!named.has(name)) this.#storage.remove(join(this.#directory, name));
    }
  }

  close(): void {
    for (const table of this.#open.values()) table.close();
    this.#open.clear();
  }

  #write(seq: number, level: number, lines: readonly Line[]): TableInfo {
    const name = `${String(seq).padStart(12, '0')}-${level}-${digestOf(lines)}.table`;
    return writeTable(this.#storage, this.#directory, this.#key, name, level, lines);
  }

  #mergeable(tables: readonly TableInfo[], level: number): boolean {
    const same = tables.filter((table) => table.level === level);
    return same.length >= FAN_IN && same.reduce((sum, {pages}) => sum + pages, 0) <= LARGEST_PAGES;
  }

  #exact(key: string): unknown {
    for (const info of this.tables) {
      const found = mayBeIn(info, key) ? this.#table(info).at(key) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #matching(prefix: string, limit: number): readonly Entry[] {
    const found: Entry[] = [];
    for (const info of this.tables) {
      if (mayBeIn(info, prefix)) found.push(...this.#table(info).withPrefix(prefix, limit - found.length));
      if (found.length >= limit) break;
    }
    return found;
  }

  #table(info: TableInfo): Table {
    let table = this.#open.get(info.name);
    if (table === undefined) {
      table = Table.open(this.#storage, this.#directory, this.#key, info);
      this.#open.set(info.name, table);
    }
    return table;
  }
}

interface Head {
  readonly info: TableInfo | null;
  head: Entry | null;
}

const NONE: Head = {info: null, head: null};

function entriesOf({local_id, seq, id, reference, places}: ClosedPayment): Entry[] {
  const entries: Entry[] = [[`s ${String(seq).padStart(12, '0')}`, local_id]];
  for (let part = 0; part * PLACES < places.length; part += 1) {
    const name = `${keyOf('p', local_id)} #${String(part).padStart(6, '0')}`;
    entries.push([name, places.slice(part * PLACES, (part + 1) * PLACES)]);
  }
  if (id !== null) entries.push([keyOf('i', id), local_id]);
  if (reference !== null) entries.push([keyOf('r', reference), [local_id, seq]]);
  return entries;
}

function keyOf(kind: string, text: string): string {
  if (text.length <= LONGEST_NAME && /^[\x20-\x7e]*$/.test(text)) return `${kind} ${text}`;
  return `${kind} sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/**
 * Two processes may write a table at the same record, each with what closed since its own last checkpoint. Were they
 * called the same, one would take the other's for its own and believe its proof that there is no such key.
 */
function digestOf(lines: readonly Line[]): string {
  const text = lines.map((line) => line.text).join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function byKey({key: a}: Line, {key: b}: Line): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
