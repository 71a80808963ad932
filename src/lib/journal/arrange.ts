import type {Storage} from '../storage/storage.js';
import type {Told} from './line-record.js';
import {lineOfByte} from './lines.js';
import type {Hole, Run, Survey} from './survey.js';

/** Records that are lost, and where they would stand. */
export interface Loss {
  readonly kind: 'loss';
  readonly segment: string;
  readonly line: number;
  readonly byte: number;
  readonly reason: string;
  /** Null: none is known by its number. */
  readonly range: {readonly first: number; readonly last: number} | null;
  /** What the damaged bytes seem to say. */
  readonly told: readonly Told[];
  /** True when they say of every lost record which payment it was of. */
  readonly attributed: boolean;
}

/** What a repaired journal is made of, in the order of the records. */
export type Step =
  | {readonly kind: 'keep'; readonly run: Run; readonly from: number}
  /** Records whose numbers are taken by others that fit better. */
  | {readonly kind: 'drop'; readonly run: Run; readonly below: number}
  | Loss;

/** Where a rebuilt journal begins: after the segments that stay as they are. */
export interface Beginning {
  readonly segments: number;
  readonly seq: number;
  readonly mac: string;
}

/** Record types that are of no payment. */
const OF_NO_PAYMENT: ReadonlySet<string> = new Set([
  'journal.opened',
  'journal.recovered',
  'journal.lost',
  'journal.repaired',
  'journal.adopted',
  'reader.paired',
]);

/**
 * Puts everything that verifies into the order of its sequence numbers, wherever it stands, and says what is missing
 * between.
 * @param atLeast the highest sequence number that is known to have been written
 */
export function arrange(
  storage: Storage,
  survey: Survey,
  names: readonly string[],
  from: Beginning,
  atLeast: number,
): readonly Step[] {
  const rebuilt = new Set(names.slice(from.segments));
  const pieces = mergeHoles(survey.pieces.filter(({segment}) => rebuilt.has(segment)));
  const waiting = pieces
    .map((piece, index) => ({piece, index}))
    .filter((one): one is {piece: Run; index: number} => one.piece.kind === 'run')
    .sort((a, b) => a.piece.first - b.piece.first);
  const steps: Step[] = [];
  const explained = new Set(pieces.filter((_, index) => isMereDirt(pieces, index, from)));
  let at = {seq: from.seq, mac: from.mac, index: -1};
  while (waiting.length > 0) {
    const {piece: run, index} = takeNext(waiting, at);
    const first = Math.max(run.first, at.seq + 1);
    if (run.first < first) steps.push({kind: 'drop', run, below: first});
    if (run.last < first) continue;
    if (run.first !== at.seq + 1 || run.prev !== at.mac) {
      const hole = between(pieces, at.index, index);
      if (hole !== null) explained.add(hole);
      const place = hole ?? {
        segment: run.segment,
        line: lineOfByte(storage, run.path, run.start),
        start: run.start,
        reason: first > at.seq + 1 ? 'missing' : 'it does not follow from the record before it',
      };
      steps.push(lossAt(place, hole, at.seq + 1, first - 1));
    }
    steps.push({kind: 'keep', run, from: first});
    at = {seq: run.last, mac: run.mac, index};
  }
  const tail = lossAtEnd(survey, pieces, explained, at, atLeast);
  return tail === null ? steps : [...steps, tail];
}

function mergeHoles(pieces: readonly (Run | Hole)[]): readonly (Run | Hole)[] {
  const merged: (Run | Hole)[] = [];
  for (const piece of pieces) {
    const last = merged.at(-1);
    if (piece.kind === 'hole' && last?.kind === 'hole') {
      const told = last.told.length === last.lines ? [...last.told, ...piece.told] : last.told;
      merged[merged.length - 1] = {...last, end: piece.end, lines: last.lines + piece.lines, told};
    } else merged.push(piece);
  }
  return merged;
}

/** The one that follows, else the one with the lowest number. */
function takeNext(
  waiting: {piece: Run; index: number}[],
  at: {readonly seq: number; readonly mac: string},
): {piece: Run; index: number} {
  let chosen = 0;
  for (let index = 0; index < waiting.length; index += 1) {
    const {first, prev} = (waiting[index] as {piece: Run}).piece;
    if (first > at.seq + 1) break;
    if (first === at.seq + 1 && prev === at.mac) {
      chosen = index;
      break;
    }
  }
  return waiting.splice(chosen, 1)[0] as {piece: Run; index: number};
}

function between(pieces: readonly (Run | Hole)[], before: number, after: number): Hole | null {
  const piece = pieces[before + 1];
  return after === before + 2 && piece?.kind === 'hole' ? piece : null;
}

function lossAt(
  place: {readonly segment: string; readonly line: number; readonly start: number; readonly reason: string},
  hole: Hole | null,
  first: number,
  last: number,
): Loss {
  const {segment, line, start: byte, reason} = place;
  const count = last - first + 1;
  const attributed = hole !== null && isAttributed(hole, first, count);
  const range = count > 0 ? {first, last} : null;
  return {kind: 'loss', segment, line, byte, reason, range, told: hole?.told ?? [], attributed};
}

function isAttributed({lines, told}: Hole, first: number, count: number): boolean {
  return (
    lines === count &&
    told.length === count &&
    told.every(
      ({seq, payment, type}, index) =>
        seq === first + index && (payment !== null || OF_NO_PAYMENT.has(type ?? '')),
    )
  );
}

/** Bytes between two records of which one follows the other: nothing is lost there. */
function isMereDirt(pieces: readonly (Run | Hole)[], index: number, from: Beginning): boolean {
  const [before, hole, after] = [pieces[index - 1], pieces[index], pieces[index + 1]];
  if (hole?.kind !== 'hole' || after?.kind !== 'run') return false;
  if (before === undefined) return after.first === from.seq + 1 && after.prev === from.mac;
  return before.kind === 'run' && after.first === before.last + 1 && after.prev === before.mac;
}

/** Whether anything is missing after the last record, or bytes stand somewhere that nothing explains. */
function lossAtEnd(
  survey: Survey,
  pieces: readonly (Run | Hole)[],
  explained: ReadonlySet<Run | Hole>,
  at: {readonly seq: number; readonly index: number},
  atLeast: number,
): Loss | null {
  const holes = pieces.filter((piece) => piece.kind === 'hole' && !explained.has(piece)) as readonly Hole[];
  const [hole, more] = holes;
  if (hole === undefined && survey.short === null && atLeast <= at.seq) return null;
  const atEnd = hole !== undefined && more === undefined && pieces[at.index + 1] === hole;
  const readable = atEnd && survey.short === null && isAttributed(hole, at.seq + 1, hole.lines);
  const last = Math.max(atLeast, readable ? at.seq + hole.lines : at.seq);
  const short = survey.short ?? survey.damage.at(-1) ?? {segment: '', line: 1, byte: 0, reason: 'missing'};
  const loss = lossAt(hole ?? {...short, start: short.byte}, hole ?? null, at.seq + 1, last);
  return {
    ...loss,
    told: holes.flatMap(({told}) => told),
    attributed: readable && last === at.seq + hole.lines,
  };
}
