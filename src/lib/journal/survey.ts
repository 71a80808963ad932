import {apply} from '../core/apply.js';
import {STATES} from '../core/payment.js';
import {emptyState, type State} from '../core/state.js';
import type {Storage} from '../storage/storage.js';
import type {Damage} from './damage.js';
import type {DeviceKeys} from './keys.js';
import {isBlank, privateDigest} from './line.js';
import {type BadLine, type GoodLine, readLine, type Told} from './line-record.js';
import {type RawLine, readLines} from './lines.js';
import type {SyncedMark} from './mark.js';
import {contentEnd} from './room.js';
import type {Position} from './scan.js';
import {firstSeqOf, type SegmentFile, segmentName} from './segments.js';

export interface SurveyRequest {
  readonly storage: Storage;
  /** Where each segment lies, in order. */
  readonly segments: readonly SegmentFile[];
  /** Null where the key is lost: lines are taken by their form, which proves nothing. */
  readonly keys: DeviceKeys | null;
  /** The synced mark of this boot. */
  readonly mark: SyncedMark | null;
  /** The record a checkpoint stands after. */
  readonly expected: Pick<Position, 'segment' | 'seq' | 'mac'> | null;
}

/** One thing that is wrong, and where. */
export interface Finding extends Damage {
  /** The payment it concerns, as far as the bytes still tell. */
  readonly payment: string | null;
}

/** Consecutive records in one segment, each following from the one before it. */
export interface Run {
  readonly kind: 'run';
  readonly segment: string;
  readonly path: string;
  readonly start: number;
  end: number;
  readonly first: number;
  last: number;
  /** What the first of them names as the one before it. */
  readonly prev: string;
  /** MAC of the last. */
  mac: string;
}

/** Consecutive lines that do not verify. */
export interface Hole {
  readonly kind: 'hole';
  readonly segment: string;
  readonly line: number;
  readonly start: number;
  end: number;
  lines: number;
  readonly reason: string;
  /** What each line seems to say; empty where that says nothing about this journal. */
  readonly told: Told[];
}

export interface Survey {
  readonly damage: readonly Finding[];
  /** What is not damage and yet worth knowing. */
  readonly notes: readonly string[];
  readonly segments: number;
  readonly records: number;
  readonly bytes: number;
  /** Where its record is lost, as the damaged bytes have it. */
  readonly device: string | null;
  readonly machine: string | null;
  /** The first line that a newer program wrote. */
  readonly newer: Finding | null;
  /** Set when it ends before something that is known to have followed. */
  readonly short: Finding | null;
  /** True when lines of the right form stand here and not one verifies with the key. */
  readonly foreign: boolean;
  /** Everything read, in the order of the files; what a power cut left at the end is not in it. */
  readonly pieces: readonly (Run | Hole)[];
  /** Segments from the first on without damage, and where they end. */
  readonly intact: {readonly segments: number; readonly seq: number; readonly mac: string};
  /** Records whose private part is gone or altered without permission, by sequence number. */
  readonly spoilt: ReadonlyMap<number, string>;
}

/** No more findings, notes and readable lines of one hole are kept than this: memory stays flat. */
const LISTED = 10_000;
/** No line of a journal is shorter. */
const SHORTEST_LINE = 150;
/** Payments that are done are let go of after so many records. */
const FORGET_EVERY = 4096;

/**
 * Reads every line of every segment and finds everything that is wrong, not only the first. After a bad line it goes
 * on with the next that verifies alone. Changes nothing; memory stays flat but for the list of findings.
 */
export function surveyJournal(request: SurveyRequest): Survey {
  return new Walk(request).run();
}

/** A private part that is not whole. A later record may still permit it. */
interface Suspect {
  readonly seq: number;
  readonly finding: Finding;
  readonly blank: boolean;
  /** The first record of its payment is lost, and with it what would permit this. */
  readonly unknown: boolean;
}

/** The last commit, while it may turn out to be one that a power cut left unfinished. */
interface Tear {
  readonly start: number;
  readonly commit: number;
  readonly reason: string;
  readonly findingsBefore: number;
  /** The last record before it. */
  readonly before: {readonly seq: number; readonly mac: string};
}

/** A commit of which records are read. */
interface OpenCommit {
  readonly first: number;
  readonly last: number;
  readonly start: number;
  readonly before: {readonly seq: number; readonly mac: string};
  /** NUL bytes stand in a private part of it: a page is missing. */
  hollow: boolean;
  /** A line among its records is damaged: no power cut does that. */
  damaged: boolean;
}

class Walk {
  readonly #request: SurveyRequest;
  readonly #damage: Finding[] = [];
  readonly #notes: string[] = [];
  readonly #pieces: (Run | Hole)[] = [];
  readonly #suspects = new Map<string, Suspect[]>();
  readonly #spoilt = new Map<number, string>();
  readonly #state = withoutReferences();
  #unlisted = 0;
  #toldDevice: string | null = null;
  #short: Finding | null = null;
  #lastSegment = '';
  #records = 0;
  #bytes = 0;
  #formed = 0;
  #newer: Finding | null = null;
  /** The last good record. */
  #previous = {seq: 0, mac: ''};
  #commit: OpenCommit | null = null;
  /** The last commit that came to its end. */
  #ended: OpenCommit | null = null;
  #tear: Tear | null = null;
  /** Where each segment ends, as long as nothing was wrong up to there. */
  readonly #intact = [{seq: 0, mac: ''}];
  readonly #damaged = new Set<string>();
  /** Within the segment being read. */
  #here = {good: 0, bad: 0, line: 0, terminated: 0};

  constructor(request: SurveyRequest) {
    this.#request = request;
  }

  run(): Survey {
    const {segments, mark} = this.#request;
    const acknowledged = segments.filter(({segment}) => mark === null || segment <= mark.segment);
    this.#lastSegment = acknowledged.at(-1)?.segment ?? '';
    for (const {segment} of segments.slice(acknowledged.length)) {
      this.#notes.push(`${segment} was begun and never acknowledged: the next command moves it to damaged/`);
    }
    acknowledged.forEach(({segment, path}, index) => {
      this.#segment(segment, path, index === acknowledged.length - 1);
    });
    this.#checkEnd(this.#lastSegment);
    this.#checkSuspects();
    if (this.#unlisted > 0)
      this.#notes.push(`and ${this.#unlisted} more places of damage that are not listed`);
    return this.#result(acknowledged.length);
  }

  #result(segments: number): Survey {
    const first = this.#request.segments.findIndex(({segment}) => this.#damaged.has(segment));
    const whole = Math.min(this.#intact.length - 1, first < 0 ? segments : first);
    const end = this.#intact[whole] ?? {seq: 0, mac: ''};
    return {
      damage: this.#damage,
      notes: this.#notes,
      segments,
      records: this.#records,
      bytes: this.#bytes,
      device: this.#state.device ?? this.#toldDevice,
      machine: this.#state.machine,
      newer: this.#newer,
      short: this.#short,
      foreign: this.#records === 0 && this.#formed > 0,
      pieces: this.#pieces,
      intact: {segments: whole, ...end},
      spoilt: this.#spoilt,
    };
  }

  #segment(segment: string, path: string, isLast: boolean): void {
    const {storage, keys, mark} = this.#request;
    const limit = mark?.segment === segment ? mark.offset : null;
    const mayBeTorn = isLast && mark === null;
    const before = {damage: this.#damage.length, pieces: this.#pieces.length, unlisted: this.#unlisted};
    this.#here = {good: 0, bad: 0, line: 0, terminated: 0};
    this.#tear = null;
    const file = storage.open(path, 'read');
    try {
      const size = file.size();
      const content = isLast ? contentEnd(file, limit ?? 0, size) : size;
      const end = limit === null ? content : Math.min(size, limit);
      this.#bytes += end;
      for (const raw of readLines(file, 0, end)) {
        this.#here.line += 1;
        if (raw.terminated) this.#here.terminated += 1;
        const line = readLine(keys?.mac ?? null, raw);
        if (line.ok && this.#isPlausible(segment, raw, line)) this.#good(segment, path, raw, line);
        else this.#bad(segment, raw, line.ok ? implausible(line) : line);
      }
      this.#collapse(segment, before, mayBeTorn);
      if (limit !== null && size < limit) {
        this.#findAtEnd(segment, size, `the file has ${size} bytes, but ${limit} were synced`);
      }
      if (limit !== null && content > limit)
        this.#notes.push(`${segment}: bytes ${limit} to ${content} were never acknowledged`);
      this.#endOfSegment(segment, end, mayBeTorn);
    } finally {
      file.close();
    }
  }

  /** Without the key a sequence number is only believed where it can stand. */
  #isPlausible(segment: string, raw: RawLine, {record}: GoodLine): boolean {
    if (this.#request.keys !== null) return true;
    const lost = this.#here.bad === 0 ? 0 : this.#lostBytes(segment, raw.start) / SHORTEST_LINE;
    const expected = this.#here.good === 0 ? firstSeqOf(segment) : this.#previous.seq + 1;
    if (record.seq < expected || record.seq > expected + lost) return false;
    return this.#folds(record);
  }

  #lostBytes(segment: string, to: number): number {
    const piece = this.#pieces.at(-1);
    return piece?.kind === 'hole' && piece.segment === segment ? to - piece.start : 0;
  }

  /** A record that nothing proves may have any shape: one that cannot be folded is none. */
  #folds(record: GoodLine['record']): boolean {
    try {
      const known = 'payment' in record ? this.#state.payments.get(record.payment) : undefined;
      apply(
        {...emptyState(), payments: new Map(known === undefined ? [] : [[known.local_id, known]])},
        record,
      );
      return true;
    } catch {
      return false;
    }
  }

  #good(segment: string, path: string, raw: RawLine, line: GoodLine): void {
    const {record, mac} = line;
    const follows = record.seq === this.#previous.seq + 1 && record.prev === this.#previous.mac;
    const reason =
      this.#misnamed(segment, record) ??
      (follows ? this.#otherCommit(record) : this.#outOfChain(segment, record));
    const payment = 'payment' in record ? record.payment : null;
    if (reason !== null) this.#find(segment, raw.start, reason, payment);
    if (line.unknown !== null) {
      this.#newer ??= {segment, line: this.#here.line, byte: raw.start, reason: line.unknown, payment};
      this.#find(segment, raw.start, line.unknown, payment);
    }
    if (this.#tear !== null && record.commit !== this.#tear.commit) this.#tear = null;
    this.#place(segment, path, raw, line, follows);
    if (!follows || this.#commit === null) {
      this.#commit = {
        first: record.commit,
        last: record.last,
        start: raw.start,
        before: this.#previous,
        hollow: false,
        damaged: false,
      };
    }
    if (line.private?.base64.includes('\0') === true) this.#commit.hollow = true;
    if (record.seq >= record.last) {
      this.#ended = this.#commit;
      this.#commit = null;
    }
    this.#previous = {seq: record.seq, mac};
    this.#here.good += 1;
    this.#records += 1;
    this.#fold(segment, line);
    this.#checkExpected(segment, raw, record.seq, mac, payment);
  }

  #misnamed(segment: string, {seq}: GoodLine['record']): string | null {
    const {good, bad} = this.#here;
    if (good > 0 || bad > 0 || seq === firstSeqOf(segment)) return null;
    return `it begins with record ${seq}, but the segment is named for record ${firstSeqOf(segment)}: swapped or renamed`;
  }

  #otherCommit(record: GoodLine['record']): string | null {
    const commit = this.#commit;
    const fits =
      record.commit === (commit?.first ?? record.seq) &&
      record.last >= record.seq &&
      (commit === null || record.last === commit.last);
    return fits ? null : 'it belongs to another commit';
  }

  /** Why a good line stands in the wrong place; null where bad lines before it say so already. */
  #outOfChain(segment: string, record: GoodLine['record']): string | null {
    const {seq} = this.#previous;
    const piece = this.#pieces.at(-1);
    const afterHole = piece?.kind === 'hole';
    if (record.seq <= seq) return `record ${record.seq} follows record ${seq}`;
    if (record.seq > seq + 1) {
      const missing = record.seq - seq - 1;
      if (afterHole && (piece.segment === segment || missing <= piece.lines)) return null;
      const range =
        record.seq === seq + 2 ? `record ${seq + 1} is` : `records ${seq + 1} to ${record.seq - 1} are`;
      const gone =
        this.#here.good === 0 ? `: segment ${segmentName(seq + 1)}, or the end of the one before` : '';
      return `${range} missing before it${gone}`;
    }
    return afterHole ? null : 'it does not follow from the record before it';
  }

  #place(segment: string, path: string, raw: RawLine, {record, mac}: GoodLine, follows: boolean): void {
    const end = raw.start + raw.length + 1;
    const piece = this.#pieces.at(-1);
    if (follows && piece?.kind === 'run' && piece.segment === segment) {
      piece.end = end;
      piece.last = record.seq;
      piece.mac = mac;
      return;
    }
    const {seq, prev} = record;
    this.#pieces.push({kind: 'run', segment, path, start: raw.start, end, first: seq, last: seq, prev, mac});
  }

  #bad(segment: string, raw: RawLine, line: BadLine): void {
    const {told, reason} = line;
    const commit = this.#commit;
    let begins = false;
    if (!line.torn) {
      this.#tear = null;
      if (commit !== null) commit.damaged = true;
    } else if (this.#tear === null) {
      const start = commit?.start ?? raw.start;
      const first = commit?.first ?? this.#previous.seq + 1;
      const before = commit?.before ?? this.#previous;
      this.#tear = {start, commit: first, reason, findingsBefore: this.#damage.length, before};
      begins = true;
    }
    this.#here.bad += 1;
    if (line.formed) this.#formed += 1;
    this.#toldDevice ??= told[0]?.device ?? null;
    this.#find(segment, raw.start, reason, told.find(({payment}) => payment !== null)?.payment ?? null);
    const end = raw.start + raw.length + (raw.terminated ? 1 : 0);
    const piece = this.#pieces.at(-1);
    if (!begins && piece?.kind === 'hole' && piece.segment === segment) {
      piece.end = end;
      piece.lines += told.length;
      if (piece.told.length < LISTED) piece.told.push(...told);
      return;
    }
    this.#pieces.push({
      kind: 'hole',
      segment,
      line: this.#here.line,
      start: raw.start,
      end,
      lines: told.length,
      reason,
      told: [...told],
    });
  }

  /** A segment of which no line verifies is not so many damaged lines: it is not of this journal. */
  #collapse(
    segment: string,
    before: {damage: number; pieces: number; unlisted: number},
    mayBeTorn: boolean,
  ): void {
    const {good, bad} = this.#here;
    if (good > 0 || bad < 2 || this.#request.keys === null) return;
    if (mayBeTorn && this.#tear?.start === 0 && this.#isTear(this.#tear)) return;
    const reason = `none of its ${bad} lines verifies: written with another key, or by another device`;
    this.#damage.splice(before.damage);
    this.#unlisted = before.unlisted;
    this.#add({segment, line: 1, byte: 0, reason, payment: null});
    for (const piece of this.#pieces.slice(before.pieces)) if (piece.kind === 'hole') piece.told.length = 0;
    this.#tear = null;
  }

  #endOfSegment(segment: string, end: number, mayBeTorn: boolean): void {
    const commit = this.#commit;
    if (this.#tear === null && commit !== null && !commit.damaged) {
      const reason = 'the last commit ends before its last record';
      const {start, first, before} = commit;
      this.#tear = {start, commit: first, reason, findingsBefore: this.#damage.length, before};
      this.#findAtEnd(segment, end, reason);
    }
    if (mayBeTorn && this.#here.good > 0) this.#findHollow();
    if (this.#tear !== null && mayBeTorn && this.#isTear(this.#tear)) this.#cutTear(segment, this.#tear, end);
    if (end === 0 && segment !== this.#lastSegment)
      this.#findAtEnd(segment, 0, 'its first record is missing');
    if (this.#damage.length === 0) this.#intact.push(this.#previous);
    this.#commit = null;
  }

  /** Private parts stand outside the MAC: a page of one may be all that a power cut took of the last commit. */
  #findHollow(): void {
    const ended = this.#ended;
    if (this.#tear !== null || ended === null || !ended.hollow || ended.last !== this.#previous.seq) return;
    const {start, first, before} = ended;
    const reason = 'a part of its sealed card data is missing';
    this.#tear = {start, commit: first, reason, findingsBefore: this.#damage.length, before};
    for (const [payment, suspects] of this.#suspects) {
      this.#suspects.set(
        payment,
        suspects.filter(({seq}) => seq < first),
      );
    }
  }

  /** The first segment got its name when it was whole, so a power cut can not have torn its first record. */
  #isTear({commit}: Tear): boolean {
    return commit > 1;
  }

  /** What a power cut left unfinished was never acknowledged: no damage, and no part of the journal. */
  #cutTear(segment: string, tear: Tear, end: number): void {
    this.#notes.push(
      `${segment}: a power cut left an unfinished commit at byte ${tear.start} (${end - tear.start} bytes; ` +
        `${tear.reason}): nobody was ever told it was safe, and the next command moves it to damaged/`,
    );
    this.#damage.splice(tear.findingsBefore);
    for (let piece = this.#pieces.at(-1); piece !== undefined; piece = this.#pieces.at(-1)) {
      if (piece.segment !== segment || piece.end <= tear.start) break;
      this.#pieces.pop();
      const kept = piece.start < tear.start;
      if (piece.kind === 'run') this.#records -= piece.last - (kept ? tear.before.seq : piece.first - 1);
      if (kept) this.#pieces.push({...piece, end: tear.start, ...(piece.kind === 'run' ? lastOf(tear) : {})});
    }
    this.#previous = tear.before;
    this.#short = null;
  }

  #fold(segment: string, line: GoodLine): void {
    const {record, unknown, private: kept} = line;
    if (unknown !== null) return;
    if (kept !== null && 'payment' in record) this.#checkPrivate(segment, line, kept, record.payment);
    apply(this.#state, record);
    if ('payment' in record) this.#permit(record.payment);
    if (this.#records % FORGET_EVERY === 0) forgetDone(this.#state);
  }

  #checkPrivate(
    segment: string,
    {record}: GoodLine,
    kept: {readonly start: number; readonly base64: string},
    payment: string,
  ): void {
    const {keys} = this.#request;
    const blank = isBlank(Buffer.from(kept.base64, 'latin1'));
    const whole =
      keys === null
        ? isSealedData(kept.base64)
        : privateDigest(keys.privateDigest, record.seq, kept.base64) === record.private_digest;
    if (whole) return;
    const reason = `the sealed card data of ${payment} was ${blank ? 'removed' : 'altered'}`;
    const finding = {segment, line: this.#here.line, byte: kept.start, reason, payment};
    const suspects = this.#suspects.get(payment) ?? [];
    const unknown = !this.#state.payments.has(payment);
    this.#suspects.set(payment, [...suspects, {seq: record.seq, finding, blank, unknown}]);
  }

  /** From the record on that settles a payment, its sealed data may be gone. */
  #permit(payment: string): void {
    const suspects = this.#suspects.get(payment);
    if (suspects === undefined || this.#state.payments.get(payment)?.private_data !== 'released') return;
    this.#suspects.delete(payment);
    for (const {blank, finding} of suspects) {
      if (blank || this.#notes.length >= LISTED) continue;
      const {segment, line, byte} = finding;
      this.#notes.push(
        `${segment}, line ${line}, byte ${byte}: the place of removed card data of ${payment} is not blank; ` +
          'that payment is settled',
      );
    }
  }

  #checkSuspects(): void {
    for (const suspects of this.#suspects.values()) {
      for (const {seq, finding, blank, unknown} of suspects) {
        this.#spoilt.set(seq, finding.payment ?? '');
        if (!blank || !unknown) this.#add(finding);
      }
    }
  }

  #checkExpected(segment: string, raw: RawLine, seq: number, mac: string, payment: string | null): void {
    const {expected} = this.#request;
    if (expected?.seq !== seq || expected.mac === mac) return;
    this.#find(segment, raw.start, `record ${seq} is not the one the checkpoint was written after`, payment);
  }

  #checkEnd(segment: string): void {
    const {mark, expected, segments} = this.#request;
    const runs = this.#pieces.filter((piece) => piece.kind === 'run');
    const highest = runs.reduce((seq, {last}) => Math.max(seq, last), 0);
    if (expected !== null && highest < expected.seq) {
      const reason = `the journal ends before its checkpoint: record ${expected.seq} is not there`;
      this.#findAtEnd(segment, this.#pieces.at(-1)?.end ?? 0, reason);
    } else if (this.#records === 0 && segments.length > 0 && this.#damage.length === 0) {
      this.#findAtEnd(segment, 0, 'its first record is missing');
    }
    if (segments.length === 0) this.#addMissing(segmentName(1), 'every segment is missing');
    else if (mark !== null && segment !== mark.segment) {
      this.#short = this.#addMissing(mark.segment, 'this segment is missing');
    }
  }

  #addMissing(segment: string, reason: string): Finding {
    const finding = {segment, line: 1, byte: 0, reason, payment: null};
    this.#add(finding);
    return finding;
  }

  #find(segment: string, byte: number, reason: string, payment: string | null): void {
    this.#add({segment, line: this.#here.line, byte, reason, payment});
  }

  /** Where something should follow and does not. */
  #findAtEnd(segment: string, byte: number, reason: string): void {
    const finding = {segment, line: this.#here.terminated + 1, byte, reason, payment: null};
    if (segment === this.#lastSegment) this.#short ??= finding;
    this.#add(finding);
  }

  #add(finding: Finding): void {
    this.#damaged.add(finding.segment);
    if (this.#damage.length < LISTED) this.#damage.push(finding);
    else this.#unlisted += 1;
  }
}

function lastOf({before}: Tear): {last: number; mac: string} {
  return {last: before.seq, mac: before.mac};
}

function implausible({record}: GoodLine): BadLine {
  const payment = 'payment' in record ? record.payment : null;
  const told = {seq: null, type: record.type, payment, device: null};
  return {ok: false, torn: false, formed: true, told: [told], reason: 'it cannot stand here'};
}

function isSealedData(base64: string): boolean {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return false;
  try {
    const {sealed} = JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
    return typeof sealed === 'object' && sealed !== null;
  } catch {
    return false;
  }
}

/** A state that keeps no references: nobody asks for them here, and there may be a million. */
export function withoutReferences(): State {
  const none = {
    get: () => undefined,
    set: () => none,
    delete: () => false,
    [Symbol.iterator]: () => [].values(),
  };
  return {...emptyState(), references: none};
}

/** Lets go of payments that nothing later can open again. */
export function forgetDone(state: State): void {
  for (const [id, payment] of state.payments) {
    const {leftover, stray, unclaimed} = payment;
    const waits = payment.private_data === 'present' || leftover || stray || unclaimed;
    if (STATES[payment.state].bucket === 'done' && !waits) state.payments.delete(id);
  }
  for (const [key] of [...state.references]) state.references.delete(key);
}
