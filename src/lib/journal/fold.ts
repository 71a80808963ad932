import {apply} from '../core/apply.js';
import {freesReference} from '../core/decide.js';
import {awaitsNotice, type Payment, STATES} from '../core/payment.js';
import {addTo, emptyState, nobodyRunning, referenceKey, type State} from '../core/state.js';
import type {ClosedIndex, ClosedPayment, Place} from './closed-index.js';
import {IndexedReferences} from './references.js';
import type {Position, ScannedCommit, ScannedRecord} from './scan.js';
import {firstSeqOf} from './segments.js';

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
  /** Segments in which sealed data was found blank, by somebody who may not have synced it. */
  readonly unsynced: Set<string>;
  /** Where the records of the payments in `state` stand. */
  readonly places: Map<string, Place[]>;
  /** The closed payments that left `state`; null where they were only counted, for reading without the lock. */
  index: ClosedIndex | null;
  /** How many segments there are up to the position. */
  segments: number;
  /** Its beginning was held against the segments that are there. */
  checked: boolean;
  position: Position;
  /** The record a checkpoint stood after that could not be used: the journal must still hold it. */
  expected: Position | null;
  /** Records folded since the last checkpoint. */
  tail: number;
}

export const START: Position = {segment: '', offset: 0, line_start: -1, seq: 0, mac: ''};

/** A fold of nothing. `index` null: closed payments will be counted, not indexed. */
export function emptyFold(index: ClosedIndex | null = null): Fold {
  return {
    state: {...emptyState(), references: new IndexedReferences([], index)},
    privates: new Map(),
    redactable: new Set(),
    unsynced: new Set(),
    places: new Map(),
    index,
    segments: 0,
    checked: false,
    position: START,
    expected: null,
    tail: 0,
  };
}

/**
 * Folds whole commits.
 * @param damagedAt the error of damage at a byte of a segment
 */
export function foldCommits(
  fold: Fold,
  commits: readonly ScannedCommit[],
  damagedAt: (segment: string, byte: number, reason: string) => Error,
): void {
  for (const commit of commits) {
    const {expected, position} = fold;
    const reached = expected !== null && position.seq < expected.seq && commit.end.seq >= expected.seq;
    // A checkpoint stands after a whole commit. Said before it is folded: whoever reads on from here must meet it again.
    if (reached && commit.end.mac !== expected.mac) {
      const reason = `record ${expected.seq} is not the one the checkpoint was written after`;
      throw damagedAt(commit.end.segment, commit.end.line_start, reason);
    }
    for (const scanned of commit.records) foldRecord(fold, scanned);
    fold.position = commit.end;
  }
}

function foldRecord(fold: Fold, scanned: ScannedRecord): void {
  apply(fold.state, scanned.record);
  placeRecord(fold, scanned);
}

/** Notes where a record that is already applied stands. */
export function placeRecord(fold: Fold, {record, segment, line_start, private: kept}: ScannedRecord): void {
  fold.tail += 1;
  if (!('payment' in record) || !fold.state.payments.has(record.payment)) return;
  const places = fold.places.get(record.payment) ?? [];
  places.push([firstSeqOf(segment), line_start]);
  fold.places.set(record.payment, places);
  if (kept !== null) fold.privates.set(record.payment, {segment, ...kept, seq: record.seq});
  const released = fold.state.payments.get(record.payment)?.private_data === 'released';
  if (released && fold.privates.has(record.payment)) fold.redactable.add(record.payment);
}

/**
 * Payments a person must take note of stay until somebody has; so do those nobody has heard of yet, those with an intent
 * left at the API, and those whose sealed data still stands in the file.
 */
function stays(fold: Fold, payment: Payment): boolean {
  const listed = awaitsNotice(payment) || payment.unclaimed || payment.leftover || payment.stray;
  return STATES[payment.state].bucket !== 'done' || listed || fold.redactable.has(payment.local_id);
}

/** So many payments a checkpoint would hold whole. */
export function countStaying(fold: Fold): number {
  let count = 0;
  for (const payment of fold.state.payments.values()) if (stays(fold, payment)) count += 1;
  return count;
}

/** Lets go of payments that are closed: they become counts and sums here, and what this returns in the index. */
export function dropClosed(fold: Fold): readonly ClosedPayment[] {
  const {state} = fold;
  const closed: ClosedPayment[] = [];
  for (const payment of state.payments.values()) {
    const {local_id, seq, id} = payment;
    if (stays(fold, payment)) continue;
    const tally = state.closed[payment.state] ?? {count: 0, amounts: {}};
    addTo(tally, payment);
    state.closed[payment.state] = tally;
    state.payments.delete(local_id);
    closed.push({
      local_id,
      seq,
      id,
      reference: dropReference(state, payment),
      places: fold.places.get(local_id) ?? [],
    });
    fold.privates.delete(local_id);
    fold.places.delete(local_id);
  }
  return closed;
}

/** The key of the reference it holds for good; null when it has none, or gives it back. */
function dropReference(state: State, payment: Payment): string | null {
  if (payment.reference === null) return null;
  const key = referenceKey(payment.binding.account, payment.reference);
  // Of a payment that is still here the reference is, too, unless another one took it and has closed since.
  const references = state.references as IndexedReferences;
  if (references.recent(key)?.payment !== payment.local_id) return null;
  state.references.delete(key);
  return freesReference(payment, nobodyRunning) ? null : key;
}
