import type {ErrorCode, ErrorDetails} from './errors.js';
import type {ReaderSetting} from './examination.js';

/** Every question `doctor` asks, in the order it answers them. Each is always answered, if only by "unknown". */
export const CHECKS = {
  'reader.port': 'Port',
  'reader.ping': 'Ping',
  'reader.tamper': 'Tamper',
  'reader.identity': 'Identity',
  'reader.firmware': 'Firmware',
  'reader.encryption': 'Encryption',
  'reader.key': 'Key',
  'reader.keys_left': 'Keys left',
  'reader.masking': 'Masking',
  'reader.clock': 'Clock',
  'reader.poll_mode': 'Poll mode',
  'reader.first_response': 'First response',
  'reader.software': 'Software age',
  'reader.pairing': 'Offline pairing',
} as const;

export type CheckId = keyof typeof CHECKS;

/** `unknown` is no fault: older firmware does not tell everything, and `found` says why it is not known. */
export type CheckStatus = 'ok' | 'warn' | 'fail' | 'unknown';

export interface Check {
  readonly id: CheckId;
  readonly status: CheckStatus;
  /** What was found, or why it is not known. */
  readonly found: string;
  /** What that means for the money or for selling; null when all is well. */
  readonly means: string | null;
  /** What to do about it; null when there is nothing to do. */
  readonly fix: string | null;
  /** What the command fails with that stumbles over it, now or later; null when none does. */
  readonly code: ErrorCode | null;
  /** The setting that `--fix` makes to put it right; null when it cannot. */
  readonly setting: ReaderSetting | null;
  readonly details: ErrorDetails;
}

type Finding = Partial<Pick<Check, 'means' | 'fix' | 'code' | 'setting' | 'details'>>;

function check(status: CheckStatus, id: CheckId, found: string, finding: Finding): Check {
  const {means = null, fix = null, code = null, setting = null, details = {}} = finding;
  return {id, status, found, means, fix, code, setting, details};
}

export function ok(id: CheckId, found: string, finding: Finding = {}): Check {
  return check('ok', id, found, finding);
}

/** Selling goes on; somebody should look. */
export function warn(id: CheckId, found: string, finding: Finding & {means: string; fix: string}): Check {
  return check('warn', id, found, finding);
}

/** Sales are refused, or will be lost or declined. */
export function fail(
  id: CheckId,
  found: string,
  finding: Finding & {means: string; fix: string; code: ErrorCode},
): Check {
  return check('fail', id, found, finding);
}

export function unknown(id: CheckId, found: string, finding: Finding = {}): Check {
  return check('unknown', id, found, finding);
}

/** What was found, as a sentence. */
export function sentence(found: string): string {
  return /[.!?]$/.test(found) ? found : `${found}.`;
}
