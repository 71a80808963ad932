import {randomUUID} from 'node:crypto';
import {join} from 'node:path';
import type {Clock} from '../core/ports.js';
import {rfc3339} from '../core/time.js';
import {createDurable} from '../storage/durable.js';
import {FileLock} from '../storage/file-lock.js';
import type {Storage} from '../storage/storage.js';
import {lockedError, lostError, notFoundError, unfinishedRepairError} from './damage.js';
import {encodeCommit, recordOf} from './encode.js';
import {START} from './fold.js';
import {createKeys, readKeys} from './keys.js';
import {machineDigest} from './machine.js';
import {LOCK_WAIT_MS} from './mark.js';
import {fillReserve} from './reserve.js';
import {isBeingRepaired, listSegments, segmentName, segmentsLost} from './segments.js';

/** True when a journal was initialised in this data directory, also when its segments are gone since. */
export function journalExists(storage: Storage, dataDirectory: string): boolean {
  const directory = join(dataDirectory, 'journal');
  return (
    listSegments(storage, directory).length > 0 ||
    segmentsLost(storage, directory) ||
    isBeingRepaired(storage, directory)
  );
}

/** Throws `journal_damaged` where all segments are gone, `journal_not_found` where there never were any. */
export function requireJournal(storage: Storage, dataDirectory: string): void {
  const directory = join(dataDirectory, 'journal');
  if (segmentsLost(storage, directory)) throw lostError(directory);
  if (listSegments(storage, directory).length === 0) throw notFoundError(dataDirectory);
}

/**
 * Creates keys and first segment, durably and under the lock; does nothing when there is a journal already.
 * A crash at any point leaves either no segment (the next call goes on) or a whole first one.
 */
export async function initialiseJournal(
  storage: Storage,
  dataDirectory: string,
  clock: Clock,
  machineId: string | null,
): Promise<void> {
  const directory = join(dataDirectory, 'journal');
  storage.makeDirectory(directory);
  storage.syncDirectory(dataDirectory);
  const lock = new FileLock(storage.openLock(join(directory, 'lock')));
  try {
    if (!(await lock.lock(LOCK_WAIT_MS))) throw lockedError(LOCK_WAIT_MS);
    if (isBeingRepaired(storage, directory)) throw unfinishedRepairError(directory);
    if (segmentsLost(storage, directory)) throw lostError(directory);
    if (journalExists(storage, dataDirectory)) return;
    createKeys(storage, dataDirectory);
    fillReserve(storage, directory);
    createFirstSegment(storage, dataDirectory, clock, machineId);
  } finally {
    lock.close();
  }
}

function createFirstSegment(
  storage: Storage,
  dataDirectory: string,
  clock: Clock,
  machineId: string | null,
): void {
  const directory = join(dataDirectory, 'journal');
  const stamp = {at: rfc3339(clock.now()), boot: clock.boot, mono: clock.mono()};
  const machine = machineDigest(machineId);
  const event = {
    type: 'journal.opened' as const,
    data: {format: 1 as const, device: `dev_${randomUUID().replaceAll('-', '')}`, machine},
  };
  const position = {...START, segment: segmentName(1)};
  const {bytes} = encodeCommit(
    readKeys(storage, dataDirectory),
    position,
    [event],
    [recordOf(event, 1, 1, stamp)],
  );
  // Written beside and renamed: a torn first segment would look like a journal that lost everything.
  const path = join(directory, segmentName(1));
  const temporary = join(directory, 'first.new');
  if (storage.readFile(temporary) !== null) storage.rename(temporary, join(directory, 'first.left'));
  createDurable(storage, temporary, bytes);
  storage.rename(temporary, path);
  storage.syncDirectory(directory);
}
