import type {JournalHealth} from '../core/ports.js';
import type {Storage} from '../storage/storage.js';
import {damagedError, versionError} from './damage.js';
import type {DeviceKeys} from './keys.js';
import type {SyncedMark} from './mark.js';
import {segmentFiles} from './segments.js';
import {type Finding, type Survey, surveyJournal} from './survey.js';

/** Verifies every line and every private part. A private part may be blank only where a later record permits it. */
export function verifyAll(
  storage: Storage,
  directory: string,
  keys: DeviceKeys,
  mark: SyncedMark | null,
): JournalHealth {
  const segments = segmentFiles(storage, directory);
  const survey = surveyJournal({storage, segments, keys, mark, expected: null});
  const seq = lastGood(survey);
  const [first] = survey.damage;
  if (first === undefined) return {ok: true, seq, damage: null};
  return {ok: false, seq, damage: damageOf(first, survey.newer)};
}

/** The last record before the first damage. */
function lastGood({pieces, spoilt}: Survey): number {
  let seq = 0;
  for (const piece of pieces) {
    if (piece.kind !== 'run' || piece.first !== seq + 1) break;
    seq = piece.last;
  }
  for (const one of spoilt.keys()) seq = Math.min(seq, one - 1);
  return seq;
}

function damageOf(finding: Finding, newer: Finding | null): JournalHealth['damage'] {
  const {payment: _, ...damage} = finding;
  const error = newer?.byte === finding.byte ? versionError(damage) : damagedError(damage);
  return {message: error.message, details: {code: error.code, ...error.details}};
}
