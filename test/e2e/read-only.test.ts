import {spawn, spawnSync} from 'node:child_process';
import {expect} from 'chai';
import type {Inspected} from '../../src/lib/terminal/inspect.js';
import type {Status} from '../../src/lib/terminal/status.js';
import {BINARY, ended, type Ran} from '../support/cli.js';
import {
  connectedCli,
  expectFailure,
  expectNoStack,
  filesBelow,
  inPairs,
  payments,
  skip,
  startJudge,
  taken,
} from '../support/world.js';

/** Makes the data directory read-only for one command, in a mount namespace of its own. */
const READ_ONLY =
  'mount --bind "$STOWPAY_DATA_DIR" "$STOWPAY_DATA_DIR" && mount -o remount,bind,ro "$STOWPAY_DATA_DIR" || exit 99; exec "$@"';

/** How to start a shell that may mount; null where that is not possible. */
function mountingShell(): readonly string[] | null {
  const shells = [
    ['unshare', '-m', 'sh', '-c'],
    ['unshare', '-Urm', 'sh', '-c'],
  ];
  const may = ([program = '', ...words]: readonly string[]): boolean =>
    spawnSync(program, [...words, 'mount -t tmpfs -o size=64k tmpfs /mnt']).status === 0;
  return shells.find(may) ?? null;
}

describe('a disk that is read-only', () => {
  it('shows what is stored, stops selling with exit 10, and changes nothing; then all goes on', async function () {
    this.timeout(40_000);
    const [program = '', ...shell] = mountingShell() ?? skip(this, 'needs the right to mount (unshare)');
    const judge = await startJudge();
    try {
      const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
      const {local_id} = await taken(cli, 1250, 'A1', 'force_offline');
      const before = filesBelow(cli.dataDir);
      const run = (...words: readonly string[]): Promise<Ran> => {
        const all = [...shell, READ_ONLY, 'sh', process.execPath, BINARY, ...words, '--json'];
        return ended(spawn(program, all, {env: cli.env}), words);
      };
      const [status, check, list, one, sale, forward] = (await inPairs(
        [
          ['status'],
          ['status', '--check'],
          ['inspect'],
          ['inspect', local_id],
          ['collect', '12.50', 'usd', '--reference', 'A2'],
          ['forward'],
        ].map((words) => () => run(...words)),
      )) as [Ran, Ran, Ran, Ran, Ran, Ran];

      expect(status.result<Status>()).to.include({offline_payments_count: 1});
      expect(status.result<Status>().journal.ok).to.equal(true);
      for (const ran of [list, one]) {
        const {payments: shown} = ran.result<{payments: readonly Inspected[]}>();
        expect(shown.map((payment) => payment.local_id)).to.deep.equal([local_id]);
      }
      // What must not be wiped must not be wiped, whatever the disk is like.
      expect(check.code, `${check}`).to.be.oneOf([3, 10]);
      for (const ran of [sale, forward]) expectFailure(ran, 10, 'journal_read_only');
      for (const ran of [status, check, list, one, sale, forward]) expectNoStack(ran);
      expect(filesBelow(cli.dataDir)).to.deep.equal(before);
      expect(await judge.ledger(), 'sent without a record of it').to.deep.equal([]);

      await cli.ok('forward');
      expect((await payments(cli)).map(({state}) => state)).to.deep.equal(['authorized']);
    } finally {
      await judge.stop();
    }
  });
});
