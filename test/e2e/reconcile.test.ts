import {spawn} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import type {PaymentIntent} from '../../src/lib/core/payment.js';
import type {ReconcileResult} from '../../src/lib/terminal/reconcile/reconcile.js';
import {BINARY, type Cli, ended} from '../support/cli.js';
import {
  connectedCli,
  expectFailure,
  type Judge,
  journalled,
  network,
  payments,
  present,
  startJudge,
  taken,
} from '../support/world.js';

/** What somebody else does at the API, who has the key too. */
async function elsewhere(judge: Judge, id: string | null, act: 'capture' | 'cancel'): Promise<void> {
  const headers = {Authorization: 'Bearer sk_test_stowpay_sandbox'};
  const answer = await fetch(`${judge.url}/v1/payment_intents/${id}/${act}`, {method: 'POST', headers});
  expect(answer.status).to.equal(200);
}

describe('inspect --reconcile', () => {
  let judge: Judge;
  let cli: Cli;
  beforeEach(async () => {
    judge = await startJudge();
    cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
  });
  afterEach(() => judge.stop());

  it('exits 0 where both agree, 6 on a difference, and 0 once it is adopted, with a warning', async () => {
    const payment = await taken(cli, 1250, 'A1');
    const agreed = (await cli.run(['inspect', '--reconcile', '--json'])).result<ReconcileResult>();
    expect(agreed).to.include({compared: 1, agreeing: 1, leftovers: 0, others: 0, not_compared: 0});
    expect(agreed.findings).to.deep.equal([]);

    await elsewhere(judge, payment.id, 'capture');
    const planned = await cli.run(['inspect', '--reconcile', '--dry-run', '--json']);
    expectFailure(planned, 6, 'reconciliation_mismatch');
    const {findings} = planned.json.result as ReconcileResult;
    expect(findings).to.have.length(1);
    expect(findings[0]).to.include({kind: 'state_mismatch', local_id: payment.local_id, id: payment.id});
    expect(findings[0]?.next).to.match(/^stowpay /);
    expect((await payments(cli))[0]?.state).to.equal('authorized');

    const text = await cli.run(['inspect', '--reconcile', '--dry-run']);
    expect(text.code).to.equal(6);
    expect(text.stdout)
      .to.match(/DIFFERENCE +PAYMENT +AMOUNT +HERE +AT THE API/)
      .and.to.match(/1 payment compared since .*; 0 agree with the API; 1 difference\./)
      .and.to.include(payment.local_id);

    const adopted = await cli.run(['inspect', '--reconcile', '--json']);
    const result = adopted.result<ReconcileResult>();
    expect(result.adopted[0]).to.include({local_id: payment.local_id, became: 'captured'});
    expect(adopted.json.warnings.map(({code}) => code)).to.include('reconciliation_adopted');
    expect((await payments(cli))[0]).to.include({state: 'captured', amount_received: 1250});
    expect((await cli.run(['inspect', '--reconcile'])).stdout).to.match(/1 agrees with the API\.\n$/);
  });

  it('compares the payments named, also from a pipe, and refuses flags of the list', async () => {
    const one = await taken(cli, 1250, 'A1');
    const two = await taken(cli, 990, 'A2');
    for (const {id} of [one, two]) await elsewhere(judge, id, 'cancel');
    const words = ['inspect', '-', '--reconcile', '--json'];
    const result = (await cli.run(words, {input: `${two.local_id}\n`})).result<ReconcileResult>();
    expect(result.adopted.map(({local_id, became}) => ({local_id, became}))).to.deep.equal([
      {local_id: two.local_id, became: 'canceled'},
    ]);
    for (const flags of [
      ['--reconcile', '--state', 'authorized'],
      ['--since', '3d'],
      ['--reconcile', '--since', '2026-02-31'],
      ['--reconcile', '--since', '2999-01-01'],
    ]) {
      expectFailure(await cli.run(['inspect', ...flags, '--json']), 2, 'invalid_usage');
    }
  });

  it('feeds a script', async () => {
    const payment = await taken(cli, 1250, 'A1');
    await elsewhere(judge, payment.id, 'capture');
    const script =
      '"$NODE" "$BINARY" inspect --reconcile --dry-run --json | ' +
      `jq -r '.result.findings[] | "\\(.kind) \\(.local_id)"'`;
    const shell = spawn('sh', ['-c', script], {env: {...cli.env, NODE: process.execPath, BINARY}});
    const {stdout} = await ended(shell, ['inspect', '--reconcile', '| jq']);
    expect(stdout).to.equal(`state_mismatch ${payment.local_id}\n`);
  });

  it('says 5 without a network, 4 with a key that is not taken, 10 of a damaged journal', async () => {
    await taken(cli, 1250, 'A1');
    network(cli, 'off');
    expectFailure(await cli.run(['inspect', '--reconcile', '--json']), 5, 'network_unavailable');
    network(cli, 'on');
    const file = join(dirname(cli.dataDir), 'wrong.key');
    writeFileSync(file, 'sk_live_NotATestKey4711\n');
    const profiles = {wrong: {gateway: 'sandbox', api_key_file: file}};
    writeFileSync(join(cli.dataDir, 'config.json'), JSON.stringify({profiles}));
    const wrong = await cli.run(['inspect', '--reconcile', '--profile', 'wrong', '--json']);
    expectFailure(wrong, 4, 'authentication_failed');
    const segment = join(cli.dataDir, 'journal', '000000000001.jsonl');
    const bytes = readFileSync(segment);
    bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 1;
    writeFileSync(segment, bytes);
    expectFailure(await cli.run(['inspect', '--reconcile', '--json']), 10, 'journal_damaged');
  });

  it('compares nothing of another account, and says so; named, it is refused', async () => {
    const payment = await taken(cli, 1250, 'A1');
    const file = join(dirname(cli.dataDir), 'other.key');
    writeFileSync(file, 'sk_test_AnotherAccount\n');
    writeFileSync(
      join(cli.dataDir, 'config.json'),
      JSON.stringify({profiles: {other: {gateway: 'sandbox', api_key_file: file}}}),
    );
    const ran = await cli.run(['inspect', '--reconcile', '--profile', 'other', '--json']);
    expect(ran.result<ReconcileResult>()).to.include({compared: 0, not_compared: 1});
    expect(ran.json.warnings.map(({code}) => code)).to.include('reconciliation_not_compared');
    const words = ['inspect', payment.local_id, '--reconcile', '--profile', 'other', '--json'];
    expectFailure(await cli.run(words), 4, 'account_mismatch');
  });

  it('tells what became of a payment that a repair set aside, once it is named', async () => {
    const payment = await taken(cli, 1250, 'A1');
    // The record that told of the authorisation is lost.
    const segment = join(cli.dataDir, 'journal', '000000000001.jsonl');
    const bytes = readFileSync(segment);
    const at = bytes.lastIndexOf('"status":"requires_capture"');
    bytes[at + 12] = (bytes[at + 12] ?? 0) ^ 1;
    writeFileSync(segment, bytes);
    const device = /"device":"(dev_[0-9a-f]+)"/.exec(bytes.toString('latin1'))?.[1] ?? '';
    expect((await cli.run(['journal', 'repair', '--confirm', device, '--json'])).code).to.equal(0);
    expect((await payments(cli))[0]).to.include({state: 'quarantined', id: payment.id});

    const found = await cli.run(['inspect', '--reconcile', '--json']);
    expectFailure(found, 6, 'reconciliation_mismatch');
    const [finding] = (found.json.result as ReconcileResult).findings;
    expect(finding).to.include({
      kind: 'state_mismatch',
      direction: 'api_ahead',
      next: `stowpay inspect ${payment.local_id} --reconcile`,
    });
    const words = (finding?.next ?? '').split(' ').slice(1);
    const result = (await cli.run([...words, '--json'])).result<ReconcileResult>();
    expect(result.adopted[0]).to.include({became: 'authorized'});
    const [now] = (await payments(cli)) as readonly PaymentIntent[];
    expect(now).to.include({state: 'authorized', amount_capturable: 1250});
  });

  it('leaves a running sale alone', async () => {
    present(cli, {behavior: 'no_card'});
    const words = ['collect', '5.00', 'usd', '--reference', 'slow', '--timeout', '60', '--json'];
    const collecting = cli.start(words);
    try {
      await journalled(cli, 'payment.delivered');
      expect((await cli.run(['inspect', '--reconcile', '--json'])).result<ReconcileResult>()).to.include({
        compared: 1,
        agreeing: 1,
      });
      expect((await payments(cli))[0]?.state).to.equal('created');
    } finally {
      collecting.kill('SIGKILL');
    }
  });
});
