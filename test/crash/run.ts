import {StowpayError} from '../../src/lib/core/errors.js';
import type {EventBody} from '../../src/lib/core/events.js';
import {initialiseJournal} from '../../src/lib/journal/genesis.js';
import {FileJournal} from '../../src/lib/journal/journal.js';
import type {RoomSizes} from '../../src/lib/journal/room.js';
import {type TestClock, testClock} from '../support/clock.js';
import {type DiskImage, filesOf} from '../support/disk-image.js';
import {
  type SimulatedDisk,
  type SimulatedProcess,
  type SyncMutation,
  simulatedDisk,
} from '../support/simulated-disk.js';

export const DATA = '/data';

/** What somebody asked the journal to store, and what they were told. Points are numbers of operations done. */
export interface Attempt {
  readonly events: readonly EventBody[];
  readonly began: number;
  /** Null while, and if, nobody was told anything. */
  settled: {readonly at: number; readonly outcome: 'stored' | 'not_stored'} | null;
}

export interface JournalSizes {
  readonly segmentBytes?: number;
  readonly checkpointRecords?: number;
  readonly room?: RoomSizes;
}

/** A workload on a simulated disk, with what everybody was told. */
export interface Run {
  readonly name: string;
  readonly disk: SimulatedDisk;
  readonly sizes: JournalSizes;
  readonly boot: number;
  readonly mutation: SyncMutation | null;
  readonly attempts: readonly Attempt[];
  /** From when on the journal must be there; null while nobody was told. */
  readonly initialised: number | null;
  /** Moments before this one belong to another workload. */
  readonly from: number;
  /** Bytes that recovery put aside, by name. */
  readonly kept: ReadonlyMap<string, Buffer>;
}

export type Workload = (rig: Rig) => Promise<void>;

export interface RunStart {
  readonly name: string;
  readonly image: DiskImage;
  readonly sizes?: JournalSizes;
  readonly boot?: number;
  readonly mutation?: SyncMutation | null;
  readonly attempts?: readonly Attempt[];
  readonly initialised?: number | null;
}

/** What a workload is written with: processes, journals, and a memory of what was asked and told. */
export class Rig {
  readonly disk: SimulatedDisk;
  readonly clock: TestClock;
  readonly sizes: JournalSizes;
  readonly attempts: Attempt[];
  initialised: number | null;
  from = 0;
  readonly #dead = new Set<FileJournal>();
  readonly #processes = new Map<FileJournal, SimulatedProcess>();

  constructor(start: RunStart) {
    this.disk = simulatedDisk(start.image, start.mutation, true);
    this.clock = clockOfBoot(start.boot ?? 1);
    this.sizes = start.sizes ?? {};
    this.attempts = [...(start.attempts ?? [])];
    this.initialised = start.initialised ?? null;
  }

  get now(): number {
    return this.disk.steps.length;
  }

  async initialise(process = this.disk.process('first')): Promise<void> {
    await initialiseJournal(process.storage, DATA, this.clock, 'machine');
    this.initialised ??= this.now;
  }

  /** Crashes before this moment are another workload's. */
  begin(): void {
    this.from = this.now;
  }

  open(name: string): FileJournal {
    const process = this.disk.process(name);
    const {storage} = process;
    const journal = new FileJournal({
      storage,
      directory: DATA,
      clock: this.clock,
      lockWaitMs: 500,
      ...this.sizes,
    });
    this.#processes.set(journal, process);
    return journal;
  }

  /** The process dies once it has done so many more operations. */
  killAfter(journal: FileJournal, operations: number): void {
    this.#dead.add(journal);
    this.#processes.get(journal)?.killAfter(operations);
  }

  kill(journal: FileJournal): void {
    this.#dead.add(journal);
    this.#processes.get(journal)?.kill();
  }

  /** Asks for these events to be stored, and remembers the answer. */
  async write(journal: FileJournal, ...events: EventBody[]): Promise<void> {
    const attempt: Attempt = {events, began: this.now, settled: null};
    this.attempts.push(attempt);
    try {
      await journal.transact(() => ({events, result: null}));
      attempt.settled = {at: this.now, outcome: 'stored'};
    } catch (error) {
      if (this.#dead.has(journal)) return;
      if (!(error instanceof StowpayError)) throw error;
      if (error.code === 'journal_write_failed') return;
      attempt.settled = {at: this.now, outcome: 'not_stored'};
    }
  }
}

export async function runWorkload(start: RunStart, workload: Workload): Promise<Run> {
  const rig = new Rig(start);
  await workload(rig);
  const {disk, sizes, attempts, initialised, from} = rig;
  const mutation = start.mutation ?? null;
  const kept = new Map(
    [...filesOf(disk.image)].flatMap(([path, file]) =>
      path.includes('/damaged/') ? [[path.slice(path.lastIndexOf('/') + 1), file.cache] as const] : [],
    ),
  );
  return {name: start.name, disk, sizes, boot: start.boot ?? 1, mutation, attempts, initialised, from, kept};
}

export function clockOfBoot(boot: number): TestClock {
  const clock = testClock();
  for (let boots = 1; boots < boot; boots += 1) clock.reboot();
  return clock;
}
