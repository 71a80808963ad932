import {join} from 'node:path';
import {apply} from '../core/apply.js';
import type {Decision} from '../core/decide.js';
import {StowpayError} from '../core/errors.js';
import type {EventBody, JournalRecord} from '../core/events.js';
import type {PrivateData} from '../core/payment.js';
import type {Clock, HistoryEntry, Journal, JournalHealth, PaymentClaim} from '../core/ports.js';
import type {State} from '../core/state.js';
import {rfc3339} from '../core/time.js';
import {FileLock} from '../storage/file-lock.js';
import type {Storage} from '../storage/storage.js';
import {dropClosed, readCheckpoint, writeCheckpoint} from './checkpoint.js';
import {cutSegment, cutTail} from './cut.js';
import {damagedError, diskFull, lockedError, lostError, readFailed, writeFailed} from './damage.js';
import {encodeCommit, recordOf} from './encode.js';
import {emptyFold, type Fold, placeRecord} from './fold.js';
import {type DeviceKeys, readKeys} from './keys.js';
import {isBlank, privateDigest} from './line.js';
import {loadTail, standsOn} from './load.js';
import {readMark, type SyncedMark, writeMark} from './mark.js';
import {PaymentLocks} from './payment-locks.js';
import {redactClosed} from './redaction.js';
import {fillReserve, sells} from './reserve.js';
import {listSegments, readSegment, segmentsLost} from './segments.js';
import {readHistory, verifyAll} from './verify.js';
import {SegmentWriter} from './writer.js';

export interface JournalOptions {
  readonly storage: Storage;
  /** The data directory; the journal lives in `journal/` below it. */
  readonly directory: string;
  readonly clock: Clock;
  /** How long to wait for another process's lock, ms. */
  readonly lockWaitMs?: number;
  readonly segmentBytes?: number;
}

const LOCK_WAIT_MS = 10_000;
/** A checkpoint is refreshed after so many records, or as many as payments are open: amortised constant. */
const CHECKPOINT_TAIL = 256;

interface Waiting {
  readonly decide: (state: State) => Decision<unknown>;
  readonly resolve: (done: {result: unknown; records: readonly JournalRecord[]}) => void;
  readonly reject: (error: unknown) => void;
}

/** The journal in files. See `docs/JOURNAL.md` for format and protocol. */
export class FileJournal implements Journal {
  readonly #storage: Storage;
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #keys: DeviceKeys;
  readonly #lock: FileLock;
  readonly #payments: PaymentLocks;
  readonly #writer: SegmentWriter;
  #fold: Fold | null = null;
  #waiting: Waiting[] = [];
  #draining = false;
  /** Set by a failed write or sync: this process never writes again. */
  #failed: StowpayError | null = null;

  /** Opens an existing journal. Throws `journal_not_found` when none was initialised here. */
  constructor(options: JournalOptions) {
    const directory = join(options.directory, 'journal');
    if (segmentsLost(options.storage, directory)) throw lostError(directory);
    if (listSegments(options.storage, directory).length === 0) throw notFound(options.directory);
    this.#storage = options.storage;
    this.#directory = directory;
    this.#clock = options.clock;
    this.#waitMs = options.lockWaitMs ?? LOCK_WAIT_MS;
    this.#keys = readKeys(options.storage, options.directory);
    this.#lock = new FileLock(options.storage.openLock(join(directory, 'lock')));
    this.#payments = new PaymentLocks(options.storage, join(directory, 'attempts'));
    this.#writer = new SegmentWriter(options.storage, directory, options.segmentBytes);
  }

  async view(): Promise<{readonly state: State; readonly health: JournalHealth}> {
    try {
      return this.#healthy(this.#refreshUnlocked());
    } catch {
      // Somebody may have been writing while we read. Before anybody hears "damaged": again, then under the lock.
      this.#fold = null;
    }
    try {
      return this.#healthy(this.#refreshUnlocked());
    } catch {
      return this.#underLock(() => this.#viewLocked());
    }
  }

  transact<T>(
    decide: (state: State) => Decision<T>,
  ): Promise<{readonly result: T; readonly records: readonly JournalRecord[]}> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({decide, resolve: resolve as Waiting['resolve'], reject});
      void this.#drain();
    });
  }

  claim(seq: number, waitMs?: number): Promise<PaymentClaim | null> {
    return this.#payments.claim(seq, waitMs);
  }

  owned(seq: number): boolean {
    return this.#payments.owned(seq);
  }

  async privateData(localId: string): Promise<PrivateData | null> {
    await this.view();
    const place = this.#fold?.privates.get(localId);
    if (place === undefined) return null;
    const {bytes} = readSegment(
      this.#storage,
      this.#directory,
      place.segment,
      place.start,
      place.start + place.length,
    );
    if (isBlank(bytes)) return null;
    const base64 = bytes.toString('latin1');
    if (privateDigest(this.#keys.privateDigest, place.seq, base64) !== place.digest) {
      const reason = `the sealed card data of ${localId} was altered`;
      throw damagedError({segment: place.segment, line: 0, byte: place.start, reason});
    }
    return JSON.parse(Buffer.from(base64, 'base64').toString('utf8')) as PrivateData;
  }

  async *history(): AsyncIterable<HistoryEntry> {
    yield* readHistory(this.#storage, this.#directory, this.#keys.mac, this.#currentMark());
  }

  verify(): Promise<JournalHealth> {
    return this.#underLock(() => {
      const {health} = this.#viewLocked();
      if (!health.ok) return health;
      return verifyAll(this.#storage, this.#directory, this.#keys, this.#currentMark());
    });
  }

  close(): void {
    this.#writer.close();
    this.#payments.close();
    this.#lock.close();
  }

  async #drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    while (this.#waiting.length > 0) {
      try {
        await this.#underLock(() => this.#commit(this.#waiting.splice(0)));
      } catch (error) {
        for (const {reject} of this.#waiting.splice(0)) reject(error);
      }
    }
    this.#draining = false;
  }

  async #underLock<T>(act: () => T): Promise<T> {
    const done = await this.#lock.exclusively(this.#waitMs, () => {
      if (!this.#lock.isCurrent()) throw replaced(this.#lock.file.path);
      return act();
    });
    if (done === null) throw lockedError(this.#waitMs);
    return done.value;
  }

  /** Decides for everybody who waits, then one write and one sync for all. */
  #commit(batch: readonly Waiting[]): void {
    let written: (() => void)[];
    try {
      if (this.#failed !== null) throw this.#failed;
      const recovered = this.#refreshLocked();
      written = this.#write(batch, recovered);
    } catch (error) {
      // What was decided in memory is not what the disk holds: start again from the disk.
      this.#fold = null;
      if (error instanceof StowpayError && error.code === 'journal_write_failed') this.#failed = error;
      const told = error instanceof StowpayError ? error : readFailed(error, this.#directory);
      for (const {reject} of batch) reject(told);
      return;
    }
    for (const resolve of written) resolve();
    this.#redact();
  }

  #write(batch: readonly Waiting[], recovered: readonly EventBody[]): (() => void)[] {
    const fold = this.#current();
    const stamp = {at: rfc3339(this.#clock.now()), boot: this.#clock.boot, mono: this.#clock.mono()};
    const events: EventBody[] = [];
    const records: JournalRecord[] = [];
    const first = fold.position.seq + 1;
    const add = (added: readonly EventBody[]): readonly JournalRecord[] =>
      added.map((event) => {
        const record = recordOf(event, first + events.length, first, stamp);
        events.push(event);
        records.push(record);
        apply(fold.state, record);
        return record;
      });
    add(recovered);
    const settled: (() => void)[] = [];
    for (const {decide, resolve, reject} of batch) {
      try {
        const {events: decided, result} = decide(fold.state);
        const own = add(decided);
        settled.push(() => resolve({result, records: own}));
      } catch (error) {
        settled.push(() => reject(error));
      }
    }
    if (events.length > 0) this.#append(fold, events, records);
    return settled;
  }

  #append(fold: Fold, events: readonly EventBody[], records: readonly JournalRecord[]): void {
    if (sells(events.map(({type}) => type))) this.#holdReserve();
    const from = this.#writer.place(fold.position);
    const {bytes, scanned, end} = encodeCommit(this.#keys, from, events, records);
    this.#writer.append(fold.position, from, bytes, events);
    try {
      this.#mark(end.segment, end.offset);
    } catch (error) {
      // Synced, but not acknowledged: whether it stands depends on who opens the journal next.
      throw writeFailed(error, this.#lock.file.path);
    }
    for (const place of scanned) placeRecord(fold, place);
    fold.position = end;
  }

  #holdReserve(): void {
    try {
      fillReserve(this.#storage, this.#directory);
    } catch (error) {
      throw diskFull(error, this.#directory);
    }
  }

  /** The records are durable and told; a fault here only stops this process from writing more. */
  #redact(): void {
    try {
      if (this.#fold !== null) redactClosed(this.#storage, this.#directory, this.#fold);
    } catch (error) {
      this.#fold = null;
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      this.#failed = new StowpayError(
        'journal_write_failed',
        `Removing settled card data from the journal failed (${code}). The payments themselves are recorded.`,
        {hint: 'Check the disk. The next stowpay command finishes the removal.', cause: error},
      );
    }
  }

  #viewLocked(): {readonly state: State; readonly health: JournalHealth} {
    try {
      return this.#healthy(this.#refreshUnlocked());
    } catch (error) {
      if (!(error instanceof StowpayError)) throw readFailed(error, this.#directory);
      const fold = this.#fold ?? emptyFold();
      this.#fold = null;
      const damage = {message: error.message, details: {code: error.code, ...error.details}};
      return {state: fold.state, health: {ok: false, seq: fold.position.seq, damage}};
    }
  }

  #healthy(fold: Fold): {readonly state: State; readonly health: JournalHealth} {
    return {state: fold.state, health: {ok: true, seq: fold.position.seq, damage: null}};
  }

  /** Folds what is durable, without changing a byte. */
  #refreshUnlocked(): Fold {
    const mark = this.#currentMark();
    loadTail(this.#storage, this.#directory, this.#keys.mac, this.#current(), mark);
    if (mark === null && this.#currentMark() !== null) {
      // The first writer of this boot came between: only what lies before its mark is durable.
      this.#fold = null;
      return this.#refreshUnlocked();
    }
    return this.#current();
  }

  /** Folds what others wrote, and cuts what nobody was ever told was safe. Returns the records that tell of it. */
  #refreshLocked(): readonly EventBody[] {
    const mark = this.#currentMark();
    const fold = this.#current();
    const tear = loadTail(this.#storage, this.#directory, this.#keys.mac, fold, mark);
    try {
      const recovered = this.#recover(fold, mark === null, tear === null ? 'unacknowledged' : 'tear');
      redactClosed(this.#storage, this.#directory, fold);
      this.#refreshCheckpoint(fold);
      return recovered;
    } catch (error) {
      // As final as a failed write of a record: a second try may succeed without anything being on the disk.
      throw error instanceof StowpayError ? error : writeFailed(error, this.#directory);
    }
  }

  #recover(fold: Fold, unmarked: boolean, kind: 'tear' | 'unacknowledged'): readonly EventBody[] {
    const recovered: EventBody[] = [];
    const {segment, offset} = fold.position;
    const later = listSegments(this.#storage, this.#directory).filter((name) => name > segment);
    for (const name of later) recovered.push(cutSegment(this.#storage, this.#directory, name));
    const file = this.#writer.file(segment);
    const cut = cutTail(this.#storage, this.#directory, file, offset, kind);
    if (cut !== null) recovered.push(cut);
    if (unmarked) {
      // Nothing says that the last writer of this boot, if there was one, synced what stands here.
      file.sync();
      this.#mark(segment, offset);
    }
    return recovered;
  }

  #refreshCheckpoint(fold: Fold): void {
    if (fold.tail < Math.max(CHECKPOINT_TAIL, fold.state.payments.size)) return;
    // A segment that is begun and empty holds no record a checkpoint could stand after.
    if (fold.position.offset === 0) return;
    try {
      dropClosed(fold);
      writeCheckpoint(this.#storage, this.#checkpointPath(), this.#keys.checkpoint, fold);
    } catch {
      // A cache: without it the next start reads more. The journal itself is not concerned.
      fold.tail = 0;
    }
  }

  #current(): Fold {
    this.#fold ??= this.#fromCheckpoint();
    return this.#fold;
  }

  #fromCheckpoint(): Fold {
    const fold = readCheckpoint(this.#storage, this.#checkpointPath(), this.#keys.checkpoint);
    if (fold === null) return emptyFold();
    if (standsOn(this.#storage, this.#directory, fold.position)) return fold;
    // It does not stand where it says: read from the first segment, and believe it only as far as that agrees.
    return {...emptyFold(), expected: fold.position};
  }

  #checkpointPath(): string {
    return join(this.#directory, 'checkpoint.json');
  }

  /** The synced mark, if it was written in this boot: an older one says nothing. */
  #currentMark(): SyncedMark | null {
    const mark = readMark(this.#lock.file);
    return mark?.boot === this.#clock.boot ? mark : null;
  }

  #mark(segment: string, offset: number): void {
    writeMark(this.#lock.file, {boot: this.#clock.boot, segment, offset});
  }
}

function replaced(path: string): StowpayError {
  return new StowpayError(
    'journal_read_failed',
    `The lock file of the journal was replaced while in use (${path}). Nothing was changed.`,
    {hint: 'Somebody copied or restored files over a journal in use. Run the command again.'},
  );
}

function notFound(directory: string): StowpayError {
  return new StowpayError(
    'journal_not_found',
    `There is no stowpay journal in ${directory}. This says nothing about payments stored elsewhere.`,
    {
      hint: 'Check --data-dir or STOWPAY_DATA_DIR. A new device begins with stowpay connect.',
      details: {data_directory: directory},
    },
  );
}
