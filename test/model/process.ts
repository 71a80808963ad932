import {join} from 'node:path';
import {sandboxPolicy} from '../../src/lib/core/limits.js';
import type {Clock, Random} from '../../src/lib/core/ports.js';
import {FileDevice} from '../../src/lib/device/device.js';
import {openGateway} from '../../src/lib/gateway/open-gateway.js';
import {sandboxDirectory} from '../../src/lib/index.js';
import {initialiseJournal, journalExists} from '../../src/lib/journal/genesis.js';
import {FileJournal} from '../../src/lib/journal/journal.js';
import {readerOverLine} from '../../src/lib/reader/open.js';
import {UNREACHABLE_PORT} from '../../src/lib/sandbox/embedded.js';
import {simLine} from '../../src/lib/sandbox/reader/sim.js';
import {disk} from '../../src/lib/storage/disk.js';
import type {Parts} from '../../src/lib/terminal/parts.js';
import {Terminal} from '../../src/lib/terminal/terminal.js';
import {changedThrough} from '../support/crashing-storage.js';
import type {Life} from './life.js';
import type {Mutant} from './mutants.js';

/** The machine a process runs on. */
export interface Machine {
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Where the API is reached. */
  readonly url: string;
  isNetworkUp(): boolean;
  /** How long a call may take, ms. */
  patience(): number;
}

/** The sandbox's own account and location, as a sandbox device is born knowing them. */
export const API_KEY = 'sk_test_stowpay_sandbox';
const ACCOUNT = 'acct_sandbox';
const LOCATION = {id: 'tml_sandbox', display_name: 'Sandbox', country: 'US'};
const CONFIGURATION = {id: 'tmc_sandbox', offline_enabled: true};

const LOCK_WAIT_MS = 3000;

/**
 * A terminal as a process of its own would open it, of real parts: journal, reader stack, gateway. What the process
 * does to the disk and the network goes through its life.
 */
export function openProcess(machine: Machine, life: Life, mutant: Mutant): Terminal {
  const {directory, clock} = machine;
  const storage = changedThrough(disk, (act) => life.change(act));
  const options = {storage, directory, clock, lockWaitMs: LOCK_WAIT_MS, machine: null};
  let journal: FileJournal | null = null;
  const open = (): FileJournal => {
    journal ??= new FileJournal(options);
    return journal;
  };
  const deadlines = {connect_ms: machine.patience(), total_ms: machine.patience()};
  const gateway = openGateway({
    baseUrl: machine.url,
    apiKey: API_KEY,
    origin: machine.url,
    acceptsSealedData: true,
    deadlines,
    probeDeadlines: deadlines,
    route: (host, port) => {
      life.check();
      return {host, port: machine.isNetworkUp() ? port : UNREACHABLE_PORT};
    },
  });
  const parts: Parts = {
    profile: {name: 'sandbox', sandbox: true, named: true, captures_elsewhere: false, pace: UNPACED},
    directory,
    journals: {
      get exists() {
        return journalExists(disk, directory);
      },
      open,
      prepare: () => {},
      initialise: async () => {
        await initialiseJournal(storage, directory, clock, null);
        return open();
      },
    },
    device: new FileDevice(storage, directory),
    gateway,
    inspectPort: () => ({kind: 'emulated'}),
    openReader: (address, signal) => readerOverLine(fastReader(directory), address, signal),
    listReaderPorts: async () => ({ports: [], notes: []}),
    readerWaitMs: 10_000,
    policy: sandboxPolicy,
    policyFile: () => ({path: 'policy.json', exists: false}),
    clock,
    random: machine.random,
    operator: () => 'an operator',
    provision: {
      binding: {account: ACCOUNT, livemode: false, origin: machine.url},
      location: LOCATION,
      configuration: CONFIGURATION,
    },
  };
  const terminal = new Terminal(mutant.parts?.(parts) ?? parts, async () => {
    await gateway.close();
    journal?.close();
  });
  mutant.terminal?.(terminal);
  return terminal;
}

const UNPACED = {requests_per_s: 10_000, concurrency: 4};

const fastReader = (directory: string): ReturnType<typeof simLine> =>
  simLine(join(sandboxDirectory(directory), 'reader'), {card_delay_ms: 0, frame_delay_ms: 0});
