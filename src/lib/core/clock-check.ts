import {type Check, fail, ok, unknown, warn} from './check.js';
import {type Examination, whyNot} from './examination.js';
import type {ReaderContext} from './reader-checks.js';
import {rfc3339} from './time.js';

const MINUTE_MS = 60_000;
/** Setting it drops the seconds, so that a good clock may be most of a minute late. */
const CLOCK_OK_MS = 2 * MINUTE_MS;
const CLOCK_BAD_MS = 24 * 60 * MINUTE_MS;

/** The reader’s clock against this machine’s, as far as that one can be trusted. */
export function judgeClock({clock}: Examination, {clock_uncertain}: ReaderContext): Check {
  const id = 'reader.clock';
  if (clock.kind !== 'told') return unknown(id, whyNot(clock), {setting: clock_uncertain ? null : 'clock'});
  const {reader, host} = clock.value;
  const details = {reader: rfc3339(reader), machine: rfc3339(host), drift_s: drift(reader, host) / 1000};
  if (clock_uncertain) {
    return unknown(
      id,
      `shows ${minuteText(reader)}, but this machine’s own clock cannot be trusted (${minuteText(host)})`,
      {
        means:
          'The reader’s date goes into the cryptogram. It is not set by a clock that is known to be wrong.',
        fix: 'Set this machine’s clock, then run stowpay doctor again.',
        details,
      },
    );
  }
  const off = Math.abs(details.drift_s * 1000);
  if (off <= CLOCK_OK_MS) return ok(id, `right: ${minuteText(reader)}`, {details});
  const found = `shows ${minuteText(reader)}: ${driftText(details.drift_s)}`;
  const fix = 'Run stowpay doctor --fix, or stowpay connect; every sale sets it, too.';
  if (off < CLOCK_BAD_MS) {
    const means = 'Dates in the cryptograms of cards may be those of another day. Sales go on.';
    return warn(id, found, {means, fix, code: 'reader_needs_attention', setting: 'clock', details});
  }
  return fail(id, found, {
    means: 'Cards are judged expired or valid by it, and issuers may decline a payment whose date is wrong.',
    fix,
    code: 'reader_needs_attention',
    setting: 'clock',
    details,
  });
}

/** ms the reader's clock is ahead (or, negative, behind), counted from the minute it shows. */
function drift(reader: number, host: number): number {
  if (host < reader) return reader - host;
  return host < reader + MINUTE_MS ? 0 : reader + MINUTE_MS - 1 - host;
}

function driftText(seconds: number): string {
  const size = Math.abs(seconds);
  const amount =
    size < 7200
      ? `${Math.round(size / 60)} minutes`
      : size < 172_800
        ? `${Math.round(size / 3600)} hours`
        : `${Math.round(size / 86_400)} days`;
  return `${amount} ${seconds < 0 ? 'behind' : 'ahead'}`;
}

function minuteText(ms: number): string {
  return `${rfc3339(ms).slice(0, 16).replace('T', ' ')} UTC`;
}
