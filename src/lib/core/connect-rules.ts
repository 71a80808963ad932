import {StowpayError} from './errors.js';
import type {ReaderIdentity} from './ports.js';
import type {Pairing} from './state.js';
import {rfc3339} from './time.js';

/** Stripe's window: type and location connected, software confirmed, within so many days. */
const WINDOW_DAYS = 30;
const DAY_MS = 24 * 3600 * 1000;

type Who = Pick<ReaderIdentity, 'type' | 'serial_number' | 'firmware'>;

const typeAt = (account: string, type: string, location: string): string =>
  `type ${account} ${type} ${location}`;
const typeAnywhere = (account: string, type: string): string => `type ${account} ${type}`;
const software = (account: string, who: Who): string => `software ${account} ${who.type} ${who.firmware}`;
const readerAt = (account: string, who: Who, location: string): string =>
  `reader ${account} ${who.type} ${who.serial_number} ${location}`;

/** What connecting a reader online proves, as keys of the state's `seen`. */
export function seenKeys(
  account: string,
  who: Who,
  location: string,
  approved: readonly string[] | undefined,
): readonly string[] {
  return [
    typeAt(account, who.type, location),
    typeAnywhere(account, who.type),
    ...(isApproved(who.firmware, approved) ? [software(account, who)] : []),
    readerAt(account, who, location),
  ];
}

/** Whether a location approves of a reader's software. One that names none approves of what it sees; `*` ends a prefix. */
export function isApproved(firmware: string, approved: readonly string[] | undefined): boolean {
  if (approved === undefined) return true;
  return approved.some((version) =>
    version.endsWith('*') ? firmware.startsWith(version.slice(0, -1)) : firmware === version,
  );
}

export interface OfflineConnect {
  readonly identity: ReaderIdentity;
  /** The location asked for; null for the one used last. */
  readonly location: string | null;
  readonly seen: ReadonlyMap<string, Pairing>;
  readonly last: Pairing | null;
  /** Effective time, ms. */
  readonly now: number;
}

/**
 * Stripe's rules for connecting without network: four predicates, four errors, each with the date it was last met.
 * Returns what was learned online and holds now; throws the error of the first rule that fails.
 */
export function judgeOfflineConnect({identity, location, seen, last, now}: OfflineConnect): Pairing {
  if (last === null) {
    throw refuse('no_last_seen_account', 'No account was ever used online on this device.');
  }
  const {account} = last.binding;
  const where = location ?? last.location.id;
  const here = seen.get(typeAt(account, identity.type, where));
  const anywhere = seen.get(typeAnywhere(account, identity.type));
  if (!isFresh(here, now)) {
    if (isFresh(anywhere, now) && anywhere !== undefined && anywhere.location.id !== where) {
      throw refuse(
        'reader_connection_offline_location_mismatch',
        `Readers of type ${identity.type} were last connected online at ${anywhere.location.id}, not at ${where}.`,
      );
    }
    const what = `No reader of type ${identity.type} was connected online at ${where} in the last ${WINDOW_DAYS} days`;
    throw refuse('reader_connection_not_available_offline', `${what} (${lastMet(here ?? anywhere)}).`);
  }
  const known = here as Pairing;
  if (!known.configuration.offline_enabled) {
    throw refuse('not_connected_to_internet', `Location ${where} is not configured to sell offline.`);
  }
  // A sandbox device is born knowing its location; it has no past to prove.
  if (known.how === 'provisioned') return known;
  const {approved_firmware: approved} = known.configuration;
  if (!isApproved(identity.firmware, approved)) {
    throw refuse(
      'reader_connection_offline_needs_update',
      `The software of this reader (${identity.firmware || 'of unknown version'}) is not among those approved at ${where}: ` +
        `${approved?.join(', ')}.`,
    );
  }
  const current = seen.get(software(account, identity));
  if (!isFresh(current, now)) {
    throw refuse(
      'reader_connection_offline_needs_update',
      `The software of this reader (${identity.firmware}) was not confirmed current in the last ` +
        `${WINDOW_DAYS} days (${lastMet(current)}).`,
    );
  }
  if (seen.get(readerAt(account, identity, where)) === undefined) {
    throw refuse(
      'reader_connection_offline_pairing_unseen_disabled',
      `Reader ${identity.serial_number || '(no serial number)'} was never connected online at ${where}.`,
    );
  }
  return known;
}

/** When a predicate of the offline connect was last met, and for how many whole days it still holds. */
export interface OfflineWindow {
  /** RFC 3339; null when it never was. */
  readonly met_at: string | null;
  readonly days_left: number;
}

/** The predicates that lapse with time, for this reader at its location; a sandbox device’s software does not age. */
export function offlineWindows({
  identity,
  location,
  seen,
  last,
  now,
}: OfflineConnect & {readonly last: Pairing}): {
  readonly type: OfflineWindow;
  readonly software: OfflineWindow | null;
} {
  const {account} = last.binding;
  const window = (pairing: Pairing | undefined): OfflineWindow =>
    pairing === undefined
      ? {met_at: null, days_left: 0}
      : {met_at: pairing.at, days_left: pairingDaysLeft(pairing, now)};
  const here = seen.get(typeAt(account, identity.type, location ?? last.location.id));
  return {
    type: window(here),
    software: here?.how === 'provisioned' ? null : window(seen.get(software(account, identity))),
  };
}

/** For how many whole days the connected reader could still be connected again without network. */
export function offlineDaysLeft(paired: Pairing, seen: ReadonlyMap<string, Pairing>, now: number): number {
  const windows = offlineWindows({identity: paired.identity, location: null, seen, last: paired, now});
  return Math.min(windows.type.days_left, windows.software?.days_left ?? windows.type.days_left);
}

/** Whole days until the window of a pairing closes; 0 when it has. */
export function pairingDaysLeft(pairing: Pairing, now: number): number {
  const until = Date.parse(pairing.at) + WINDOW_DAYS * DAY_MS;
  return Math.max(0, Math.floor((until - now) / DAY_MS));
}

function isFresh(pairing: Pairing | undefined, now: number): boolean {
  return pairing !== undefined && now - Date.parse(pairing.at) < WINDOW_DAYS * DAY_MS;
}

function lastMet(pairing: Pairing | undefined): string {
  return pairing === undefined ? 'never before' : `last on ${rfc3339(Date.parse(pairing.at)).slice(0, 10)}`;
}

function refuse(
  code:
    | 'no_last_seen_account'
    | 'not_connected_to_internet'
    | 'reader_connection_not_available_offline'
    | 'reader_connection_offline_location_mismatch'
    | 'reader_connection_offline_needs_update'
    | 'reader_connection_offline_pairing_unseen_disabled',
  what: string,
): StowpayError {
  return new StowpayError(code, `The reader cannot be connected without network. ${what}`, {
    hint: 'Restore the network and run stowpay connect again: connecting online once renews all of this.',
  });
}
