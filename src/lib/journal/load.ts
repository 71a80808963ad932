import {join} from 'node:path';
import type {Storage, StorageFile} from '../storage/storage.js';
import {damageAt, damagedError, versionError} from './damage.js';
import {type Fold, foldCommits} from './fold.js';
import {NEWLINE} from './line.js';
import type {SyncedMark} from './mark.js';
import {contentEnd} from './room.js';
import {type Break, commitsOf, type Position} from './scan.js';
import {firstSeqOf, listSegments, readSegment, segmentName} from './segments.js';

/** Where a power cut left the journal unfinished. */
export interface Tear {
  readonly segment: string;
  readonly offset: number;
  readonly size: number;
}

/** What a load needs to know of the journal. */
export interface Source {
  readonly storage: Storage;
  readonly directory: string;
  /** The MAC key of lines. */
  readonly key: Buffer;
}

/** After so many records a load lets its caller move closed payments out of memory. */
const BATCH_RECORDS = 20_000;

/**
 * Folds everything from the fold's position to the end: up to the synced mark where there is one of this boot,
 * else to the end of the last segment.
 *
 * @param onBatch called now and then during a long load, between two commits
 * @returns the tear at the end, if a power cut left one; its bytes are not folded
 * @throws journal_damaged with segment, line and byte; what was read up to there stays folded
 */
export function loadTail(
  source: Source,
  fold: Fold,
  mark: SyncedMark | null,
  onBatch: (fold: Fold) => void,
): Tear | null {
  const names = mark === null || !fold.checked ? listSegments(source.storage, source.directory) : null;
  if (names !== null) checkBefore(fold, names);
  const last = mark?.segment ?? names?.at(-1) ?? '';
  if (fold.position.segment > last) throw missing(last, 'the journal ends before its checkpoint');
  let batch = fold.tail;
  const tick = (): void => {
    if (fold.tail - batch < BATCH_RECORDS) return;
    onBatch(fold);
    batch = fold.tail;
  };
  for (;;) {
    const {segment} = fold.position;
    const limit = mark?.segment === segment ? mark.offset : null;
    const tear = loadSegment(source, fold, limit, segment === last, tick);
    if (tear !== null || segment === last) {
      checkEnd(source, fold, tear);
      fold.checked = true;
      return tear;
    }
    moveOn(source, fold, names);
  }
}

/** The segments up to the fold's position are all there, and it begins with the first record. */
function checkBefore(fold: Fold, names: readonly string[]): void {
  const [first] = names;
  if (first === undefined) throw missing('(none)', 'every segment is missing');
  const {position} = fold;
  if (position.seq === 0) {
    if (firstSeqOf(first) !== 1) throw missing(first, 'the segments before this one are missing');
    fold.position = {...position, segment: first};
    fold.segments = 1;
    return;
  }
  if (!names.includes(position.segment)) {
    throw missing(position.segment, 'the journal ends before its checkpoint: this segment is missing');
  }
  const before = names.filter((name) => name <= position.segment).length;
  if (before < fold.segments) {
    const count = fold.segments - before;
    throw missing(
      first,
      `${count} of the first ${fold.segments} segments ${count === 1 ? 'is' : 'are'} missing`,
    );
  }
  fold.segments = before;
}

/** A journal that ends before its checkpoint, or went another way since, is not the one it was. */
function checkEnd(source: Source, fold: Fold, tear: Tear | null): void {
  const {expected, position} = fold;
  if (expected !== null && position.seq < expected.seq) {
    const reason = `the journal ends before its checkpoint: record ${expected.seq} is not there`;
    throw damaged(source, expected.segment, expected.line_start, reason);
  }
  // The first segment gets its name when its first record is durable, so no power cut can have taken that.
  if (position.seq === 0) {
    throw damaged(source, position.segment, tear?.offset ?? 0, 'its first record is missing');
  }
  fold.expected = null;
}

/** Segments are named by their first record, so the next one is known by its name. */
function moveOn(source: Source, fold: Fold, names: readonly string[] | null): void {
  const {storage, directory} = source;
  const next = segmentName(fold.position.seq + 1);
  // It is named for a record that it does not hold, and others follow.
  if (next === fold.position.segment) throw damaged(source, next, 0, 'its first record is missing');
  const there = names === null ? storage.has(join(directory, next)) : names.includes(next);
  if (!there) {
    const found = names?.[names.indexOf(fold.position.segment) + 1] ?? next;
    throw missing(found, `a segment before this one is missing: record ${fold.position.seq + 1} is expected`);
  }
  fold.position = {...fold.position, segment: next, offset: 0};
  fold.segments += 1;
}

function loadSegment(
  source: Source,
  fold: Fold,
  limit: number | null,
  isLast: boolean,
  tick: () => void,
): Tear | null {
  const {segment, offset} = fold.position;
  const file = openSegment(source, segment);
  try {
    const size = file.size();
    if (size < offset || (limit !== null && limit < offset)) {
      throw damaged(source, segment, Math.min(size, limit ?? size), 'the journal ends before its checkpoint');
    }
    const openEnd = isLast && limit === null;
    const end = openEnd ? contentEnd(file, offset, size) : Math.min(size, limit ?? size);
    const broken = foldFile(source, fold, file, end, openEnd, tick);
    if (limit !== null && size < limit) {
      throw damaged(source, segment, size, `the file has ${size} bytes, but ${limit} were synced`);
    }
    if (broken === null) return null;
    if (broken.kind === 'tear' && openEnd) return {segment, offset: broken.commit_start, size};
    throw brokenError(source.storage, source.directory, segment, broken);
  } finally {
    file.close();
  }
}

function foldFile(
  source: Source,
  fold: Fold,
  file: StorageFile,
  end: number,
  openEnd: boolean,
  tick: () => void,
): Break | null {
  const commits = commitsOf(file, source.key, fold.position, end, openEnd);
  for (;;) {
    const next = commits.next();
    if (next.done === true) return next.value;
    foldCommits(fold, [next.value], (segment, byte, reason) => damaged(source, segment, byte, reason));
    tick();
  }
}

function openSegment({storage, directory}: Source, segment: string): StorageFile {
  try {
    return storage.open(join(directory, segment), 'read');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw missing(segment, 'this segment is missing');
  }
}

export function brokenError(storage: Storage, directory: string, segment: string, broken: Break): Error {
  const damage = damageAt(storage, directory, segment, broken.at, broken.reason);
  return broken.kind === 'version' ? versionError(damage) : damagedError(damage);
}

function missing(segment: string, reason: string): Error {
  return damagedError({segment, line: 1, byte: 0, reason});
}

function damaged({storage, directory}: Source, segment: string, byte: number, reason: string): Error {
  return damagedError(damageAt(storage, directory, segment, byte, reason));
}

/** True when the record a checkpoint stands after is still where and what it was. */
export function standsOn(storage: Storage, directory: string, position: Position): boolean {
  if (!storage.has(join(directory, position.segment))) return false;
  const {bytes} = readSegment(storage, directory, position.segment, position.line_start, position.offset);
  return bytes.subarray(0, 60).includes(`"mac":"${position.mac}"`) && bytes.at(-1) === NEWLINE;
}
