import type {Check, CheckId} from '../core/check.js';
import {StowpayError} from '../core/errors.js';
import type {Reader} from '../core/ports.js';
import {afterSettings, judgeReader} from '../core/reader-checks.js';
import type {Parts} from './parts.js';

export interface Preparation {
  /** What to set the reader's clock to; null to leave it. */
  readonly time: Date | null;
  readonly approved_firmware: readonly string[] | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Tells the reader its settings, then asks it what became of them: older firmware refuses some, and a reader may say
 * "done" and yet do nothing. Throws where selling would lose money all the same: a clock that is wrong by days and cannot
 * be set, tampering, or silence.
 */
export async function prepareAndCheck(
  parts: Parts,
  reader: Reader,
  {time, approved_firmware, signal}: Preparation,
): Promise<readonly Check[]> {
  const outcomes = await reader.prepare(time, signal);
  return afterSettings(await refuseUnfit(parts, reader, {time, approved_firmware, signal}), outcomes);
}

/** Tells the reader its settings before a sale. It is asked only where it did not let its clock be set. */
export async function prepareForSale(
  parts: Parts,
  reader: Reader,
  time: Date | null,
  signal: AbortSignal | undefined,
): Promise<void> {
  const outcomes = await reader.prepare(time, signal);
  if (outcomes.get('clock')?.kind !== 'refused') return;
  await refuseUnfit(parts, reader, {time, approved_firmware: undefined, signal});
}

/** What no later step would notice before the money is lost. */
const MUST_BE_WELL: ReadonlySet<CheckId> = new Set(['reader.ping', 'reader.tamper', 'reader.clock']);

/** What the reader was found to be like, unless it must not be sold with. */
async function refuseUnfit(
  parts: Parts,
  reader: Reader,
  {time, approved_firmware, signal}: Preparation,
): Promise<readonly Check[]> {
  const checks = judgeReader(await reader.examine(() => parts.clock.now(), signal), {
    sandbox: parts.profile.sandbox,
    paired: null,
    approved_firmware,
    ksn: new Map(),
    clock_uncertain: time === null,
  });
  const wrong = checks.find(({id, status}) => status === 'fail' && MUST_BE_WELL.has(id));
  if (wrong === undefined) return checks;
  const {id, code, found, means, fix, details} = wrong;
  if (id !== 'reader.clock') {
    throw new StowpayError(code ?? 'reader_fault', `${found} No card was read.`, {hint: fix ?? undefined});
  }
  throw new StowpayError(
    'reader_needs_attention',
    `The reader’s clock ${found}, and it does not let it be set. ${means} No card was read.`,
    {hint: 'Have the supplier set its clock (UTC) or update its firmware.', details},
  );
}
