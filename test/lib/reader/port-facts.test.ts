import {spawn} from 'node:child_process';
import {chmodSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {inspectPort, lockHolders} from '../../../src/lib/reader/port-facts.js';
import {temporaryDirectory} from '../../support/directories.js';

describe('what the system tells of a port', () => {
  it('is nothing of a port that is not there, and of those that are no port', () => {
    expect(inspectPort('serial:/dev/no-such-port')).to.include({
      target: null,
      is_device: false,
      holders: null,
    });
    expect(inspectPort('tcp://10.0.0.5:4001')).to.deep.equal({kind: 'tcp'});
    expect(inspectPort('sim:')).to.deep.equal({kind: 'emulated'});
    expect(inspectPort('serial:/dev/null')).to.include({is_device: true, may_open: true});
  });

  it('follows a stable name, and names owner, mode and who else has it open', async function () {
    if (process.platform !== 'linux') this.skip();
    const directory = temporaryDirectory();
    const port = join(directory, 'port');
    const name = join(directory, 'by-id');
    writeFileSync(port, '');
    chmodSync(port, 0o620);
    symlinkSync(port, name);
    const other = spawn('sh', ['-c', 'exec 3<"$1"; echo open; read wait', 'sh', port], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    try {
      await new Promise((resolve) => other.stdout?.once('data', resolve));
      const facts = inspectPort(`serial:${name}`);
      expect(facts).to.include({kind: 'serial', path: name, target: port, mode: '0620', is_device: false});
      const holders = facts.kind === 'serial' ? facts.holders : null;
      expect(holders?.map(({pid, locks}) => ({pid, locks}))).to.deep.equal([{pid: other.pid, locks: false}]);
    } finally {
      other.stdin?.end();
      other.kill();
    }
  });

  it('finds those that lock it in the table every user may read', () => {
    const stats = {dev: statSync('/').dev, ino: 4711};
    const major = Math.floor(stats.dev / 256) % 4096;
    const minor = (stats.dev % 256) + Math.floor(stats.dev / 2 ** 20) * 256;
    const device = [major, minor].map((part) => part.toString(16).padStart(2, '0')).join(':');
    const table = [
      `1: FLOCK  ADVISORY  WRITE 1234 ${device}:4711 0 EOF`,
      `2: FLOCK  ADVISORY  WRITE 1235 ${device}:4712 0 EOF`,
      `3: OFDLCK ADVISORY  WRITE -1 ${device}:4711 0 0`,
      `3: -> FLOCK  ADVISORY  WRITE 1236 ${device}:4711 0 EOF`,
      'nonsense',
    ].join('\n');
    expect(lockHolders(table, stats)).to.deep.equal([1234, 1236]);
  });
});
