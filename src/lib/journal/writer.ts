import {join} from 'node:path';
import type {EventBody} from '../core/events.js';
import type {Storage, StorageFile} from '../storage/storage.js';
import {diskFull, nothingWritten, writeFailed} from './damage.js';
import {releaseReserve, sells} from './reserve.js';
import {ROOM, type RoomSizes} from './room.js';
import type {Position} from './scan.js';
import {segmentName} from './segments.js';

/** A segment is closed when it has grown to this. */
export const SEGMENT_BYTES = 16 * 1024 * 1024;

/** Appends commits to the active segment. Every method is called under the journal lock. */
export class SegmentWriter {
  readonly #storage: Storage;
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #room: RoomSizes;
  #file: StorageFile | null = null;
  /** The name of the segment it has open. */
  #segment = '';
  /** Where the room ends that this process made in the open segment; 0 when it made none. */
  #roomEnd = 0;
  /** Commits since somebody else wrote. */
  #alone = 0;

  constructor(storage: Storage, directory: string, segmentBytes = SEGMENT_BYTES, room = ROOM) {
    this.#storage = storage;
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
    this.#room = room;
  }

  /** True when the next commit begins a new segment. */
  isFull({offset}: Position): boolean {
    return offset >= this.#segmentBytes;
  }

  /** False when the file it has open is not the one of that name any more. */
  isCurrent(): boolean {
    return this.#file === null || this.#file.isCurrent();
  }

  /**
   * True when it has the segment open, and that ends there or with the room left. Read, not asked for: on Linux a file
   * whose times somebody has looked at gets a new one with the next write, which its sync then has to wait for.
   */
  endsAt({segment, offset}: Position): boolean {
    const end = Math.max(offset, this.#roomEnd);
    return this.#segment === segment && this.#file?.read(end - 1, 2).length === 1;
  }

  /** Somebody else may have written: what was known of the room is not. */
  takeOver(): void {
    this.#roomEnd = 0;
    this.#alone = 0;
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
    if (fresh && position.segment !== '') this.#finish(position);
    const file = this.#open(from.segment, fresh);
    const {path} = file;
    try {
      this.#write(file, from.offset, bytes, events, this.#alone >= this.#room.after);
      file.sync();
      if (fresh) this.#storage.syncDirectory(this.#directory);
    } catch (error) {
      this.close();
      if (error instanceof NothingStored) throw diskFull(error.cause, path);
      throw writeFailed(error, path);
    }
    this.#alone += 1;
  }

  /** The open active segment. */
  file(segment: string): StorageFile {
    return this.#open(segment, false);
  }

  /** Takes the room away that is left behind the position. Not synced: if it comes back, the next writer does it again. */
  trim({segment, offset}: Position): void {
    if (this.#file === null || this.#segment !== segment || this.#roomEnd <= offset) return;
    this.#file.truncate(offset);
    this.#roomEnd = 0;
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
    this.takeOver();
  }

  /**
   * Nobody looks for the end of a segment that others follow: it ends with its last record, durably, also where another
   * process took the room away.
   */
  #finish(position: Position): void {
    const file = this.file(position.segment);
    try {
      this.trim(position);
      file.sync();
    } catch (error) {
      this.close();
      throw writeFailed(error, file.path);
    }
  }

  #open(segment: string, fresh: boolean): StorageFile {
    if (this.#file !== null && this.#segment === segment) return this.#file;
    const path = join(this.#directory, segment);
    const alone = this.#alone;
    this.close();
    // Another segment of the same journal: still nobody else wrote.
    if (fresh) this.#alone = alone;
    try {
      this.#file = fresh ? this.#storage.create(path) : this.#storage.open(path);
      this.#segment = segment;
    } catch (error) {
      // Opening stores nothing; a new segment that is empty is nothing either.
      throw nothingWritten(error, path);
    }
    return this.#file;
  }

  #write(
    file: StorageFile,
    offset: number,
    bytes: Buffer,
    events: readonly EventBody[],
    makesRoom: boolean,
  ): void {
    const end = offset + bytes.length;
    const withRoom = makesRoom && end > this.#roomEnd;
    try {
      file.write(offset, withRoom ? Buffer.concat([bytes, Buffer.alloc(this.#room.bytes)]) : bytes);
      if (withRoom) this.#roomEnd = end + this.#room.bytes;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      // Part of it may stand in the file: take it back, so that no reboot can mistake it for a commit.
      file.truncate(offset);
      file.sync();
      this.takeOver();
      if (withRoom) {
        this.#write(file, offset, bytes, events, false);
        return;
      }
      const allowed = !sells(events.map(({type}) => type));
      if (!allowed || !releaseReserve(this.#storage, this.#directory)) throw new NothingStored(error);
      this.#write(file, offset, bytes, events, false);
    }
  }
}

class NothingStored extends Error {
  constructor(cause: unknown) {
    super('nothing stored', {cause});
  }
}
