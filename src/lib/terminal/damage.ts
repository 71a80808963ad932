import {StowpayError} from '../core/errors.js';
import type {JournalHealth} from '../core/ports.js';
import type {Parts} from './parts.js';

/** What is wrong with the journal, as an error; null when it is healthy. */
export function damageOf({ok, damage}: JournalHealth): StowpayError | null {
  if (ok) return null;
  const {code, ...details} = damage?.details ?? {};
  const known = code === 'journal_version_unknown' ? code : 'journal_damaged';
  return new StowpayError(known, damage?.message ?? 'The journal is damaged.', {
    hint: 'Stop selling and do not wipe. Copy the whole data directory, then have a person look at it.',
    details,
  });
}

/** What is wrong with the journal as far as it is read without the lock. */
export async function journalDamage(parts: Parts): Promise<StowpayError | null> {
  return damageOf((await parts.journals.open().view()).health);
}
