import {join} from 'node:path';
import type {Storage} from '../storage/storage.js';
import type {Fold} from './fold.js';
import {blank, isBlank} from './line.js';

/**
 * Blanks the sealed data of payments whose closing record is durable, in place and synced.
 * Call it under the lock. A crash in the middle is finished by the next writer: the bytes tell.
 */
export function redactClosed(storage: Storage, directory: string, fold: Fold): void {
  const bySegment = new Map<string, string[]>();
  for (const payment of fold.redactable) {
    const segment = fold.privates.get(payment)?.segment;
    if (segment !== undefined) bySegment.set(segment, [...(bySegment.get(segment) ?? []), payment]);
  }
  for (const [segment, payments] of bySegment) redactSegment(storage, directory, segment, fold, payments);
  fold.redactable.clear();
}

/**
 * Makes durable what other processes blanked. Call it before a checkpoint lets go of those payments: from then on
 * nobody looks at their bytes again, and a power cut must not bring them back.
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

function redactSegment(
  storage: Storage,
  directory: string,
  segment: string,
  fold: Fold,
  payments: readonly string[],
): void {
  const file = storage.open(join(directory, segment));
  try {
    let changed = false;
    for (const payment of payments) {
      const place = fold.privates.get(payment);
      if (place === undefined) continue;
      if (!isBlank(file.read(place.start, place.length))) {
        file.write(place.start, blank(place.length));
        changed = true;
      }
    }
    if (changed) file.sync();
    // Blank already: whoever did it may have died before the sync.
    if (changed) fold.unsynced.delete(segment);
    else fold.unsynced.add(segment);
    for (const payment of payments) fold.privates.delete(payment);
  } finally {
    file.close();
  }
}
