import {join} from 'node:path';
import type {EventType} from '../core/events.js';
import type {Storage, StorageFile} from '../storage/storage.js';

/**
 * Space kept back so that outcomes of payments already taken can be written when the disk is full.
 * Selling stops until it is whole again.
 */
const RESERVE_BYTES = 256 * 1024;
const RESERVE = 'reserve';

/** Records that begin or extend a sale: never written into the reserve. */
const SELLING: ReadonlySet<EventType> = new Set<EventType>([
  'payment.created',
  'payment.authorizing',
  'payment.accepted_offline',
]);

/** Fills the reserve if it is not whole. Throws the disk's error (ENOSPC) when there is no room for it. */
export function fillReserve(storage: Storage, directory: string): void {
  const there = storage.sizeOf(join(directory, RESERVE)) ?? 0;
  if (there >= RESERVE_BYTES) return;
  const file = openReserve(storage, directory);
  try {
    const size = file.size();
    file.write(size, Buffer.alloc(RESERVE_BYTES - size, 0x2e));
    file.sync();
  } finally {
    file.close();
  }
}

/** Gives the reserve up; false when there was nothing left of it. */
export function releaseReserve(storage: Storage, directory: string): boolean {
  const file = openReserve(storage, directory);
  try {
    if (file.size() === 0) return false;
    file.truncate(0);
    file.sync();
    return true;
  } finally {
    file.close();
  }
}

export function sells(types: Iterable<EventType>): boolean {
  for (const type of types) if (SELLING.has(type)) return true;
  return false;
}

function openReserve(storage: Storage, directory: string): StorageFile {
  const path = join(directory, RESERVE);
  try {
    return storage.open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return storage.create(path);
  }
}
