import {mkdirSync, readdirSync, readFileSync} from 'node:fs';
import {join, relative} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import type {Context} from 'mocha';
import type {OfflineBehavior, PaymentIntent, PaymentState, PrivateData} from '../../src/lib/core/payment.js';
import {openTerminal, type Terminal} from '../../src/lib/index.js';
import type {FaultRequest} from '../../src/lib/sandbox/api/faults.js';
import type {LedgerEntry} from '../../src/lib/sandbox/api/ledger.js';
import {startSandboxApi} from '../../src/lib/sandbox/api/server.js';
import {sandboxNetwork} from '../../src/lib/sandbox/network.js';
import {type NextCard, presentNext} from '../../src/lib/sandbox/reader/directory-world.js';
import type {ForwardResult} from '../../src/lib/terminal/forward/result.js';
import type {Inspected} from '../../src/lib/terminal/inspect.js';
import type {Status} from '../../src/lib/terminal/status.js';
import {Cli, type Ran, type Served} from './cli.js';
import {temporaryDirectory} from './directories.js';

/** The program on a fresh directory. Nothing is connected and nothing exists yet. */
export function freshCli(env: Readonly<Record<string, string>> = {}): Cli {
  return new Cli(temporaryDirectory(), env);
}

/** Cuts or restores the sandbox network of a device, as `stowpay sandbox network` does, without starting it. */
export function network(cli: Cli, state: 'on' | 'off'): void {
  mkdirSync(cli.dataDir, {recursive: true, mode: 0o700});
  sandboxNetwork(join(cli.dataDir, 'sandbox')).set(state === 'on');
}

/** Presents a card, as `stowpay sandbox card` does, without starting it. */
export function present(cli: Cli, card: NextCard): void {
  presentNext(join(cli.dataDir, 'sandbox', 'reader'), card);
}

/**
 * Does something with the device of a CLI in this process: set-up and looking, which need no start of the program.
 * What a test is about is said on the command line.
 */
async function inProcess<T>(cli: Cli, act: (terminal: Terminal) => Promise<T>): Promise<T> {
  const profile = cli.env.STOWPAY_PROFILE;
  const terminal = await openTerminal({
    dataDirectory: {value: cli.dataDir, from: 'the test'},
    profile: profile === undefined ? null : {value: profile, from: 'the test'},
    env: {...cli.env},
  });
  try {
    return await act(terminal);
  } finally {
    await terminal.close();
  }
}

/** A device with the emulated reader connected, and the network as asked. */
export async function connectedCli(
  state: 'on' | 'off',
  env: Readonly<Record<string, string>> = {},
): Promise<Cli> {
  const cli = freshCli(env);
  network(cli, state);
  await inProcess(cli, (terminal) => terminal.connect({address: 'sim:', location: null, offline: false}));
  return cli;
}

/** A payment that was taken before, with network or without, in minor units of usd. */
export async function taken(
  cli: Cli,
  amount: number,
  reference: string,
  behavior: OfflineBehavior = 'prefer_online',
): Promise<PaymentIntent> {
  const sale = {
    amount,
    tip: 0,
    currency: 'usd',
    reference,
    capture_method: 'manual',
    offline_behavior: behavior,
    metadata: {},
    description: null,
    timeout_s: 5,
  } as const;
  return (await inProcess(cli, (terminal) => terminal.collect(sale))).payment;
}

/** Sends everything that is stored on a device. */
export function forwarded(cli: Cli): Promise<ForwardResult> {
  return inProcess(cli, (terminal) => terminal.forward({names: [], limit: null, dryRun: false}));
}

/** Captures everything on a device that is authorised. */
export function capturedAll(cli: Cli): Promise<unknown> {
  return inProcess(cli, (terminal) => terminal.capture({names: [], all: true, amount: null, dryRun: false}));
}

/** Every payment of a device, or those in these states; newest first. */
export function payments(cli: Cli, ...states: readonly PaymentState[]): Promise<readonly PaymentIntent[]> {
  return inProcess(cli, (terminal) => terminal.list({names: [], states, buckets: [], limit: null}));
}

/** The whole story of one payment. */
export async function inspected(cli: Cli, name: string): Promise<Inspected> {
  const [found] = await inProcess(cli, (terminal) => terminal.inspect([name]));
  return found as Inspected;
}

/** The queue of a device. */
export function statusOf(cli: Cli): Promise<Status> {
  return inProcess(cli, (terminal) => terminal.status());
}

/** Holds that nothing is stored on a device: no count, no sum, no card data. */
export async function expectNothingStored(cli: Cli): Promise<void> {
  const status = await statusOf(cli);
  expect(status.offline_payments_count).to.equal(0);
  expect(status.offline_payment_amounts_by_currency).to.deep.equal({});
  expect(status.buckets.open, 'open payments').to.equal(0);
  expect(sealedData(cli), 'sealed data in the journal').to.deep.equal([]);
}

/** Every private part that stands in the journal now, decoded. */
export function sealedData(cli: Cli): readonly PrivateData[] {
  const directory = join(cli.dataDir, 'journal');
  return readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .flatMap((name) => readFileSync(join(directory, name), 'latin1').split('\n'))
    .flatMap((line) => /"private":"([A-Za-z0-9+/]{8,}=*)"/.exec(line)?.[1] ?? [])
    .map((base64) => Buffer.from(base64, 'base64').toString('utf8'))
    .filter((text) => text.startsWith('{'))
    .map((text) => JSON.parse(text) as PrivateData);
}

/** Resolves once a record of this type stands in the journal of a device. */
export async function journalled(cli: Cli, type: string): Promise<void> {
  const path = join(cli.dataDir, 'journal', '000000000001.jsonl');
  const deadline = performance.now() + 10_000;
  while (!readFileSync(path, 'latin1').includes(`"type":"${type}"`)) {
    if (performance.now() > deadline) throw new Error(`no ${type} was journalled`);
    await sleep(10);
  }
}

/** The last key serial number the emulated reader of this device used. */
export function lastKsn(cli: Cli): string {
  const memory = readFileSync(join(cli.dataDir, 'sandbox', 'reader', 'reader.json'), 'utf8');
  return (JSON.parse(memory) as {ksn: string}).ksn;
}

/** Every file below a directory, by its path in it. */
export function filesBelow(directory: string): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(directory, {recursive: true, withFileTypes: true})) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(relative(directory, path), readFileSync(path));
  }
  return files;
}

/** Holds that a run failed the way `--json` promises: one object, the code, its exit code, no stack, nothing on the side. */
export function expectFailure(ran: Ran, exit: number, code: string): void {
  expect(ran.signal, `${ran}`).to.equal(null);
  const {ok, error} = ran.json;
  expect(ok, `${ran}`).to.equal(false);
  expect({exit: ran.code, code: error?.code}, `${ran}`).to.deep.equal({exit, code});
  expect(error?.exit_code, 'exit_code in the object').to.equal(exit);
  expect(error?.message, 'message').to.match(/\S/);
  expectNoStack(ran);
}

/** Holds that nobody is shown a stack trace or a place in the code. */
export function expectNoStack(ran: Ran): void {
  const text = `${ran.stdout}${ran.stderr}`;
  expect(text).not.to.match(/^\s+at .*[:(]/m);
  expect(text).not.to.match(/node_modules|\.[jt]s:\d+|node:internal|"stack"|"oclif"/);
}

/** The standalone API of a device: the judge of "exactly once". */
export interface Judge {
  readonly url: string;
  /** Makes requests fail from now on. */
  fault(...faults: readonly FaultRequest[]): Promise<void>;
  /** Resolves when every fault has met its request. */
  faultsMet(): Promise<void>;
  clearFaults(): Promise<void>;
  ledger(): Promise<readonly LedgerEntry[]>;
  stop(): Promise<void>;
}

/** Starts `stowpay sandbox api` on a directory of its own. */
export async function startJudgeCommand(): Promise<Judge> {
  const served = await freshCli().serve(['sandbox', 'api', '--port', '0']);
  const {url} = served.first.result as {url: string};
  return judgeAt(url, async () => void (await served.stop()));
}

/** The same API, served by this process: where many are needed. */
export async function startJudge(): Promise<Judge> {
  const api = await startSandboxApi({dir: temporaryDirectory()});
  return judgeAt(api.url, () => api.close());
}

function judgeAt(url: string, stop: () => Promise<void>): Judge {
  const ask = async <T>(method: string, what: string, body?: object): Promise<T> => {
    const init = body === undefined ? {method} : {method, body: JSON.stringify(body)};
    const answer = await fetch(`${url}/_sandbox/${what}`, init);
    if (!answer.ok) throw new Error(`${method} ${what}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  return {
    url,
    fault: async (...faults) => {
      for (const {fault, ...rest} of faults) await ask('POST', 'faults', {...rest, ...fault});
    },
    faultsMet: async () => {
      const deadline = performance.now() + 10_000;
      while ((await ask<{faults: unknown[]}>('GET', 'faults')).faults.length > 0) {
        if (performance.now() > deadline) throw new Error('no request met the fault');
        await sleep(10);
      }
    },
    clearFaults: () => ask('DELETE', 'faults'),
    ledger: async () => (await ask<{payment_intents: LedgerEntry[]}>('GET', 'ledger')).payment_intents,
    stop,
  };
}

/** Starts the emulated reader of a device on a port of its own, and gives its address. */
export async function startReader(
  cli: Cli,
  ...flags: readonly string[]
): Promise<Served & {address: string}> {
  const served = await cli.serve(['sandbox', 'reader', ...flags], {env: {STOWPAY_PROFILE: 'sandbox'}});
  return {...served, address: (served.first.result as {address: string}).address};
}

/** Runs acts, at most `width` at a time, and gives their results in order. */
export async function inPairs<T>(acts: readonly (() => Promise<T>)[], width = 2): Promise<readonly T[]> {
  const results: T[] = [];
  const queue = [...acts.entries()];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      results[next[0]] = await next[1]();
  };
  await Promise.all(Array.from({length: width}, work));
  return results;
}

/** Skips a test that this machine cannot run – but never in CI, where skipping would hide a hole. */
export function skip(test: Context, why: string): never {
  if (process.env.CI !== undefined) throw new Error(`cannot be tested in CI: ${why}`);
  process.stderr.write(`      skipped: ${why}\n`);
  return test.skip();
}
