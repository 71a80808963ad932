import {join} from 'node:path';
import type {Storage} from '../storage/storage.js';
import {NEWLINE} from './line.js';

const SEGMENT = /^\d{12}\.jsonl$/;

/** Segments are named by the first sequence number in them. */
export function segmentName(firstSeq: number): string {
  return `${String(firstSeq).padStart(12, '0')}.jsonl`;
}

export function firstSeqOf(segment: string): number {
  return Number(segment.slice(0, 12));
}

/** Segment names in order; empty when there is no journal directory. */
export function listSegments(storage: Storage, directory: string): readonly string[] {
  return (storage.list(directory) ?? []).filter((name) => SEGMENT.test(name));
}

/** A segment and where it lies. */
export interface SegmentFile {
  readonly segment: string;
  readonly path: string;
}

/** The segments in order, each with its path. */
export function segmentFiles(storage: Storage, directory: string): readonly SegmentFile[] {
  return listSegments(storage, directory).map((segment) => ({segment, path: join(directory, segment)}));
}

/** True when there was a journal here and every segment of it is gone: its lock or its checkpoint remembers. */
export function segmentsLost(storage: Storage, directory: string): boolean {
  if (listSegments(storage, directory).length > 0) return false;
  const lock = storage.readFile(join(directory, 'lock'));
  return (lock !== null && lock.length > 0) || storage.readFile(join(directory, 'checkpoint.json')) !== null;
}

/** True while a repair is being put in place: what lies in the directory then is half old, half new. */
export function isBeingRepaired(storage: Storage, directory: string): boolean {
  return storage.has(join(directory, 'repair'));
}

/** The bytes of a segment from `offset` on, up to `limit` (exclusive) when given. */
export function readSegment(
  storage: Storage,
  directory: string,
  segment: string,
  offset: number,
  limit: number | null,
): {readonly bytes: Buffer; readonly size: number} {
  const file = storage.open(join(directory, segment), 'read');
  try {
    const size = file.size();
    const end = limit === null ? size : Math.min(size, limit);
    return {bytes: file.read(offset, Math.max(0, end - offset)), size};
  } finally {
    file.close();
  }
}

/** Most lines are shorter. */
const LINE_BYTES = 4096;

/** The line that starts at `offset`, without its newline; null when there is no whole one. */
export function lineAt(storage: Storage, directory: string, segment: string, offset: number): Buffer | null {
  const path = join(directory, segment);
  if (!storage.has(path)) return null;
  const file = storage.open(path, 'read');
  try {
    const size = file.size();
    for (let length = LINE_BYTES; ; length *= 8) {
      const bytes = file.read(offset, length);
      const end = bytes.indexOf(NEWLINE);
      if (end >= 0) return bytes.subarray(0, end);
      if (offset + length >= size) return null;
    }
  } finally {
    file.close();
  }
}
