import {join} from 'node:path';
import type {Storage, StorageFile} from '../storage/storage.js';
import type {Fold} from './fold.js';
import {blank, isBlank} from './line.js';

/**
 * Blanks the sealed data of payments whose closing record is durable, in place. In the active segment the next commit
 * syncs it, or the next checkpoint, or the end of the process; in another segment it is synced here.
 * Call it under the lock. A crash in the middle is finished by the next writer: the bytes tell.
 * @param active the segment the position of the fold is in, open
 */
export function redactClosed(storage: Storage, directory: string, fold: Fold, active: StorageFile): void {
  const bySegment = new Map<string, string[]>();
  for (const payment of fold.redactable) {
    const segment = fold.privates.get(payment)?.segment;
    if (segment !== undefined) bySegment.set(segment, [...(bySegment.get(segment) ?? []), payment]);
  }
  for (const [segment, payments] of bySegment) {
    // Blank already: whoever did it may have died before the sync.
    if (segment === fold.position.segment) {
      blankIn(active, fold, payments);
      fold.unsynced.add(segment);
    } else if (blankSynced(storage, join(directory, segment), fold, payments)) fold.unsynced.delete(segment);
    else fold.unsynced.add(segment);
    for (const payment of payments) fold.privates.delete(payment);
  }
  fold.redactable.clear();
}

/**
 * Makes durable what was blanked, also by other processes. Call it before a checkpoint lets go of those payments: from
 * then on nobody looks at their bytes again, and a power cut must not bring them back.
 */
export function syncBlanks(storage: Storage, directory: string, fold: Fold): void {
  for (const segment of fold.unsynced) {
    const file = storage.open(join(directory, segment));
    try {
      file.sync();
    } finally {
      file.close();
    }
  }
  fold.unsynced.clear();
}

/** True when there was something to blank; it is durable then. */
function blankSynced(storage: Storage, path: string, fold: Fold, payments: readonly string[]): boolean {
  const file = storage.open(path);
  try {
    const changed = blankIn(file, fold, payments);
    if (changed) file.sync();
    return changed;
  } finally {
    file.close();
  }
}

function blankIn(file: StorageFile, fold: Fold, payments: readonly string[]): boolean {
  let changed = false;
  for (const payment of payments) {
    const place = fold.privates.get(payment);
    if (place === undefined || isBlank(file.read(place.start, place.length))) continue;
    file.write(place.start, blank(place.length));
    changed = true;
  }
  return changed;
}
