import {join} from 'node:path';
import {apply} from '../core/apply.js';
import type {Decision} from '../core/decide.js';
import {StowpayError} from '../core/errors.js';
import type {EventBody, JournalRecord, PaymentEvent} from '../core/events.js';
import type {PrivateData} from '../core/payment.js';
import type {Clock, HistoryEntry, Journal, JournalHealth, PaymentClaim} from '../core/ports.js';
import type {State} from '../core/state.js';
import {rfc3339} from '../core/time.js';
import {FileLock} from '../storage/file-lock.js';
import type {Storage} from '../storage/storage.js';
import {indexOf, readCheckpoint, writeCheckpoint} from './checkpoint.js';
import type {Place} from './closed-index.js';
import {cutSegment, cutTail} from './cut.js';
import {
  clonedError,
  damageAt,
  damagedError,
  diskError,
  lockedError,
  nothingWritten,
  onDisk,
  readFailed,
  readOnlyError,
  unfinishedRepairError,
  writeFailed,
} from './damage.js';
import {encodeCommit, recordOf} from './encode.js';
import {countStaying, dropClosed, emptyFold, type Fold, type PrivatePlace, placeRecord} from './fold.js';
import {requireJournal} from './genesis.js';
import {readHistory} from './history.js';
import {hmac} from './hmac.js';
import {type DeviceKeys, readKeys} from './keys.js';
import {isBlank, privateDigest} from './line.js';
import {loadTail, type Source, standsOn, type Tear} from './load.js';
import {isOtherMachine} from './machine.js';
import {LOCK_WAIT_MS, MarkOfBoot, type SyncedMark} from './mark.js';
import {PaymentLocks} from './payment-locks.js';
import {redactClosed, syncBlanks} from './redaction.js';
import type {IndexedReferences} from './references.js';
import {fillReserve, sells} from './reserve.js';
import type {RoomSizes} from './room.js';
import {recordOfLine} from './scan.js';
import {isBeingRepaired, lineAt, listSegments, readSegment, segmentName} from './segments.js';
import {BrokenTable} from './table.js';
import {verifyAll} from './verify.js';
import {SegmentWriter} from './writer.js';

export interface JournalOptions {
  readonly storage: Storage;
  /** The data directory; the journal lives in `journal/` below it. */
  readonly directory: string;
  readonly clock: Clock;
  /** How long to wait for another process's lock, ms. */
  readonly lockWaitMs?: number;
  readonly segmentBytes?: number;
  readonly room?: RoomSizes;
  /** A checkpoint is refreshed after so many records, or twice as many as payments are open: amortised constant. */
  readonly checkpointRecords?: number;
  /** Digest of the machine this runs on (`machineDigest`); null where it has no name. */
  readonly machine?: string | null;
}

const CHECKPOINT_RECORDS = 512;
/**
 * Of an open payment a checkpoint holds about as much as two of its records. Before so many have come for each, reading
 * a new one would take as long as reading on from the old one.
 */
const RECORDS_OF_PAYMENT = 2;
/** What is a long tail when a process ends: the next one, which may be short, would begin by reading it. */
const LONG_TAIL = {part: 8, ofPayment: 1};

/**
 * What is done when a table of the index is not what it was: it may have been replaced by another process, which wrote
 * a newer checkpoint; else the index is made anew from the journal; else there is nothing left to try.
 */
const REMEDIES = ['newer', 'anew', 'none'] as const;

/** What stands where a private part was written. */
type FoundPrivate =
  | {readonly kind: 'whole'; readonly data: PrivateData}
  | {readonly kind: 'blank'}
  | {readonly kind: 'altered'};

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
  readonly #machine: string | null;
  readonly #keys: DeviceKeys;
  readonly #lock: FileLock;
  readonly #mark: MarkOfBoot;
  readonly #payments: PaymentLocks;
  readonly #writer: SegmentWriter;
  readonly #checkpointRecords: number;
  /** What this process knows; null when it must be read from the disk again. */
  #fold: Fold | null = null;
  /** What the last view showed: of a damaged journal, what comes before the damage. */
  #shown: Fold | null = null;
  /** A table of the index did not verify: neither it nor the checkpoint that names it is believed. */
  #distrust = false;
  /** The record from which on it is asked again whether it is time for a checkpoint. */
  #nextCheckpoint = 0;
  /** The names in the directory as they were when the lock was taken, as a version of them; null: that is not known. */
  #names: string | null = null;
  /** The version in which they were looked at one by one and found to be in order. */
  #checkedNames: string | null = null;
  #waiting: Waiting[] = [];
  #draining = false;
  /** This process appended to the journal. */
  #wrote = false;
  /** Set by a failed write or sync: this process never writes again. */
  #failed: StowpayError | null = null;

  /** Opens an existing journal. Throws `journal_not_found` when none was initialised here. */
  constructor(options: JournalOptions) {
    const directory = join(options.directory, 'journal');
    if (isBeingRepaired(options.storage, directory)) throw unfinishedRepairError(directory);
    requireJournal(options.storage, options.directory);
    this.#storage = options.storage;
    this.#directory = directory;
    this.#clock = options.clock;
    this.#waitMs = options.lockWaitMs ?? LOCK_WAIT_MS;
    this.#machine = options.machine ?? null;
    this.#keys = readKeys(options.storage, options.directory);
    this.#lock = new FileLock(options.storage.openLock(join(directory, 'lock')));
    this.#mark = new MarkOfBoot(this.#lock.file, options.clock.boot);
    this.#payments = new PaymentLocks(options.storage, join(directory, 'attempts'));
    this.#writer = new SegmentWriter(options.storage, directory, options.segmentBytes, options.room);
    this.#checkpointRecords = options.checkpointRecords ?? CHECKPOINT_RECORDS;
  }

  async view(): Promise<{readonly state: State; readonly health: JournalHealth}> {
    try {
      return this.#healthy(this.#refreshUnlocked());
    } catch {
      // Somebody may have been writing while we read. Before anybody hears "damaged": again, then under the lock.
      this.#forget();
    }
    try {
      return this.#healthy(this.#refreshUnlocked());
    } catch {
      this.#forget();
      return this.#aloneWith(() => this.#viewLocked());
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
    const near = this.#shown?.privates.get(localId);
    // It proves itself: where it is known to stand nothing else is asked.
    const known = near === undefined ? null : this.#privateAt(near);
    if (known?.kind === 'whole') return known.data;
    await this.view();
    const place = this.#shown?.privates.get(localId);
    if (place === undefined) return null;
    const found = this.#privateAt(place);
    if (found.kind === 'whole') return found.data;
    if (found.kind === 'blank') return null;
    const reason = `the sealed card data of ${localId} was altered`;
    throw damagedError(damageAt(this.#storage, this.#directory, place.segment, place.start, reason));
  }

  #privateAt({segment, start, length, seq, digest}: PrivatePlace): FoundPrivate {
    const {bytes} = onDisk(this.#directory, () =>
      readSegment(this.#storage, this.#directory, segment, start, start + length),
    );
    if (isBlank(bytes)) return {kind: 'blank'};
    const base64 = bytes.toString('latin1');
    if (privateDigest(this.#keys.privateDigest, seq, base64) !== digest) return {kind: 'altered'};
    return {kind: 'whole', data: JSON.parse(Buffer.from(base64, 'base64').toString('utf8')) as PrivateData};
  }

  fingerprint(text: string): string {
    return hmac(this.#keys.fingerprint, Buffer.from(text, 'utf8'));
  }

  async story(localId: string): Promise<readonly JournalRecord[]> {
    await this.view();
    const indexed = this.#fromIndex((fold) => {
      const places = fold.places.get(localId) ?? fold.index?.places(localId) ?? null;
      return places?.map((place) => this.#recordAt(place, localId)) ?? null;
    });
    if (indexed !== null) return indexed;
    const records: JournalRecord[] = [];
    for (const {record} of this.#readable()) {
      if ('payment' in record && record.payment === localId) records.push(record);
    }
    return records;
  }

  async named(name: string, limit: number): Promise<readonly string[]> {
    await this.view();
    const indexed = this.#fromIndex((fold) => fold.index?.named(name, limit) ?? null);
    if (indexed !== null) return indexed;
    const found = new Set<string>();
    for (const {record} of this.#readable()) {
      if (found.size < limit && isCalled(record, name)) found.add(record.payment);
    }
    return [...found];
  }

  async *closed(): AsyncIterable<string> {
    await this.view();
    const shown = this.#shown;
    const told = new Set<string>();
    try {
      for (const localId of shown?.index?.newest() ?? []) {
        told.add(localId);
        yield localId;
      }
      if (shown?.index != null) return;
    } catch (error) {
      if (!(error instanceof BrokenTable)) throw error;
    }
    const created: string[] = [];
    for (const {record} of this.#readable()) {
      if (record.type !== 'payment.created' || shown?.state.payments.has(record.payment) === true) continue;
      if (!told.has(record.payment)) created.push(record.payment);
    }
    yield* created.reverse();
  }

  async *history(): AsyncIterable<HistoryEntry> {
    yield* readHistory(this.#source, this.#mark.read());
  }

  verify(): Promise<JournalHealth> {
    return this.#aloneWith(() => {
      const {health} = this.#viewLocked();
      if (!health.ok) return health;
      return verifyAll(this.#storage, this.#directory, this.#keys, this.#mark.read());
    });
  }

  close(): void {
    this.#checkpointAtClose();
    this.#fold?.index?.close();
    this.#shown?.index?.close();
    this.#writer.close();
    this.#payments.close();
    this.#lock.close();
  }

  async #drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    while (this.#waiting.length > 0) {
      await this.#companyArrives();
      try {
        await this.#underLock(() => this.#commit(this.#waiting.splice(0)));
      } catch (error) {
        const told = diskError(error, this.#lock.file.path);
        for (const {reject} of this.#waiting.splice(0)) reject(told);
      }
    }
    this.#draining = false;
  }

  /**
   * Whoever asks in the same turn of the event loop shares the commit. Where several payments are acted on at once,
   * answers that came in while the disk was synced are waiting in the sockets: they are let in first.
   */
  #companyArrives(): Promise<void> {
    return this.#payments.several ? new Promise((resolve) => setImmediate(resolve)) : Promise.resolve();
  }

  /** For reading: a disk that nobody can write to needs no lock. */
  async #aloneWith<T>(act: () => T): Promise<T> {
    return this.#lock.file.readOnly === true ? act() : this.#underLock(act);
  }

  async #underLock<T>(act: () => T): Promise<T> {
    if (this.#lock.file.readOnly === true) throw readOnlyError(null, this.#lock.file.path);
    const done = await this.#lock.exclusively(this.#waitMs, () => {
      this.#names = this.#storage.namesOf(this.#directory);
      if (!this.#isUnchanged && !this.#lock.isCurrent()) throw replaced(this.#lock.file.path);
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
      written = this.#decideAndWrite(batch);
    } catch (error) {
      // What was decided in memory is not what the disk holds: start again from the disk.
      this.#forget();
      if (error instanceof StowpayError && error.code === 'journal_write_failed') this.#failed = error;
      const told = error instanceof StowpayError ? error : readFailed(error, this.#directory);
      // Nothing of it was stored: outcomes must not fail with the sales they would have shared a commit with.
      if (told.code === 'journal_full' && batch.length > 1) for (const one of batch) this.#commit([one]);
      else for (const {reject} of batch) reject(told);
      return;
    }
    for (const resolve of written) resolve();
    this.#redact();
    this.#checkpoint();
  }

  #decideAndWrite(batch: readonly Waiting[]): (() => void)[] {
    const recovered: EventBody[] = [];
    for (const remedy of REMEDIES) {
      try {
        recovered.push(...this.#refreshLocked());
        return this.#write(batch, recovered);
      } catch (error) {
        if (!(error instanceof BrokenTable) || remedy === 'none') throw error;
        // Nothing was written or told: everybody is asked again.
        this.#forget();
        this.#distrust ||= remedy === 'anew';
      }
    }
    return [];
  }

  #write(batch: readonly Waiting[], recovered: readonly EventBody[]): (() => void)[] {
    const fold = this.#current(true);
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
        if (error instanceof BrokenTable) throw error;
        settled.push(() => reject(error));
      }
    }
    if (events.length > 0) this.#append(fold, events, records);
    return settled;
  }

  #append(fold: Fold, events: readonly EventBody[], records: readonly JournalRecord[]): void {
    if (sells(events.map(({type}) => type))) this.#holdReserve();
    this.#claim(fold);
    const from = this.#writer.place(fold.position);
    const {bytes, scanned, end} = encodeCommit(this.#keys, from, events, records);
    this.#writer.append(fold.position, from, bytes, events);
    try {
      this.#mark.write(end.segment, end.offset);
    } catch (error) {
      // Synced, but not acknowledged: whether it stands depends on who opens the journal next.
      throw writeFailed(error, this.#lock.file.path);
    }
    this.#wrote = true;
    fold.unsynced.delete(end.segment);
    for (const place of scanned) placeRecord(fold, place);
    if (end.segment !== fold.position.segment) fold.segments += 1;
    fold.position = end;
  }

  /**
   * Says whose bytes may stand behind the mark from now on. Whoever finds his own name there need not look: a process
   * that died in the middle would have left another.
   */
  #claim({position}: Fold): void {
    if (this.#mark.isOwn) return;
    try {
      this.#mark.write(position.segment, position.offset);
    } catch (error) {
      throw nothingWritten(error, this.#lock.file.path);
    }
  }

  #holdReserve(): void {
    try {
      fillReserve(this.#storage, this.#directory);
    } catch (error) {
      throw nothingWritten(error, this.#directory);
    }
  }

  #redact(): void {
    const fold = this.#fold;
    if (fold !== null) this.#redacting(() => this.#redactClosed(fold));
  }

  #redactClosed(fold: Fold): void {
    // Most commits close nothing, and need no open segment for that.
    if (fold.redactable.size === 0) return;
    redactClosed(this.#storage, this.#directory, fold, this.#writer.file(fold.position.segment));
  }

  /** The records are durable and told; a fault here only stops this process from writing more. */
  #redacting(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#forget();
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      this.#failed = new StowpayError(
        'journal_write_failed',
        `Removing settled card data from the journal failed (${code}). The payments themselves are recorded.`,
        {hint: 'Check the disk. The next stowpay command finishes the removal.', cause: error},
      );
    }
  }

  /**
   * Lets go of closed payments and refreshes the checkpoint, if it is time. The records are durable and told; a
   * checkpoint is a cache, so that a fault here only means that the next start reads more.
   */
  #checkpoint(isLong = (fold: Fold): boolean => this.#isLongEnough(fold)): void {
    const fold = this.#fold;
    if (fold === null || fold.index === null || !isLong(fold)) return;
    // A segment that is begun and empty holds no record a checkpoint could stand after.
    if (fold.position.offset === 0) return;
    // Another process wrote a newer checkpoint: what would be written here names tables that it removed.
    if (!fold.index.isWhole()) {
      this.#forget();
      return;
    }
    const {tables} = fold.index;
    this.#redacting(() => syncBlanks(this.#storage, this.#directory, fold));
    if (this.#failed !== null) return;
    try {
      this.#indexClosed(fold);
      writeCheckpoint(this.#storage, this.#directory, this.#keys.checkpoint, fold);
      if (fold.index.tables !== tables) fold.index.removeOthers();
      this.#distrust = false;
    } catch {
      this.#nextCheckpoint = fold.position.seq + this.#checkpointRecords;
      this.#forget();
    }
  }

  /** Counting takes as long as there are payments, so that it is not done each time. */
  #isLongEnough(fold: Fold): boolean {
    const {tail, position} = fold;
    if (tail < this.#checkpointRecords || position.seq < this.#nextCheckpoint) return false;
    const missing = countStaying(fold) * RECORDS_OF_PAYMENT - tail;
    if (missing <= 0) return true;
    // Each record brings it nearer by one, and one that closes a payment by as many more.
    this.#nextCheckpoint = position.seq + Math.max(missing / (1 + RECORDS_OF_PAYMENT), tail / 8);
    return false;
  }

  /** A process that wrote leaves no long tail for the next one to read. Best effort: nobody waits for it. */
  #checkpointAtClose(): void {
    const fold = this.#fold;
    if (!this.#wrote || this.#failed !== null || fold === null || !this.#lock.tryLock()) return;
    try {
      const mark = this.#mark.read();
      const {segment, offset} = fold.position;
      const newest = mark?.segment === segment && mark.offset === offset && this.#lock.isCurrent();
      // A repair that was cut off has its mark and caches still to put in place: what we know is of the old files.
      const replaced = isBeingRepaired(this.#storage, this.#directory) || !this.#writer.isCurrent();
      const {part, ofPayment} = LONG_TAIL;
      const long = this.#checkpointRecords / part;
      if (newest && !replaced) {
        if (this.#mark.isOwn) this.#writer.trim(fold.position);
        this.#checkpoint((one) => one.tail >= Math.max(long, countStaying(one) * ofPayment));
        if (this.#fold !== null) syncBlanks(this.#storage, this.#directory, this.#fold);
      }
    } catch {
      // The mark could not be read: the next process will say so.
    } finally {
      this.#lock.unlock();
    }
  }

  /** Moves closed payments from the fold to the index. Its tables are durable then; no checkpoint names them yet. */
  #indexClosed(fold: Fold): void {
    const closed = dropClosed(fold);
    const before = fold.index;
    const references = fold.state.references as IndexedReferences;
    fold.index = before?.with(fold.position.seq, closed) ?? null;
    references.behind(fold.index);
    if (before !== fold.index) before?.close();
  }

  #viewLocked(): {readonly state: State; readonly health: JournalHealth} {
    try {
      return this.#healthy(this.#refreshUnlocked());
    } catch (error) {
      if (!(error instanceof StowpayError)) throw readFailed(error, this.#directory);
      const fold = this.#fold ?? emptyFold();
      this.#fold = null;
      this.#shown = fold;
      const damage = {message: error.message, details: {code: error.code, ...error.details}};
      return {state: fold.state, health: {ok: false, seq: fold.position.seq, damage}};
    }
  }

  #healthy(fold: Fold): {readonly state: State; readonly health: JournalHealth} {
    this.#shown = fold;
    const {seq} = fold.position;
    if (!this.#isCloned(fold)) return {state: fold.state, health: {ok: true, seq, damage: null}};
    const {message, code} = clonedError();
    return {state: fold.state, health: {ok: false, seq, damage: {message, details: {code}}}};
  }

  #isCloned({state}: Fold): boolean {
    return isOtherMachine(state.machine, this.#machine);
  }

  /** While a repair is being put in place, a half of it could pass for a journal that is whole and shorter. */
  #refuseHalfRepaired(): void {
    if (!isBeingRepaired(this.#storage, this.#directory)) return;
    this.#forget();
    throw unfinishedRepairError(this.#directory);
  }

  /** Folds what is durable, without changing a byte. */
  #refreshUnlocked(): Fold {
    this.#refuseHalfRepaired();
    const mark = this.#mark.read();
    const fold = this.#current(false);
    this.#load(fold, mark, (one) => {
      if (one.index === null) dropClosed(one);
    });
    if (mark === null && this.#mark.read() !== null) {
      // The first writer of this boot came between: only what lies before its mark is durable.
      this.#forget();
      return this.#refreshUnlocked();
    }
    this.#refuseHalfRepaired();
    return fold;
  }

  /** Folds what others wrote, and cuts what nobody was ever told was safe. Returns the records that tell of it. */
  #refreshLocked(): readonly EventBody[] {
    if (!this.#isUnchanged) this.#refuseHalfRepaired();
    const mark = this.#mark.read();
    if (this.#isAtTheEnd(mark)) return [];
    this.#writer.takeOver();
    // Somebody put other files in place of those we read: a repair, a backup.
    if (!this.#writer.isCurrent()) {
      this.#writer.close();
      this.#forget();
    }
    // Closed payments were only counted, while we had no lock.
    if (this.#fold?.index === null) this.#forget();
    const known = this.#fold !== null;
    try {
      return this.#catchUp(mark);
    } catch (error) {
      if (!known || !(error instanceof StowpayError) || error.code !== 'journal_damaged') throw error;
      // Before anybody says "damaged": what we remember may be of files that were replaced since.
      this.#forget();
      return this.#catchUp(mark);
    }
  }

  /** True while the lock, the last segment and the absence of anything else are known to be as they were found. */
  get #isUnchanged(): boolean {
    return this.#names !== null && this.#names === this.#checkedNames;
  }

  /**
   * True when this process wrote last and nobody has begun anything since: what is known is all there is. Asked of the
   * files themselves each time; else everything is looked at in turn.
   */
  #isAtTheEnd(mark: SyncedMark | null): boolean {
    const fold = this.#fold;
    if (fold === null || fold.index === null || !fold.checked || fold.redactable.size > 0) return false;
    if (!this.#mark.isOwn) return false;
    const {position} = fold;
    if (mark?.segment !== position.segment || mark.offset !== position.offset) return false;
    if (!this.#writer.endsAt(position) || this.#isCloned(fold)) return false;
    return this.#isUnchanged || this.#areNamesInOrder(fold);
  }

  #areNamesInOrder(fold: Fold): boolean {
    if (!this.#writer.isCurrent() || this.#begunAfter(fold, false).length > 0) return false;
    const isLast =
      this.#names !== null && listSegments(this.#storage, this.#directory).at(-1) === fold.position.segment;
    this.#checkedNames = isLast ? this.#names : null;
    return true;
  }

  #catchUp(mark: SyncedMark | null): readonly EventBody[] {
    const fold = this.#current(true);
    const tear = this.#load(fold, mark, (one) => this.#indexClosed(one));
    if (this.#isCloned(fold)) throw clonedError();
    try {
      const recovered = this.#recover(fold, mark === null, tear === null ? 'unacknowledged' : 'tear');
      this.#redactClosed(fold);
      return recovered;
    } catch (error) {
      // As final as a failed write of a record: a second try may succeed without anything being on the disk.
      throw error instanceof StowpayError ? error : writeFailed(error, this.#directory);
    }
  }

  /** Folds up to the mark, or to the end; nothing to do where this process wrote last. */
  #load(fold: Fold, mark: SyncedMark | null, onBatch: (fold: Fold) => void): Tear | null {
    const {position} = fold;
    const there = mark?.segment === position.segment && mark.offset === position.offset;
    if (there && fold.checked) return null;
    return loadTail(this.#source, fold, mark, onBatch);
  }

  #recover(fold: Fold, unmarked: boolean, kind: 'tear' | 'unacknowledged'): readonly EventBody[] {
    const recovered: EventBody[] = [];
    const {segment, offset} = fold.position;
    for (const name of this.#begunAfter(fold, unmarked)) {
      const moved = cutSegment(this.#storage, this.#directory, name);
      if (moved !== null) recovered.push(moved);
    }
    const file = this.#writer.file(segment);
    const size = file.size();
    if (size < offset) {
      const reason = `the file has ${size} bytes, but ${offset} were synced`;
      throw damagedError(damageAt(this.#storage, this.#directory, segment, size, reason));
    }
    const cut = size === offset ? null : cutTail(this.#storage, this.#directory, file, offset, kind);
    if (cut !== null) recovered.push(cut);
    if (unmarked) {
      // Nothing says that the last writer of this boot, if there was one, synced what stands here.
      file.sync();
      this.#mark.begin(segment, offset);
    }
    return recovered;
  }

  /**
   * Segments that somebody began and nobody acknowledged. Looked for each time, also where the last one is not full by
   * our measure: who began it may have had another.
   */
  #begunAfter(fold: Fold, unmarked: boolean): readonly string[] {
    const {segment, seq} = fold.position;
    if (unmarked) return listSegments(this.#storage, this.#directory).filter((name) => name > segment);
    const next = segmentName(seq + 1);
    // It may be the one we stand in: begun, and empty since its first commit was cut.
    return next !== segment && this.#storage.has(join(this.#directory, next)) ? [next] : [];
  }

  /** @param locked whether closed payments may be indexed on the way, where the checkpoint does not do */
  #current(locked: boolean): Fold {
    this.#fold ??= this.#fromCheckpoint(locked);
    return this.#fold;
  }

  #fromCheckpoint(locked: boolean): Fold {
    const fold = readCheckpoint(this.#storage, this.#directory, this.#keys.checkpoint);
    const empty = emptyFold(locked ? indexOf(this.#storage, this.#directory, this.#keys.checkpoint) : null);
    if (fold === null) return empty;
    const whole = !locked || fold.index?.isWhole() === true;
    if (!this.#distrust && whole && standsOn(this.#storage, this.#directory, fold.position)) return fold;
    // It does not stand where it says: read from the first segment, and believe it only as far as that agrees.
    return {...empty, expected: fold.position};
  }

  #forget(): void {
    if (this.#fold !== this.#shown) this.#fold?.index?.close();
    this.#fold = null;
  }

  /** Every record up to the first damage, if there is any: whoever asked for a view knows of it. */
  *#readable(): Generator<HistoryEntry> {
    try {
      yield* readHistory(this.#source, this.#mark.read());
    } catch (error) {
      if (!(error instanceof StowpayError) || error.condition !== 'journal') throw error;
    }
  }

  /** What the index says, or null when it cannot be asked: then the journal itself is read. */
  #fromIndex<T>(ask: (fold: Fold) => T | null): T | null {
    if (this.#shown === null) return null;
    try {
      return ask(this.#shown);
    } catch (error) {
      if (error instanceof BrokenTable) return null;
      throw error;
    }
  }

  /** The record of a payment at a place the index names. Throws BrokenTable when it is not there. */
  #recordAt([segment, offset]: Place, localId: string): JournalRecord {
    const line = lineAt(this.#storage, this.#directory, segmentName(segment), offset);
    const record = line === null ? null : recordOfLine(this.#keys.mac, line);
    if (record !== null && 'payment' in record && record.payment === localId) return record;
    throw new BrokenTable(`no record of ${localId} at byte ${offset} of segment ${segment}`);
  }

  get #source(): Source {
    return {storage: this.#storage, directory: this.#directory, key: this.#keys.mac};
  }
}

/** Whether the record says that its payment is called so. */
function isCalled(record: JournalRecord, name: string): record is JournalRecord & PaymentEvent {
  if (!('payment' in record)) return false;
  if (record.type === 'payment.created') return record.payment.startsWith(name);
  return record.type === 'payment.delivered' && record.data.intent.id === name;
}

function replaced(path: string): StowpayError {
  return new StowpayError(
    'journal_read_failed',
    `The lock file of the journal was replaced while in use (${path}). Nothing was changed.`,
    {hint: 'Somebody copied or restored files over a journal in use. Run the command again.'},
  );
}
