import type {Check} from '../core/check.js';
import {judgeOfflineConnect, offlineDaysLeft} from '../core/connect-rules.js';
import {StowpayError} from '../core/errors.js';
import type {EventBody} from '../core/events.js';
import {READER, type ReaderIdentity, type RemoteTerminal} from '../core/ports.js';
import {parseReaderAddress} from '../core/reader-address.js';
import type {Pairing, State} from '../core/state.js';
import {credentialsError, reachApi} from './network.js';
import {checkMayReadCards, type Parts, throwIfInterrupted, timeNow} from './parts.js';
import {prepareAndCheck} from './prepare.js';
import {readerTime, withReader} from './reader.js';

export interface ConnectRequest {
  /** Of a form that `parseReaderAddress` knows. */
  readonly address: string;
  readonly location: string | null;
  /** Do not try the network. */
  readonly offline: boolean;
  readonly signal?: AbortSignal;
}

export interface Connected {
  readonly reader: ReaderIdentity & {readonly address: string};
  readonly location: RemoteTerminal['location'];
  readonly offline_enabled: boolean;
  readonly network_status: 'online' | 'offline';
  readonly account: string;
  readonly livemode: boolean;
  readonly pairing: {readonly how: Pairing['how']; readonly days_left: number};
  /** What the reader was found to be like once it was told its settings. */
  readonly checks: readonly Check[];
}

type Paired = Extract<EventBody, {type: 'reader.paired'}>['data'];

/**
 * Opens the reader, checks it, and records it as the one to sell with. With network it fetches location and
 * configuration; without, Stripe's 30-day rules apply. The journal is created by the first successful connect;
 * a failed one changes nothing.
 */
export async function connect(parts: Parts, request: ConnectRequest): Promise<Connected> {
  parseReaderAddress(request.address);
  checkMayReadCards(parts, request.address);
  parts.journals.prepare();
  return withReader(parts, request.address, request.signal, async (reader) => {
    const identity = await reader.identify(request.signal);
    checkReader(identity, request.address, parts);
    const known = await knownState(parts);
    const paired = await pair(parts, request, identity, known);
    throwIfInterrupted(request.signal);
    const checks = await prepareAndCheck(parts, reader, {
      time: readerTime(parts, known),
      approved_firmware: paired.at(-1)?.configuration.approved_firmware,
      signal: request.signal,
    });
    return {...(await recordPairing(parts, paired)), checks};
  });
}

async function knownState(parts: Parts): Promise<State | null> {
  return parts.journals.exists ? (await parts.journals.open().view()).state : null;
}

/** Refuses a reader one must not sell with. */
export function checkReader(identity: ReaderIdentity, address: string, parts: Pick<Parts, 'profile'>): void {
  const name = `The reader at ${address} (${identity.type} ${identity.serial_number || 'without serial number'})`;
  const details = {address, type: identity.type, serial_number: identity.serial_number};
  if (!identity.encryption_enabled) {
    throw new StowpayError('reader_not_encrypting', `${name} does not encrypt card data. Nothing was read.`, {
      hint: 'Have encryption enabled in the reader (data encryption keys injected, encryption on), then connect again.',
      details,
    });
  }
  if (identity.key.state === 'missing') {
    throw new StowpayError('reader_key_missing', `${name} has no encryption key.`, {
      hint: 'Have a data encryption key injected, then connect again.',
      details,
    });
  }
  if (identity.key.state === 'end_of_life') {
    throw new StowpayError('reader_key_exhausted', `${name} has used up its encryption key.`, {
      hint: 'Replace the reader or have a new key injected.',
      details,
    });
  }
  if (identity.test_key && !parts.profile.sandbox) {
    throw new StowpayError(
      'test_key_outside_sandbox',
      `${name} encrypts with a published test key; anybody could read its cards.`,
      {
        hint: 'Use it with --profile sandbox only. Real cards need a reader with a key of your processor.',
        details,
      },
    );
  }
}

async function pair(
  parts: Parts,
  request: ConnectRequest,
  identity: ReaderIdentity,
  known: State | null,
): Promise<Paired[]> {
  if (!request.offline) {
    const online = await pairOnline(parts, request, identity);
    if (online !== null) return [online];
  }
  return pairOffline(parts, request, identity, known);
}

async function pairOnline(
  parts: Parts,
  {address, location, signal}: ConnectRequest,
  identity: ReaderIdentity,
): Promise<Paired | null> {
  const reach = await reachApi(parts, signal);
  if (reach.kind === 'offline') return null;
  const outcome = await parts.gateway.terminal(location, signal);
  switch (outcome.kind) {
    case 'delivered':
      return {
        profile: parts.profile.name,
        address,
        identity,
        ...outcome.value,
        binding: reach.binding,
        how: 'online',
      };
    case 'refused':
    case 'declined':
      throw new StowpayError(
        'profile_invalid',
        `The payment API does not give ${location === null ? 'a location' : `location ${location}`}: ${outcome.error.message}`,
        {
          hint: 'Check --location, and that the account has a terminal location.',
          details: {...outcome.error},
        },
      );
    case 'stop':
      throw credentialsError(outcome.error);
    case 'never_sent':
    case 'in_doubt':
    case 'retry':
      return null;
  }
}

function pairOffline(
  parts: Parts,
  {address, location}: ConnectRequest,
  identity: ReaderIdentity,
  known: State | null,
): Paired[] {
  const common = {profile: parts.profile.name, address, identity};
  const paired = known?.paired ?? null;
  if (paired === null && parts.provision !== null) {
    return [{...common, ...parts.provision, how: 'provisioned'}];
  }
  const now = timeNow(parts, known ?? {last_at: null}).ms;
  const rules = {identity, location, seen: known?.seen ?? new Map(), last: paired, now};
  const {binding, configuration, location: where} = judgeOfflineConnect(rules);
  return [{...common, binding, configuration, location: where, how: 'offline'}];
}

async function recordPairing(parts: Parts, pairings: readonly Paired[]): Promise<Omit<Connected, 'checks'>> {
  const journal = await parts.journals.initialise();
  // The file of who works on what is made by who sells: another user's look must not be the first to make it.
  journal.owned(READER);
  const {result: now} = await journal.transact((state) => ({
    events: pairings.map((data) => ({type: 'reader.paired', data}) as const),
    result: timeNow(parts, state).ms,
  }));
  const {state} = await journal.view();
  const paired = state.paired as Pairing;
  return {
    reader: {...paired.identity, address: paired.address},
    location: paired.location,
    offline_enabled: paired.configuration.offline_enabled,
    network_status: paired.how === 'online' ? 'online' : 'offline',
    account: paired.binding.account,
    livemode: paired.binding.livemode,
    pairing: {how: paired.how, days_left: offlineDaysLeft(paired, state.seen, now)},
  };
}
