import {basename, join} from 'node:path';
import type {EventBody} from '../core/events.js';
import {createDurable} from '../storage/durable.js';
import type {Storage, StorageFile} from '../storage/storage.js';

type Recovered = Extract<EventBody, {type: 'journal.recovered'}>;

/**
 * Cuts the end of a segment off: the bytes are kept in `damaged/` first, durably, then the file is shortened.
 * Call it under the lock. Returns the record that tells of it, or null when there was nothing to cut.
 */
export function cutTail(
  storage: Storage,
  directory: string,
  file: StorageFile,
  offset: number,
  kind: Recovered['data']['kind'],
): Recovered | null {
  const bytes = file.read(offset, file.size() - offset);
  if (bytes.length === 0) return null;
  const segment = basename(file.path);
  const kept = keep(storage, directory, `${segment}-${offset}`, bytes);
  file.truncate(offset);
  file.sync();
  return {type: 'journal.recovered', data: {kind, segment, offset, bytes: bytes.length, kept_as: kept}};
}

/** Moves a whole segment that was begun but never acknowledged out of the way, durably. */
export function cutSegment(storage: Storage, directory: string, segment: string): Recovered {
  const damaged = join(directory, 'damaged');
  storage.makeDirectory(damaged);
  const bytes = storage.readFile(join(directory, segment))?.length ?? 0;
  const kept = freeName(storage, damaged, `${segment}-0`);
  storage.rename(join(directory, segment), join(damaged, kept));
  storage.syncDirectory(damaged);
  storage.syncDirectory(directory);
  return {
    type: 'journal.recovered',
    data: {kind: 'unacknowledged', segment, offset: 0, bytes, kept_as: kept},
  };
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
