import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import type {ForwardResult} from '../../src/lib/terminal/forward/result.js';
import type {Status} from '../../src/lib/terminal/status.js';
import type {Cli} from '../support/cli.js';
import {
  connectedCli,
  expectFailure,
  type Judge,
  network,
  payments,
  startJudge,
  taken,
} from '../support/world.js';

const EIGHT = [1, 2, 3, 4, 5, 6, 7, 8];
const selling = (reference: string, ...flags: readonly string[]) => [
  ...['collect', '12.50', 'usd', '--reference', reference, ...flags, '--json'],
];

describe('eight collects and two forwards at once on one data directory', () => {
  let judge: Judge;
  beforeEach(async () => {
    judge = await startJudge();
  });
  afterEach(() => judge.stop());

  it('with room for five more payments: exactly five pass, and a status beside them shows only what is durable', async function () {
    this.timeout(40_000);
    const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
    network(cli, 'off');
    const before = await taken(cli, 1250, 'before');
    const limits = {usd: {per_payment: 1250, stored_total: 6 * 1250}};
    writeFileSync(join(cli.dataDir, 'policy.json'), JSON.stringify({version: 1, limits}));
    const writers = Promise.all([
      Promise.all(EIGHT.map((one) => cli.run(selling(`order-${one}`)))),
      Promise.all([1, 2].map(() => cli.run(['forward', '--json']))),
    ]);
    const looks = await lookUntil(cli, writers);
    const [sales, forwards] = await writers;

    const passed = sales.filter(({code}) => code === 0).map((ran) => ran.result());
    expect(passed.map(({state}) => state)).to.deep.equal(Array(5).fill('accepted_offline'));
    for (const ran of sales.filter(({code}) => code !== 0)) expectFailure(ran, 7, 'policy_refused');
    for (const ran of forwards) expectFailure(ran, 5, 'payments_left');
    const stored = await payments(cli, 'accepted_offline');
    expect(stored.map(({local_id}) => local_id)).to.have.members(
      [before, ...passed].map(({local_id}) => local_id),
    );
    expect(looks.length, 'looks while they wrote').to.be.greaterThan(2);
    expectGrowing(looks);

    network(cli, 'on');
    await cli.ok('forward');
    await expectEachOnce(
      judge,
      stored.map(({local_id}) => local_id),
    );
  });

  it('with network: each payment is confirmed once, whoever sends it', async function () {
    this.timeout(40_000);
    const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
    const before = [
      await taken(cli, 1250, 'b1', 'force_offline'),
      await taken(cli, 1250, 'b2', 'force_offline'),
    ];
    const behaviors = ['prefer_online', 'force_offline'] as const;
    const [sales, forwards] = await Promise.all([
      Promise.all(
        EIGHT.map((one) =>
          cli.run(selling(`order-${one}`, '--offline-behavior', behaviors[one % 2] as string)),
        ),
      ),
      Promise.all([1, 2].map(() => cli.run(['forward', '--json']))),
    ]);
    for (const ran of forwards) {
      // A payment that another process is sending right now is left to it.
      expect(ran.code, `${ran}`).to.be.oneOf([0, 11]);
      expect(
        (ran.json.result as ForwardResult | undefined)?.payments.map(({outcome}) => outcome) ?? [],
      ).to.satisfy((all: readonly string[]) =>
        all.every((one) => ['authorized', 'busy', 'elsewhere'].includes(one)),
      );
    }
    const sold = [...before, ...sales.map((ran) => ran.result())];
    expect(new Set(sold.map(({local_id}) => local_id)).size).to.equal(10);
    await cli.ok('forward');
    await expectEachOnce(
      judge,
      sold.map(({local_id}) => local_id),
    );
    const all = await payments(cli);
    expect(all.map(({state}) => state)).to.deep.equal(Array(10).fill('authorized'));
  });
});

/** One confirmed intent for each of these payments, of its amount, and no other intent that moved money. */
async function expectEachOnce(judge: Judge, localIds: readonly string[]): Promise<void> {
  const moved = (await judge.ledger()).filter(({confirms}) => confirms > 0);
  expect(moved.map(({stowpay_id}) => stowpay_id)).to.have.members([...localIds]);
  for (const entry of moved) {
    expect(entry).to.include({amount: 1250, confirms: 1, status: 'requires_capture', ksn_reused: false});
  }
}

interface Look {
  readonly seq: number;
  readonly count: number;
  /** The last record that was surely on the disk when the look was over. */
  readonly durable: number;
}

/** Runs `stowpay status` again and again beside the writers. */
async function lookUntil(cli: Cli, writers: Promise<unknown>): Promise<readonly Look[]> {
  let writing = true;
  void writers
    .catch(() => {})
    .then(() => {
      writing = false;
    });
  const looks: Look[] = [];
  while (writing) {
    const ran = await cli.run(['status', '--json']);
    const shown = ran.result<Status>();
    expect(shown.journal.ok, `${ran}`).to.equal(true);
    looks.push({
      seq: shown.journal.seq,
      count: shown.offline_payments_count,
      durable: await durableSeq(cli),
    });
  }
  return looks;
}

function expectGrowing(looks: readonly Look[]): void {
  for (const [index, {seq, count, durable}] of looks.entries()) {
    const before = looks[index - 1];
    expect(seq, 'the journal went back').to.be.at.least(before?.seq ?? 0);
    expect(count, 'a payment was gone').to.be.at.least(before?.count ?? 1);
    expect(seq, 'shown, and not durable').to.be.at.most(durable);
  }
}

/** The last record before the synced mark, which a writer changes only after its sync. */
async function durableSeq(cli: Cli): Promise<number> {
  const journal = join(cli.dataDir, 'journal');
  for (;;) {
    const mark = /\{.*\}/.exec(readFileSync(join(journal, 'lock'), 'latin1'))?.[0];
    try {
      const {segment, offset} = JSON.parse(mark ?? '') as {segment: string; offset: number};
      const synced = readFileSync(join(journal, segment)).subarray(0, offset).toString('latin1');
      return Number([...synced.matchAll(/"rec":\{"v":\d+,"seq":(\d+)/g)].at(-1)?.[1]);
    } catch {
      await sleep(1);
    }
  }
}
