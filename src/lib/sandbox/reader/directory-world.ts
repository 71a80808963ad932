import {randomInt} from 'node:crypto';
import {
  closeSync,
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
import {
  DEFAULT_PAN,
  type EmulatorMemory,
  type EmulatorWorld,
  FRESH_MEMORY,
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
  /** Stays for every following activation. */
  readonly sticky?: boolean;
}

const MEMORY = 'reader.json';
const LOCK = 'reader.lock';
const CARD = 'card.json';
const SETTINGS = 'settings.json';

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
  return {
    memory: fileMemory(dir),
    settings: () => readObject(join(dir, SETTINGS)),
    nextCard: () => takeCard(dir),
    commandFaults: () => [],
    close: () => {
      if (open) lock.close();
      open = false;
    },
  };
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

function takeCard(dir: string): ReturnType<EmulatorWorld['nextCard']> {
  const path = join(dir, CARD);
  const {pan = DEFAULT_PAN, behavior = 'approve', sticky = false}: NextCard = readObject(path);
  if (!sticky) rmSync(path, {force: true});
  return presented(pan, isBehavior(behavior) ? behavior : 'no_card');
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
