import type {StorageFile} from '../storage/storage.js';

/**
 * Room: NUL bytes behind the last record of the active segment. A commit that is written into it does not make the file
 * longer, so that its sync need not wait for the file system's own journal as well: half of the time on a fast disk.
 *
 * Only a process that writes often and alone makes room, and takes away what is left when it ends or begins a new
 * segment. After a crash it is what a power cut may leave anyway: NUL bytes behind the last commit. It is never kept,
 * it holds nothing.
 */
export interface RoomSizes {
  /** So much is made at once. */
  readonly bytes: number;
  /** By a process that has written so many commits, and nobody else has in between. */
  readonly after: number;
}

export const ROOM: RoomSizes = {bytes: 256 * 1024, after: 32};

const WINDOW = 64 * 1024;

/** The byte behind the last one between `from` and `end` that is not NUL; `from` where there is none. */
export function contentEnd(file: Pick<StorageFile, 'read'>, from: number, end: number): number {
  for (let until = end; until > from; ) {
    const start = Math.max(from, until - WINDOW);
    const bytes = file.read(start, until - start);
    for (let index = bytes.length - 1; index >= 0; index -= 1)
      if (bytes[index] !== 0) return start + index + 1;
    until = start;
  }
  return from;
}
