import {existsSync, writeFileSync} from 'node:fs';
import {type AddressInfo, createServer, type Server, type Socket} from 'node:net';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {configureReader} from '../../src/lib/sandbox/reader/directory-world.js';
import {openPty} from '../../src/lib/sandbox/reader/serve-pty.js';
import type {ReadersFound} from '../../src/lib/terminal/readers.js';
import {requireSocat} from '../support/socat.js';
import {
  connectedCli,
  expectFailure,
  expectNothingStored,
  freshCli,
  lastKsn,
  network,
  startReader,
} from '../support/world.js';

const NAMED = {STOWPAY_PROFILE: 'sandbox'};

describe('a reader that is not there', () => {
  it('is said to be, with exit 9', async () => {
    const cli = freshCli();
    expectFailure(await cli.run(['collect', '12.50', 'usd', '--json']), 9, 'reader_not_connected');
    expect(existsSync(cli.dataDir)).to.equal(false);
    const nowhere = join(dirname(cli.dataDir), 'no-such-port');
    const serial = await cli.run(['connect', '--reader', `serial:${nowhere}`, '--json'], {env: NAMED});
    expectFailure(serial, 9, 'reader_not_found');
    const tcp = await cli.run(['connect', '--reader', 'tcp://127.0.0.1:1', '--json'], {env: NAMED});
    expectFailure(tcp, 9, 'reader_not_found');
    const file = join(dirname(cli.dataDir), 'file');
    writeFileSync(file, '');
    const plain = await cli.run(['connect', '--reader', `serial:${file}`, '--json'], {env: NAMED});
    expectFailure(plain, 9, 'reader_not_found');
    expectFailure(await cli.run(['status', '--check', '--json']), 12, 'journal_not_found');
  });
});

describe('looking for readers', () => {
  it('says which answered, and exits 9 when one that was named did not', async () => {
    const cli = freshCli(NAMED);
    const reader = await startReader(cli, '--tcp', '0');
    try {
      const {readers} = await cli.ok<ReadersFound>('readers', reader.address);
      expect(readers.map(({address, answered}) => ({address, answered}))).to.deep.equal([
        {address: reader.address, answered: true},
      ]);
      expect(readers[0]?.identity?.serial_number).to.match(/^SBX/);
      const both = await cli.run(['readers', reader.address, 'tcp://127.0.0.1:1', '--json']);
      expectFailure(both, 9, 'reader_not_found');
      const list = (both.json.result as ReadersFound).readers;
      expect(list.map(({answered}) => answered)).to.deep.equal([true, false]);
    } finally {
      await reader.stop();
    }
  });
});

describe('a port that is no reader', () => {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  after(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
  });

  async function tcpPeer(serve: (socket: Socket) => void): Promise<string> {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      serve(socket);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async function connectFails(address: string): Promise<void> {
    const cli = freshCli(NAMED);
    expectFailure(await cli.run(['connect', '--reader', address, '--json']), 9, 'reader_not_answering');
    expectFailure(await cli.run(['status', '--check', '--json']), 12, 'journal_not_found');
  }

  it('is told from one over TCP, in bounded time', async () => {
    const chatty = 'HTTP/1.1 400 Bad Request\r\n\r\n';
    const addresses = await Promise.all([
      tcpPeer(() => {}),
      tcpPeer((socket) => socket.on('data', (chunk) => socket.write(chunk))),
      tcpPeer((socket) => socket.on('data', () => socket.write(chatty))),
    ]);
    await Promise.all(addresses.map(connectFails));
  });

  it('is told from one on a serial line, in bounded time', async function () {
    requireSocat(this);
    const directory = dirname(freshCli().dataDir);
    const silent = await openPty(join(directory, 'silent'));
    silent.line.onData(() => {});
    const echo = await openPty(join(directory, 'echo'));
    echo.line.onData((chunk) => echo.line.write(chunk));
    try {
      await Promise.all([silent, echo].map(({path}) => connectFails(`serial:${path}`)));
    } finally {
      await Promise.all([silent, echo].map(({line}) => line.close()));
    }
  });
});

describe('a reader that does not encrypt', () => {
  it('is refused at connect', async () => {
    const cli = freshCli(NAMED);
    const reader = await startReader(cli, '--tcp', '0', '--encryption-off');
    try {
      const ran = await cli.run(['connect', '--reader', reader.address, '--json']);
      expectFailure(ran, 9, 'reader_not_encrypting');
      expectFailure(await cli.run(['status', '--check', '--json']), 12, 'journal_not_found');
    } finally {
      await reader.stop();
    }
  });

  it('is refused at the next sale when it stopped encrypting since, before a card is read', async () => {
    const cli = await connectedCli('off');
    configureReader(join(cli.dataDir, 'sandbox', 'reader'), {encryption_off: true});
    const ran = await cli.run(['collect', '12.50', 'usd', '--reference', 'A1', '--json']);
    expectFailure(ran, 9, 'reader_not_encrypting');
    await expectNothingStored(cli);
  });
});

describe('a real line without a named profile', () => {
  it('is refused as configuration, at connect and at collect', async () => {
    const cli = freshCli();
    network(cli, 'off');
    const reader = await startReader(cli, '--tcp', '0');
    try {
      const unnamed = await cli.run(['connect', '--reader', reader.address, '--json']);
      expectFailure(unnamed, 12, 'profile_required');
      expectFailure(await cli.run(['status', '--check', '--json']), 12, 'journal_not_found');
      await cli.ok('connect', '--reader', reader.address, '--profile', 'sandbox');
      const ksn = lastKsn(cli);
      const sale = await cli.run(['collect', '12.50', 'usd', '--reference', 'A1', '--json']);
      expectFailure(sale, 12, 'profile_required');
      await expectNothingStored(cli);
      expect(lastKsn(cli), 'a card was read').to.equal(ksn);
    } finally {
      await reader.stop();
    }
  });

  it('is not helped by a profile nobody described', async () => {
    const ran = await freshCli().run(['connect', '--reader', 'sim:', '--profile', 'shop', '--json']);
    expectFailure(ran, 12, 'profile_unknown');
  });
});

describe('the doctor on the command line', () => {
  it('answers with one object and the exit code of the worst, and 0 when all is well', async () => {
    const cli = await connectedCli('off');
    const well = await cli.run(['doctor', '--strict']);
    expect(well.code, well.stderr).to.equal(0);
    expect(well.stdout).to.include('13 ok, 0 to look at, 0 wrong');
    configureReader(join(cli.dataDir, 'sandbox', 'reader'), {encryption_off: true});
    const ran = await cli.run(['doctor', '--json']);
    expectFailure(ran, 9, 'reader_not_encrypting');
    const {result} = JSON.parse(ran.stdout) as {result: {counts: {fail: number}; checks: {id: string}[]}};
    expect(result.counts.fail).to.equal(1);
    expect(result.checks.map(({id}) => id)).to.include('reader.encryption');
  });
});
