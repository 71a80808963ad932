import {join} from 'node:path';
import {sandboxPolicy} from '../../src/lib/core/limits.js';
import type {Clock, OpenReader} from '../../src/lib/core/ports.js';
import {machineId, systemClock} from '../../src/lib/device/clock.js';
import {FileDevice} from '../../src/lib/device/device.js';
import {openGateway} from '../../src/lib/gateway/open-gateway.js';
import {sandboxDirectory} from '../../src/lib/index.js';
import {FileJournal} from '../../src/lib/journal/journal.js';
import {machineDigest} from '../../src/lib/journal/machine.js';
import {readerOverLine} from '../../src/lib/reader/open.js';
import {simLine} from '../../src/lib/sandbox/reader/sim.js';
import {disk} from '../../src/lib/storage/disk.js';
import {Terminal} from '../../src/lib/terminal/terminal.js';

/** What a quick seller may have otherwise. */
export interface QuickOptions {
  readonly clock?: Clock;
  /** Where the API is; nowhere when left out, so that everything is stored. */
  readonly baseUrl?: string;
  readonly openReader?: OpenReader;
}

/**
 * A terminal on a connected sandbox device that sells as fast as the disk allows: its emulated reader finds a card at
 * once. For tests that need many stored payments and are not about how they came there, or that need another reader.
 */
export function quickSeller(directory: string, origin: string, options: QuickOptions = {}): Terminal {
  const {clock = systemClock(), baseUrl = 'http://127.0.0.1:1'} = options;
  const machine = machineDigest(machineId());
  const journal = new FileJournal({storage: disk, directory, clock, machine});
  const reader = join(sandboxDirectory(directory), 'reader');
  const gateway = openGateway({
    baseUrl,
    apiKey: 'sk_test_stowpay_sandbox',
    origin,
    acceptsSealedData: true,
  });
  const parts = {
    profile: {
      name: 'sandbox',
      sandbox: true,
      named: true,
      captures_elsewhere: false,
      pace: {requests_per_s: 1000, concurrency: 1},
    },
    directory,
    journals: {exists: true, open: () => journal, prepare: () => {}, initialise: async () => journal},
    device: new FileDevice(disk, directory),
    gateway,
    inspectPort: () => ({kind: 'emulated'}) as const,
    openReader: options.openReader ?? quickReader(reader),
    listReaderPorts: async () => ({ports: [], notes: []}),
    readerWaitMs: 10_000,
    policy: sandboxPolicy,
    policyFile: () => ({path: 'policy.json', exists: false}),
    clock,
    random: (count: number) => crypto.getRandomValues(new Uint8Array(count)),
    provision: null,
    operator: () => 'test',
  };
  return new Terminal(parts, async () => {
    await gateway.close();
    journal.close();
  });
}

function quickReader(directory: string): OpenReader {
  return (address, signal) =>
    readerOverLine(simLine(directory, {card_delay_ms: 0, frame_delay_ms: 0}), address, signal, {
      retry_pause: 0,
    });
}
