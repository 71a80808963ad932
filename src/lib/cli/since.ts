import {StowpayError} from '../core/errors.js';
import type {Since} from '../terminal/reconcile/reconcile.js';

const MS: Readonly<Record<string, number>> = {
  min: 60_000,
  h: 3_600_000,
  d: 24 * 3_600_000,
  w: 7 * 24 * 3_600_000,
};
const AGO = /^(?<count>[1-9]\d{0,4})(?<unit>min|h|d|w)$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2}))?$/;

/**
 * A moment as it is typed: `30d`, `12h`, `90min`, `4w` before now, a date (its first moment, UTC) or an RFC 3339 time.
 * Throws `invalid_usage` for anything else: a misread time would leave payments out without a word.
 */
export function parseSince(text: string): Since {
  const ago = AGO.exec(text)?.groups;
  if (ago !== undefined) return {ago: Number(ago.count) * (MS[ago.unit ?? ''] ?? 0)};
  const at = MOMENT.test(text) ? Date.parse(text) : Number.NaN;
  // A 31st of February is read as a day of March.
  const exists =
    !Number.isNaN(at) &&
    new Date(`${text.slice(0, 10)}T00:00:00Z`).toISOString().startsWith(text.slice(0, 10));
  if (exists) return {at};
  throw new StowpayError('invalid_usage', 'The time given with --since is not understood.', {
    hint: 'Write a date (2026-11-01), an RFC 3339 time (2026-11-01T08:00:00Z) or an age (30d, 12h, 90min, 4w).',
  });
}
