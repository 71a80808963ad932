import {join} from 'node:path';
import {replaceDurable} from '../storage/durable.js';
import type {Storage, StorageFile} from '../storage/storage.js';
import {macOf} from './line.js';

/**
 * A sorted table of the index: an immutable file of pages of equal size, each of which proves itself. A page holds
 * its entries, the first key of the next page, and a MAC over all of it and its place; so one page answers a
 * question, also with "there is no such key". Text, so that a person can read it.
 *
 * ```
 * {"page":0,"next":"p pay_01J…","mac":"…"}
 * ["i pi_1","pay_01J…"]
 * ```
 */
export const PAGE_BYTES = 4096;

/** Keys are ASCII and compare as strings; values are small JSON. */
export type Entry = readonly [key: string, value: unknown];

/** An entry as it stands in a table: one line of JSON, all ASCII. */
export interface Line {
  readonly key: string;
  readonly text: string;
}

/** What a checkpoint says of a table. */
export interface TableInfo {
  readonly name: string;
  /** How often its entries were merged; tables of one level are merged together. */
  readonly level: number;
  readonly pages: number;
  /** First and last key of each kind (the letter a key begins with): most questions need not be asked of most tables. */
  readonly spans: Readonly<Record<string, readonly [first: string, last: string]>>;
}

/** A table that is gone, or whose bytes are not what was written. The index is a cache: it is made anew. */
export class BrokenTable extends Error {}

interface Page {
  readonly entries: readonly Entry[];
  /** First key of the next page; null on the last. */
  readonly next: string | null;
}

/** Writes a table durably. `lines` are sorted by their keys and each fits a page; there is at least one. */
export function writeTable(
  storage: Storage,
  directory: string,
  key: Buffer,
  name: string,
  level: number,
  lines: readonly Line[],
): TableInfo {
  const pages = paginate(lines);
  const buffers = pages.map((own, page) => {
    const next = pages[page + 1]?.[0]?.key ?? null;
    return encodePage(key, name, page, next, own);
  });
  replaceDurable(storage, join(directory, name), Buffer.concat(buffers));
  return {name, level, pages: pages.length, spans: spansOf(lines)};
}

/** False when no key that begins with `prefix` can be in the table. */
export function mayBeIn({spans}: TableInfo, prefix: string): boolean {
  const span = spans[prefix.slice(0, 1)];
  return span !== undefined && prefix <= span[1] && `${prefix}\uffff` >= span[0];
}

/** A table opened for questions. Throws BrokenTable when the file is missing or does not verify where it is read. */
export class Table {
  readonly info: TableInfo;
  readonly #file: StorageFile;
  readonly #key: Buffer;

  private constructor(info: TableInfo, file: StorageFile, key: Buffer) {
    this.info = info;
    this.#file = file;
    this.#key = key;
  }

  static open(storage: Storage, directory: string, key: Buffer, info: TableInfo): Table {
    try {
      return new Table(info, storage.open(join(directory, info.name), 'read'), key);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new BrokenTable(`${info.name} is missing`);
    }
  }

  /** The value of a key; undefined when it is not here. */
  at(key: string): unknown {
    return this.#read(this.#pageOf(key)).entries.find(([one]) => one === key)?.[1];
  }

  /** The entries whose key begins with `prefix`, in order, at most `limit`. */
  withPrefix(prefix: string, limit: number): readonly Entry[] {
    const found: Entry[] = [];
    for (let index = this.#pageOf(prefix); index < this.info.pages; index += 1) {
      const {entries, next} = this.#read(index);
      for (const entry of entries) {
        if (entry[0].startsWith(prefix)) found.push(entry);
        if (found.length >= limit) return found;
      }
      if (next === null || !(next < prefix || next.startsWith(prefix))) return found;
    }
    return found;
  }

  /** The entry with the greatest key below `key` that begins with the same letter; null when there is none. */
  below(key: string): Entry | null {
    const span = this.info.spans[key.slice(0, 1)];
    if (span === undefined || span[0] >= key) return null;
    for (let index = this.#pageOf(key); index >= 0; index -= 1) {
      const before = this.#read(index).entries.filter(([one]) => one < key);
      const last = before.at(-1);
      if (last !== undefined) return last[0][0] === key[0] ? last : null;
    }
    return null;
  }

  /** Every entry as it stands here, in order. */
  *lines(): Generator<Line> {
    for (let index = 0; index < this.info.pages; index += 1) {
      for (const text of this.#verified(index).lines) yield {key: keyOfLine(text), text};
    }
  }

  close(): void {
    this.#file.close();
  }

  /** The page that holds `key` if any does: the last one whose first key is not above it. Proven by what it says. */
  #pageOf(key: string): number {
    let low = 0;
    let high = this.info.pages - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#firstKey(middle) <= key) low = middle;
      else high = middle - 1;
    }
    const {entries, next} = this.#read(low);
    const first = entries[0]?.[0] ?? '';
    // An altered page could have led the search astray; the page it ended at says where it ends.
    if ((low > 0 && first > key) || (next !== null && next <= key)) throw this.#broken(low);
    return low;
  }

  /** Only steers the search, so it is not verified here. */
  #firstKey(index: number): string {
    const [, line = ''] = this.#bytes(index).toString('latin1').split('\n', 2);
    try {
      return JSON.parse(/^\[("(?:[^"\\]|\\.)*"),/.exec(line)?.[1] ?? '') as string;
    } catch {
      throw this.#broken(index);
    }
  }

  #read(index: number): Page {
    const {next, lines} = this.#verified(index);
    // What verifies is what we wrote: from here on it parses.
    return {next: JSON.parse(next) as string | null, entries: lines.map((line) => JSON.parse(line) as Entry)};
  }

  #verified(index: number): {readonly next: string; readonly lines: readonly string[]} {
    const text = this.#bytes(index).toString('latin1');
    const [head = '', ...lines] = text.trimEnd().split('\n');
    const found = /^\{"page":(\d+),"next":(null|"(?:[^"\\]|\\.)*"),"mac":"([\w-]{43})"\}$/.exec(head);
    if (found === null || Number(found[1]) !== index) throw this.#broken(index);
    const next = found[2] ?? '';
    if (pageMac(this.#key, this.info.name, index, next, lines.join('\n')) !== found[3]) {
      throw this.#broken(index);
    }
    return {next, lines};
  }

  #bytes(index: number): Buffer {
    const bytes = this.#file.read(index * PAGE_BYTES, PAGE_BYTES);
    if (bytes.length < PAGE_BYTES) throw this.#broken(index);
    return bytes;
  }

  #broken(index: number): BrokenTable {
    return new BrokenTable(`${this.info.name}: page ${index} is not what was written`);
  }
}

/** Room for the head of a page beside its keys: MAC, page number, punctuation. */
const HEAD_BYTES = 100;
/** The longest key: an account and a reference. Kept free in every page for the first key of the next. */
const LONGEST_KEY = 512;
const ROOM = PAGE_BYTES - HEAD_BYTES - LONGEST_KEY;

function paginate(lines: readonly Line[]): readonly (readonly Line[])[] {
  const pages: Line[][] = [];
  let page: Line[] = [];
  let used = 0;
  for (const line of lines) {
    const bytes = line.text.length + 1;
    if (used + bytes > ROOM && page.length > 0) {
      pages.push(page);
      page = [];
      used = 0;
    }
    page.push(line);
    used += bytes;
  }
  pages.push(page);
  return pages;
}

function encodePage(
  key: Buffer,
  name: string,
  index: number,
  next: string | null,
  lines: readonly Line[],
): Buffer {
  const body = lines.map(({text}) => text).join('\n');
  const nextText = JSON.stringify(next);
  const mac = pageMac(key, name, index, nextText, body);
  const head = `{"page":${index},"next":${nextText},"mac":"${mac}"}`;
  const text = `${head}\n${body}`;
  if (text.length >= PAGE_BYTES) throw new RangeError(`an entry of the index does not fit a page: ${index}`);
  return Buffer.from(`${text.padEnd(PAGE_BYTES - 1)}\n`, 'latin1');
}

function pageMac(key: Buffer, name: string, index: number, next: string, body: string): string {
  return macOf(key, Buffer.from(`index ${name} ${index} ${next}\n${body}`, 'latin1'));
}

export function lineOf(entry: Entry): Line {
  return {key: entry[0], text: JSON.stringify(entry).replace(/[\u007f-\uffff]/g, escaped)};
}

/** The key of an entry that verified, without the rest of it. */
function keyOfLine(text: string): string {
  const end = text.indexOf('",');
  const plain = text.slice(2, end);
  return end < 0 || plain.includes('\\') ? (JSON.parse(text) as Entry)[0] : plain;
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function spansOf(lines: readonly Line[]): TableInfo['spans'] {
  const spans: Record<string, [string, string]> = {};
  for (const {key} of lines) {
    const kind = key.slice(0, 1);
    const span = spans[kind];
    if (span === undefined) spans[kind] = [key, key];
    else span[1] = key;
  }
  return spans;
}
