import {CHECKS, type Check, type CheckStatus, fail, sentence, unknown} from '../core/check.js';
import {StowpayError} from '../core/errors.js';
import {
  type Examination,
  type ReaderSetting,
  type SettingChange,
  type SettingOutcome,
  settingChanges,
  toldOrNull,
  whyNotSet,
} from '../core/examination.js';
import {worstCondition} from '../core/exit-codes.js';
import {judgeOfflineWindows} from '../core/pairing-checks.js';
import {isBehindThePort, judgePort} from '../core/port-check.js';
import {type Journal, type PaymentClaim, type PortFacts, READER, type Reader} from '../core/ports.js';
import {afterSettings, judgeReader, judgeUnasked, type ReaderContext} from '../core/reader-checks.js';
import {emptyState, type Pairing, type State} from '../core/state.js';
import {isTrusted} from '../core/time.js';
import {type Parts, throwIfInterrupted, timeNow} from './parts.js';
import {closeQuietly, readerBusy, readerTime} from './reader.js';

export interface DoctorRequest {
  /** Null: the reader that is connected. */
  readonly address: string | null;
  /** Put right what can be: the reader's settings. Without it nothing is changed. */
  readonly fix: boolean;
  /** A warning counts as a fault, too. */
  readonly strict: boolean;
  readonly signal?: AbortSignal;
}

/** One setting that `--fix` made, or tried to. */
export interface Fixed {
  readonly setting: ReaderSetting;
  readonly done: boolean;
  /** What the reader told of it before and after. */
  readonly before: string;
  readonly after: string;
}

export interface Diagnosis {
  readonly address: string | null;
  readonly checks: readonly Check[];
  readonly counts: Readonly<Record<CheckStatus, number>>;
  readonly fixed: readonly Fixed[];
  /** Null when nothing is wrong that a command would stumble over. */
  readonly error: StowpayError | null;
}

/**
 * Looks at everything that can be wrong with the reader, without network. Writes nothing to the journal, and to the
 * reader only with `fix`, and then settings only. A reader in use is left alone. Takes seconds, also on a dead line.
 */
export async function doctor(parts: Parts, request: DoctorRequest): Promise<Diagnosis> {
  const {state, unread} = await knownState(parts);
  const address = request.address ?? state.paired?.address ?? null;
  const {checks, told, fixed} =
    address === null ? noReader(unread) : await checkReaderAt(parts, request, address, state);
  const time = timeNow(parts, state);
  const windows = judgeOfflineWindows({
    unread: unread !== null,
    paired: state.paired,
    seen: state.seen,
    identity: told === null ? null : identityTold(told, pairedAt(state, address)),
    now: time.ms,
    clock_uncertain: !isTrusted(time),
  });
  return diagnosis(address, [...checks, ...windows], fixed, request.strict);
}

interface ReaderFindings {
  readonly checks: readonly Check[];
  readonly told: Examination | null;
  readonly fixed: readonly Fixed[];
}

function noReader(unread: StowpayError | null): ReaderFindings {
  const error = unread ?? new StowpayError('reader_not_connected', 'No reader is connected yet.');
  const port =
    unread === null
      ? fail('reader.port', error.message, {
          means: 'Nothing is sold before a reader is connected.',
          fix: 'Run stowpay connect, or name one: stowpay doctor --reader serial:/dev/ttyUSB0.',
          code: 'reader_not_connected',
        })
      : unknown(
          'reader.port',
          `which reader is connected stands in the journal, and that cannot be read: ${error.message}`,
          {
            means: 'The reader was not looked at.',
            fix: `Name it: stowpay doctor --reader ADDRESS. About the journal: ${error.hint ?? 'stowpay journal verify'}`,
            code: error.code,
          },
        );
  return {checks: [port, ...judgeUnasked(error, false)], told: null, fixed: []};
}

/** What the connected reader says it is; null for another one. */
function identityTold(told: Examination, paired: Pairing | null): Pairing['identity'] | null {
  if (paired === null) return null;
  const firmware = toldOrNull(told.firmware) ?? toldOrNull(told.main_firmware) ?? paired.identity.firmware;
  return {...paired.identity, firmware};
}

/** A journal that cannot be read keeps nobody from looking at the reader. */
async function knownState(
  parts: Parts,
): Promise<{readonly state: State; readonly unread: StowpayError | null}> {
  try {
    const state = parts.journals.exists ? (await parts.journals.open().view()).state : emptyState();
    return {state, unread: null};
  } catch (error) {
    if (error instanceof StowpayError) return {state: emptyState(), unread: error};
    throw error;
  }
}

async function checkReaderAt(
  parts: Parts,
  request: DoctorRequest,
  address: string,
  state: State,
): Promise<ReaderFindings> {
  const ownership = await ownReader(parts, address, state);
  const facts = parts.inspectPort(address);
  if (ownership.kind === 'busy') return unasked(address, facts, readerBusy());
  let reader: Reader;
  try {
    reader = await parts.openReader(address, request.signal);
  } catch (error) {
    ownership.claim?.release();
    return unasked(address, facts, expected(error));
  }
  try {
    return await examineAndFix(parts, request, reader, address, state, facts);
  } finally {
    await closeQuietly(reader);
    ownership.claim?.release();
  }
}

/** A mistake in the command, or the wish to end it, is no finding. */
function expected(error: unknown): StowpayError {
  if (!(error instanceof StowpayError)) throw error;
  if (['reader', 'locked'].includes(error.condition)) return error;
  throw error;
}

function unasked(address: string, facts: PortFacts, refused: StowpayError): ReaderFindings {
  const port = judgePort(address, facts, refused);
  return {checks: [port, ...judgeUnasked(refused, isBehindThePort(refused))], told: null, fixed: []};
}

type Ownership = {readonly kind: 'free'; readonly claim: PaymentClaim | null} | {readonly kind: 'busy'};

/**
 * Owns the connected reader while it is looked at, so that no sale begins meanwhile. Does not wait: who uses it now has
 * a customer before it. Where nothing may be written a look has to do.
 */
async function ownReader(parts: Parts, address: string, {paired}: State): Promise<Ownership> {
  if (paired === null || !mayBeSame(paired.address, address)) return {kind: 'free', claim: null};
  const journal: Journal = parts.journals.open();
  try {
    const claim = await journal.claim(READER);
    return claim === null ? {kind: 'busy'} : {kind: 'free', claim};
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    return {kind: 'free', claim: null};
  }
}

/** A host has many names, and a device server may let two in; a serial port has a lock of its own. */
function mayBeSame(connected: string, asked: string): boolean {
  return connected === asked || (connected.startsWith('tcp:') && asked.startsWith('tcp:'));
}

async function examineAndFix(
  parts: Parts,
  request: DoctorRequest,
  reader: Reader,
  address: string,
  state: State,
  facts: PortFacts,
): Promise<ReaderFindings> {
  const time = timeNow(parts, state);
  const context: ReaderContext = {
    sandbox: parts.profile.sandbox,
    paired: pairedAt(state, address),
    approved_firmware: pairedAt(state, address)?.configuration.approved_firmware,
    ksn: state.ksn,
    clock_uncertain: !isTrusted(time),
  };
  const examine = (): Promise<Examination> => reader.examine(() => parts.clock.now(), request.signal);
  const before = await examine();
  const port = judgePort(address, facts, null);
  const found = [port, ...judgeReader(before, context)];
  if (!request.fix) return {checks: found, told: before, fixed: []};
  const outcomes = await fixSettings(parts, request, reader, found, state);
  if (outcomes.size === 0) return {checks: found, told: before, fixed: []};
  const after = await examine();
  const checks = afterSettings([port, ...judgeReader(after, context)], outcomes);
  return {checks, told: after, fixed: fixedOf(outcomes, found, checks)};
}

function pairedAt({paired}: State, address: string | null): Pairing | null {
  return paired?.address === address ? paired : null;
}

/** Makes the settings whose checks ask for it, one by one. Stops when the reader is gone. */
async function fixSettings(
  parts: Parts,
  {signal}: DoctorRequest,
  reader: Reader,
  found: readonly Check[],
  state: State,
): Promise<ReadonlyMap<ReaderSetting, SettingOutcome>> {
  const wanted = new Set(found.map(({setting}) => setting));
  const outcomes = new Map<ReaderSetting, SettingOutcome>();
  // Settings of a reader that does not answer cannot be made.
  if (found.some(({id, status}) => id === 'reader.ping' && status === 'fail')) return outcomes;
  for (const change of settingChanges(readerTime(parts, state))) {
    if (!wanted.has(change.setting)) continue;
    throwIfInterrupted(signal);
    outcomes.set(change.setting, await tell(reader, change, signal));
  }
  return outcomes;
}

async function tell(
  reader: Reader,
  change: SettingChange,
  signal: AbortSignal | undefined,
): Promise<SettingOutcome> {
  try {
    return await reader.set(change, signal);
  } catch (error) {
    if (!(error instanceof StowpayError) || error.condition !== 'reader') throw error;
    return {kind: 'silent'};
  }
}

function fixedOf(
  outcomes: ReadonlyMap<ReaderSetting, SettingOutcome>,
  before: readonly Check[],
  after: readonly Check[],
): readonly Fixed[] {
  const foundOf = (checks: readonly Check[], setting: ReaderSetting): Check | undefined =>
    checks.find(({id}) => id === `reader.${setting}`);
  return [...outcomes].map(([setting, outcome]) => {
    const now = foundOf(after, setting);
    const then = foundOf(before, setting)?.found ?? '';
    if (outcome.kind !== 'told') return {setting, done: false, before: then, after: whyNotSet(outcome)};
    // What cannot be read back is believed: the reader said "done".
    const unread = now === undefined || now.status === 'unknown';
    const done = unread || now.status === 'ok';
    return {setting, done, before: then, after: unread ? 'set; it cannot be read back' : now.found};
  });
}

/** What was put right is no fault any more: the error speaks of what is left. */
function diagnosis(
  address: string | null,
  checks: readonly Check[],
  fixed: readonly Fixed[],
  strict: boolean,
): Diagnosis {
  const counts = {ok: 0, warn: 0, fail: 0, unknown: 0};
  for (const {status} of checks) counts[status] += 1;
  return {address, checks, counts, fixed, error: errorOf(checks, strict)};
}

function errorOf(checks: readonly Check[], strict: boolean): StowpayError | null {
  // What is not known is no fault, but where a code says why it is not, that is the answer: the reader is busy.
  const counted = checks
    .filter(
      ({status, code}) =>
        status === 'fail' || (strict && status === 'warn') || (status === 'unknown' && code !== null),
    )
    .map(({id, code, found, means, fix, status}) => {
      const message = `${CHECKS[id]}: ${sentence(found)} ${means ?? ''}`.trim();
      const details = {check: id, status};
      return new StowpayError(code ?? 'reader_needs_attention', message, {hint: fix ?? undefined, details});
    });
  const worst = worstCondition(counted.map(({condition}) => condition));
  return counted.find(({condition}) => condition === worst) ?? null;
}
