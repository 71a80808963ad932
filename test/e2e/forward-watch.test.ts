import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import {BINARY, type Cli} from '../support/cli.js';
import {ForwarderProcess} from '../support/forwarder.js';
import {type Fate, type Hit, type Line, openProxy} from '../support/proxy.js';
import {quickSeller} from '../support/quick-seller.js';
import {SALE} from '../support/till.js';
import {
  connectedCli,
  expectFailure,
  expectNoStack,
  type Judge,
  network,
  payments,
  startJudge,
  statusOf,
} from '../support/world.js';

/** A device, the API that judges it, and a line between them that a test can break. */
interface Scene {
  readonly cli: Cli;
  readonly judge: Judge;
  readonly line: Line;
  fate: (hit: Hit) => Fate | undefined;
}

describe('forward --watch', () => {
  let scene: Scene;
  const processes: ForwarderProcess[] = [];

  beforeEach(async () => {
    const judge = await startJudge();
    let made: Scene | null = null;
    const line = await openProxy(judge.url, (hit) => made?.fate(hit) ?? 'pass');
    const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: line.url});
    scene = made = {cli, judge, line, fate: () => undefined};
  });
  afterEach(async () => {
    for (const one of processes.splice(0)) await one.kill();
    scene.line.close();
    await scene.judge.stop();
  });

  function start(cli = scene.cli): ForwarderProcess {
    const one = new ForwarderProcess(cli);
    processes.push(one);
    return one;
  }

  /** Stores payments of 1.00, 2.00 … usd. */
  async function store(count: number, first = 1): Promise<readonly string[]> {
    const seller = quickSeller(scene.cli.dataDir, scene.line.url);
    const ids: string[] = [];
    for (let one = first; one < first + count; one += 1) {
      const sale = {amount: one * 100, reference: `R${one}`, offline_behavior: 'force_offline'} as const;
      ids.push((await seller.collect({...SALE, ...sale})).payment.local_id);
    }
    await seller.close();
    return ids;
  }

  async function expectOnce(ids: readonly string[]): Promise<void> {
    const confirmed = (await scene.judge.ledger()).filter(({confirms}) => confirms > 0);
    expect(confirmed.map(({stowpay_id, confirms}) => `${stowpay_id} ${confirms}`)).to.have.members(
      ids.map((id) => `${id} 1`),
    );
  }

  it('sends what is stored and what a collect beside it stores, tells of each once, and stops cleanly', async () => {
    const stored = await store(2);
    const forwarder = await start().up();
    const sale = ['collect', '9.00', 'usd', '--reference', 'X', '--offline-behavior', 'force_offline'];
    const {local_id} = await scene.cli.ok(...sale);
    await forwarder.until('three are told', () => forwarder.told.length === 3);
    const ran = await forwarder.stop();
    expect(ran.code, `${ran}`).to.equal(0);
    expect(forwarder.told).to.have.members([...stored, local_id]);
    expect(forwarder.events.map(({event}) => event)).to.satisfy((names: string[]) =>
      names.every((name) => ['offline_status_change', 'payment_intent_forwarded', 'stopped'].includes(name)),
    );
    expect(forwarder.events.at(-1)).to.deep.include({event: 'stopped', outcomes: {authorized: 3}});
    expect(ran.stderr).to.match(/SANDBOX: no money moves/);
    await expectOnce([...stored, local_id]);
  });

  it('starts within two seconds of the return of the network, whether it was gone or hung', async () => {
    const ways: Readonly<Record<string, {comeBack(): void; linger(): Promise<void>}>> = {
      gone: {linger: () => sleep(500), comeBack: () => network(scene.cli, 'on')},
      hanging: {
        linger: async () => {
          scene.fate = () => 'hang';
          network(scene.cli, 'on');
          // Several probes are unanswered by then.
          await sleep(2500);
        },
        comeBack: () => {
          scene.fate = () => undefined;
        },
      },
    };
    const forwarder = await start().up();
    let stored = 0;
    for (const [how, {linger, comeBack}] of Object.entries(ways)) {
      const took: number[] = [];
      // A machine that is busy with other tests may be late itself.
      for (let attempt = 1; attempt <= 3 && !took.some((ms) => ms <= 2000); attempt += 1) {
        const failures = (): number =>
          forwarder.events.filter(({event}) => event === 'forwarding_failure').length;
        const before = failures();
        network(scene.cli, 'off');
        stored += 1;
        await store(1, stored);
        await forwarder.until('it found out', () => failures() > before, 20_000);
        await linger();
        const confirms = (): number => scene.line.hits.filter(({path}) => path.endsWith('/confirm')).length;
        const sent = confirms();
        comeBack();
        const started = performance.now();
        await forwarder.until('it sends', () => confirms() > sent);
        took.push(performance.now() - started);
      }
      expect(Math.min(...took), `ms after the network was ${how}`).to.be.at.most(2000);
    }
    await forwarder.until('all are told', () => forwarder.told.length === stored);
    expect((await statusOf(scene.cli)).network_status).to.equal('online');
  }).timeout(90_000);

  it('with nothing to send opens no connection', async () => {
    const before = [scene.line.hits.length, scene.line.connections()];
    await start().up();
    await sleep(3000);
    expect([scene.line.hits.length, scene.line.connections()]).to.deep.equal(before);
  });

  it('is the only one; killed, it leaves its place at once', async () => {
    const first = await start().up();
    const second = await scene.cli.run(['forward', '--watch', '--json']);
    expectFailure(second, 11, 'forwarder_running');
    await first.kill();
    const next = await start().up();
    expect((await next.stop()).code).to.equal(0);
  });

  it('killed in the middle of its work and started again, again and again, sends each once', async () => {
    const ids = await store(14);
    let stop = false;
    let kills = 0;
    while (!stop) {
      const forwarder = await start().up();
      const before = scene.line.hits.length;
      const wanted = 3 + Math.floor(Math.random() * 8);
      await forwarder.until('it works', async () => {
        stop = (await payments(scene.cli, 'accepted_offline', 'forwarding', 'in_doubt')).length === 0;
        return stop || scene.line.hits.length - before >= wanted;
      });
      await forwarder.kill();
      kills += 1;
    }
    expect(kills).to.be.above(1);
    await expectOnce(ids);
    expect(await payments(scene.cli, 'authorized')).to.have.length(14);
  }).timeout(60_000);

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`brings what is in hand to its end on ${signal}`, async () => {
      const profiles = {sandbox: {gateway: 'sandbox', max_concurrency: 1}};
      writeFileSync(join(scene.cli.dataDir, 'config.json'), JSON.stringify({profiles}));
      await store(3);
      scene.fate = ({path}) => (path.endsWith('/confirm') ? {slow_ms: 500} : undefined);
      const forwarder = await start().up();
      await forwarder.until('it confirms', () => scene.line.hits.some(({path}) => path.endsWith('/confirm')));
      const ran = await forwarder.stop(signal);
      expect(ran.code, `${ran}`).to.equal(0);
      expect(forwarder.events.at(-1)).to.deep.include({event: 'stopped', outcomes: {authorized: 1}});
      expect(await payments(scene.cli, 'authorized')).to.have.length(1);
      expect(await payments(scene.cli, 'accepted_offline')).to.have.length(2);
    });
  }

  it('ends at once on a second signal', async () => {
    await store(1);
    scene.fate = ({path}) => (path.endsWith('/confirm') ? 'hang' : undefined);
    const forwarder = await start().up();
    await forwarder.until('it confirms', () => scene.line.hits.some(({path}) => path.endsWith('/confirm')));
    const started = performance.now();
    forwarder.child.kill('SIGTERM');
    await sleep(200);
    const ran = await forwarder.stop('SIGTERM');
    expect(ran.code, `${ran}`).to.equal(143);
    expect(performance.now() - started, 'ms').to.be.below(5000);
    expect(await payments(scene.cli, 'in_doubt')).to.have.length(1);
  });

  it('goes on without anybody who reads what it says, says so once, and does not spin', async () => {
    const forwarder = await start().up();
    forwarder.child.stdout.destroy();
    const ids = await store(3);
    await forwarder.until('all are sent', async () => (await payments(scene.cli, 'authorized')).length === 3);
    await sleep(300);
    const before = forwarder.cpuMs();
    await sleep(1000);
    expect(forwarder.cpuMs() - before, 'ms of processor time in a second of rest').to.be.below(300);
    const ran = await forwarder.stop();
    expect(ran.code, `${ran}`).to.equal(0);
    expect(ran.stderr.match(/Nobody reads its output/g), `${ran}`).to.have.length(1);
    expectNoStack(ran);
    await expectOnce(ids);
  });

  /** Runs one whose output goes to a file descriptor until so many payments are sent, asks it to stop, and holds that it does. */
  async function untilSent(count: number, stdout: number, stderr: number | 'ignore'): Promise<void> {
    const words = [BINARY, 'forward', '--watch', '--json'];
    const child = spawn(process.execPath, words, {env: scene.cli.env, stdio: ['ignore', stdout, stderr]});
    const ended = once(child, 'exit');
    try {
      const deadline = performance.now() + 15_000;
      while ((await payments(scene.cli, 'authorized')).length < count) {
        if (performance.now() > deadline || child.exitCode !== null)
          throw new Error(`never; ${child.exitCode}`);
        await sleep(100);
      }
      child.kill('SIGTERM');
      const late = sleep(10_000).then(() => ['late']);
      expect(await Promise.race([ended, late])).to.deep.equal([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
  }

  it('goes on where the disk that holds its log is full', async () => {
    const ids = await store(1);
    const full = openSync('/dev/full', 'w');
    await untilSent(1, full, full);
    closeSync(full);
    await expectOnce(ids);
  });

  it('goes on and ends when asked although nobody reads what it says', async () => {
    const ids = await store(90);
    const path = join(scene.cli.home, 'pipe');
    execFileSync('mkfifo', [path]);
    // Their events are more than a pipe holds, and nobody takes any.
    const pipe = openSync(path, 'r+');
    await untilSent(90, pipe, 'ignore');
    closeSync(pipe);
    await expectOnce(ids);
  });

  it('ends with 4 when its credentials are refused, and says so', async () => {
    await store(1);
    const error = {type: 'invalid_request_error', code: 'api_key_expired', message: 'Expired.'};
    scene.fate = () => ({status: 401, body: {error}});
    const forwarder = start();
    const ran = await forwarder.ended;
    expect(ran.code, `${ran}`).to.equal(4);
    expect(forwarder.events.at(-2)).to.deep.include({event: 'forwarding_failure'});
    expect(forwarder.events.at(-1)).to.deep.include({ok: false});
    expectNoStack(ran);
  });

  it('ends with 10 when the journal is damaged under it', async () => {
    await store(1);
    const forwarder = await start().up();
    await forwarder.until('it is idle', () => forwarder.told.length === 1);
    forwarder.child.kill('SIGSTOP');
    await store(1, 2);
    const segment = join(scene.cli.dataDir, 'journal', '000000000001.jsonl');
    const bytes = readFileSync(segment);
    bytes[bytes.lastIndexOf('"amount":200') + 10] = '9'.charCodeAt(0);
    writeFileSync(segment, bytes);
    forwarder.child.kill('SIGCONT');
    const ran = await forwarder.ended;
    expect(ran.code, `${ran}`).to.equal(10);
    const last = forwarder.events.at(-1) as unknown as {error: {code: string; hint: string}};
    expect(last.error.code).to.equal('journal_damaged');
    expect(last.error.hint).to.match(/journal verify|journal repair/);
    expectNoStack(ran);
    await expectOnce([...forwarder.told]);
  });

  it('ends when its data directory is gone', async () => {
    const forwarder = await start().up();
    rmSync(scene.cli.dataDir, {recursive: true, force: true});
    const ran = await forwarder.ended;
    expect(ran.code, `${ran}`).to.equal(12);
    expect((forwarder.events.at(-1) as unknown as {error: {code: string}}).error.code).to.equal(
      'journal_not_found',
    );
    expectNoStack(ran);
  });
});
