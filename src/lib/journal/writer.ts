import {join} from 'node:path';
import type {EventBody} from '../core/events.js';
import type {Storage, StorageFile} from '../storage/storage.js';
import {diskFull, nothingWritten, writeFailed} from './damage.js';
import {releaseReserve, sells} from './reserve.js';
import type {Position} from './scan.js';
import {segmentName} from './segments.js';

/** A segment is closed when it has grown to this. */
export const SEGMENT_BYTES = 16 * 1024 * 1024;

/** Appends commits to the active segment. Every method is called under the journal lock. */
export class SegmentWriter {
  readonly #storage: Storage;
  readonly #directory: string;
  readonly #segmentBytes: number;
  #file: StorageFile | null = null;

  constructor(storage: Storage, directory: string, segmentBytes = SEGMENT_BYTES) {
    this.#storage = storage;
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
  }

  /** True when the next commit begins a new segment. */
  isFull({offset}: Position): boolean {
    return offset >= this.#segmentBytes;
  }

  /** False when the file it has open is not the one of that name any more. */
  isCurrent(): boolean {
    if (this.#file === null || this.#file.sizeIfCurrent() !== null) return true;
    this.close();
    return false;
  }

  /** True when it has the segment open, that is still the file of this name, and it ends at the position. */
  endsAt({segment, offset}: Position): boolean {
    return this.#file?.path === join(this.#directory, segment) && this.#file.sizeIfCurrent() === offset;
  }

  /** Where the next commit goes: the position itself, or the start of a new segment when this one is full. */
  place(position: Position): Position {
    if (position.segment !== '' && !this.isFull(position)) return position;
    return {...position, segment: segmentName(position.seq + 1), offset: 0};
  }

  /**
   * Writes a commit. Afterwards it survives a power cut.
   * @param from what `place` gave for the position the journal stands at
   * @throws journal_full: taken back, nothing stored; journal_write_failed: unknown, final for the process
   */
  append(position: Position, from: Position, bytes: Buffer, events: readonly EventBody[]): void {
    const fresh = from.segment !== position.segment;
    const path = join(this.#directory, from.segment);
    const file = this.#open(path, fresh);
    try {
      this.#write(file, from.offset, bytes, events);
      file.sync();
      if (fresh) this.#storage.syncDirectory(this.#directory);
    } catch (error) {
      this.close();
      if (error instanceof NothingStored) throw diskFull(error.cause, path);
      throw writeFailed(error, path);
    }
  }

  /** The open active segment. */
  file(segment: string): StorageFile {
    return this.#open(join(this.#directory, segment), false);
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  #open(path: string, fresh: boolean): StorageFile {
    if (this.#file?.path === path) return this.#file;
    this.close();
    try {
      this.#file = fresh ? this.#storage.create(path) : this.#storage.open(path);
    } catch (error) {
      // Opening stores nothing; a new segment that is empty is nothing either.
      throw nothingWritten(error, path);
    }
    return this.#file;
  }

  #write(file: StorageFile, offset: number, bytes: Buffer, events: readonly EventBody[]): void {
    try {
      file.write(offset, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      // Part of it may stand in the file: take it back, so that no reboot can mistake it for a commit.
      file.truncate(offset);
      file.sync();
      const allowed = !sells(events.map(({type}) => type));
      if (!allowed || !releaseReserve(this.#storage, this.#directory)) throw new NothingStored(error);
      this.#write(file, offset, bytes, events);
    }
  }
}

class NothingStored extends Error {
  constructor(cause: unknown) {
    super('nothing stored', {cause});
  }
}
