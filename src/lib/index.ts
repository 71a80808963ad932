import {randomBytes} from 'node:crypto';
import {join} from 'node:path';
import {StowpayError} from './core/errors.js';
import {defaultPolicy, sandboxPolicy} from './core/limits.js';
import type {Clock, Gateway, JournalCare, OpenReader, Random} from './core/ports.js';
import {machineId, systemClock} from './device/clock.js';
import {checkReadable, checkWritable, dataDirectory, type Setting} from './device/data-directory.js';
import {FileDevice} from './device/device.js';
import {operatorName} from './device/operator.js';
import {readPolicy} from './device/policy-file.js';
import {
  isLoopback,
  type ProfileSettings,
  paceOf,
  profileSettings,
  readApiKey,
  SANDBOX,
} from './device/profiles.js';
import {diskError, onDisk} from './journal/damage.js';
import {initialiseJournal, journalExists} from './journal/genesis.js';
import {FileJournal} from './journal/journal.js';
import {machineDigest} from './journal/machine.js';
import {inspectPort} from './reader/port-facts.js';
import {disk} from './storage/disk.js';
import type {Journals, Parts, Provision} from './terminal/parts.js';
import {Terminal} from './terminal/terminal.js';

export {StowpayError} from './core/errors.js';
export type {PaymentIntent} from './core/payment.js';
export type {Setting} from './device/data-directory.js';
export {Terminal} from './terminal/terminal.js';

export interface OpenOptions {
  /** Null: the system-wide directory, else the user's. */
  readonly dataDirectory?: Setting | null;
  /** Null: the profile the reader was connected under, else the sandbox. */
  readonly profile?: Setting | null;
  readonly env?: NodeJS.ProcessEnv;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Who acts, as the journal keeps it; the user of the operating system when left out. */
  readonly operator?: string;
  /** How long to wait for another process, ms. */
  readonly lockWaitMs?: number;
  /** How long a sale waits for the connected reader when it is away or busy, ms. */
  readonly readerWaitMs?: number;
  /** How long one call of the payment API may take, ms. */
  readonly deadlines?: {readonly connect_ms?: number; readonly total_ms?: number};
  /** The same of the question whether the API can be reached. */
  readonly probeDeadlines?: {readonly connect_ms?: number; readonly total_ms?: number};
}

/** The sandbox's own account and location: a sandbox device is born knowing them. */
const SANDBOX_KEY = 'sk_test_stowpay_sandbox';
const SANDBOX_ACCOUNT = 'acct_sandbox';
const SANDBOX_LOCATION = {id: 'tml_sandbox', display_name: 'Sandbox', country: 'US'};
const SANDBOX_CONFIGURATION = {id: 'tmc_sandbox', offline_enabled: true};

/**
 * Builds a terminal from its parts: the only place where rooms are put together, for the command line and for
 * kiosk programs alike. Opens no port and no connection yet. Close it when done.
 *
 * @throws data_directory_unusable, profile_unknown, profile_invalid
 */
export async function openTerminal(options: OpenOptions = {}): Promise<Terminal> {
  const env = options.env ?? process.env;
  const directory = dataDirectory(options.dataDirectory ?? null, env);
  checkReadable(directory);
  const clock = options.clock ?? systemClock();
  const journals = fileJournals(directory, clock, options.lockWaitMs);
  const profile = await chooseProfile(options.profile ?? null, journals);
  const settings = profileSettings(profile.value, directory.value);
  const sandbox = settings.gateway === 'sandbox';
  const policyPath = join(directory.value, 'policy.json');
  const apiKey = readApiKey(settings, env);
  const world = sandbox ? await openSandbox(directory.value, settings, apiKey, env, clock, options) : null;
  const gateway = world?.gateway ?? (await realGateway(settings, apiKey, options));
  const parts: Parts = {
    profile: {
      name: settings.name,
      sandbox,
      named: profile.from !== DEFAULT,
      captures_elsewhere: settings.captures === 'elsewhere',
      pace: paceOf(settings, apiKey),
    },
    directory: directory.value,
    journals,
    device: new FileDevice(disk, directory.value),
    gateway,
    openReader: readerOpener(directory.value, sandbox),
    inspectPort,
    listReaderPorts: async () => (await import('./reader/ports/list.js')).listReaderPorts(),
    readerWaitMs: options.readerWaitMs ?? READER_WAIT_MS,
    policy: () => readPolicy(policyPath, sandbox ? sandboxPolicy() : defaultPolicy()),
    policyFile: () => ({path: policyPath, exists: disk.has(policyPath)}),
    clock,
    random: options.random ?? ((count) => randomBytes(count)),
    operator: () => options.operator ?? operatorName(env),
    provision: world?.provision ?? null,
  };
  return new Terminal(parts, async () => {
    await gateway.close();
    await world?.close();
    journals.close();
  });
}

/**
 * Opens what looks after a journal: also one that cannot be read, so that nothing but its directory is needed.
 *
 * @throws data_directory_unusable
 */
export async function openJournalCare(options: OpenOptions = {}): Promise<JournalCare> {
  const directory = dataDirectory(options.dataDirectory ?? null, options.env ?? process.env);
  checkReadable(directory);
  const {FileJournalCare} = await import('./journal/care.js');
  const {lockWaitMs} = options;
  const care = new FileJournalCare({
    storage: disk,
    directory: directory.value,
    clock: options.clock ?? systemClock(),
    machine: machineDigest(machineId()),
    ...(lockWaitMs === undefined ? {} : {lockWaitMs}),
  });
  // What another user's process writes, this device's own could not read any more.
  const owned = <T>(act: () => Promise<T>): Promise<T> => {
    if (journalExists(disk, directory.value)) checkWritable(directory);
    return act();
  };
  return {
    survey: () => care.survey(),
    repair: (request) => owned(() => care.repair(request)),
    adopt: (confirm) => owned(() => care.adopt(confirm)),
  };
}

const DEFAULT = 'default';
const REMEMBERED = 'the connected reader';

/** What was named, else what the reader was connected under, else the sandbox. */
async function chooseProfile(named: Setting | null, journals: Journals): Promise<Setting> {
  if (named !== null) return named;
  if (journals.exists) {
    // Serves what verifies of a damaged journal; one that cannot be read at all must not pass for a sandbox.
    const {paired} = (await journals.open().view()).state;
    if (paired !== null)
      return {value: paired.profile, from: paired.profile === SANDBOX ? DEFAULT : REMEMBERED};
  }
  return {value: SANDBOX, from: DEFAULT};
}

function fileJournals(directory: Setting, clock: Clock, lockWaitMs?: number): Journals & {close(): void} {
  let journal: FileJournal | null = null;
  const open = (): FileJournal => {
    journal ??= onDisk(
      directory.value,
      () =>
        new FileJournal({
          storage: disk,
          directory: directory.value,
          clock,
          machine: machineDigest(machineId()),
          ...(lockWaitMs === undefined ? {} : {lockWaitMs}),
        }),
    );
    return journal;
  };
  return {
    get exists() {
      return onDisk(directory.value, () => journalExists(disk, directory.value));
    },
    open,
    prepare: () => checkWritable(directory),
    initialise: async () => {
      checkWritable(directory);
      try {
        await initialiseJournal(disk, directory.value, clock, machineId());
      } catch (error) {
        throw diskError(error, directory.value);
      }
      return open();
    },
    close: () => journal?.close(),
  };
}

async function realGateway(
  settings: ProfileSettings,
  apiKey: string | null,
  options: OpenOptions,
): Promise<Gateway> {
  if (apiKey === null || settings.base_url === null) {
    throw new StowpayError('profile_invalid', `Profile ${settings.name} has no API key.`, {
      hint: 'Name a file that holds it as "api_key_file", or give it as a systemd credential.',
    });
  }
  const {openGateway} = await import('./gateway/open-gateway.js');
  return openGateway({
    baseUrl: settings.base_url,
    apiKey,
    origin: settings.base_url,
    acceptsSealedData: settings.gateway !== 'stripe',
    ...timing(options),
  });
}

function timing({deadlines, probeDeadlines}: OpenOptions): Pick<OpenOptions, 'deadlines' | 'probeDeadlines'> {
  return {
    ...(deadlines === undefined ? {} : {deadlines}),
    ...(probeDeadlines === undefined ? {} : {probeDeadlines}),
  };
}

interface SandboxWorld {
  readonly gateway: Gateway;
  readonly provision: Provision | null;
  close(): Promise<void>;
}

/** The emulated API, in this process on a free loopback port, or standalone where a URL was given. */
async function openSandbox(
  directory: string,
  settings: ProfileSettings,
  apiKey: string | null,
  env: NodeJS.ProcessEnv,
  clock: Clock,
  options: OpenOptions,
): Promise<SandboxWorld> {
  const [{openGateway}, {sandboxNetwork}, {lazyApi}] = await Promise.all([
    import('./gateway/open-gateway.js'),
    import('./sandbox/network.js'),
    import('./sandbox/embedded.js'),
  ]);
  const standalone = standaloneUrl(settings, env);
  const key = apiKey ?? SANDBOX_KEY;
  const network = sandboxNetwork(sandboxDirectory(directory));
  const embedded = lazyApi(join(sandboxDirectory(directory), 'api'), () => clock.now());
  const origin = standalone ?? 'sandbox';
  const gateway = openGateway({
    baseUrl: standalone ?? EMBEDDED_URL,
    apiKey: key,
    origin,
    acceptsSealedData: true,
    ...timing(options),
    route: async (host, port) => {
      const to = standalone === null && network.isUp() ? await embedded.address() : {host, port};
      return network.route(to.host, to.port);
    },
  });
  const binding = {account: SANDBOX_ACCOUNT, livemode: false, origin};
  const provision = {binding, location: SANDBOX_LOCATION, configuration: SANDBOX_CONFIGURATION};
  return {gateway, provision: key === SANDBOX_KEY ? provision : null, close: () => embedded.close()};
}

/** Never connected to as such: every request is routed to the port the embedded API listens on. */
const EMBEDDED_URL = 'http://127.0.0.1:80';

function standaloneUrl(settings: ProfileSettings, env: NodeJS.ProcessEnv): string | null {
  const named = env.STOWPAY_SANDBOX_API;
  if (named === undefined || named === '') return settings.base_url;
  if (URL.canParse(named) && isLoopback(new URL(named).hostname)) return new URL(named).origin;
  throw new StowpayError(
    'profile_invalid',
    'STOWPAY_SANDBOX_API is not the URL of a sandbox API on this machine.',
    {
      hint: 'Start one with stowpay sandbox api, and give the URL it prints.',
    },
  );
}

/** Where the emulated world of a data directory lives. */
export function sandboxDirectory(directory: string): string {
  return join(directory, 'sandbox');
}

/** A reader that restarts, or with which another process reads a card, ms. */
const READER_WAIT_MS = 10_000;

function readerOpener(directory: string, sandbox: boolean): OpenReader {
  return async (address, signal) => {
    const {openReader, readerOverLine} = await import('./reader/open.js');
    if (!address.startsWith('sim:')) return openReader(address, signal);
    if (!sandbox) {
      throw new StowpayError(
        'sandbox_only',
        'sim: is the emulated reader; it belongs to the sandbox profile only.',
        {
          hint: 'Name the real reader, for example serial:/dev/ttyUSB0, or use --profile sandbox.',
        },
      );
    }
    const {simLine} = await import('./sandbox/reader/sim.js');
    const line = await whenFree(() => simLine(join(sandboxDirectory(directory), 'reader')), signal);
    // Nobody holds an emulated card: the next one is there when it is asked for.
    return readerOverLine(line, address, signal, {retry_pause: 0});
  };
}

async function whenFree<T>(open: () => T, signal?: AbortSignal): Promise<T> {
  const deadline = performance.now() + READER_WAIT_MS;
  for (;;) {
    try {
      return open();
    } catch (error) {
      const busy = error instanceof StowpayError && error.code === 'reader_busy';
      if (!busy || performance.now() > deadline || signal?.aborted === true) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
