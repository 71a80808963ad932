import {type Check, type CheckId, fail, ok, unknown, warn} from './check.js';
import {judgeClock} from './clock-check.js';
import {isApproved} from './connect-rules.js';
import type {StowpayError} from './errors.js';
import {
  type Examination,
  isMute,
  type Masking,
  type ReaderSetting,
  type SettingOutcome,
  toldOrNull,
  whyNot,
  whyNotSet,
} from './examination.js';
import {judgeKey, judgeKeysLeft} from './key-checks.js';
import {NOTHING_SOLD} from './port-check.js';
import type {Pairing} from './state.js';

/** What the answers of a reader are held against. */
export interface ReaderContext {
  readonly sandbox: boolean;
  /** What `connect` recorded of the reader at this address; null when it was another one, or none. */
  readonly paired: Pairing | null;
  /** Software that the location approves of; undefined where it names none. */
  readonly approved_firmware: readonly string[] | undefined;
  /** `reader serial / key` → highest counter of a KSN seen. */
  readonly ksn: ReadonlyMap<string, number>;
  /** This machine's clock cannot be trusted: it stands before what was already journalled, or before this program. */
  readonly clock_uncertain: boolean;
}

/** What a reader's answers mean: one check for each thing it can tell, always the same ones, in order. */
export function judgeReader(told: Examination, context: ReaderContext): readonly Check[] {
  return [
    judgePing(told),
    judgeTamper(told),
    judgeIdentity(told, context),
    judgeFirmware(told, context),
    judgeEncryption(told),
    judgeKey(told, context),
    judgeKeysLeft(told),
    judgeMasking(told),
    judgeClock(told, context),
    judgePollMode(),
    judgeFirstResponse(told),
  ];
}

const ASKED = [
  'reader.tamper',
  'reader.identity',
  'reader.firmware',
  'reader.encryption',
  'reader.key',
  'reader.keys_left',
  'reader.masking',
  'reader.clock',
  'reader.poll_mode',
  'reader.first_response',
] as const satisfies readonly CheckId[];

/** The same checks for a reader that could not be asked. `refused` is what opening it ended with. */
export function judgeUnasked(refused: StowpayError, opened: boolean): readonly Check[] {
  const ping = opened
    ? fail('reader.ping', refused.message, {
        means: NOTHING_SOLD,
        fix: refused.hint ?? 'Check the cable and the power of the reader.',
        code: refused.code,
      })
    : unknown('reader.ping', 'not asked: the port is not open');
  const why = opened ? 'not asked: the reader does not answer' : 'not asked: the port is not open';
  return [ping, ...ASKED.map((id) => unknown(id, why))];
}

/** A round trip beyond this, ms, is no cable any more: something in between is slow. */
const SLOW_MS = 250;

function judgePing(told: Examination): Check {
  const {round_trip_ms} = told;
  if (round_trip_ms === null || fellSilent(told)) {
    const found =
      round_trip_ms === null
        ? 'The reader answered once, and then no more.'
        : 'The reader answers a ping, but fell silent while it was asked.';
    return fail('reader.ping', found, {
      means: NOTHING_SOLD,
      fix: 'Check its cable and power, restart it, then run stowpay doctor again.',
      code: 'reader_lost',
    });
  }
  const details = {round_trip_ms};
  if (round_trip_ms <= SLOW_MS) return ok('reader.ping', `answers in ${round_trip_ms} ms`, {details});
  return warn('reader.ping', `answers only after ${round_trip_ms} ms`, {
    means:
      'Sales take longer. A line this slow often loses bytes, too, and then a card has to be read again.',
    fix: 'Check the serial device server and the network to it, or the load of this machine.',
    details,
  });
}

function fellSilent({firmware, encryption, key, masking}: Examination): boolean {
  return [firmware, encryption, key, masking].some(({kind}) => kind === 'not_asked');
}

function judgeTamper({tampered, round_trip_ms}: Examination): Check {
  if (tampered) {
    return fail('reader.tamper', 'The reader says that it was tampered with.', {
      means: 'It may have been opened, and its keys are gone. Every sale is refused.',
      fix: 'Take it out of service, keep it, and tell the supplier. Do not try to repair it.',
      code: 'reader_tampered',
    });
  }
  if (round_trip_ms === null) return unknown('reader.tamper', 'the reader does not answer');
  return ok('reader.tamper', 'nothing it answers speaks of tampering');
}

function judgeIdentity({serial_number}: Examination, {paired}: ReaderContext): Check {
  const id = 'reader.identity';
  const expected = paired?.identity.serial_number ?? null;
  if (isMute(serial_number)) return unknown(id, whyNot(serial_number));
  const found = toldOrNull(serial_number) ?? '';
  if (found !== '' && (expected === null || expected === found)) {
    return ok(id, `serial number ${found}`, {details: {serial_number: found}});
  }
  if (expected !== null && expected !== found) {
    return fail(
      id,
      `Another reader than the one connected: ${nameOf(found)} instead of ${nameOf(expected)}`,
      {
        means: 'Every sale is refused until it is connected. Nothing is lost.',
        fix: 'If it was exchanged on purpose, run stowpay connect again; if not, find out who exchanged it.',
        code: 'reader_changed',
        details: {serial_number: found, expected},
      },
    );
  }
  const why = serial_number.kind === 'told' ? 'it is empty' : whyNot(serial_number);
  return warn(id, `no serial number: ${why}`, {
    means:
      'Sales go on, but an exchanged reader would not be noticed, and its keys are told apart by their serial numbers alone.',
    fix: 'Have the supplier set the serial number.',
    details: {serial_number: '', expected},
  });
}

function nameOf(serial: string): string {
  return serial === '' ? '(no serial number)' : serial;
}

function judgeFirmware(told: Examination, {paired, approved_firmware}: ReaderContext): Check {
  const id = 'reader.firmware';
  const {firmware, main_firmware, processor} = told;
  const parts = [
    told.firmware.kind === 'told' ? told.firmware.value : null,
    main_firmware.kind === 'told' ? `main ${main_firmware.value}` : null,
    processor.kind === 'told' ? `processor ${processor.value}` : null,
  ].filter((part) => part !== null && part !== '');
  if (parts.length === 0) return unknown(id, whyNot(firmware));
  const known = firmware.kind === 'told' ? firmware : main_firmware;
  const details = {
    firmware: known.kind === 'told' ? known.value : null,
    main_firmware: toldOrNull(main_firmware),
  };
  const version = toldOrNull(known) ?? '';
  if (!isApproved(version, approved_firmware)) {
    return warn(id, `${parts.join(', ')}: not approved at this location (${approved_firmware?.join(', ')})`, {
      means: 'Sales go on. Without network the reader could not be connected again.',
      fix: 'Have the reader updated by the supplier, or approve its version (docs/READER.md).',
      code: 'reader_connection_offline_needs_update',
      details: {...details, approved_firmware},
    });
  }
  const expected = paired?.identity.firmware ?? null;
  if (known.kind !== 'told' || expected === null || known.value === expected) {
    return ok(id, parts.join(', '), {details});
  }
  return warn(
    id,
    `${parts.join(', ')}; when it was connected it was ${expected === '' ? 'unknown' : expected}`,
    {
      means:
        'Sales go on. Without network the reader could not be connected again: its new software was not confirmed.',
      fix: 'Run stowpay connect with network.',
      code: 'reader_connection_offline_needs_update',
      details: {...details, expected},
    },
  );
}

function judgeEncryption({encryption}: Examination): Check {
  const id = 'reader.encryption';
  if (isMute(encryption)) return unknown(id, whyNot(encryption));
  const details = {encryption: toldOrNull(encryption)};
  if (encryption.kind === 'told' && encryption.value === 'all')
    return ok(id, 'on for chip and stripe', {details});
  const found =
    encryption.kind === 'told'
      ? {all: '', part: 'on for a part of the card data only', off: 'OFF'}[encryption.value]
      : `the reader does not say whether it encrypts: ${whyNot(encryption)}`;
  return fail(id, found, {
    means:
      'Card data could come readable. Connect and every sale refuse this reader; no card was stored readable.',
    fix: 'Have the supplier switch on data encryption for chip and stripe; firmware that cannot say so needs an update.',
    code: 'reader_not_encrypting',
    details,
  });
}

/**
 * The checks of a reader that was told its settings. Advice to make a setting is of no use where the reader refused it,
 * or said that it had made it and had not.
 */
export function afterSettings(
  checks: readonly Check[],
  outcomes: ReadonlyMap<ReaderSetting, SettingOutcome>,
): readonly Check[] {
  return checks.map((check) => {
    const outcome = check.setting === null ? undefined : outcomes.get(check.setting);
    if (outcome === undefined || check.status === 'ok' || check.fix === null) return check;
    const why = outcome.kind === 'told' ? 'It says “done” and does not do it' : whyNotSet(outcome);
    return {...check, fix: `${why}: have the supplier make the setting, or update its firmware.`};
  });
}

/** What may be shown of a card number, and what the rules need of it. */
const SIX_AND_FOUR = {leading: 6, trailing: 4};

function judgeMasking({masking}: Examination): Check {
  const id = 'reader.masking';
  if (masking.kind !== 'told') {
    return unknown(id, whyNot(masking), {
      means: 'If it shows fewer digits, a deny list of issuer ranges denies the cards it cannot tell.',
      setting: 'masking',
    });
  }
  const {leading, trailing} = masking.value;
  const details = {leading, trailing};
  if (leading === SIX_AND_FOUR.leading && trailing === SIX_AND_FOUR.trailing) {
    return ok(id, 'shows six leading and four trailing digits', {details});
  }
  return warn(id, `shows ${leading} leading and ${trailing} trailing digits instead of 6 and 4`, {
    means: maskingMeans(masking.value),
    fix: 'Run stowpay doctor --fix, or stowpay connect; every sale sets it, too.',
    code: 'reader_needs_attention',
    setting: 'masking',
    details,
  });
}

function judgePollMode(): Check {
  return unknown('reader.poll_mode', 'cannot be read; connect and every sale set it to "on demand"', {
    setting: 'poll_mode',
  });
}

function maskingMeans({leading, trailing}: Masking): string {
  if (leading > SIX_AND_FOUR.leading || trailing > SIX_AND_FOUR.trailing) {
    return 'More of the card number is readable than rules for card data allow.';
  }
  return trailing < SIX_AND_FOUR.trailing
    ? 'The last four digits are not known, and payments cannot be told apart by them.'
    : 'A deny list of issuer ranges also denies the cards that it cannot tell from those on it.';
}

function judgeFirstResponse({first_response}: Examination): Check {
  const id = 'reader.first_response';
  if (first_response.kind !== 'told') {
    return unknown(id, whyNot(first_response), {setting: 'first_response'});
  }
  if (first_response.value) return ok(id, 'says so as soon as it sees a card');
  return warn(id, 'says nothing until the card is read', {
    means: 'Sales go on; customers do not see that their card is being read, and may take it away too early.',
    fix: 'Run stowpay doctor --fix, or stowpay connect; every sale sets it, too.',
    code: 'reader_needs_attention',
    setting: 'first_response',
  });
}
