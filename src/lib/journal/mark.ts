import {randomBytes} from 'node:crypto';
import {crc32} from 'node:zlib';
import type {LockFile} from '../storage/storage.js';
import {NEWLINE} from './line.js';

/** How far the journal is known to be on the disk, as the last writer of this boot left it. */
export interface SyncedMark {
  readonly boot: string;
  /** File name of the segment. */
  readonly segment: string;
  /** Bytes of it that are synced. */
  readonly offset: number;
  /** Who wrote it, and may have begun to write behind it: a name each opened journal has of its own. */
  readonly writer?: string;
}

/** Fixed, so that a shorter mark overwrites a longer one whole. */
const MARK_BYTES = 256;

/** Writes the mark into the lock file. Not synced: it means something in this boot only. */
export function writeMark(file: LockFile, mark: SyncedMark): void {
  file.write(0, encodeMark(mark));
}

function encodeMark(mark: SyncedMark): Buffer {
  const body = JSON.stringify(mark);
  const text = `${crc32(body).toString(16).padStart(8, '0')} ${body}`;
  const bytes = Buffer.allocUnsafe(MARK_BYTES);
  bytes.fill(' ', bytes.write(text, 'utf8'));
  bytes[MARK_BYTES - 1] = NEWLINE;
  return bytes;
}

/** How long to wait for another process's lock, ms, where nobody says otherwise. */
export const LOCK_WAIT_MS = 10_000;

/** The mark, if it was written in this boot: an older one says nothing. */
export function markOfBoot(file: LockFile, boot: string): SyncedMark | null {
  const mark = readMark(file);
  return mark?.boot === boot ? mark : null;
}

/** The mark, or null when there is none or a writer was seen in the middle of changing it. */
export function readMark(file: LockFile): SyncedMark | null {
  return decodeMark(file.read(0, MARK_BYTES));
}

function decodeMark(bytes: Buffer): SyncedMark | null {
  if (bytes.length < MARK_BYTES) return null;
  const text = bytes.toString('utf8').trimEnd();
  const body = text.slice(9);
  if (crc32(body).toString(16).padStart(8, '0') !== text.slice(0, 8)) return null;
  try {
    return JSON.parse(body) as SyncedMark;
  } catch {
    return null;
  }
}

/** The mark of this boot as one process sees it. What it wrote or read last is not taken apart again while it stands there. */
export class MarkOfBoot {
  readonly #file: LockFile;
  readonly #boot: string;
  readonly #writer = randomBytes(9).toString('base64url');
  #known: {readonly bytes: Buffer; readonly mark: SyncedMark | null} | null = null;

  constructor(file: LockFile, boot: string) {
    this.#file = file;
    this.#boot = boot;
  }

  /** Null when there is none of this boot: an older one says nothing. */
  read(): SyncedMark | null {
    const bytes = this.#file.read(0, MARK_BYTES);
    if (this.#known?.bytes.equals(bytes) !== true) {
      const mark = decodeMark(bytes);
      this.#known = {bytes, mark: mark?.boot === this.#boot ? mark : null};
    }
    return this.#known?.mark ?? null;
  }

  /** True when this process wrote the mark that was read last: nobody else has begun to write since. */
  get isOwn(): boolean {
    return this.#known?.mark?.writer === this.#writer;
  }

  /**
   * The first mark of this boot, in place of none, or of one that somebody died in the middle of writing. What he left
   * is blanked first: else a second death, a few bytes into this mark, could put an older one together again, and what
   * stands behind that would be cut although it was shown.
   */
  begin(segment: string, offset: number): void {
    this.#known = null;
    this.#file.write(0, Buffer.alloc(MARK_BYTES, ' '));
    this.write(segment, offset);
  }

  write(segment: string, offset: number): void {
    const mark = {boot: this.#boot, segment, offset, writer: this.#writer};
    const bytes = encodeMark(mark);
    this.#known = null;
    this.#file.write(0, bytes);
    this.#known = {bytes, mark};
  }
}
