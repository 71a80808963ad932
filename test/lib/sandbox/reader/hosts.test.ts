import {spawn} from 'node:child_process';
import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {connect} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import type {StowpayError} from '../../../../src/lib/core/errors.js';
import type {Reader} from '../../../../src/lib/core/ports.js';
import {openReader, readerOverLine} from '../../../../src/lib/reader/open.js';
import {
  configureReader,
  directoryWorld,
  leaveKeys,
  loadScenario,
  presentNext,
  scenarioOf,
} from '../../../../src/lib/sandbox/reader/directory-world.js';
import {nextKey} from '../../../../src/lib/sandbox/reader/key-counter.js';
import {memoryWorld} from '../../../../src/lib/sandbox/reader/memory-world.js';
import {openPty, servePty} from '../../../../src/lib/sandbox/reader/serve-pty.js';
import {serveTcp} from '../../../../src/lib/sandbox/reader/serve-tcp.js';
import {simLine} from '../../../../src/lib/sandbox/reader/sim.js';
import vectors from '../../../fixtures/reader-vectors.json' with {type: 'json'};
import {requireSocat} from '../../../support/socat.js';
import {attachVectorPeer} from '../../../support/vector-peer.js';

const REQUEST = {amount: 1250, currency: 'usd', currency_numeric: '840', timeout_s: 1, stripe: true};
const QUICK = {card_delay_ms: 2, frame_delay_ms: 1};

let dir: string;

/** An empty directory for every test of the group. */
function inDirectory(): void {
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'stowpay-reader-'));
  });
  afterEach(() => rmSync(dir, {recursive: true, force: true}));
}

async function sim(): Promise<Reader> {
  const reader = await readerOverLine(simLine(dir, QUICK), 'sim:', undefined, {retry_pause: 0});
  await reader.prepare(new Date());
  return reader;
}

async function sell(reader: Reader): Promise<string> {
  const answer = await reader.collect(REQUEST, () => {});
  return answer.kind === 'card' ? `${answer.card.last4} ${answer.card.sealed.ksn.slice(-5)}` : answer.kind;
}

function codeOf(act: () => unknown): string {
  try {
    act();
    return 'no error';
  } catch (error) {
    return (error as StowpayError).code;
  }
}

/** What can be opened again after a while. */
async function whenBack<T>(open: () => T | Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await open();
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function rejection(act: Promise<unknown>): Promise<StowpayError> {
  return act.then(
    () => expect.fail('did not reject'),
    (error: StowpayError) => error,
  );
}

describe('a reader that lives in a directory', () => {
  inDirectory();
  it('stays the same reader and never uses a key twice', async () => {
    const first = await sim();
    const {serial_number} = await first.identify();
    expect(await sell(first)).to.equal('4242 00001');
    await first.close();
    const second = await sim();
    expect((await second.identify()).serial_number).to.equal(serial_number);
    expect(await sell(second)).to.equal('4242 00002');
    await second.close();
  });

  it('saves a key before it hands it out', () => {
    const world = directoryWorld(dir);
    const use = nextKey(world.memory);
    expect(JSON.parse(readFileSync(join(dir, 'reader.json'), 'utf8')).ksn).to.equal(
      use?.ksn.toString('hex').toUpperCase(),
    );
    expect(readdirSync(dir).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
    world.close();
  });

  it('takes the card that was presented, once or for good', async () => {
    const reader = await sim();
    presentNext(dir, {pan: '5555555555554444'});
    expect(await sell(reader)).to.match(/^4444/);
    expect(await sell(reader)).to.match(/^4242/);
    presentNext(dir, {behavior: 'blocked', sticky: true});
    expect(await sell(reader)).to.equal('failed');
    expect(await sell(reader)).to.equal('failed');
    writeFileSync(join(dir, 'card.json'), '{"beha');
    expect(await sell(reader)).to.match(/^4242/);
    await reader.close();
  });

  it('refuses cards and behaviors nobody knows', () => {
    expect(codeOf(() => presentNext(dir, {pan: '4111111111111111'}))).to.equal('invalid_usage');
    expect(codeOf(() => presentNext(dir, {behavior: 'dance' as 'approve'}))).to.equal('invalid_usage');
    expect(existsSync(join(dir, 'card.json'))).to.equal(false);
  });

  it('obeys its settings at once', async () => {
    const reader = await sim();
    configureReader(dir, {encryption_off: true});
    expect((await reader.identify()).encryption_enabled).to.equal(false);
    expect(await sell(reader)).to.equal('unsealed');
    configureReader(dir, {key: 'missing'});
    expect((await reader.identify()).key.state).to.equal('missing');
    await reader.close();
  });

  it('plays a scenario across processes, from where it was left', async () => {
    const steps = [{card: 'amex', repeat: 2}, {reader: {encryption_off: true}}, {card: 'jcb'}];
    loadScenario(dir, JSON.stringify({reader: {keys_left: 5}, steps, afterwards: 'nobody'}));
    const sales: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      const reader = await sim();
      sales.push(await sell(reader));
      await reader.close();
    }
    expect(sales.map((sale) => sale.split(' ')[0])).to.deep.equal(['0005', '0005', 'unsealed', 'no_card']);
    expect(scenarioOf(dir)?.progress).to.deep.include({step: 3});
    // A card in the hand goes before it, a new scenario before a card.
    presentNext(dir, {pan: '5555555555554444', sticky: true});
    loadScenario(dir, JSON.stringify({steps: [{card: 'diners'}]}));
    const reader = await sim();
    expect(await sell(reader)).to.match(/^1667/);
    await reader.close();
  });

  it('has as many keys left as it was told', async () => {
    leaveKeys(dir, 2);
    const reader = await sim();
    expect(await sell(reader)).to.match(/^4242/);
    expect(await sell(reader)).to.match(/^4242/);
    expect((await reader.identify()).key.state).to.equal('end_of_life');
    expect(codeOf(() => leaveKeys(dir, 1))).to.equal('reader_busy');
    expect((await rejection(sell(reader))).code).to.equal('reader_key_exhausted');
    await reader.close();
  });

  it('is away while its cable is pulled', async () => {
    presentNext(dir, {faults: [{kind: 'cable_pull', at: 'seen', for_ms: 1000}]});
    const reader = await sim();
    expect((await rejection(sell(reader))).code).to.equal('reader_lost');
    await reader.close();
    expect(codeOf(() => simLine(dir))).to.equal('reader_not_found');
    const back = await whenBack(sim);
    expect(await sell(back)).to.equal('4242 00002');
    await back.close();
  });

  it('has one user at a time', async () => {
    const reader = await sim();
    expect(codeOf(() => simLine(dir))).to.equal('reader_busy');
    await reader.close();
    const next = await sim();
    await next.close();
  });
});

describe('a reader on TCP', () => {
  it('sells, to one client at a time', async () => {
    const served = await serveTcp(memoryWorld(), 0, '127.0.0.1', QUICK);
    const reader = await openReader(served.address);
    await reader.prepare(new Date());
    expect(await sell(reader)).to.equal('4242 00001');
    const second = connect(Number(served.address.split(':').at(-1)), '127.0.0.1');
    second.on('error', () => {});
    await new Promise((resolve) => second.once('close', resolve));
    expect(await sell(reader)).to.equal('4242 00002');
    await reader.close();
    const again = await openReader(served.address.replace('//', ''));
    expect(await sell(again)).to.equal('4242 00003');
    await served.close();
    expect((await rejection(again.identify())).code).to.equal('reader_lost');
    await again.close();
  });

  it('hangs up when its cable is pulled, and is back after a while', async () => {
    const world = memoryWorld();
    world.cards.push({faults: [{kind: 'cable_pull', for_ms: 1000}]});
    const served = await serveTcp(world, 0, '127.0.0.1', QUICK);
    const reader = await openReader(served.address);
    await reader.prepare(new Date());
    expect((await rejection(sell(reader))).code).to.equal('reader_lost');
    await reader.close();
    // A device server does not say why it hangs up.
    expect((await rejection(openReader(served.address))).code).to.equal('reader_busy');
    const back = await whenBack(() => openReader(served.address));
    expect(await sell(back)).to.equal('4242 00002');
    await back.close();
    await served.close();
  });

  it('that is not there is not found', async () => {
    const served = await serveTcp(memoryWorld(), 0);
    await served.close();
    expect((await rejection(openReader(served.address))).code).to.equal('reader_not_found');
  });

  it('needs an address that is one', async () => {
    for (const address of ['tcp://', 'tcp://host', 'tcp://host:99999', 'usb:1', 'serial:', '']) {
      expect((await rejection(openReader(address))).code, address).to.equal('invalid_usage');
    }
  });
});

describe('a reader on a pseudo terminal', () => {
  inDirectory();
  before(function () {
    requireSocat(this);
  });

  it('sells to one program after the other, and is gone when closed', async () => {
    const link = join(dir, 'port');
    const served = await servePty(memoryWorld(), link, QUICK);
    for (const expected of ['4242 00001', '4242 00002']) {
      const reader = await openReader(served.address);
      await reader.prepare(new Date());
      expect(await sell(reader)).to.equal(expected);
      await reader.finish('stored', () => {});
      await reader.close();
    }
    await served.close();
    expect(existsSync(link)).to.equal(false);
    expect((await rejection(openReader(served.address))).code).to.equal('reader_not_found');
  });

  it('vanishes when its cable is pulled, and comes back under the same name', async () => {
    const world = memoryWorld();
    world.cards.push({faults: [{kind: 'cable_pull', at: 'waiting', for_ms: 1500}]});
    const served = await servePty(world, join(dir, 'port'), QUICK);
    const reader = await openReader(served.address);
    await reader.prepare(new Date());
    expect((await rejection(sell(reader))).code).to.equal('reader_lost');
    await reader.close();
    expect((await rejection(openReader(served.address))).code).to.equal('reader_not_found');
    const back = await whenBack(() => openReader(served.address));
    expect(await sell(back)).to.equal('4242 00001');
    await back.close();
    await served.close();
  });

  it('is busy while another program has it', async () => {
    const served = await servePty(memoryWorld(), join(dir, 'port'), QUICK);
    const reader = await openReader(served.address);
    expect((await rejection(openReader(served.address))).code).to.equal('reader_busy');
    await reader.close();
    await served.close();
  });

  it('carries the Mastercard capture whole', async () => {
    const capture = vectors.payloads[0];
    const pty = await openPty(join(dir, 'port'));
    const data = Buffer.from(`E1${capture?.hex}`, 'hex');
    attachVectorPeer(pty.line, {status: 0x23, data, ksn: 'FFFFFF0200223D20000E'});
    const reader = await openReader(`serial:${pty.path}`);
    expect(await reader.identify()).to.deep.include({serial_number: '630Z000001', test_key: true});
    await reader.prepare(new Date());
    const answer = await reader.collect({...REQUEST, amount: 100}, () => {});
    if (answer.kind !== 'card') throw new Error(answer.kind);
    expect(answer.card.sealed.ksn).to.equal('FFFFFF0200223D20000F');
    for (const {tag, cipher} of capture?.decrypt ?? []) {
      expect(answer.card.sealed.tags[tag]).to.equal(cipher.toUpperCase());
    }
    await reader.close();
    await pty.line.close();
  });

  it('whose far end dies is lost, and leaves nothing running', async () => {
    const served = await servePty(memoryWorld(), join(dir, 'port'), {card_delay_ms: 5000});
    const reader = await openReader(served.address);
    await reader.prepare(new Date());
    const read = rejection(reader.collect({...REQUEST, timeout_s: 1}, () => {}));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await served.close();
    expect((await read).code).to.equal('reader_lost');
    await reader.close();
  });

  it('lets a process end that closed it', async function () {
    this.timeout(10_000);
    const served = await servePty(memoryWorld(), join(dir, 'port'), QUICK);
    const program = `
      import {openReader} from ${JSON.stringify(new URL('../../../../src/lib/reader/open.ts', import.meta.url).href)};
      const reader = await openReader(process.argv[1]);
      await reader.prepare(new Date());
      await reader.close();`;
    const child = spawnAsync(process.execPath, [
      '--import=tsx',
      '--input-type=module',
      '-e',
      program,
      served.address,
    ]);
    expect(await child).to.equal(0);
    await served.close();
  });

  it('says what to install where socat is missing', async () => {
    const path = process.env.PATH;
    process.env.PATH = dir;
    const error = await rejection(openPty(join(dir, 'port'))).finally(() => {
      process.env.PATH = path;
    });
    expect(error.hint).to.include('apt-get install socat');
  });
});

describe('a port that is no reader', () => {
  inDirectory();
  it('is named when it does not exist', async () => {
    const error = await rejection(openReader('serial:/dev/stowpay-no-such-port'));
    expect(error.code).to.equal('reader_not_found');
    expect(error.message).to.include('/dev/stowpay-no-such-port');
  });

  it('is told from a reader when it is a file, or belongs to others', async function () {
    const file = join(dir, 'file');
    writeFileSync(file, 'no port');
    expect((await rejection(openReader(`serial:${file}`))).code).to.equal('reader_not_found');
    // Root may open everything.
    if (process.getuid?.() === 0) this.skip();
    writeFileSync(join(dir, 'locked'), '', {mode: 0});
    expect((await rejection(openReader(`serial:${join(dir, 'locked')}`))).hint).to.include('dialout');
  });
});

function spawnAsync(command: string, args: readonly string[]): Promise<number | null> {
  return new Promise((resolve) => {
    spawn(command, args, {stdio: 'inherit'}).once('exit', (exit) => resolve(exit));
  });
}
