import type {Storage} from '../storage/storage.js';
import {damagedError, locate, versionError} from './damage.js';
import {type Fold, foldCommits} from './fold.js';
import type {SyncedMark} from './mark.js';
import {type Break, type Position, scan} from './scan.js';
import {firstSeqOf, listSegments, readSegment} from './segments.js';

/** Where a power cut left the journal unfinished. */
export interface Tear {
  readonly segment: string;
  readonly offset: number;
  readonly size: number;
}

/**
 * Folds everything from the fold's position to the end: up to the synced mark where there is one of this boot,
 * else to the end of the last segment.
 *
 * @returns the tear at the end, if a power cut left one; its bytes are not folded
 * @throws journal_damaged with segment, line and byte; what was read up to there stays folded
 */
export function loadTail(
  storage: Storage,
  directory: string,
  key: Buffer,
  fold: Fold,
  mark: SyncedMark | null,
): Tear | null {
  const segments = listSegments(storage, directory).filter((name) => mark === null || name <= mark.segment);
  const last = segments.at(-1);
  if (last === undefined) throw damaged('(none)', 0, 'every segment is missing');
  if (mark !== null && mark.segment !== last) throw damaged(mark.segment, 0, 'this segment is missing');
  startAt(fold, segments);
  for (;;) {
    const {segment} = fold.position;
    const limit = mark?.segment === segment ? mark.offset : null;
    const tear = loadSegment(storage, directory, key, fold, limit, segment === last);
    if (tear !== null || segment === last) {
      checkExpected(fold);
      return tear;
    }
    moveOn(fold, segments);
  }
}

/** A journal that ends before its checkpoint, or went another way since, is not the one it was. */
function checkExpected(fold: Fold): void {
  const {expected, position} = fold;
  if (expected === null) return;
  if (position.seq < expected.seq) {
    const reason = `the journal ends before its checkpoint: record ${expected.seq} is not there`;
    throw damaged(expected.segment, expected.line_start, reason);
  }
  fold.expected = null;
}

function startAt(fold: Fold, segments: readonly string[]): void {
  const [first = ''] = segments;
  if (fold.position.seq > 0) {
    if (segments.includes(fold.position.segment)) return;
    throw damaged(
      fold.position.segment,
      0,
      'the journal ends before its checkpoint: this segment is missing',
    );
  }
  if (firstSeqOf(first) !== 1) throw damaged(first, 0, 'the segments before this one are missing');
  fold.position = {...fold.position, segment: first};
}

function moveOn(fold: Fold, segments: readonly string[]): void {
  const next = segments[segments.indexOf(fold.position.segment) + 1] ?? '';
  if (firstSeqOf(next) !== fold.position.seq + 1) {
    throw damaged(
      next,
      0,
      `a segment before this one is missing: record ${fold.position.seq + 1} is expected`,
    );
  }
  fold.position = {...fold.position, segment: next, offset: 0};
}

function loadSegment(
  storage: Storage,
  directory: string,
  key: Buffer,
  fold: Fold,
  limit: number | null,
  isLast: boolean,
): Tear | null {
  const from = fold.position;
  const {bytes, size} = readSegment(storage, directory, from.segment, from.offset, limit);
  if (size < from.offset) {
    throw damaged(from.segment, size, 'the journal ends before its checkpoint');
  }
  const {commits, broken} = scan(key, bytes, from);
  foldCommits(fold, commits);
  if (limit !== null && size < limit) {
    throw damaged(from.segment, size, `the file has ${size} bytes, but ${limit} were synced`);
  }
  if (broken === null) return null;
  if (broken.kind === 'tear' && isLast && limit === null) {
    return {segment: from.segment, offset: broken.commit_start, size};
  }
  throw brokenError(storage, directory, from.segment, broken);
}

export function brokenError(storage: Storage, directory: string, segment: string, broken: Break): Error {
  const damage = locate(storage, directory, segment, broken);
  return broken.kind === 'version' ? versionError(damage) : damagedError(damage);
}

function damaged(segment: string, byte: number, reason: string): Error {
  return damagedError({segment, line: 1, byte, reason});
}

/** True when the record a checkpoint stands after is still where and what it was. */
export function standsOn(storage: Storage, directory: string, position: Position): boolean {
  if (!listSegments(storage, directory).includes(position.segment)) return false;
  const {bytes} = readSegment(storage, directory, position.segment, position.line_start, position.offset);
  return bytes.subarray(0, 60).includes(`"mac":"${position.mac}"`) && bytes.at(-1) === 0x0a;
}
