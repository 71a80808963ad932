import type {JournalReport, RepairReport} from '../../src/lib/core/ports.js';
import {FileJournalCare} from '../../src/lib/journal/care.js';
import {FileJournal} from '../../src/lib/journal/journal.js';
import {machineDigest} from '../../src/lib/journal/machine.js';
import {type DamagedJournal, type Fate, fates, MACHINE} from './damaged-journal.js';
import {filesOf, type MemoryStorage, memoryStorage} from './memory-storage.js';

/** What a byte is changed to. */
export const FLIPS = {
  'lowest bit': (byte: number) => byte ^ 1,
  'highest bit': (byte: number) => byte ^ 0x80,
  'case bit': (byte: number) => byte ^ 0x20,
  NUL: () => 0,
  newline: () => 0x0a,
  space: () => 0x20,
} as const satisfies Record<string, (byte: number) => number>;

export type Flip = keyof typeof FLIPS;

/** What the journal made of one changed byte. */
export type Verdict =
  /** Found by verify, with its segment and line; repaired. */
  | 'damage'
  /** In the place of card data that was removed: it says nothing, and verify mentions it. */
  | 'removed data'
  /** After a reboot, in the last commit: nothing tells it from a write that a power cut tore. */
  | 'like a tear'
  /** The byte was so already. */
  | 'unchanged';

export interface FlipResult {
  readonly verdict: Verdict;
  readonly fates: Readonly<Record<Fate, readonly string[]>> | null;
  readonly report: JournalReport;
  /** The byte was the end of a line. */
  readonly newline: boolean;
}

/** Changes one byte of a journal that is kept in memory, looks at it, repairs it, and looks again. */
export class FlipBench {
  readonly #journal: DamagedJournal;
  readonly #files: ReadonlyMap<string, Buffer>;

  constructor(journal: DamagedJournal) {
    this.#journal = journal;
    this.#files = filesOf(journal.directory);
  }

  /** How many bytes a segment has. */
  size(segment: string): number {
    return this.#files.get(this.#journal.path(segment))?.length ?? 0;
  }

  /** The line and the byte it starts at, of a byte of a segment that is whole. */
  placeOf(segment: string, at: number): {line: number; start: number} {
    const before = this.#files.get(this.#journal.path(segment))?.subarray(0, at) ?? Buffer.alloc(0);
    return {line: before.toString('latin1').split('\n').length, start: before.lastIndexOf(0x0a) + 1};
  }

  async flip(segment: string, at: number, flip: Flip): Promise<FlipResult> {
    const path = this.#journal.path(segment);
    const whole = this.#files.get(path) as Buffer;
    const byte = FLIPS[flip](whole[at] ?? 0) & 0xff;
    const bytes = Buffer.from(whole);
    bytes[at] = byte;
    const storage = memoryStorage(this.#files);
    storage.files.set(path, bytes);
    const report = await this.#care(storage).survey();
    const newline = whole[at] === 0x0a;
    if (byte === whole[at]) return {verdict: 'unchanged', fates: null, report, newline};
    const opened = await this.#opens(storage);
    const chained = report.damage.filter(({reason}) => !reason.startsWith('the sealed card data'));
    if (!this.agrees(opened, chained.length))
      throw new Error(`verify says ${JSON.stringify(report.damage)}, open ${opened}`);
    if (report.damage.length === 0) {
      const removed = report.notes.some((note) => note.includes('not blank') && note.startsWith(segment));
      return {verdict: removed ? 'removed data' : 'like a tear', fates: null, report, newline};
    }
    return {verdict: 'damage', fates: await this.repaired(storage, report), report, newline};
  }

  /** Opening finds what verify finds; from a checkpoint on it reads only what came later. */
  agrees(opens: boolean, damages: number): boolean {
    const cached = this.#files.has(this.#journal.path('checkpoint.json'));
    return opens === (damages === 0) || (cached && opens);
  }

  /** Cuts a segment off; the later ones stay. */
  async cut(
    segment: string,
    size: number,
  ): Promise<{report: JournalReport; storage: MemoryStorage; opens: boolean}> {
    const path = this.#journal.path(segment);
    const storage = memoryStorage(this.#files);
    storage.files.set(path, (this.#files.get(path) as Buffer).subarray(0, size));
    const report = await this.#care(storage).survey();
    return {report, storage, opens: await this.#opens(storage)};
  }

  /** What becomes of every payment by a repair. */
  async repaired(storage: MemoryStorage, report: JournalReport): Promise<NonNullable<FlipResult['fates']>> {
    const repaired = await this.#care(storage).repair({
      confirm: report.device ?? 'dev_unknown',
      rekey: false,
    });
    return this.#after(storage, repaired);
  }

  /** Whether a command would call it healthy. */
  async #opens(storage: MemoryStorage): Promise<boolean> {
    const {directory, clock} = this.#journal;
    const journal = new FileJournal({storage: memoryStorage(storage.files), directory, clock});
    const {health} = await journal.view();
    journal.close();
    return health.ok;
  }

  async #after(storage: MemoryStorage, repaired: RepairReport): Promise<NonNullable<FlipResult['fates']>> {
    const {directory, clock, payments} = this.#journal;
    const again = await this.#care(storage).survey();
    if (again.damage.length > 0) throw new Error(`still damaged: ${JSON.stringify(again.damage)}`);
    const journal = new FileJournal({storage, directory, clock, machine: machineDigest(MACHINE)});
    const {state, health} = await journal.view();
    journal.close();
    if (!health.ok) throw new Error(`cannot be opened: ${health.damage?.message}`);
    return fates(payments, state, repaired);
  }

  #care(storage: MemoryStorage): FileJournalCare {
    const {directory, clock} = this.#journal;
    return new FileJournalCare({
      storage,
      directory,
      clock,
      machine: machineDigest(MACHINE),
      segmentBytes: 4000,
    });
  }
}
