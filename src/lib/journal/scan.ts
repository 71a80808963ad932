import type {JournalRecord} from '../core/events.js';
import type {StorageFile} from '../storage/storage.js';
import {macOf, NEWLINE, sliceLine} from './line.js';
import {type Chained, unknownTo} from './line-record.js';

/** Where reading stands: after the last record of a whole commit. */
export interface Position {
  readonly segment: string;
  /** Byte after that record's newline. */
  readonly offset: number;
  /** Byte its line starts at; -1 before the first record. */
  readonly line_start: number;
  readonly seq: number;
  /** MAC of that record: what the next one names as `prev`. '' before the first. */
  readonly mac: string;
}

/** A record with what the journal needs to know of its place. */
export interface ScannedRecord {
  readonly record: JournalRecord;
  readonly segment: string;
  readonly line_start: number;
  /** Absolute byte range of the base64 of its private part. */
  readonly private: {readonly start: number; readonly length: number; readonly digest: string} | null;
}

export interface ScannedCommit {
  readonly records: readonly ScannedRecord[];
  readonly end: Position;
}

/** Why reading stopped before the end of the bytes. */
export interface Break {
  /**
   * `tear`: a last commit that a power cut left unfinished; nobody was ever told it was safe.
   * `damage`: anything else. `version`: written by a newer stowpay.
   */
  readonly kind: 'tear' | 'damage' | 'version';
  /** Start of the commit that cannot be used. */
  readonly commit_start: number;
  /** The byte at which the first unusable line starts. */
  readonly at: number;
  readonly reason: string;
}

export interface ScanResult {
  readonly commits: readonly ScannedCommit[];
  readonly broken: Break | null;
}

/** So much of a segment is read at once; more only where one commit is larger. */
const WINDOW_BYTES = 1024 * 1024;

/**
 * The whole commits of a segment from `from` to byte `end`, verified, in windows: memory does not grow with the
 * segment. Returns why it stopped before `end`, or null.
 *
 * @param openEnd nothing says that what stands before `end` was ever synced: the last commit may be torn
 */
export function* commitsOf(
  file: Pick<StorageFile, 'read'>,
  key: Buffer,
  from: Position,
  end: number,
  openEnd = false,
  windowBytes = WINDOW_BYTES,
): Generator<ScannedCommit, Break | null> {
  let position = from;
  let window = windowBytes;
  while (position.offset < end) {
    const length = Math.min(window, end - position.offset);
    const last = position.offset + length === end;
    const {commits, broken} = scan(key, file.read(position.offset, length), position, openEnd && last);
    yield* commits;
    position = commits.at(-1)?.end ?? position;
    if (last) return broken;
    // What does not fit the window looks cut off: judge it only with everything that follows in sight.
    window = commits.length === 0 ? window * 4 : windowBytes;
  }
  return null;
}

/** The record of one line (without its newline), if it verifies alone; else null. */
export function recordOfLine(key: Buffer, line: Buffer): JournalRecord | null {
  const parsed = parseLine(key, line, true, 0);
  return parsed.ok ? parsed.record : null;
}

type ParsedLine =
  | {
      readonly ok: true;
      readonly record: JournalRecord & Chained;
      readonly mac: string;
      readonly private: ScannedRecord['private'];
    }
  | {readonly ok: false; readonly kind: 'torn' | 'damage' | 'version'; readonly reason: string};

/**
 * Verifies and cuts the bytes of a segment from `from` on into whole commits. Pure.
 * Every line is checked alone (MAC) and in its place (seq, prev, commit).
 *
 * @param bytes the segment's content from `from.offset` on
 * @param openEnd see `commitsOf`
 */
export function scan(key: Buffer, bytes: Buffer, from: Position, openEnd = false): ScanResult {
  const commits: ScannedCommit[] = [];
  let pending: ScannedRecord[] = [];
  let commitStart = from.offset;
  let previous = {seq: from.seq, mac: from.mac};
  let commit: {first: number; last: number} | null = null;
  let cursor = 0;
  while (cursor < bytes.length) {
    const start = cursor;
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline;
    const at = from.offset + start;
    const line = parseLine(key, bytes.subarray(start, end), newline >= 0, at);
    const broken = line.ok ? outOfPlace(line.record, previous, commit) : line;
    if (broken !== null || !line.ok) {
      const bad = broken ?? {kind: 'damage' as const, reason: 'unreadable'};
      const torn = commit?.first ?? previous.seq + 1;
      return {
        commits,
        broken: judge(key, bytes.subarray(end + 1), bad, torn, {commit_start: commitStart, at}),
      };
    }
    pending.push({record: line.record, segment: from.segment, line_start: at, private: line.private});
    previous = {seq: line.record.seq, mac: line.mac};
    commit ??= {first: line.record.commit, last: line.record.last};
    cursor = end + 1;
    if (line.record.seq === commit.last) {
      const offset = from.offset + cursor;
      commits.push({
        records: pending,
        end: {segment: from.segment, offset, line_start: at, seq: previous.seq, mac: previous.mac},
      });
      pending = [];
      commit = null;
      commitStart = offset;
    }
  }
  if (pending.length === 0) return openEnd ? withoutHollow(commits, bytes, from) : {commits, broken: null};
  const reason = 'the last commit ends before its last record';
  return {commits, broken: {kind: 'tear', commit_start: commitStart, at: from.offset + cursor, reason}};
}

/**
 * Private parts stand outside the MAC. A page of one may be all that a power cut took of the last commit; then it is
 * torn, although every line verifies. Anywhere else such a hole is damage of that one payment.
 */
function withoutHollow(commits: ScannedCommit[], bytes: Buffer, from: Position): ScanResult {
  const last = commits.at(-1);
  const hollow = last?.records.find(({private: kept}) => {
    if (kept === null) return false;
    const start = kept.start - from.offset;
    return bytes.subarray(start, start + kept.length).includes(0);
  });
  const [first] = last?.records ?? [];
  if (hollow === undefined || first === undefined) return {commits, broken: null};
  const where = {commit_start: first.line_start, at: hollow.line_start};
  return {
    commits: commits.slice(0, -1),
    broken: {...where, kind: 'tear', reason: 'a part of its sealed card data is missing'},
  };
}

function parseLine(key: Buffer, line: Buffer, terminated: boolean, at: number): ParsedLine {
  // Only a missing end or NUL bytes can come of a power cut; a complete line that does not verify was changed.
  const kind = !terminated || line.includes(0) ? 'torn' : 'damage';
  const slices = sliceLine(line);
  if (slices === null)
    return {ok: false, kind, reason: terminated ? 'not a journal line' : 'the file ends inside a line'};
  if (macOf(key, slices.rec) !== slices.mac) return {ok: false, kind, reason: 'the MAC does not match'};
  if (!terminated) return {ok: false, kind: 'torn', reason: 'the file ends inside a line'};
  const record = JSON.parse(slices.rec.toString('utf8')) as JournalRecord & Chained;
  const unknown = unknownTo(record);
  if (unknown !== null) return {ok: false, kind: 'version', reason: unknown};
  const place = slices.private;
  const kept =
    place === null
      ? null
      : {start: at + place.start, length: place.length, digest: record.private_digest ?? ''};
  return {ok: true, record, mac: slices.mac, private: kept};
}

/** A line that verifies alone may still stand in the wrong place. */
function outOfPlace(
  record: Chained,
  previous: {readonly seq: number; readonly mac: string},
  commit: {readonly first: number; readonly last: number} | null,
): {kind: 'damage'; reason: string} | null {
  if (record.seq !== previous.seq + 1) {
    return {kind: 'damage', reason: `record ${record.seq} follows record ${previous.seq}`};
  }
  if (record.prev !== previous.mac)
    return {kind: 'damage', reason: 'it does not follow from the record before it'};
  const first = commit?.first ?? record.seq;
  if (
    record.commit !== first ||
    record.last < record.seq ||
    (commit !== null && record.last !== commit.last)
  ) {
    return {kind: 'damage', reason: 'it belongs to another commit'};
  }
  return null;
}

/** A torn line is a tear only when nothing but the rest of its own commit follows it. */
function judge(
  key: Buffer,
  rest: Buffer,
  bad: {readonly kind: 'torn' | 'damage' | 'version'; readonly reason: string},
  tornCommit: number,
  where: {readonly commit_start: number; readonly at: number},
): Break {
  if (bad.kind !== 'torn') return {...where, kind: bad.kind, reason: bad.reason};
  let cursor = 0;
  while (cursor < rest.length) {
    const newline = rest.indexOf(NEWLINE, cursor);
    const end = newline < 0 ? rest.length : newline;
    const line = parseLine(key, rest.subarray(cursor, end), newline >= 0, 0);
    if (line.ok ? line.record.commit !== tornCommit : line.kind !== 'torn') {
      return {...where, kind: 'damage', reason: `${bad.reason}, and a later commit follows it`};
    }
    cursor = end + 1;
  }
  return {...where, kind: 'tear', reason: bad.reason};
}
