import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import type {ForwardResult} from '../../src/lib/terminal/forward/result.js';
import type {Cli} from '../support/cli.js';
import {ForwarderProcess} from '../support/forwarder.js';
import {type Fate, type Line, openProxy} from '../support/proxy.js';
import {quickSeller} from '../support/quick-seller.js';
import {SALE} from '../support/till.js';
import {connectedCli, type Judge, startJudge} from '../support/world.js';

const SOAK_MS = Number(process.env.STOWPAY_SOAK_S ?? 60) * 1000;

/** What a bad line does to one request in five. The rest pass. */
const BAD: readonly Fate[] = [
  'cut_before',
  'cut_after',
  'hang',
  {late_ms: 800},
  {slow_ms: 400},
  {status: 503, body: {error: {type: 'api_error', message: 'Out of order.'}}},
  {status: 500, body: {error: {type: 'api_error', message: 'Out of order.'}}},
  {status: 502, body: '<html>', headers: {'content-type': 'text/html'}},
  {status: 429, body: {error: {type: 'invalid_request_error', code: 'lock_timeout', message: 'Locked.'}}},
];

function oneOf<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)] as T;
}

describe('the forwarder as a service', () => {
  let judge: Judge;
  let line: Line;
  let cli: Cli;
  let bad = false;

  beforeEach(async () => {
    judge = await startJudge();
    bad = false;
    line = await openProxy(judge.url, () => (bad && Math.random() < 0.2 ? oneOf(BAD) : 'pass'));
    cli = await connectedCli('on', {STOWPAY_SANDBOX_API: line.url});
  });
  afterEach(async () => {
    line.close();
    await judge.stop();
  });

  it('killed at any moment, on a bad line, beside a till that sells: each sale is charged once', async function () {
    this.timeout(SOAK_MS + 300_000);
    const seller = quickSeller(cli.dataDir, line.url);
    const sold = new Map<string, number>();
    const ends = performance.now() + SOAK_MS;
    bad = true;
    const selling = (async () => {
      for (let one = 1; performance.now() < ends; one += 1) {
        const sale = {
          ...SALE,
          amount: 100 * one,
          reference: `R${one}`,
          offline_behavior: 'force_offline',
        } as const;
        const {payment} = await seller.collect(sale);
        sold.set(payment.local_id, payment.amount);
        await sleep(Math.random() * 250);
      }
    })();
    let kills = 0;
    while (performance.now() < ends) {
      const forwarder = new ForwarderProcess(cli);
      await sleep(500 + Math.random() * 6000);
      await forwarder.kill();
      kills += 1;
    }
    await selling;
    await seller.close();
    bad = false;
    await line.settle();
    const ran = await cli.run(['forward', '--wait', '--timeout', '120', '--json'], {});
    expect(ran.code, `${ran}`).to.equal(0);
    const {timed_out} = ran.result<ForwardResult>();
    expect(timed_out).to.equal(false);
    const confirmed = (await judge.ledger()).filter(({confirms}) => confirms > 0);
    expect(
      confirmed.map(({stowpay_id, amount, confirms}) => `${stowpay_id} ${amount} ${confirms}`),
    ).to.have.members([...sold].map(([id, amount]) => `${id} ${amount} 1`));
    process.stderr.write(`      ${sold.size} sales, ${kills} kills, ${line.hits.length} requests\n`);
  });

  it('holds no more memory after thousands of payments than after hundreds', async function () {
    this.timeout(300_000);
    const seller = quickSeller(cli.dataDir, line.url);
    const forwarder = await new ForwarderProcess(cli, {env: {NODE_OPTIONS: '--max-old-space-size=96'}}).up();
    let sold = 0;
    const wave = async (): Promise<number> => {
      for (let one = 0; one < 250; one += 1) {
        sold += 1;
        await seller.collect({...SALE, reference: `R${sold}`, offline_behavior: 'force_offline'});
      }
      await forwarder.until('all are told', () => forwarder.told.length === sold, 60_000);
      return forwarder.rss();
    };
    const sizes: number[] = [];
    for (let turn = 0; turn < 10; turn += 1) sizes.push(await wave());
    const mebibytes = sizes.map((bytes) => Math.round(bytes / 2 ** 20));
    process.stderr.write(`      ${mebibytes.join(', ')} MiB after every 250\n`);
    const [early, late] = [Math.max(...mebibytes.slice(1, 4)), Math.max(...mebibytes.slice(-3))];
    expect(late - early, 'MiB more').to.be.below(40);
    await seller.close();
    expect((await forwarder.stop()).code).to.equal(0);
  });
});
