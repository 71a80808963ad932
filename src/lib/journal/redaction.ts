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
  for (const [segment, payments] of bySegment)
    redactSegment(storage, join(directory, segment), fold, payments);
  fold.redactable.clear();
}

function redactSegment(storage: Storage, path: string, fold: Fold, payments: readonly string[]): void {
  const file = storage.open(path);
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
    for (const payment of payments) fold.privates.delete(payment);
  } finally {
    file.close();
  }
}
