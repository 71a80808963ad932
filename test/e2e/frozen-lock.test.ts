import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import type {ForwardResult} from '../../src/lib/terminal/forward/result.js';
import type {Status} from '../../src/lib/terminal/status.js';
import {type Cli, ended} from '../support/cli.js';
import {canTrace, straceCommand} from '../support/strace.js';
import {connectedCli, expectFailure, filesBelow, payments, skip, statusOf, taken} from '../support/world.js';

const selling = (reference: string, ...flags: readonly string[]) => [
  ...['collect', '12.50', 'usd', '--reference', reference, ...flags, '--json'],
];

/** Holds the journal's lock and freezes: a program of its own, so that no step of ours can wake it. */
const HOLDER = `
  const {openSync} = require('node:fs');
  const locks = require(process.argv[1]);
  if (!locks.tryLock(openSync(process.argv[2], 'r+'), 0, 0)) process.exit(1);
  process.stdout.write('held', () => process.kill(process.pid, 'SIGSTOP'));`;

describe('a process that is frozen while it holds the lock of the journal', () => {
  const frozen = new Set<ChildProcess>();
  afterEach(() => {
    for (const child of frozen) {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
    }
    frozen.clear();
  });

  async function held(cli: Cli): Promise<ChildProcess> {
    const native = createRequire(import.meta.url).resolve('fs-native-extensions');
    const lock = join(cli.dataDir, 'journal', 'lock');
    const child = spawn(process.execPath, ['-e', HOLDER, native, lock], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    frozen.add(child);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    await stopped(child.pid ?? 0);
    return child;
  }

  it('the others give up after their wait and change nothing; status still answers; then all goes on', async function () {
    this.timeout(40_000);
    const cli = await connectedCli('on');
    const {local_id} = await taken(cli, 1250, 'A1', 'force_offline');
    const {local_id: second} = await taken(cli, 1250, 'B1', 'force_offline');
    const holder = await held(cli);
    const before = filesBelow(join(cli.dataDir, 'journal'));
    const started = performance.now();
    const [sale, forward, check, status] = await Promise.all([
      cli.run(selling('A2')),
      cli.run(['forward', '--json']),
      cli.run(['status', '--check', '--json']),
      cli.run(['status', '--json']),
    ]);
    const took = performance.now() - started;
    for (const ran of [sale, forward, check]) expectFailure(ran, 11, 'journal_locked');
    expect(took, 'ms until the last gave up').to.be.within(5000, 20_000);
    const {outcomes} = forward.json.result as ForwardResult;
    expect(Object.keys(outcomes), 'nothing was sent, so nothing is in doubt').to.deep.equal(['busy']);
    expect(status.result<Status>()).to.deep.include({offline_payments_count: 2});
    expect(status.result<Status>().journal.ok).to.equal(true);
    expect(filesBelow(join(cli.dataDir, 'journal'))).to.deep.equal(before);

    holder.kill('SIGCONT');
    holder.kill('SIGTERM');
    await once(holder, 'exit');
    const again = await cli.ok(...selling('A2').slice(0, -1));
    expect((await payments(cli)).map((one) => one.local_id)).to.have.members([
      ...[local_id, second, again.local_id],
    ]);
  });

  it('between its write and its sync: the payment is not shown, and taken once it goes on', async function () {
    this.timeout(40_000);
    if (!canTrace()) skip(this, 'needs strace, and the right to trace');
    const cli = await connectedCli('off');
    const {local_id} = await taken(cli, 1250, 'A1');
    const {seq} = (await statusOf(cli)).journal;
    // The second write to the journal is the acceptance; the first says that there is a payment.
    const segments = readdirSync(join(cli.dataDir, 'journal')).filter((name) => name.endsWith('.jsonl'));
    const log = join(cli.home, 'log');
    const [program, words] = straceCommand(log, selling('A2'), {
      paths: segments.map((name) => join(cli.dataDir, 'journal', name)),
      options: ['-e trace=pwrite64,write', '-e inject=pwrite64,write:signal=STOP:when=2'],
    });
    const child = spawn(program, words, {env: cli.env});
    frozen.add(child);
    child.stdin.end();
    const end = ended(child, selling('A2'));
    await saysStopped(log);
    const status = await cli.run(['status', '--json']);
    const shown = status.result<Status>();
    expect(shown.offline_payments_count, 'shown although it was not durable').to.equal(1);
    expect(shown.journal.ok).to.equal(true);
    expect(shown.journal.seq).to.equal(seq + 1);
    expect(readFileSync(join(cli.dataDir, 'journal', segments.at(-1) ?? ''), 'latin1')).to.match(
      /"seq":\d+[^\n]*"type":"payment.accepted_offline"[^\n]*\n$/,
    );

    child.kill('SIGCONT');
    const sale = (await end).result();
    expect(sale.state).to.equal('accepted_offline');
    const next = await cli.ok(...selling('A3').slice(0, -1));
    expect((await payments(cli, 'accepted_offline')).map((one) => one.local_id)).to.have.members([
      ...[local_id, sale.local_id, next.local_id],
    ]);
  });
});

/** Resolves when the kernel says that a process has stopped. */
function stopped(pid: number): Promise<void> {
  return reads(`/proc/${pid}/status`, /^State:\s+T/m);
}

/** Resolves when strace has written that its process has stopped: a traced one stops at every call. */
function saysStopped(log: string): Promise<void> {
  return reads(log, /--- stopped by SIGSTOP ---/);
}

async function reads(path: string, text: RegExp): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!existsSync(path) || !text.test(readFileSync(path, 'utf8'))) {
    if (performance.now() > deadline) throw new Error(`${path} never said ${text}`);
    await sleep(10);
  }
}
