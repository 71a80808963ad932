import {existsSync, mkdirSync, readdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import type {Inspected} from '../../src/lib/terminal/inspect.js';
import type {Cli, Served} from '../support/cli.js';
import {requireSocat} from '../support/socat.js';
import {expectFailure, freshCli, lastKsn, present, startReader} from '../support/world.js';

/** The story of the README on a real serial line, one step a test; each builds on the one before. */
describe('the main job on a serial line, without network from the start', () => {
  let cli: Cli;
  let reader: Served & {address: string};
  let first: string;

  before(async function () {
    requireSocat(this);
    cli = freshCli({STOWPAY_PROFILE: 'sandbox'});
    await cli.ok('sandbox', 'network', 'off');
    reader = await startReader(cli, '--pty', join(dirname(cli.dataDir), 'reader'));
  });
  after(() => reader?.stop());

  it('connects', async () => {
    const {network_status, livemode} = await cli.ok<{network_status: string; livemode: boolean}>(
      'connect',
      '--reader',
      reader.address,
    );
    expect({network_status, livemode}).to.deep.equal({network_status: 'offline', livemode: false});
  });

  it('stores a payment and says so', async () => {
    const payment = await cli.ok('collect', '12.50', 'usd', '--reference', 'A1');
    first = payment.local_id;
    expect(payment.state).to.equal('accepted_offline');
    expect(payment.id).to.equal(null);
    expect(payment.amount).to.equal(1250);
    expect(payment.livemode).to.equal(false);
    expect(payment.offline_details?.requires_upload).to.equal(true);
    expect(payment.offline_details?.card_present_details.last4).to.equal('4242');
  });

  it('returns the same payment when asked again, and reads no card', async () => {
    present(cli, {pan: '5555555555554444'});
    const before = lastKsn(cli);
    const again = await cli.run(['collect', '12.50', 'usd', '--reference', 'A1', '--json']);
    expect(again.result().local_id).to.equal(first);
    expect(again.json.warnings.map(({code}) => code)).to.include('existing_payment');
    expect(lastKsn(cli), 'keys used by the reader').to.equal(before);
    expect(existsSync(join(cli.dataDir, 'sandbox', 'reader', 'card.json')), 'the card still waits').to.equal(
      true,
    );
  });

  it('forbids a wipe while the payment is stored', async () => {
    expectFailure(await cli.run(['status', '--check', '--json']), 3, 'payments_pending');
  });

  it('stays where it is when forwarded without network', async () => {
    expectFailure(await cli.run(['forward', '--json']), 5, 'payments_left');
  });

  it('forwards when the network is back, and says what became of it', async () => {
    await cli.ok('sandbox', 'network', 'on');
    await cli.ok('forward');
    const {payments} = await cli.ok<{payments: Inspected[]}>('inspect', first);
    expect(payments).to.have.length(1);
    expect(payments[0]?.state).to.equal('authorized');
    expect(payments[0]?.id).to.match(/^pi_/);
    expect(payments[0]?.offline_details?.requires_upload).to.equal(false);
    expect(payments[0]?.timeline.map(({type}) => type)).to.include('payment.accepted_offline');
  });

  it('still forbids a wipe while the money is not captured', async () => {
    const check = await cli.run(['status', '--check', '--json']);
    expectFailure(check, 3, 'payments_pending');
    await cli.ok('status', '--check', '--captured-elsewhere');
  });

  it('captures, and then allows the wipe', async () => {
    await cli.ok('capture', first);
    const checked = await cli.ok<{safe_to_wipe: boolean; blocking: unknown[]}>('status', '--check');
    expect(checked).to.include({safe_to_wipe: true});
    expect(checked.blocking).to.deep.equal([]);
  });
});

describe('a directory without a journal', () => {
  it('never reads as an empty queue, and stays empty', async () => {
    const cli = freshCli();
    expectFailure(await cli.run(['status', '--check', '--json']), 12, 'journal_not_found');
    expect(existsSync(cli.dataDir), 'made the directory').to.equal(false);
    mkdirSync(cli.dataDir);
    const text = await cli.run(['status', '--check']);
    expect(text.code).to.equal(12);
    expect(text.stdout).to.equal('');
    for (const words of [['status'], ['forward'], ['inspect'], ['capture', '--all']]) {
      expectFailure(await cli.run([...words, '--json']), 12, 'journal_not_found');
    }
    expect(readdirSync(cli.dataDir)).to.deep.equal([]);
  });
});
