import {apply} from '../core/apply.js';
import {emptyState, type State} from '../core/state.js';
import {damagedError} from './damage.js';
import type {Position, ScannedCommit, ScannedRecord} from './scan.js';

/** Where the private part of a payment lies. */
export interface PrivatePlace {
  readonly segment: string;
  /** Absolute byte of the base64. */
  readonly start: number;
  readonly length: number;
  readonly digest: string;
  readonly seq: number;
}

/** What a process knows of the journal up to a position. */
export interface Fold {
  readonly state: State;
  /** Private parts by payment, until they are blanked. */
  readonly privates: Map<string, PrivatePlace>;
  /** Payments that closed and whose private part may still stand in the file. */
  readonly redactable: Set<string>;
  position: Position;
  /** The record a checkpoint stood after that could not be used: the journal must still hold it. */
  expected: Position | null;
  /** Records folded since the last checkpoint. */
  tail: number;
}

export const START: Position = {segment: '', offset: 0, line_start: -1, seq: 0, mac: ''};

export function emptyFold(): Fold {
  return {
    state: emptyState(),
    privates: new Map(),
    redactable: new Set(),
    position: START,
    expected: null,
    tail: 0,
  };
}

/** Folds whole commits. */
export function foldCommits(fold: Fold, commits: readonly ScannedCommit[]): void {
  for (const commit of commits) {
    for (const scanned of commit.records) foldRecord(fold, scanned);
    fold.position = commit.end;
    const {expected} = fold;
    if (expected?.seq === commit.end.seq && expected.mac !== commit.end.mac) {
      const reason = `record ${expected.seq} is not the one the checkpoint was written after`;
      throw damagedError({segment: commit.end.segment, line: 0, byte: commit.end.line_start, reason});
    }
  }
}

function foldRecord(fold: Fold, scanned: ScannedRecord): void {
  apply(fold.state, scanned.record);
  placeRecord(fold, scanned);
}

/** Notes where a record that is already applied stands. */
export function placeRecord(fold: Fold, {record, segment, private: kept}: ScannedRecord): void {
  fold.tail += 1;
  if (!('payment' in record)) return;
  if (kept !== null) fold.privates.set(record.payment, {segment, ...kept, seq: record.seq});
  const released = fold.state.payments.get(record.payment)?.private_data === 'released';
  if (released && fold.privates.has(record.payment)) fold.redactable.add(record.payment);
}
