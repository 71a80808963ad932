import {join} from 'node:path';
import type {EventBody} from '../core/events.js';
import type {Storage, StorageFile} from '../storage/storage.js';
import type {Loss} from './arrange.js';
import {type CommitStamp, encodeCommit, recordOf} from './encode.js';
import type {DeviceKeys} from './keys.js';
import {encodeLine, privateDigest} from './line.js';
import {type GoodLine, HEAD} from './line-record.js';
import {goodLines, type RepairPlan} from './plan.js';
import type {Position} from './scan.js';
import {segmentName} from './segments.js';

export interface RebuildRequest {
  readonly storage: Storage;
  /** An empty directory: the new segments go here. */
  readonly directory: string;
  readonly plan: RepairPlan;
  /** MAC key the kept lines are read with; null where it is lost. */
  readonly oldKey: Buffer | null;
  /** Keys everything is written with. */
  readonly keys: DeviceKeys;
  /** Digests of private parts are made anew: the key they were made with is lost. */
  readonly rekeyed: boolean;
  /** Records whose private part is not what it was. */
  readonly spoilt: ReadonlyMap<number, string>;
  readonly stamp: CommitStamp;
  /** What the last commit of the rebuilt journal tells. */
  readonly closing: readonly EventBody[];
  readonly segmentBytes: number;
}

const BUFFERED = 1024 * 1024;

/** Writes the rebuilt part of a journal, each file synced. Returns the names of the segments and where they end. */
export function rebuild(request: RebuildRequest): {
  readonly segments: readonly string[];
  readonly end: Position;
} {
  const {storage, plan, oldKey, closing, keys, stamp} = request;
  const writer = new Rewriter(request);
  try {
    for (const step of plan.steps) {
      if (step.kind === 'loss') writer.fill(step);
      if (step.kind !== 'keep') continue;
      for (const line of goodLines(storage, oldKey, step.run.path, step.run.start, step.run.end)) {
        if (line.record.seq >= step.from) writer.keep(line);
      }
    }
    const position = writer.position();
    const first = position.seq + 1;
    const records = closing.map((event, index) => recordOf(event, first + index, first, stamp));
    writer.put(encodeCommit(keys, position, closing, records));
    writer.finish();
    return {segments: writer.segments, end: writer.end};
  } finally {
    writer.close();
  }
}

class Rewriter {
  readonly segments: string[] = [];
  readonly #request: RebuildRequest;
  #file: StorageFile | null = null;
  #buffered: Buffer[] = [];
  #bytes = 0;
  #written = 0;
  #at: Position;

  constructor(request: RebuildRequest) {
    this.#request = request;
    const {seq, mac} = request.plan.from;
    this.#at = {segment: segmentName(seq + 1), offset: 0, line_start: -1, seq, mac};
  }

  /** Where the last line ends. */
  get end(): Position {
    return this.#at;
  }

  /** Where the next line goes. */
  position(): Position {
    const {seq, offset} = this.#at;
    const full = offset >= this.#request.segmentBytes;
    return full ? {...this.#at, segment: segmentName(seq + 1), offset: 0} : this.#at;
  }

  /** A line as it was, in its new place: its number stays, what it follows from is new. */
  keep(line: GoodLine): void {
    const {keys} = this.#request;
    const {seq} = line.record;
    const kept = this.#keptPrivate(line);
    const text = withDigest(headed(line, this.position().mac), kept?.digest ?? null);
    const {bytes, mac} = encodeLine(keys.mac, text, kept?.base64 ?? null);
    const from = this.position();
    this.put({
      bytes,
      end: {...from, line_start: from.offset, offset: from.offset + bytes.length, seq, mac},
    });
  }

  #keptPrivate({record, private: kept}: GoodLine): {base64: string; digest: string} | null {
    const {keys, rekeyed, spoilt} = this.#request;
    if (kept === null || record.private_digest === undefined || spoilt.has(record.seq)) return null;
    const {base64} = kept;
    if (!rekeyed) return {base64, digest: record.private_digest};
    return {base64, digest: privateDigest(keys.privateDigest, record.seq, base64)};
  }

  /** Records of their own take the numbers of those that are lost, so that the chain has no gap. */
  fill({range, reason, segment, byte}: Loss): void {
    if (range === null) return;
    const {keys, stamp} = this.#request;
    const event: EventBody = {type: 'journal.lost', data: {reason, segment, byte}};
    for (let seq = range.first; seq <= range.last; seq += 1) {
      this.put(encodeCommit(keys, this.position(), [event], [recordOf(event, seq, seq, stamp)]));
    }
  }

  put({bytes, end}: {readonly bytes: Buffer; readonly end: Position}): void {
    if (this.#file === null || end.segment !== this.#at.segment) this.#begin(end.segment);
    this.#buffered.push(bytes);
    this.#bytes += bytes.length;
    this.#at = end;
    if (this.#bytes >= BUFFERED) this.#flush();
  }

  finish(): void {
    this.#flush();
    this.#file?.sync();
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  #begin(segment: string): void {
    if (this.#file !== null) {
      this.finish();
      this.close();
    }
    this.#file = this.#request.storage.create(join(this.#request.directory, segment));
    this.#written = 0;
    this.segments.push(segment);
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#buffered);
    this.#file?.write(this.#written, bytes);
    this.#written += bytes.length;
    this.#buffered = [];
    this.#bytes = 0;
  }
}

/** The text of a record as a commit of its own. Everything after its head stays byte for byte. */
function headed({text, record}: GoodLine, prev: string): string {
  const {v, seq} = record;
  const head = `{"v":${v},"seq":${seq},"commit":${seq},"last":${seq},"prev":"${prev}",`;
  return text.replace(HEAD, () => head);
}

const DIGEST = /,"private_digest":"[^"]*"\}$/;

function withDigest(text: string, digest: string | null): string {
  return text.replace(DIGEST, () => (digest === null ? '}' : `,"private_digest":"${digest}"}`));
}
