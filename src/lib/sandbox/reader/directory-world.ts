import {randomInt, randomUUID} from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {StowpayError} from '../../core/errors.js';
import {FileLock} from '../../storage/file-lock.js';
import {testCard} from '../cards.js';
import {BEHAVIORS, type Behavior, isBehavior} from './behaviors.js';
import type {Fault} from './faults.js';
import {ksnWithKeysLeft} from './key-counter.js';
import {BEGINNING, type Progress} from './player.js';
import {parseScenario, type Scenario} from './scenario.js';
import {type Script, Stage} from './stage.js';
import {
  DEFAULT_PAN,
  type EmulatorMemory,
  type EmulatorWorld,
  FRESH_MEMORY,
  type PresentedCard,
  presented,
  type ReaderMemory,
  type ReaderSettings,
} from './world.js';

/** What lies in the hand over the reader. */
export interface NextCard {
  /** One of the published test numbers; 4242424242424242 when left out. */
  readonly pan?: string;
  /** `approve` when left out. */
  readonly behavior?: Behavior;
  /** Milliseconds until it is there. */
  readonly after_ms?: number;
  readonly faults?: readonly Fault[];
  /** Stays for every following activation. */
  readonly sticky?: boolean;
}

const MEMORY = 'reader.json';
const LOCK = 'reader.lock';
const CARD = 'card.json';
const SETTINGS = 'settings.json';
const SCENARIO = 'scenario.json';
const PROGRESS = 'progress.json';

/** Afterwards the reader of this directory finds this card at its next activation. Throws `invalid_usage`. */
export function presentNext(dir: string, card: NextCard): void {
  if (card.behavior !== undefined && !isBehavior(card.behavior)) {
    throw new StowpayError('invalid_usage', 'The emulated reader knows no such behavior.', {
      hint: `Use one of: ${Object.keys(BEHAVIORS).join(', ')}.`,
    });
  }
  if (card.pan !== undefined && testCard(card.pan) === undefined) {
    throw new StowpayError('invalid_usage', 'The sandbox takes only published test card numbers.');
  }
  mkdirSync(dir, {recursive: true, mode: 0o700});
  replaceFile(join(dir, CARD), card);
}

/** Afterwards the reader of this directory is set up like this, from its next command on. */
export function configureReader(dir: string, settings: ReaderSettings): void {
  mkdirSync(dir, {recursive: true, mode: 0o700});
  replaceFile(join(dir, SETTINGS), settings);
}

export function readerSettings(dir: string): ReaderSettings {
  return readObject(join(dir, SETTINGS));
}

/** Afterwards the reader has this many keys left. Throws `reader_busy` while another process has it. */
export function leaveKeys(dir: string, left: number): void {
  const world = directoryWorld(dir);
  try {
    const memory = world.memory.load();
    world.memory.save({...memory, ksn: ksnWithKeysLeft(memory.ksn, left)});
  } finally {
    world.close();
  }
}

/**
 * Afterwards the reader of this directory plays this scenario from its first step on, and no card is in the hand.
 * Throws `scenario_invalid`, and `reader_busy` where it says how many keys are left and another process has the reader.
 */
export function loadScenario(dir: string, text: string): Scenario {
  const scenario = parseScenario(text);
  if (scenario.keys_left !== null) leaveKeys(dir, scenario.keys_left);
  mkdirSync(dir, {recursive: true, mode: 0o700});
  rmSync(join(dir, CARD), {force: true});
  // A new name: progress that a running reader still writes for the one before counts for nothing.
  replaceFile(join(dir, SCENARIO), {id: randomUUID(), text});
  return scenario;
}

/** Afterwards no scenario is played any more. */
export function endScenario(dir: string): void {
  for (const name of [SCENARIO, PROGRESS]) rmSync(join(dir, name), {force: true});
}

/** The scenario that is played in this directory, and how far it is; null when there is none. */
export function scenarioOf(dir: string): {readonly scenario: Scenario; readonly progress: Progress} | null {
  const {scenario, progress} = new FileScript(dir);
  return scenario === null ? null : {scenario, progress};
}

/** The reader that lives in a directory. Throws `reader_busy` while another process has it. */
export function directoryWorld(dir: string): EmulatorWorld {
  mkdirSync(dir, {recursive: true, mode: 0o700});
  const lock = FileLock.open(join(dir, LOCK));
  if (!lock.tryLock()) {
    lock.close();
    throw new StowpayError('reader_busy', 'The emulated reader is in use by another process.', {
      hint: 'Wait until the other stowpay is done, or stop `stowpay sandbox reader`.',
    });
  }
  let open = true;
  const stage = new Stage(new FileScript(dir));
  const memory = fileMemory(dir);
  return {
    memory,
    settings: () => ({...readerSettings(dir), ...stage.settings()}),
    nextCard: () => takeCard(dir) ?? stage.nextCard(),
    commandFaults: (command, sub) => stage.commandFaults(command, sub),
    idleFaults: () => stage.idleFaults(),
    takeIdleFaults: () => stage.takeIdleFaults(),
    unplug: (forMs) => memory.save({...memory.load(), unplugged_until: Date.now() + forMs}),
    close: () => {
      if (open) lock.close();
      open = false;
    },
  };
}

/** The scenario of a directory, as the files say each time. */
class FileScript implements Script {
  readonly #dir: string;
  #id: unknown = null;
  #scenario: Scenario | null = null;

  constructor(dir: string) {
    this.#dir = dir;
  }

  get scenario(): Scenario | null {
    const {id = null, text = ''}: {id?: unknown; text?: string} = readObject(join(this.#dir, SCENARIO));
    if (id !== this.#id) this.#scenario = id === null ? null : parseScenario(text);
    this.#id = id;
    return this.#scenario;
  }

  get progress(): Progress {
    const saved: Partial<Progress & {id: unknown}> = readObject(join(this.#dir, PROGRESS));
    return saved.id === this.#id ? {...BEGINNING, ...saved} : BEGINNING;
  }

  save({step, played}: Progress): void {
    replaceFile(join(this.#dir, PROGRESS), {id: this.#id, step, played});
  }
}

function fileMemory(dir: string): EmulatorMemory {
  const path = join(dir, MEMORY);
  // What a full disk does not take is kept while the reader has power.
  let volatile: Partial<ReaderMemory> = {};
  const load = (): ReaderMemory => {
    const saved: Partial<ReaderMemory> = {...readObject(path), ...volatile};
    if (saved.serial_number !== undefined) return {...FRESH_MEMORY, ...saved};
    // Two emulated readers are two readers: saved at once, so that it stays the same one.
    const fresh = {...FRESH_MEMORY, ...saved, serial_number: freshSerialNumber()};
    replaceFile(path, fresh);
    return fresh;
  };
  return {
    load,
    save: (memory) => {
      // A key serial number must never be used twice: without it on the disk there is no read.
      const mustLast = memory.ksn !== load().ksn;
      try {
        replaceFile(path, memory);
        volatile = {};
      } catch (error) {
        if (mustLast) throw error;
        const {ksn: _, ...settings} = memory;
        volatile = settings;
      }
    },
  };
}

function freshSerialNumber(): string {
  return `SBX${String(randomInt(10 ** 7)).padStart(7, '0')}`;
}

/** The card in the hand; null when there is none. */
function takeCard(dir: string): PresentedCard | null {
  const path = join(dir, CARD);
  if (!existsSync(path)) return null;
  const {pan = DEFAULT_PAN, behavior = 'approve', sticky = false, ...rest}: NextCard = readObject(path);
  if (!sticky) rmSync(path, {force: true});
  return {...presented(pan, isBehavior(behavior) ? behavior : 'no_card'), ...rest};
}

function readObject(path: string): object {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof value === 'object' && value !== null ? value : {};
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** Whole or not at all, also when killed: a key serial number must never be used twice. */
function replaceFile(path: string, content: object): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeFileSync(file, `${JSON.stringify(content)}\n`);
    fsyncSync(file);
  } catch (error) {
    rmSync(temporary, {force: true});
    throw error;
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}
