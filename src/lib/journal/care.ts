import {join} from 'node:path';
import {StowpayError} from '../core/errors.js';
import type {EventBody} from '../core/events.js';
import {STATES} from '../core/payment.js';
import type {
  AdoptReport,
  Clock,
  JournalCare,
  JournalDamage,
  JournalReport,
  RepairReport,
  RepairRequest,
} from '../core/ports.js';
import {rfc3339} from '../core/time.js';
import {createDurable} from '../storage/durable.js';
import {FileLock} from '../storage/file-lock.js';
import type {LockFile, Storage} from '../storage/storage.js';
import {arrange, type Beginning} from './arrange.js';
import {readCheckpoint} from './checkpoint.js';
import {lockedError, nothingWritten, unfinishedRepairError, versionError} from './damage.js';
import type {Fold} from './fold.js';
import {requireJournal} from './genesis.js';
import {FileJournal} from './journal.js';
import {DEVICE_KEY, type DeviceKeys, freshSecret, keysFrom, readKeys} from './keys.js';
import {isOtherMachine} from './machine.js';
import {LOCK_WAIT_MS, markOfBoot} from './mark.js';
import {planRepair, type RepairPlan} from './plan.js';
import {rebuild} from './rebuild.js';
import {isBeingRepaired, listSegments, type SegmentFile, segmentFiles} from './segments.js';
import {type Survey, surveyJournal} from './survey.js';
import {
  BUILDING,
  commitRepair,
  freeDirectory,
  type Manifest,
  putAside,
  readManifest,
  swapIn,
} from './swap.js';
import {SEGMENT_BYTES} from './writer.js';

export interface CareOptions {
  readonly storage: Storage;
  /** The data directory. */
  readonly directory: string;
  readonly clock: Clock;
  /** Digest of the machine this runs on; null where it has no name. */
  readonly machine: string | null;
  readonly lockWaitMs?: number;
  readonly segmentBytes?: number;
}

/** What stands for the name of a device whose records of it are all lost. */
const NAMELESS = 'dev_unknown';
/** Where findings about the key are said to stand. */
const KEY_PLACE = {segment: DEVICE_KEY, line: 1, byte: 0, payment: null};

/** Everything that was read of a journal, to judge it or to repair it. */
interface Examined {
  readonly segments: readonly SegmentFile[];
  readonly keys: DeviceKeys | null;
  /** Why there are no keys. */
  readonly keyProblem: StowpayError | null;
  readonly checkpoint: Fold | null;
  readonly survey: Survey;
}

/** Looks after a journal in files: lists all its damage, rebuilds it from what verifies, lets a machine adopt it. */
export class FileJournalCare implements JournalCare {
  readonly #options: CareOptions;
  readonly #storage: Storage;
  readonly #directory: string;

  constructor(options: CareOptions) {
    this.#options = options;
    this.#storage = options.storage;
    this.#directory = join(options.directory, 'journal');
  }

  survey(): Promise<JournalReport> {
    return this.#underLock((lock) => {
      if (isBeingRepaired(this.#storage, this.#directory)) return this.#unfinished();
      return this.#report(this.#examine(lock));
    });
  }

  repair(request: RepairRequest): Promise<RepairReport> {
    return this.#underLock((lock) => {
      const begun = readManifest(this.#storage, this.#directory);
      if (begun !== null) return this.#finish(lock, begun, request);
      if (isBeingRepaired(this.#storage, this.#directory)) throw unfinishedRepairError(this.#directory);
      return this.#whileNobodyActs(request.confirm !== null, () => this.#repair(lock, request));
    });
  }

  async adopt(confirm: string | null): Promise<AdoptReport> {
    const {storage, directory, clock, machine, lockWaitMs} = this.#options;
    const wait = lockWaitMs === undefined ? {} : {lockWaitMs};
    const journal = new FileJournal({storage, directory, clock, machine: null, ...wait});
    try {
      const {result} = await journal.transact<AdoptReport>((state) => {
        const device = state.device ?? NAMELESS;
        if (!isOtherMachine(state.machine, machine)) {
          return {events: [], result: {device, needed: false, adopted: false}};
        }
        if (confirm === null) return {events: [], result: {device, needed: true, adopted: false}};
        requireName(confirm, device);
        const event = {type: 'journal.adopted' as const, data: {machine, previous: state.machine}};
        return {events: [event], result: {device, needed: true, adopted: true}};
      });
      return result;
    } finally {
      journal.close();
    }
  }

  // ------------------------------------------------------------ Looking

  #examine(lock: LockFile): Examined {
    const segments = segmentFiles(this.#storage, this.#directory);
    const {keys, keyProblem} = this.#keys();
    const checkpoint = keys === null ? null : readCheckpoint(this.#storage, this.#directory, keys.checkpoint);
    const mark = markOfBoot(lock, this.#options.clock.boot);
    const expected = checkpoint?.position ?? null;
    const survey = surveyJournal({storage: this.#storage, segments, keys, mark, expected});
    return {segments, keys, keyProblem, checkpoint, survey};
  }

  #keys(): {keys: DeviceKeys | null; keyProblem: StowpayError | null} {
    try {
      return {keys: readKeys(this.#storage, this.#options.directory), keyProblem: null};
    } catch (error) {
      if (!(error instanceof StowpayError)) throw error;
      return {keys: null, keyProblem: error};
    }
  }

  #report({survey, keyProblem, checkpoint}: Examined): JournalReport {
    const {device, segments, records, bytes} = survey;
    const damage: JournalDamage[] = [];
    if (keyProblem !== null) damage.push({...KEY_PLACE, reason: keyProblem.message});
    if (survey.foreign && keyProblem === null) damage.push({...KEY_PLACE, reason: FOREIGN_KEY});
    damage.push(...survey.damage);
    const cloned = isOtherMachine(survey.machine, this.#options.machine);
    if (cloned) {
      const segment = listSegments(this.#storage, this.#directory)[0] ?? '';
      damage.push({segment, line: 1, byte: 0, reason: 'it belongs to another machine', payment: null});
    }
    const notes = [...survey.notes];
    if (checkpoint === null && this.#storage.has(join(this.#directory, 'checkpoint.json'))) {
      notes.push('checkpoint.json cannot be used: a cache, the next command reads everything instead');
    }
    if (keyProblem !== null) notes.push('without the key the lines were held against their form only');
    return {
      device: device ?? checkpoint?.state.device ?? null,
      segments,
      records,
      bytes,
      damage,
      notes,
      cloned,
    };
  }

  #unfinished(): JournalReport {
    const manifest = readManifest(this.#storage, this.#directory);
    const reason = 'a repair was not finished: what lies here is half old, half new';
    return {
      device: manifest?.device ?? null,
      segments: 0,
      records: 0,
      bytes: 0,
      damage: [{segment: 'repair', line: 1, byte: 0, reason, payment: null}],
      notes: [],
      cloned: false,
    };
  }

  // ------------------------------------------------------------ Repairing

  #repair(lock: LockFile, {confirm, rekey}: RepairRequest): RepairReport {
    const found = this.#examine(lock);
    checkRepairable(found, rekey, this.#directory);
    const examined = rekey ? this.#withoutKey(lock, found) : found;
    const {survey, checkpoint} = examined;
    const device = survey.device ?? checkpoint?.state.device ?? NAMELESS;
    if (!rekey && survey.damage.length === 0) return {...nothing(device), outcome: 'none'};
    const plan = this.#plan(examined, rekey);
    const report = this.#planned(device, plan, examined, rekey);
    if (confirm === null) return report;
    requireName(confirm, device);
    const manifest = this.#build(device, plan, examined, rekey);
    commitRepair(this.#storage, this.#directory, manifest);
    swapIn(this.#storage, this.#options.directory, lock, this.#options.clock, manifest);
    return {
      ...report,
      outcome: 'repaired',
      rebuilt: manifest.in,
      kept_in: join(this.#directory, 'damaged', manifest.kept_as),
    };
  }

  /** Read again by form alone: the key that is here, if there is one, proves nothing. */
  #withoutKey(lock: LockFile, found: Examined): Examined {
    const mark = markOfBoot(lock, this.#options.clock.boot);
    const {segments} = found;
    const survey = surveyJournal({storage: this.#storage, segments, keys: null, mark, expected: null});
    if (survey.records === 0) throw nothingVerifies(this.#directory);
    return {...found, keys: null, checkpoint: null, survey};
  }

  #plan({survey, segments, keys, checkpoint}: Examined, rekey: boolean): RepairPlan {
    const from: Beginning = rekey ? {segments: 0, seq: 0, mac: ''} : survey.intact;
    const names = segments.map(({segment}) => segment);
    const atLeast = rekey ? 0 : (checkpoint?.position.seq ?? 0);
    const steps = arrange(this.#storage, survey, names, from, atLeast);
    const open = [...(checkpoint?.state.payments.values() ?? [])].filter(
      ({state}) => STATES[state].bucket !== 'done',
    );
    return planRepair({
      storage: this.#storage,
      segments,
      key: rekey ? null : (keys?.mac ?? null),
      survey,
      from,
      steps,
      remembered: rekey ? [] : open.map(({local_id}) => local_id),
    });
  }

  #planned(device: string, plan: RepairPlan, {segments}: Examined, rekeyed: boolean): RepairReport {
    return {
      device,
      outcome: 'planned',
      rekeyed,
      lost: plan.lost,
      quarantined: [...plan.quarantined].map(([payment, reason]) => ({payment, reason})),
      orphans: plan.orphans,
      incomplete: plan.incomplete,
      rebuilt: segments.slice(plan.from.segments).map(({segment}) => segment),
      kept_in: null,
    };
  }

  /** Writes the rebuilt journal beside the damaged one, reads it back, and says how to put it in place. */
  #build(device: string, plan: RepairPlan, {segments, keys, survey}: Examined, rekeyed: boolean): Manifest {
    const {clock, segmentBytes = SEGMENT_BYTES} = this.#options;
    const storage = this.#storage;
    const building = join(this.#directory, BUILDING);
    putAside(storage, this.#directory);
    storage.makeDirectory(building);
    const secret = rekeyed ? freshSecret() : null;
    const newKeys = secret === null ? (keys as DeviceKeys) : keysFrom(secret);
    if (secret !== null) createDurable(storage, join(building, DEVICE_KEY), secret);
    const kept_as = freeDirectory(storage, this.#directory, 'repair');
    const built = rebuild({
      storage,
      directory: building,
      plan,
      oldKey: rekeyed ? null : newKeys.mac,
      keys: newKeys,
      rekeyed,
      spoilt: survey.spoilt,
      stamp: {at: rfc3339(clock.now()), boot: clock.boot, mono: clock.mono()},
      closing: this.#closing(device, plan, kept_as, rekeyed),
      segmentBytes,
    });
    const intact = segments.slice(0, plan.from.segments);
    const rebuilt = built.segments.map((segment) => ({segment, path: join(building, segment)}));
    const check = surveyJournal({
      storage,
      segments: [...intact, ...rebuilt],
      keys: newKeys,
      mark: {boot: '', segment: built.end.segment, offset: built.end.offset},
      expected: built.end,
    });
    const [wrong] = check.damage;
    if (wrong !== undefined) throw notRebuilt(wrong.reason);
    const caches = ['checkpoint.json', 'index'].filter((name) => storage.has(join(this.#directory, name)));
    return {
      format: 1,
      device,
      kept_as,
      out: [...segments.slice(plan.from.segments).map(({segment}) => segment), ...caches],
      in: built.segments,
      key: rekeyed,
      end: {segment: built.end.segment, offset: built.end.offset},
    };
  }

  #closing(device: string, plan: RepairPlan, kept_as: string, rekeyed: boolean): readonly EventBody[] {
    const {lost, orphans, incomplete, quarantined} = plan;
    const setAside = [...quarantined].map(
      ([payment, why]): EventBody => ({
        type: 'payment.quarantined',
        payment,
        data: {code: 'journal_repaired', message: quarantineMessage(why), error: null},
      }),
    );
    const machine = plan.machine ?? this.#options.machine;
    const ids = [...quarantined.keys()];
    return [
      ...setAside,
      {
        type: 'journal.repaired',
        data: {device, machine, rekeyed, lost, quarantined: ids, orphans, incomplete, kept_as},
      },
    ];
  }

  #finish(lock: LockFile, manifest: Manifest, {confirm}: RepairRequest): RepairReport {
    const {device, in: rebuilt, key: rekeyed} = manifest;
    const report = {...nothing(device), rekeyed, rebuilt};
    if (confirm === null) return {...report, outcome: 'planned'};
    requireName(confirm, device);
    swapIn(this.#storage, this.#options.directory, lock, this.#options.clock, manifest);
    const kept_in = join(this.#directory, 'damaged', manifest.kept_as);
    return {...report, outcome: 'finished', kept_in};
  }

  // ------------------------------------------------------------ Locks

  async #underLock<T>(act: (lock: LockFile) => T): Promise<T> {
    const {directory, lockWaitMs = LOCK_WAIT_MS} = this.#options;
    if (!isBeingRepaired(this.#storage, this.#directory)) requireJournal(this.#storage, directory);
    const file = this.#storage.openLock(join(this.#directory, 'lock'));
    const lock = new FileLock(file);
    try {
      // Nobody can write to a disk that is read-only: it needs no lock to be looked at, and nothing else can be done.
      if (file.readOnly === true) return act(file);
      const done = await lock.exclusively(lockWaitMs, () => act(file));
      if (done === null) throw lockedError(lockWaitMs);
      return done.value;
    } catch (error) {
      throw this.#told(error);
    } finally {
      lock.close();
    }
  }

  /** A fault of the disk: before the repair counts it changed nothing, after that it has to be gone on with. */
  #told(error: unknown): unknown {
    if (error instanceof StowpayError) return error;
    if (isBeingRepaired(this.#storage, this.#directory)) return unfinishedRepairError(this.#directory);
    return nothingWritten(error, this.#directory);
  }

  /** Nobody may be in the middle of an act on a payment: its outcome would be written to files that were moved. */
  #whileNobodyActs<T>(changes: boolean, act: () => T): T {
    if (!changes) return act();
    const attempts = this.#storage.openLock(join(this.#directory, 'attempts'));
    try {
      if (!attempts.tryLock(0, 0)) throw busyError();
      return act();
    } finally {
      attempts.close();
    }
  }
}

const FOREIGN_KEY =
  'not one line verifies with this key: it is of another device, or the segments are. Restore device.key from a backup';

function checkRepairable({survey, keys, keyProblem}: Examined, rekey: boolean, directory: string): void {
  if (survey.newer !== null) throw versionError(survey.newer);
  if (rekey) {
    if (keys !== null && !survey.foreign) throw nothingToRekey(survey.records);
    return;
  }
  if (keyProblem !== null) throw keyProblem;
  if (survey.records > 0) return;
  throw nothingVerifies(directory);
}

function nothingVerifies(directory: string): StowpayError {
  return new StowpayError(
    'journal_damaged',
    `Not one line of the journal in ${directory} verifies, so there is nothing to rebuild it from. Nothing was changed.`,
    {
      hint: 'Restore device.key and the segments from a backup of this device. If only the key is lost: --rekey.',
    },
  );
}

function nothing(device: string): Omit<RepairReport, 'outcome'> {
  return {
    device,
    rekeyed: false,
    lost: [],
    quarantined: [],
    orphans: [],
    incomplete: [],
    rebuilt: [],
    kept_in: null,
  };
}

function requireName(confirm: string, device: string): void {
  if (confirm === device) return;
  throw new StowpayError(
    'invalid_usage',
    `This device is ${device}, and another was named. Nothing was changed.`,
    {
      hint: `Check --data-dir. If it is this one: --confirm ${device}`,
    },
  );
}

function quarantineMessage(why: string): string {
  return (
    `The journal was damaged and repaired: ${why}. What happened to this payment may be among what was lost. ` +
    'Look it up at the payment API before anything else is done with it.'
  );
}

function nothingToRekey(records: number): StowpayError {
  return new StowpayError(
    'invalid_usage',
    `There is nothing to rekey: ${records} records verify with the key that is here. Nothing was changed.`,
    {hint: 'Run stowpay journal repair without --rekey.'},
  );
}

function busyError(): StowpayError {
  return new StowpayError(
    'payment_busy',
    'A running stowpay is acting on a payment, so the journal cannot be repaired now. Nothing was changed.',
    {hint: 'Stop every collect, forward and capture on this data directory, then run it again.'},
  );
}

function notRebuilt(reason: string): StowpayError {
  return new StowpayError(
    'unexpected',
    `The rebuilt journal does not verify (${reason}), so the damaged one was left as it is. Nothing was lost.`,
    {hint: 'This is a bug. Keep a copy of the whole data directory.'},
  );
}
