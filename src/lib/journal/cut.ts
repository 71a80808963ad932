import {basename, join} from 'node:path';
import type {EventBody} from '../core/events.js';
import {createDurable} from '../storage/durable.js';
import type {Storage, StorageFile} from '../storage/storage.js';
import {withoutPrivates} from './line.js';

type Recovered = Extract<EventBody, {type: 'journal.recovered'}>;

/**
 * Cuts the end of a segment off: the bytes are kept in `damaged/` first, durably, then the file is shortened. Sealed
 * card data is not kept: no payment that anybody was told of needs it. Call it under the lock. Returns the record that tells of it, or null when there was nothing to cut.
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
  const kept = keep(storage, directory, `${segment}-${offset}`, withoutPrivates(bytes));
  file.truncate(offset);
  file.sync();
  return {type: 'journal.recovered', data: {kind, segment, offset, bytes: bytes.length, kept_as: kept}};
}

/** Moves a whole segment that was begun but never acknowledged out of the way, durably, without its sealed card data. */
export function cutSegment(storage: Storage, directory: string, segment: string): Recovered {
  const damaged = join(directory, 'damaged');
  storage.makeDirectory(damaged);
  const bytes = blankSegment(storage.open(join(directory, segment)));
  const kept = freeName(storage, damaged, `${segment}-0`);
  storage.rename(join(directory, segment), join(damaged, kept));
  storage.syncDirectory(damaged);
  storage.syncDirectory(directory);
  return {
    type: 'journal.recovered',
    data: {kind: 'unacknowledged', segment, offset: 0, bytes, kept_as: kept},
  };
}

/** Before it is moved: a crash in between must not leave sealed data where nobody looks for it. */
function blankSegment(file: StorageFile): number {
  try {
    const size = file.size();
    if (size === 0) return 0;
    file.write(0, withoutPrivates(file.read(0, size)));
    file.sync();
    return size;
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
