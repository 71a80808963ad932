import {spawn, spawnSync} from 'node:child_process';
import {chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {BINARY, type Cli, ended} from '../support/cli.js';
import {connectedCli, expectFailure, expectNothingStored, freshCli, inPairs, skip} from '../support/world.js';

describe('a data directory that cannot be used', () => {
  const COMMANDS = [
    ['connect', '--reader', 'sim:'],
    ['collect', '12.50', 'usd'],
    ['status', '--check'],
    ['forward'],
    ['sandbox', 'network', 'off'],
  ];

  async function expectRefused(cli: Cli, code: string, options?: Parameters<Cli['run']>[1]): Promise<void> {
    await inPairs(
      COMMANDS.map((words) => async () => {
        expectFailure(await cli.run([...words, '--json'], options), 12, code);
      }),
    );
  }

  it('because a file is in its place', async () => {
    const cli = freshCli();
    writeFileSync(cli.dataDir, 'something else');
    await expectRefused(cli, 'data_directory_unusable');
  });

  it('because it lies below a file', async () => {
    const cli = freshCli();
    const file = join(dirname(cli.dataDir), 'file');
    writeFileSync(file, '');
    const ran = await cli.run(['connect', '--reader', 'sim:', '--data-dir', join(file, 'below'), '--json']);
    expectFailure(ran, 12, 'data_directory_unusable');
  });

  it('because it may not be read', async function () {
    const cli = freshCli();
    mkdirSync(cli.dataDir);
    if (process.getuid?.() !== 0) {
      chmodSync(cli.dataDir, 0);
      await expectRefused(cli, 'data_directory_unusable');
      return;
    }
    // Root reads everything, so the program runs as nobody here.
    if (spawnSync('setpriv', ['--version']).error !== undefined) skip(this, 'needs setpriv as root');
    chmodSync(dirname(cli.dataDir), 0o755);
    chmodSync(cli.dataDir, 0o700);
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, BINARY];
    const readable = spawnSync('setpriv', [...nobody, '--version'], {env: {...cli.env, HOME: '/'}});
    if (readable.status !== 0) skip(this, 'the program cannot be read by another user here');
    for (const words of COMMANDS) {
      const all = [...nobody, ...words, '--json'];
      const ran = await ended(spawn('setpriv', all, {env: {...cli.env, HOME: '/'}}), words);
      expectFailure(ran, 12, 'data_directory_unusable');
    }
    expect(readdirSync(cli.dataDir)).to.deep.equal([]);
  });

  it('because it belongs to somebody else', async function () {
    if (process.getuid?.() !== 0) skip(this, 'only root can give a directory away');
    const cli = await connectedCli('off');
    chownSync(cli.dataDir, 65_534, 65_534);
    for (const words of [
      ['connect', '--reader', 'sim:'],
      ['collect', '12.50', 'usd'],
    ]) {
      expectFailure(await cli.run([...words, '--json']), 12, 'data_directory_foreign_owner');
    }
    await expectNothingStored(cli);
  });
});
