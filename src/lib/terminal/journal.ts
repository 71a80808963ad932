import {StowpayError} from '../core/errors.js';
import type {AdoptReport, JournalCare, JournalDamage, RepairReport, RepairRequest} from '../core/ports.js';

/** What `journal verify` answers. */
export interface JournalVerdict {
  readonly device: string | null;
  readonly segments: number;
  readonly records: number;
  readonly bytes: number;
  readonly ok: boolean;
  readonly damage: readonly JournalDamage[];
  readonly notes: readonly string[];
}

/** Reads the whole journal and lists everything that is wrong with it. */
export async function verifyJournal(
  care: JournalCare,
): Promise<{readonly verdict: JournalVerdict; readonly error: StowpayError | null}> {
  const {cloned, ...report} = await care.survey();
  const verdict = {...report, ok: report.damage.length === 0};
  if (verdict.ok) return {verdict, error: null};
  const onlyCloned = cloned && report.damage.length === 1;
  return {verdict, error: onlyCloned ? cloneError(report.device) : damageError(report.damage)};
}

function damageError(damage: readonly JournalDamage[]): StowpayError {
  const [first] = damage;
  const places = damage.length === 1 ? 'one place' : `${damage.length} places`;
  const at = first === undefined ? '' : `: first ${first.segment}, line ${first.line}, byte ${first.byte}`;
  const about = damage.some(({segment}) => segment === 'device.key')
    ? 'Restore device.key from a backup of this device. Only if there is none: stowpay journal repair --rekey.'
    : 'stowpay journal repair shows what it would do. Copy the whole data directory first.';
  return new StowpayError(
    'journal_damaged',
    `The journal is damaged in ${places}${at}. Nothing was changed.`,
    {
      hint: `Stop selling and do not wipe. ${about}`,
      details: {places: damage.length},
    },
  );
}

function cloneError(device: string | null): StowpayError {
  return new StowpayError(
    'journal_cloned',
    'This data directory was copied from another machine (or the id of this one changed). Two devices that forward ' +
      'the same payments could charge them twice, so nothing is written here.',
    {
      hint: `If the other device is out of use for good: stowpay journal adopt --confirm ${device ?? '<device>'}. Else do not sell or forward here.`,
    },
  );
}

/** Rebuilds the journal from what verifies, or says what that would do; then the error names the flag. */
export async function repairJournal(
  care: JournalCare,
  request: RepairRequest,
): Promise<{readonly report: RepairReport; readonly error: StowpayError | null}> {
  const report = await care.repair(request);
  if (report.outcome !== 'planned') return {report, error: null};
  const {lost, quarantined, orphans, device} = report;
  const rekey = request.rekey ? ' --rekey' : '';
  const touched = quarantined.length + orphans.length;
  const what = `${lost.length} gap${lost.length === 1 ? '' : 's'}, ${touched} payment${touched === 1 ? '' : 's'} to look up`;
  const error = new StowpayError(
    'input_required',
    `Nothing was changed: this is what a repair would do (${what}). It has to be confirmed with the name of the device.`,
    {hint: `Copy the whole data directory, then: stowpay journal repair${rekey} --confirm ${device}`},
  );
  return {report, error};
}

/** Lets this machine go on with a journal that another one wrote. */
export async function adoptJournal(
  care: JournalCare,
  confirm: string | null,
): Promise<{readonly report: AdoptReport; readonly error: StowpayError | null}> {
  const report = await care.adopt(confirm);
  if (!report.needed || report.adopted) return {report, error: null};
  const error = new StowpayError(
    'input_required',
    'Nothing was changed: this journal was written on another machine, and taking it over has to be confirmed.',
    {
      hint: `Only when the other device is out of use for good: stowpay journal adopt --confirm ${report.device}`,
    },
  );
  return {report, error};
}
