import {basename, join} from 'node:path';
import type {EventBody} from '../core/events.js';
import {createDurable} from '../storage/durable.js';
import type {Storage, StorageFile} from '../storage/storage.js';
import {withoutPrivates} from './line.js';
import {contentEnd} from './room.js';

type Recovered = Extract<EventBody, {type: 'journal.recovered'}>;

/**
 * Cuts the end of a segment off: the bytes are kept in `damaged/` first, durably, then the file is shortened. Sealed
 * card data is not kept: no payment that anybody was told of needs it. Nor are NUL bytes at the end: they are nothing.
 * Call it under the lock. Returns the record that tells of it, or null when there was nothing but them.
 */
export function cutTail(
  storage: Storage,
  directory: string,
  file: StorageFile,
  offset: number,
  kind: Recovered['data']['kind'],
): Recovered | null {
  const size = file.size();
  if (size === offset) return null;
  const bytes = file.read(offset, contentEnd(file, offset, size) - offset);
  const segment = basename(file.path);
  const name = `${segment}-${offset}`;
  const kept = bytes.length === 0 ? null : keep(storage, directory, name, withoutPrivates(bytes));
  file.truncate(offset);
  file.sync();
  if (kept === null) return null;
  return {type: 'journal.recovered', data: {kind, segment, offset, bytes: bytes.length, kept_as: kept}};
}

/**
 * Takes a whole segment out of the way that was begun but never acknowledged, durably; its bytes are kept without their
 * sealed card data. The segment itself is never blanked: after a power cut its lines would verify, and a payment that
 * nobody was told of would stand there without its card data. It is whole, or empty, or gone. Returns the record that
 * tells of it, or null when the segment was empty.
 */
export function cutSegment(storage: Storage, directory: string, segment: string): Recovered | null {
  const path = join(directory, segment);
  const cut = emptied(storage, directory, path);
  storage.remove(path);
  storage.syncDirectory(directory);
  return cut;
}

function emptied(storage: Storage, directory: string, path: string): Recovered | null {
  const file = storage.open(path);
  try {
    return cutTail(storage, directory, file, 0, 'unacknowledged');
  } finally {
    file.close();
  }
}

/**
 * Takes the sealed card data out of a segment that does not count, durably, whole lines or not. Before it is moved: a
 * crash in between must not leave sealed data where nobody looks for it.
 */
export function blankSegment(file: StorageFile): void {
  try {
    const size = file.size();
    if (size === 0) return;
    file.write(0, withoutPrivates(file.read(0, size)));
    file.sync();
  } finally {
    file.close();
  }
}

function keep(storage: Storage, directory: string, name: string, bytes: Buffer): string {
  const damaged = join(directory, 'damaged');
  storage.makeDirectory(damaged);
  storage.syncDirectory(directory);
  const free = freeName(storage, damaged, name);
  createDurable(storage, join(damaged, free), bytes);
  return free;
}

function freeName(storage: Storage, damaged: string, name: string): string {
  const taken = new Set(storage.list(damaged) ?? []);
  for (let copy = 0; ; copy += 1) {
    const candidate = copy === 0 ? `${name}.bin` : `${name}.${copy}.bin`;
    if (!taken.has(candidate)) return candidate;
  }
}
