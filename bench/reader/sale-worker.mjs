// Sales one after the other in one process, as kiosk software that uses the library takes them.

import {writeSync} from 'node:fs';
import {join} from 'node:path';
import {sandboxPolicy} from '../../dist/lib/core/limits.js';
import {machineId, systemClock} from '../../dist/lib/device/clock.js';
import {FileDevice} from '../../dist/lib/device/device.js';
import {openGateway} from '../../dist/lib/gateway/open-gateway.js';
import {openTerminal, sandboxDirectory} from '../../dist/lib/index.js';
import {FileJournal} from '../../dist/lib/journal/journal.js';
import {machineDigest} from '../../dist/lib/journal/machine.js';
import {readerOverLine} from '../../dist/lib/reader/open.js';
import {simLine} from '../../dist/lib/sandbox/reader/sim.js';
import {disk} from '../../dist/lib/storage/disk.js';
import {Terminal} from '../../dist/lib/terminal/terminal.js';
import {isFinalAnswer} from './line.mjs';
import {syncs} from './syncs.mjs';

const [directory, sales, warm] = JSON.parse(process.argv[2]);
const now = () => performance.timeOrigin + performance.now();
let answeredAt = 0;

/** The line of the emulated reader, with a note of when the last byte of a card's answer came over it. */
function tapped(line) {
  return {
    ...line,
    write: (bytes) => line.write(bytes),
    onClose: (listener) => line.onClose(listener),
    close: () => line.close(),
    onData: (listener) =>
      line.onData((chunk) => {
        if (isFinalAnswer(chunk)) answeredAt = now();
        listener(chunk);
      }),
  };
}

async function connect() {
  const terminal = await openTerminal({
    dataDirectory: {value: directory, from: 'bench'},
    profile: {value: 'sandbox', from: 'bench'},
    env: {},
  });
  await terminal.connect({address: 'sim:', location: null, offline: false});
  await terminal.close();
}

function openQuick() {
  const clock = systemClock();
  const journal = new FileJournal({storage: disk, directory, clock, machine: machineDigest(machineId())});
  const gateway = openGateway({
    baseUrl: 'http://127.0.0.1:1',
    apiKey: 'sk_test_stowpay_sandbox',
    origin: 'sandbox',
    acceptsSealedData: true,
  });
  const reader = join(sandboxDirectory(directory), 'reader');
  const parts = {
    profile: {
      name: 'sandbox',
      sandbox: true,
      named: true,
      captures_elsewhere: false,
      pace: {requests_per_s: 1, concurrency: 1},
    },
    directory,
    journals: {exists: true, open: () => journal, prepare: () => {}, initialise: async () => journal},
    device: new FileDevice(disk, directory),
    gateway,
    openReader: (address, signal) =>
      readerOverLine(tapped(simLine(reader, {card_delay_ms: 0, frame_delay_ms: 0})), address, signal),
    inspectPort: () => ({kind: 'emulated'}),
    listReaderPorts: async () => ({ports: [], notes: []}),
    readerWaitMs: 10_000,
    policy: sandboxPolicy,
    policyFile: () => ({path: 'policy.json', exists: false}),
    clock,
    random: (count) => crypto.getRandomValues(new Uint8Array(count)),
    provision: null,
    operator: () => 'bench',
  };
  return new Terminal(parts, async () => {
    await gateway.close();
    journal.close();
  });
}

async function sell(terminal, number) {
  const {payment} = await terminal.collect({
    amount: 1250,
    tip: 0,
    currency: 'usd',
    reference: `order-${number}`,
    capture_method: 'manual',
    offline_behavior: 'force_offline',
    metadata: {},
    description: null,
    timeout_s: 5,
  });
  writeSync(1, `${payment.state} ${payment.local_id}\n`);
  const printedAt = now();
  if (payment.state !== 'accepted_offline') throw new Error(`a sale ended ${payment.state}`);
  const own = syncs.filter(([start]) => start >= answeredAt);
  syncs.length = 0;
  return {
    whole: printedAt - answeredAt,
    synced: own.reduce((sum, [start, end]) => sum + end - start, 0),
    syncs: own.length,
  };
}

await connect();
const terminal = openQuick();
const turns = [];
for (let number = 0; number < warm + sales; number += 1) {
  const turn = await sell(terminal, number);
  if (number >= warm) turns.push(turn);
}
await terminal.close();
process.send(turns, () => process.exit(0));
