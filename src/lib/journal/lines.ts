import type {Storage, StorageFile} from '../storage/storage.js';
import {NEWLINE} from './line.js';

/** A line as it stands in a file, whatever it holds. */
export interface RawLine {
  /** Absolute byte it starts at. */
  readonly start: number;
  /** Its bytes without the newline; of a line longer than any record, only the beginning. */
  readonly bytes: Buffer;
  /** Bytes it takes, its newline not counted. */
  readonly length: number;
  readonly terminated: boolean;
}

const WINDOW = 256 * 1024;
const LONGEST = 4 * 1024 * 1024;
const EMPTY = Buffer.alloc(0);

/** The lines of a file between two bytes, read in windows: memory stays flat, whatever the file's size. */
export function* readLines(file: StorageFile, from: number, end: number): Generator<RawLine> {
  let held: Buffer = EMPTY;
  let start = from;
  let position = from;
  while (position < end) {
    const window = file.read(position, Math.min(WINDOW, end - position));
    if (window.length === 0) break;
    let cursor = 0;
    for (;;) {
      const newline = window.indexOf(NEWLINE, cursor);
      if (newline < 0) break;
      const bytes = joined(held, window.subarray(cursor, newline));
      yield {start, bytes, length: position + newline - start, terminated: true};
      start = position + newline + 1;
      held = EMPTY;
      cursor = newline + 1;
    }
    held = joined(held, window.subarray(cursor));
    position += window.length;
  }
  if (start < position) yield {start, bytes: held, length: position - start, terminated: false};
}

function joined(held: Buffer, more: Buffer): Buffer {
  if (held.length === 0) return more;
  return held.length >= LONGEST ? held : Buffer.concat([held, more]);
}

/** The 1-based line a byte of a file stands in; 1 when there is no such file. */
export function lineOfByte(storage: Storage, path: string, byte: number): number {
  if (!storage.has(path)) return 1;
  const file = storage.open(path, 'read');
  try {
    let line = 1;
    for (const {terminated} of readLines(file, 0, Math.min(byte, file.size()))) if (terminated) line += 1;
    return line;
  } finally {
    file.close();
  }
}
