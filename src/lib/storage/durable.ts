import {dirname} from 'node:path';
import type {Storage} from './storage.js';

/** Creates a file that must not exist yet. Afterwards name and content survive a power cut. */
export function createDurable(storage: Storage, path: string, bytes: Uint8Array): void {
  const file = storage.create(path);
  try {
    file.write(0, bytes);
    file.sync();
  } finally {
    file.close();
  }
  storage.syncDirectory(dirname(path));
}

/**
 * Replaces a file's content whole: at every moment, and after a power cut at any of them, the path holds either
 * the old content or the new. Two writers at once must bring temporary names of their own, or hold a lock.
 */
export function replaceDurable(
  storage: Storage,
  path: string,
  bytes: Uint8Array,
  temporary = `${path}.new`,
): void {
  const file = openOrCreate(storage, temporary);
  try {
    file.truncate(0);
    file.write(0, bytes);
    file.sync();
  } finally {
    file.close();
  }
  storage.rename(temporary, path);
  storage.syncDirectory(dirname(path));
}

/** A crash may have left the temporary file. */
function openOrCreate(storage: Storage, path: string): ReturnType<Storage['open']> {
  try {
    return storage.create(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return storage.open(path);
  }
}
