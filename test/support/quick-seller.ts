import {join} from 'node:path';
import {sandboxPolicy} from '../../src/lib/core/limits.js';
import type {Clock} from '../../src/lib/core/ports.js';
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

/**
 * A terminal on a connected sandbox device that sells as fast as the disk allows: its emulated reader finds a card at
 * once. For tests that need many stored payments and are not about how they came there.
 */
export function quickSeller(directory: string, origin: string, clock: Clock = systemClock()): Terminal {
  const machine = machineDigest(machineId());
  const journal = new FileJournal({storage: disk, directory, clock, machine});
  const reader = join(sandboxDirectory(directory), 'reader');
  const gateway = openGateway({
    baseUrl: 'http://127.0.0.1:1',
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
    openReader: (address: string, signal?: AbortSignal) =>
      readerOverLine(simLine(reader, {card_delay_ms: 0, frame_delay_ms: 0}), address, signal, {
        retry_pause: 0,
      }),
    policy: sandboxPolicy,
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
