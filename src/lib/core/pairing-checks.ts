import {type Check, type CheckId, fail, ok, unknown, warn} from './check.js';
import {type OfflineConnect, type OfflineWindow, offlineWindows} from './connect-rules.js';
import type {ErrorCode} from './errors.js';
import type {ReaderIdentity} from './ports.js';
import type {Pairing} from './state.js';

/** From so many days before a window closes it is said. */
const WARN_DAYS = 5;

export interface PairingContext {
  /** The journal cannot be read, so nothing is known. */
  readonly unread: boolean;
  /** Null when no reader was connected here yet. */
  readonly paired: Pairing | null;
  readonly seen: OfflineConnect['seen'];
  /** What the reader says it is; what was connected when it says nothing. */
  readonly identity: Pick<ReaderIdentity, 'type' | 'firmware' | 'serial_number'> | null;
  /** Effective time, ms. */
  readonly now: number;
  readonly clock_uncertain: boolean;
}

/** Whether the reader could be connected again without network: the 30-day predicates, with the days left. */
export function judgeOfflineWindows(context: PairingContext): readonly Check[] {
  const {paired, identity, seen, now} = context;
  if (context.unread) {
    const found = 'the journal cannot be read';
    return [unknown('reader.software', found), unknown('reader.pairing', found)];
  }
  if (paired === null) {
    const found = 'no reader was connected on this device yet';
    const finding = {
      means: 'Nothing is sold before stowpay connect.',
      fix: 'Run stowpay connect, the first time with network.',
    };
    return [unknown('reader.software', found), unknown('reader.pairing', found, finding)];
  }
  const who = {...paired.identity, ...identity};
  const windows = offlineWindows({identity: who, location: null, seen, last: paired, now});
  const firmware = who.firmware === '' ? 'of unknown version' : who.firmware;
  return [
    windows.software === null
      ? ok('reader.software', 'a sandbox reader does not age')
      : judge('reader.software', [`software ${firmware}`, 'confirmed online'], windows.software, context),
    judge(
      'reader.pairing',
      [`a reader of type ${who.type}`, `connected online at ${paired.location.id}`],
      windows.type,
      context,
    ),
  ];
}

const CODES = {
  'reader.software': 'reader_connection_offline_needs_update',
  'reader.pairing': 'reader_connection_not_available_offline',
} as const satisfies Partial<Record<CheckId, ErrorCode>>;

function judge(
  id: keyof typeof CODES,
  [subject, met]: readonly [subject: string, met: string],
  {met_at, days_left}: OfflineWindow,
  {paired, clock_uncertain}: PairingContext,
): Check {
  const what =
    met_at === null ? `${subject} was never ${met}` : `${subject} was ${met} last on ${met_at.slice(0, 10)}`;
  const details = {met_at, days_left, clock_uncertain};
  const offline = paired?.configuration.offline_enabled === true;
  if (!offline) {
    return ok(id, `${what}; offline is not enabled at this location`, {details});
  }
  const unsure = clock_uncertain ? ', by a clock that cannot be trusted' : '';
  const found = `${what}: ${days_left === 1 ? '1 day' : `${days_left} days`} left${unsure}`;
  if (days_left > WARN_DAYS) return ok(id, found, {details});
  const fix = 'Run stowpay connect with network: connecting online once renews it.';
  const then = 'without network the reader cannot be connected again';
  const code = CODES[id];
  if (days_left > 0) {
    return warn(id, found, {means: `Sales go on; after that, ${then}.`, fix, code, details});
  }
  return fail(id, found, {
    means: `Sales go on with the reader as it is connected, but ${then}: nothing would be sold then.`,
    fix,
    code,
    details,
  });
}
