import {writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import type {Cli} from '../support/cli.js';
import {
  connectedCli,
  expectFailure,
  forwarded,
  network,
  payments,
  sealedData,
  startJudge,
  taken,
} from '../support/world.js';

/** Describes a profile of the sandbox gateway that sends another API key. */
function profileWithKey(cli: Cli, name: string, key: string): void {
  const file = join(dirname(cli.dataDir), `${name}.key`);
  writeFileSync(file, `${key}\n`);
  const profiles = {[name]: {gateway: 'sandbox', api_key_file: file}};
  writeFileSync(join(cli.dataDir, 'config.json'), JSON.stringify({profiles}));
}

describe('credentials that are not those of the payment', () => {
  let cli: Cli;
  beforeEach(async () => {
    cli = await connectedCli('off');
    await taken(cli, 1250, 'A1');
    network(cli, 'on');
  });

  async function expectStillStored(): Promise<void> {
    expect((await payments(cli)).map(({state, id}) => ({state, id}))).to.deep.equal([
      {state: 'accepted_offline', id: null},
    ]);
    expect(sealedData(cli)).to.have.length(1);
    // The right key still forwards it.
    expect((await forwarded(cli)).outcomes.authorized?.count).to.equal(1);
  }

  it('of another account: nothing is sent, exit 4, the payment stays stored', async () => {
    profileWithKey(cli, 'other', 'sk_test_AnotherAccount');
    const ran = await cli.run(['forward', '--profile', 'other', '--json']);
    expectFailure(ran, 4, 'account_mismatch');
    expect(`${ran.stdout}${ran.stderr}`).not.to.contain('AnotherAccount');
    await expectStillStored();
  });

  it('that the API does not take: exit 4, the payment stays stored', async () => {
    profileWithKey(cli, 'wrong', 'sk_live_NotATestKey4711');
    for (const words of [['forward'], ['connect', '--reader', 'sim:']]) {
      const ran = await cli.run([...words, '--profile', 'wrong', '--json']);
      expectFailure(ran, 4, 'authentication_failed');
      expect(`${ran.stdout}${ran.stderr}`).not.to.contain('NotATestKey');
    }
    await expectStillStored();
  });

  it('of another API: nothing is sent, exit 4, the payment stays stored', async () => {
    const judge = await startJudge();
    try {
      const ran = await cli.run(['forward', '--json'], {env: {STOWPAY_SANDBOX_API: judge.url}});
      expectFailure(ran, 4, 'origin_mismatch');
      expect(await judge.ledger()).to.deep.equal([]);
    } finally {
      await judge.stop();
    }
    await expectStillStored();
  });

  it('of another account do not sell either: the reader is connected for its own', async () => {
    profileWithKey(cli, 'other', 'sk_test_AnotherAccount');
    const words = ['collect', '5.00', 'usd', '--reference', 'A2', '--profile', 'other', '--json'];
    expectFailure(await cli.run(words), 4, 'account_mismatch');
    expect(await payments(cli, 'accepted_offline')).to.have.length(1);
  });

  it('that nobody can read, or a profile that is none: exit 12, nothing is sent', async () => {
    const file = join(cli.dataDir, 'config.json');
    for (const text of [
      '{"profiles":',
      '[]',
      JSON.stringify({profiles: {other: {gateway: 'sandbox', api_key_file: join(cli.dataDir, 'none')}}}),
      JSON.stringify({profiles: {other: {gateway: 'sandbox', api_key: 'sk_test_InTheWrongPlace'}}}),
      JSON.stringify({profiles: {other: {gateway: 'stripe-compatible', base_url: 'http://example.com'}}}),
      JSON.stringify({profiles: {other: {gateway: 'cash'}}}),
    ]) {
      writeFileSync(file, text);
      const ran = await cli.run(['forward', '--profile', 'other', '--json']);
      expectFailure(ran, 12, 'profile_invalid');
      expect(`${ran.stdout}${ran.stderr}`).not.to.contain('InTheWrongPlace');
    }
    writeFileSync(file, '{}');
    await expectStillStored();
  });

  it('of a gateway that takes no sealed data: forwarding is refused, nothing is lost', async () => {
    const key = join(dirname(cli.dataDir), 'key');
    writeFileSync(key, 'sk_test_StripeItself');
    const profiles = {shop: {gateway: 'stripe', api_key_file: key}};
    writeFileSync(join(cli.dataDir, 'config.json'), JSON.stringify({profiles}));
    for (const words of [
      ['connect', '--reader', 'tcp://127.0.0.1:1'],
      ['collect', '5.00', 'usd', '--reference', 'A2'],
    ]) {
      expectFailure(await cli.run([...words, '--profile', 'shop', '--json']), 4, 'forwarding_not_supported');
    }
    const sandbox = await cli.run(['sandbox', 'network', 'on', '--profile', 'shop', '--json']);
    expectFailure(sandbox, 12, 'sandbox_only');
    await expectStillStored();
  });
});
