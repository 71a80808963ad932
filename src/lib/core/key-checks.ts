import {ksnKey} from './apply.js';
import {type Check, fail, ok, unknown, warn} from './check.js';
import {type Examination, whyNot} from './examination.js';
import {ksnsLeft, splitKsn} from './ksn.js';
import type {ReaderContext} from './reader-checks.js';
import {isTestKsn} from './rules.js';
import type {Pairing} from './state.js';

/** Whether card data can be sealed, with a key that may be used here. */
export function judgeKey({key}: Examination, {sandbox, ksn: seen, paired}: ReaderContext): Check {
  const id = 'reader.key';
  if (key.kind !== 'told') {
    return unknown(id, whyNot(key), {
      means: 'A key that is missing or used up shows at the next sale, which is refused then.',
    });
  }
  const {state, ksn} = key.value;
  const details = {state, ksn};
  switch (state) {
    case 'missing':
      return fail(id, 'no encryption key in the reader', {
        means: 'Every sale is refused: card data could not be sealed.',
        fix: 'Have the supplier inject a data encryption key (DUKPT).',
        code: 'reader_key_missing',
        details,
      });
    case 'end_of_life':
      return fail(id, 'the encryption key is used up', {
        means: 'Every sale is refused. What was taken before is safe and can be forwarded.',
        fix: 'Replace the reader, or have the supplier inject a new key.',
        code: 'reader_key_exhausted',
        details,
      });
    case 'unknown':
      return unknown(id, 'the reader does not tell', {details});
    case 'valid':
      break;
  }
  if (ksn !== null && isTestKsn(ksn) && !sandbox) {
    return fail(id, `a published test key (${ksn})`, {
      means: 'Anybody could read the cards it reads. Connect and every sale refuse it outside the sandbox.',
      fix: 'Use it with --profile sandbox only; for real cards have the key of your processor injected.',
      code: 'test_key_outside_sandbox',
      details,
    });
  }
  const last = lastSeen(ksn, paired, seen);
  if (last !== null) {
    return fail(id, `its counter stands behind a sale taken before (${ksn})`, {
      means: `The next sales are refused as replays (ksn_replayed), until the counter has passed ${last}.`,
      fix: 'The key was injected anew or the reader was set back: have the supplier inject a fresh key.',
      code: 'ksn_replayed',
      details: {...details, highest_counter_seen: last},
    });
  }
  const test = ksn !== null && isTestKsn(ksn) ? ' (published test key: sandbox only)' : '';
  return ok(id, `valid, ${ksn ?? 'its serial number is not told'}${test}`, {details});
}

/** The counter of an earlier sale that this key serial number stands behind; null when it does not. */
function lastSeen(
  ksn: string | null,
  paired: Pairing | null,
  seen: ReadonlyMap<string, number>,
): number | null {
  const parts = ksn === null ? null : splitKsn(ksn);
  if (parts === null || paired === null) return null;
  const highest = seen.get(ksnKey({serial: paired.identity.serial_number}, parts.key));
  return highest !== undefined && parts.counter < highest ? highest : null;
}

/** A new key takes weeks: the reader has to travel. So many sales are left for that. */
export const FEW_KEYS = 50_000;

export function judgeKeysLeft({key}: Examination): Check {
  const id = 'reader.keys_left';
  const ksn = key.kind === 'told' ? key.value.ksn : null;
  const left = ksn === null ? null : ksnsLeft(ksn);
  if (key.kind !== 'told') return unknown(id, whyNot(key));
  if (key.value.state === 'end_of_life') return unknown(id, 'none: see the key', {details: {left: 0}});
  if (left === null)
    return unknown(id, ksn === null ? 'no key serial number' : 'key serial number of unknown form');
  const found = `about ${grouped(left)} card reads left`;
  if (left >= FEW_KEYS) return ok(id, found, {details: {left}});
  if (left > 0) {
    return warn(id, found, {
      means: 'Sales go on. When the key is used up every sale is refused, on the spot.',
      fix: 'Order a new key injection, or a spare reader, now: it takes weeks.',
      code: 'reader_key_exhausted',
      details: {left},
    });
  }
  return fail(id, 'no card read left', {
    means: 'Every sale is refused. What was taken before is safe and can be forwarded.',
    fix: 'Replace the reader, or have the supplier inject a new key.',
    code: 'reader_key_exhausted',
    details: {left},
  });
}

function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
