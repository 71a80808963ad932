import {StowpayError} from '../core/errors.js';
import type {JournalHealth} from '../core/ports.js';
import type {Parts} from './parts.js';

const HINTS = {
  journal_damaged:
    'Stop selling and do not wipe. stowpay journal verify lists all damage; copy the whole data directory before ' +
    'stowpay journal repair.',
  journal_version_unknown: 'Stop selling and do not wipe. Install the newer version again.',
  journal_cloned:
    'Do not sell or forward here while the other device is in use. If this one takes its place for good: stowpay ' +
    'journal adopt.',
} as const;

/** What is wrong with the journal, as an error; null when it is healthy. */
export function damageOf({ok, damage}: JournalHealth): StowpayError | null {
  if (ok) return null;
  const {code, ...details} = damage?.details ?? {};
  const known = code === 'journal_version_unknown' || code === 'journal_cloned' ? code : 'journal_damaged';
  return new StowpayError(known, damage?.message ?? 'The journal is damaged.', {
    hint: HINTS[known],
    details,
  });
}

/** What is wrong with the journal as far as it is read without the lock. */
export async function journalDamage(parts: Parts): Promise<StowpayError | null> {
  return damageOf((await parts.journals.open().view()).health);
}
