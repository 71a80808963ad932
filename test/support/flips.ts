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
}

/** Changes one byte of a journal that is kept in memory, looks at it, repairs it, and looks again. */
export class FlipBench {
  readonly #journal: DamagedJournal;
  readonly #files: ReadonlyMap<string, Buffer>;

  constructor(journal: DamagedJournal) {
    this.#journal = journal;
    this.#files = filesOf(journal.directory);
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
    if (byte === whole[at]) return {verdict: 'unchanged', fates: null, report};
    if (report.damage.length === 0) {
      const removed = report.notes.some((note) => note.includes('not blank') && note.startsWith(segment));
      return {verdict: removed ? 'removed data' : 'like a tear', fates: null, report};
    }
    const repaired = await this.#care(storage).repair({
      confirm: report.device ?? 'dev_unknown',
      rekey: false,
    });
    return {verdict: 'damage', fates: await this.#after(storage, repaired), report};
  }

  async #after(storage: MemoryStorage, repaired: RepairReport): Promise<FlipResult['fates']> {
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
