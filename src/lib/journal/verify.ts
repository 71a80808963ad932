import {StowpayError} from '../core/errors.js';
import type {JournalHealth} from '../core/ports.js';
import type {Storage} from '../storage/storage.js';
import {type Damage, damagedError} from './damage.js';
import {emptyFold, type Fold, foldCommits, START} from './fold.js';
import type {DeviceKeys} from './keys.js';
import {isBlank, privateDigest} from './line.js';
import {brokenError} from './load.js';
import type {SyncedMark} from './mark.js';
import {type Position, type ScannedCommit, scan} from './scan.js';
import {firstSeqOf, listSegments, readSegment} from './segments.js';

interface SegmentRead {
  readonly segment: string;
  readonly bytes: Buffer;
  readonly commits: readonly ScannedCommit[];
}

function* readSegments(
  storage: Storage,
  directory: string,
  key: Buffer,
  mark: SyncedMark | null,
): Generator<SegmentRead> {
  let position: Position = START;
  const segments = listSegments(storage, directory).filter((name) => mark === null || name <= mark.segment);
  for (const segment of segments) {
    if (firstSeqOf(segment) !== position.seq + 1) {
      throw damagedError({
        segment,
        line: 1,
        byte: 0,
        reason: `record ${position.seq + 1} is missing before it`,
      });
    }
    position = {...position, segment, offset: 0};
    const limit = mark?.segment === segment ? mark.offset : null;
    const {bytes} = readSegment(storage, directory, segment, 0, limit);
    const openEnd = limit === null && segment === segments.at(-1);
    const {commits, broken} = scan(key, bytes, position, openEnd);
    position = commits.at(-1)?.end ?? position;
    yield {segment, bytes, commits};
    if (broken !== null && !(broken.kind === 'tear' && openEnd))
      throw brokenError(storage, directory, segment, broken);
  }
}

/** Verifies every line and every private part. A private part may be blank only where a later record permits it. */
export function verifyAll(
  storage: Storage,
  directory: string,
  keys: DeviceKeys,
  mark: SyncedMark | null,
): JournalHealth {
  const fold = emptyFold();
  const suspects = new Map<string, Damage>();
  try {
    for (const read of readSegments(storage, directory, keys.mac, mark)) {
      checkPrivates(read, keys, suspects);
      foldCommits(fold, read.commits);
      for (const payment of suspects.keys()) if (isReleased(fold, payment)) suspects.delete(payment);
    }
    for (const damage of suspects.values()) throw damagedError(damage);
    return {ok: true, seq: fold.position.seq, damage: null};
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    const damage = {message: error.message, details: {code: error.code, ...error.details}};
    return {ok: false, seq: fold.position.seq, damage};
  }
}

/** Notes private parts that are not whole. One that a later record releases is a blanking that is not finished. */
function checkPrivates(
  {segment, bytes, commits}: SegmentRead,
  keys: DeviceKeys,
  suspects: Map<string, Damage>,
): void {
  for (const {records} of commits) {
    for (const {record, private: kept} of records) {
      if (kept === null || !('payment' in record)) continue;
      const base64 = bytes.subarray(kept.start, kept.start + kept.length);
      const whole = privateDigest(keys.privateDigest, record.seq, base64.toString('latin1')) === kept.digest;
      if (whole) continue;
      const reason = `the sealed card data of ${record.payment} was ${isBlank(base64) ? 'removed' : 'altered'}`;
      suspects.set(record.payment, {segment, line: 0, byte: kept.start, reason});
    }
  }
}

function isReleased(fold: Fold, payment: string): boolean {
  return fold.state.payments.get(payment)?.private_data === 'released';
}
