import {spawn, spawnSync} from 'node:child_process';
import {mkdirSync} from 'node:fs';
import {expect} from 'chai';
import {BINARY, type Cli, ended, Ran} from '../support/cli.js';
import {expectFailure, freshCli, skip, startJudge, startReader} from '../support/world.js';

/** How to run a shell that may mount a small disk; null where that is not possible. */
function mountingShell(): readonly string[] | null {
  for (const shell of [
    ['unshare', '-m', 'sh', '-c'],
    ['unshare', '-Urm', 'sh', '-c'],
  ]) {
    const [program = '', ...words] = shell;
    if (spawnSync(program, [...words, 'mount -t tmpfs -o size=64k tmpfs /mnt']).status === 0) return shell;
  }
  return null;
}

/** Runs commands on a data directory that is a disk of its own of 2 MB, in a namespace that takes it away again. */
async function onSmallDisk(
  cli: Cli,
  shell: readonly string[],
  commands: readonly string[],
): Promise<readonly Ran[]> {
  mkdirSync(cli.dataDir);
  const script = `
    stowpay() { "$NODE" "$BINARY" "$@" --json >out 2>err; code=$?; echo "$code $(base64 -w0 out) $(base64 -w0 err)"; }
    fill() { dd if=/dev/zero of="$STOWPAY_DATA_DIR/filler" bs=1k 2>/dev/null; }
    drain() { rm "$STOWPAY_DATA_DIR/filler"; }
    cd "$HOME" && mount -t tmpfs -o size=2m tmpfs "$STOWPAY_DATA_DIR" || exit 1
    ${commands.join('\n')}`;
  const [program = '', ...words] = shell;
  const env = {...cli.env, NODE: process.execPath, BINARY};
  const done = await ended(spawn(program, [...words, script], {env}), ['(small disk)']);
  const sales = commands.filter((command) => /stowpay (?!.*>\/dev\/null)/.test(command));
  const text = (base64 = ''): string => Buffer.from(base64, 'base64').toString('utf8');
  return done.stdout
    .trimEnd()
    .split('\n')
    .map((line, index) => {
      const [code, out, err] = line.split(' ');
      return new Ran([sales[index] ?? ''], Number(code), null, text(out), text(err));
    });
}

type Counted = {offline_payments_count: number; journal: {ok: boolean}};

/** The last page of a file on a full disk may have room left, so that a sale or two still fit, and then count. */
const SALES = [1, 2, 3].map((one) => `stowpay collect 12.50 usd --reference full-${one}`);

describe('a full disk', () => {
  it('stops selling with exit 10, still forwards what is stored, and sells again when there is room', async function () {
    const shell = mountingShell() ?? skip(this, 'needs the right to mount a tmpfs (unshare)');
    // Reader and API live elsewhere: their memory is not on the full disk.
    const judge = await startJudge();
    const cli = freshCli({STOWPAY_PROFILE: 'sandbox', STOWPAY_SANDBOX_API: judge.url});
    const reader = await startReader(freshCli(), '--tcp', '0');
    try {
      const runs = await onSmallDisk(cli, shell, [
        `stowpay connect --reader ${reader.address}`,
        'stowpay sandbox network off',
        'stowpay collect 10.00 usd --reference before',
        'fill',
        ...SALES,
        'stowpay status',
        'drain; stowpay sandbox network on; fill',
        'stowpay forward',
        'stowpay status',
        'drain; stowpay sandbox network off >/dev/null',
        'stowpay collect 12.50 usd --reference full-3',
        'stowpay status --check',
      ]);
      const sales = runs.slice(3, 6);
      const refused = sales.filter(({code}) => code !== 0);
      expect(refused).to.have.length.greaterThan(0);
      for (const ran of refused) expectFailure(ran, 10, 'journal_full');
      const stored = 1 + sales.length - refused.length;
      const [during, on, forwarded, after, again, end] = runs.slice(6) as [Ran, Ran, Ran, Ran, Ran, Ran];
      for (const ran of [during, on, forwarded, after, again]) expect(ran.code, `${ran}`).to.equal(0);
      expect(during.result<Counted>().offline_payments_count).to.equal(stored);
      expect(during.result<Counted>().journal.ok).to.equal(true);
      expect(after.result<Counted>().offline_payments_count).to.equal(0);
      expect(after.result<Counted>().journal.ok).to.equal(true);
      expect((await judge.ledger()).map(({confirms}) => confirms)).to.deep.equal(Array(stored).fill(1));
      expect(again.result().state).to.equal('accepted_offline');
      expectFailure(end, 3, 'payments_pending');
    } finally {
      await Promise.all([reader.stop(), judge.stop()]);
    }
  });

  it('is an error and no crash with the emulated reader either, whose memory is on it too', async function () {
    const shell = mountingShell() ?? skip(this, 'needs the right to mount a tmpfs (unshare)');
    const runs = await onSmallDisk(freshCli(), shell, [
      'stowpay connect --reader sim:',
      'stowpay sandbox network off',
      'fill',
      ...SALES,
      'stowpay status',
    ]);
    const sales = runs.slice(2, 5);
    for (const ran of sales.filter(({code}) => code !== 0)) {
      expectFailure(ran, ran.code ?? 0, ran.error.code);
      expect(ran.error.code, `${ran}`).to.be.oneOf(['journal_full', 'card_unusable']);
    }
    const stored = sales.filter(({code}) => code === 0).length;
    expect(stored).to.be.lessThan(sales.length);
    const status = (runs[5] as Ran).result<Counted>();
    expect(status.offline_payments_count).to.equal(stored);
    expect(status.journal.ok).to.equal(true);
  });
});
