import {join} from 'node:path';
import type {HistoryEntry} from '../core/ports.js';
import {damagedError} from './damage.js';
import {START} from './fold.js';
import {brokenError, type Source} from './load.js';
import type {SyncedMark} from './mark.js';
import {contentEnd} from './room.js';
import {commitsOf, type Position} from './scan.js';
import {firstSeqOf, listSegments} from './segments.js';

/** Every durable record from the first on, in constant memory. Throws `journal_damaged` where it stops verifying. */
export function* readHistory(
  {storage, directory, key}: Source,
  mark: SyncedMark | null,
): Generator<HistoryEntry> {
  let position: Position = START;
  const segments = listSegments(storage, directory).filter((name) => mark === null || name <= mark.segment);
  for (const segment of segments) {
    if (firstSeqOf(segment) !== position.seq + 1) {
      const reason = `record ${position.seq + 1} is missing before it`;
      throw damagedError({segment, line: 1, byte: 0, reason});
    }
    position = {...position, segment, offset: 0};
    const file = storage.open(join(directory, segment), 'read');
    try {
      const limit = mark?.segment === segment ? mark.offset : null;
      const openEnd = limit === null && segment === segments.at(-1);
      const size = file.size();
      const end = openEnd ? contentEnd(file, 0, size) : Math.min(size, limit ?? size);
      const commits = commitsOf(file, key, position, end, openEnd);
      let next = commits.next();
      for (; next.done !== true; next = commits.next()) {
        position = next.value.end;
        for (const {record} of next.value.records) yield {record, segment};
      }
      const broken = next.value;
      if (broken !== null && !(broken.kind === 'tear' && openEnd))
        throw brokenError(storage, directory, segment, broken);
    } finally {
      file.close();
    }
  }
}
