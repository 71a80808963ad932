/** RFC 3339 UTC with milliseconds. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}

export interface EffectiveTime {
  /** Milliseconds since the epoch. */
  readonly ms: number;
  /** True when the wall clock stands behind something already journalled: it was set back or lost. */
  readonly uncertain: boolean;
}

/**
 * The time rules go by: the wall clock, but never before what was already journalled.
 * A kiosk board without a battery starts in 1970; time must not run backwards because of it.
 *
 * @param wall wall clock, ms since the epoch
 * @param lastJournalled time of the last journal record, ms; null for an empty journal
 */
export function effectiveTime(wall: number, lastJournalled: number | null): EffectiveTime {
  if (lastJournalled !== null && wall < lastJournalled) return {ms: lastJournalled, uncertain: true};
  return {ms: wall, uncertain: false};
}

/** True when the last day of the card's expiry month (UTC) lies before `now`. A card is good through the end of its month. */
export function isExpired(expMonth: number, expYear: number, now: number): boolean {
  return now >= Date.UTC(expYear, expMonth, 1);
}

/** No clock that shows an earlier time is right: this program did not exist then. */
export const NOT_BEFORE = Date.UTC(2026, 0, 1);

/** True when a time may be told to others: neither set back nor lost. */
export function isTrusted(time: EffectiveTime): boolean {
  return !time.uncertain && time.ms >= NOT_BEFORE;
}
