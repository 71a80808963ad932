import {spawn, spawnSync} from 'node:child_process';
import {readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {RepairReport} from '../../src/lib/core/ports.js';
import type {JournalVerdict} from '../../src/lib/terminal/journal.js';
import {BINARY, type Cli, ended, Ran} from '../support/cli.js';
import {connectedCli, expectFailure, freshCli, skip, statusOf, taken} from '../support/world.js';

function segmentOf(cli: Cli): string {
  return join(cli.dataDir, 'journal', '000000000001.jsonl');
}

/** Changes one byte of the last line that holds a text. */
function damage(cli: Cli, text: string): void {
  const bytes = readFileSync(segmentOf(cli));
  const at = bytes.lastIndexOf(text) + text.length + 40;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(segmentOf(cli), bytes);
}

describe('journal verify and repair', () => {
  it('say where it is damaged, set the payment aside, and keep the rest', async () => {
    const cli = await connectedCli('off');
    const first = await taken(cli, 1250, 'A1');
    const second = await taken(cli, 990, 'A2');
    const {device, ok} = (await cli.run(['journal', 'verify', '--json'])).result<JournalVerdict>();
    expect(ok).to.equal(true);
    damage(cli, `"payment":"${second.local_id}"`);
    const found = await cli.run(['journal', 'verify', '--json']);
    expectFailure(found, 10, 'journal_damaged');
    const {damage: places} = found.json.result as JournalVerdict;
    expect(places).to.have.length(1);
    expect(places[0]).to.include({segment: '000000000001.jsonl', payment: second.local_id});
    expect(found.error.hint).to.match(/stowpay journal repair/);
    const text = await cli.run(['journal', 'verify']);
    expect(text.stdout)
      .to.match(/SEGMENT +LINE +BYTE/)
      .and.to.include(second.local_id);
    const status = await cli.run(['status', '--check', '--json']);
    expectFailure(status, 10, 'journal_damaged');
    expect(status.error.hint).to.match(/stowpay journal verify/);
    const plan = await cli.run(['journal', 'repair', '--json']);
    expectFailure(plan, 2, 'input_required');
    expect(plan.error.hint).to.include(`--confirm ${device}`);
    expectFailure(await cli.run(['journal', 'repair', '--confirm', 'dev_x', '--json']), 2, 'invalid_usage');
    const done = (
      await cli.run(['journal', 'repair', '--confirm', device ?? '', '--json'])
    ).result<RepairReport>();
    expect(done.quarantined.map(({payment}) => payment)).to.deep.equal([second.local_id]);
    const after = await cli.run(['status', '--check', '--json']);
    expectFailure(after, 6, 'payments_need_attention');
    expect((await statusOf(cli)).states).to.deep.include({
      accepted_offline: {count: 1, amounts: {usd: 1250}},
      quarantined: {count: 1, amounts: {usd: 990}},
    });
    const again = await cli.run(['collect', '9.90', 'usd', '--reference', 'A2', '--json']);
    expectFailure(again, 6, 'payment_quarantined');
    expect((await taken(cli, 1250, 'A1')).local_id, 'the other is still known').to.equal(first.local_id);
  });

  it('name what is known by name only, and refuse a wipe for it', async () => {
    const cli = await connectedCli('off');
    const payment = await taken(cli, 1250, 'A1');
    const bytes = readFileSync(segmentOf(cli));
    const at = bytes.indexOf(`"type":"payment.created"`) + 120;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(segmentOf(cli), bytes);
    const {device} = (await cli.run(['journal', 'verify', '--json'])).json.result as JournalVerdict;
    const done = await cli.run(['journal', 'repair', '--confirm', device ?? '', '--json']);
    expect(done.result<RepairReport>().orphans).to.deep.equal([payment.local_id]);
    const check = await cli.run(['status', '--check', '--json']);
    expectFailure(check, 6, 'payments_need_attention');
    expect(check.error.hint).to.include(payment.local_id);
    expect((await cli.run(['status'])).stdout).to.include(payment.local_id);
  });

  it('work where nothing else does: the key is gone', async () => {
    const cli = await connectedCli('off');
    await taken(cli, 1250, 'A1');
    rmSync(join(cli.dataDir, 'device.key'));
    const found = await cli.run(['journal', 'verify', '--json']);
    expectFailure(found, 10, 'journal_damaged');
    const {device, damage: places} = found.json.result as JournalVerdict;
    expect(places[0]).to.include({segment: 'device.key'});
    expectFailure(await cli.run(['journal', 'repair', '--json']), 10, 'journal_damaged');
    const done = await cli.run(['journal', 'repair', '--rekey', '--confirm', device ?? '', '--json']);
    expect(done.result<RepairReport>()).to.deep.include({rekeyed: true, lost: [], quarantined: []});
    expectFailure(await cli.run(['status', '--check', '--json']), 3, 'payments_pending');
  });

  it('say that there is no journal where there is none', async () => {
    for (const act of ['verify', 'repair', 'adopt']) {
      expectFailure(await freshCli().run(['journal', act, '--json']), 12, 'journal_not_found');
    }
  });
});

/** Runs the program as if on a machine of another name; null where that cannot be pretended. */
async function onOtherMachine(cli: Cli, words: readonly string[]): Promise<Ran> {
  const other = join(cli.home, 'machine-id');
  writeFileSync(other, '0123456789abcdef0123456789abcdef\n');
  const script = 'mount --bind "$1" /etc/machine-id && shift && exec "$@"';
  const all = ['-m', 'sh', '-c', script, 'sh', other, process.execPath, BINARY, ...words, '--json'];
  const done = await ended(spawn('unshare', all, {env: {...cli.env}}), [...words]);
  return new Ran(words, done.code, done.signal, done.stdout, done.stderr);
}

function canPretend(): boolean {
  const script = 'test -e /etc/machine-id && mount --bind /etc/hostname /etc/machine-id';
  return spawnSync('unshare', ['-m', 'sh', '-c', script]).status === 0;
}

describe('a data directory copied to another machine', () => {
  it('is shown and neither sold nor forwarded with, until a person adopts it', async function () {
    if (!canPretend()) skip(this, 'needs /etc/machine-id and the right to mount over it (unshare)');
    const cli = await connectedCli('off');
    await taken(cli, 1250, 'A1');
    const status = await onOtherMachine(cli, ['status']);
    expectFailure(status, 10, 'journal_cloned');
    expect(status.json.result).to.deep.include({offline_payments_count: 1});
    expectFailure(
      await onOtherMachine(cli, ['collect', '1.00', 'usd', '--reference', 'A2']),
      10,
      'journal_cloned',
    );
    expectFailure(await onOtherMachine(cli, ['forward']), 10, 'journal_cloned');
    expectFailure(await onOtherMachine(cli, ['status', '--check']), 10, 'journal_cloned');
    const asked = await onOtherMachine(cli, ['journal', 'adopt']);
    expectFailure(asked, 2, 'input_required');
    const device = (asked.json.result as {device: string}).device;
    expect((await onOtherMachine(cli, ['journal', 'adopt', '--confirm', device])).code).to.equal(0);
    expect((await onOtherMachine(cli, ['status'])).code).to.equal(0);
    expectFailure(await cli.run(['status', '--json']), 10, 'journal_cloned');
  });
});
