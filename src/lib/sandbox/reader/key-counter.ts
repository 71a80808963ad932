import {dataRequestKey, TEST_BDK} from '../dukpt.js';
import type {EmulatorMemory, ReaderSettings} from './world.js';

const COUNTER_MASK = 0x1fffff;
/** X9.24 skips counters with more one bits, so that a key is never more than ten steps from the first. */
const MAX_ONE_BITS = 10;

/** One use of the reader's key. */
export interface KeyUse {
  readonly ksn: Buffer;
  readonly key: Buffer;
}

export type KeyState = 'valid' | 'missing' | 'exhausted';

export function keyStateOf(memory: EmulatorMemory, settings: ReaderSettings): KeyState {
  if (settings.key !== undefined) return settings.key;
  return nextCounter(counterOf(memory.load().ksn)) === undefined ? 'exhausted' : 'valid';
}

/** Takes the next key serial number. It is saved before it is returned: a kill loses one, but never repeats one. */
export function nextKey(memory: EmulatorMemory): KeyUse | undefined {
  const held = memory.load();
  const counter = nextCounter(counterOf(held.ksn));
  if (counter === undefined) return undefined;
  const ksn = Buffer.from(held.ksn, 'hex');
  ksn.writeUIntBE((ksn.readUIntBE(7, 3) & ~COUNTER_MASK & 0xffffff) | counter, 7, 3);
  memory.save({...held, ksn: ksn.toString('hex').toUpperCase()});
  return keyFor(ksn);
}

/** The key of the last use again: what no real reader does. */
export function sameKey(memory: EmulatorMemory): KeyUse {
  return keyFor(Buffer.from(memory.load().ksn, 'hex'));
}

/** The key serial number after which exactly so many keys are left. */
export function ksnWithKeysLeft(ksn: string, left: number): string {
  let counter = COUNTER_MASK + 1;
  for (let found = -1; found < left && counter > 0; ) {
    counter -= 1;
    if (isUsed(counter)) found += 1;
  }
  const bytes = Buffer.from(ksn, 'hex');
  bytes.writeUIntBE((bytes.readUIntBE(7, 3) & ~COUNTER_MASK & 0xffffff) | counter, 7, 3);
  return bytes.toString('hex').toUpperCase();
}

function keyFor(ksn: Buffer): KeyUse {
  return {ksn, key: dataRequestKey(TEST_BDK, ksn)};
}

function counterOf(ksn: string): number {
  return Number.parseInt(ksn.slice(-6), 16) & COUNTER_MASK;
}

function nextCounter(counter: number): number | undefined {
  for (let next = counter + 1; next <= COUNTER_MASK; next += 1) {
    if (isUsed(next)) return next;
  }
  return undefined;
}

function isUsed(counter: number): boolean {
  return counter.toString(2).replaceAll('0', '').length <= MAX_ONE_BITS;
}
