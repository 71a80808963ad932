import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {type AddressInfo, createServer, type Server} from 'node:net';
import {join} from 'node:path';
import {expect} from 'chai';
import {statusWarnings} from '../../../src/lib/cli/status-text.js';
import {CHECKS, type Check, type CheckId} from '../../../src/lib/core/check.js';
import {StowpayError} from '../../../src/lib/core/errors.js';
import {judgePort} from '../../../src/lib/core/port-check.js';
import type {Clock, OpenReader, PortFacts} from '../../../src/lib/core/ports.js';
import {openTerminal, type Terminal} from '../../../src/lib/index.js';
import {openReader, readerOverLine} from '../../../src/lib/reader/open.js';
import {inspectPort} from '../../../src/lib/reader/port-facts.js';
import {sandboxNetwork} from '../../../src/lib/sandbox/network.js';
import {configureReader, directoryWorld} from '../../../src/lib/sandbox/reader/directory-world.js';
import {serveTcp} from '../../../src/lib/sandbox/reader/serve-tcp.js';
import type {ReaderMemory} from '../../../src/lib/sandbox/reader/world.js';
import {type Diagnosis, type DoctorRequest, doctor} from '../../../src/lib/terminal/doctor.js';
import type {Parts} from '../../../src/lib/terminal/parts.js';
import {temporaryDirectory} from '../../support/directories.js';
import {filesBelow} from '../../support/world.js';
import {FAST, obedient, type Script, ScriptedLine} from '../reader/fake-line.js';

const DAY = 24 * 3600 * 1000;

function fresh(): string {
  const directory = join(temporaryDirectory(), 'data');
  mkdirSync(directory, {recursive: true, mode: 0o700});
  sandboxNetwork(join(directory, 'sandbox')).set(false);
  return directory;
}

async function onDevice<T>(
  directory: string,
  act: (terminal: Terminal) => Promise<T>,
  clock?: Clock,
): Promise<T> {
  const terminal = await openTerminal({
    dataDirectory: {value: directory, from: 'the test'},
    profile: {value: 'sandbox', from: 'the test'},
    env: {},
    ...(clock === undefined ? {} : {clock}),
  });
  try {
    return await act(terminal);
  } finally {
    await terminal.close();
  }
}

async function connected(address = 'sim:'): Promise<string> {
  const directory = fresh();
  await onDevice(directory, (terminal) => terminal.connect({address, location: null, offline: true}));
  return directory;
}

function diagnose(
  directory: string,
  request: Partial<DoctorRequest> = {},
  clock?: Clock,
): Promise<Diagnosis> {
  const whole = {address: null, fix: false, strict: false, ...request};
  return onDevice(directory, (terminal) => terminal.doctor(whole), clock);
}

function found({checks}: Pick<Diagnosis, 'checks'>, id: CheckId): Check {
  return checks.find((check) => check.id === id) as Check;
}

function changeReader(directory: string, change: Partial<ReaderMemory>): void {
  const path = join(directory, 'sandbox', 'reader', 'reader.json');
  writeFileSync(path, JSON.stringify({...JSON.parse(readFileSync(path, 'utf8')), ...change}));
}

function readerMemory(directory: string): ReaderMemory {
  return JSON.parse(
    readFileSync(join(directory, 'sandbox', 'reader', 'reader.json'), 'utf8'),
  ) as ReaderMemory;
}

/** A reader on TCP that does what a script says. */
async function scripted(script: Script): Promise<{server: Server; address: string}> {
  const server = createServer((socket) => {
    const line = new ScriptedLine(script);
    line.onData((chunk) => socket.write(chunk));
    socket.on('data', (chunk) => line.write(chunk));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {server, address: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`};
}

function clockAt(ms: number): Clock {
  return {now: () => ms, mono: () => performance.now(), boot: 'a boot'};
}

const SALE = {
  amount: 1250,
  tip: 0,
  currency: 'usd',
  reference: 'A1',
  capture_method: 'manual',
  offline_behavior: 'force_offline',
  metadata: {},
  description: null,
  timeout_s: 5,
} as const;

describe('the doctor', () => {
  it('finds nothing wrong with a reader that was just connected, without network', async () => {
    const directory = await connected();
    const diagnosis = await diagnose(directory, {strict: true});
    expect(diagnosis.error).to.equal(null);
    expect(diagnosis.checks.map(({id}) => id)).to.deep.equal(Object.keys(CHECKS));
    expect(diagnosis.counts).to.deep.equal({ok: 13, warn: 0, fail: 0, unknown: 1});
  });

  it('changes nothing: not a byte on the disk, not a setting, not a key', async () => {
    const directory = await connected();
    changeReader(directory, {masking: [4, 4], first_response: false, clock_offset_ms: -3 * DAY});
    const before = filesBelow(directory);
    const diagnosis = await diagnose(directory);
    expect(diagnosis.fixed).to.deep.equal([]);
    expect(diagnosis.error?.code).to.equal('reader_needs_attention');
    const after = filesBelow(directory);
    expect([...after.keys()].sort()).to.deep.equal([...before.keys()].sort());
    for (const [path, bytes] of before) expect(after.get(path)?.equals(bytes), path).to.equal(true);
  });

  it('puts right with --fix what it found, says exactly what, and touches no key', async () => {
    const directory = await connected();
    changeReader(directory, {masking: [4, 4], poll_on_demand: false, clock_offset_ms: -3 * DAY});
    const {ksn, serial_number} = readerMemory(directory);
    const {fixed, error, checks} = await diagnose(directory, {fix: true, strict: true});
    expect(error).to.equal(null);
    expect(fixed.map(({setting, done}) => [setting, done])).to.deep.equal([
      ['poll_mode', true],
      ['clock', true],
      ['masking', true],
    ]);
    const masking = fixed.find(({setting}) => setting === 'masking');
    expect(masking?.before).to.include('4 leading and 4 trailing');
    expect(masking?.after).to.equal(found({checks}, 'reader.masking').found);
    const after = readerMemory(directory);
    expect(after).to.include({ksn, serial_number, poll_on_demand: true, first_response: true});
    expect(after.masking).to.deep.equal([6, 4]);
    expect(Math.abs(after.clock_offset_ms)).to.be.below(61_000);
  });

  it('says what older firmware refuses, once, and does not advise to try it again', async () => {
    const directory = await connected();
    changeReader(directory, {masking: [4, 4]});
    configureReader(join(directory, 'sandbox', 'reader'), {refuses_settings: true});
    const {fixed, checks, error} = await diagnose(directory, {fix: true});
    expect(error).to.equal(null);
    expect(fixed.find(({setting}) => setting === 'masking')).to.deep.include({
      done: false,
      after: 'The reader refuses the setting (06, parameter not supported)',
    });
    expect(found({checks}, 'reader.masking').fix).to.include('update its firmware');
    const {checks: told} = await onDevice(directory, (terminal) =>
      terminal.connect({address: 'sim:', location: null, offline: true}),
    );
    expect(found({checks: told}, 'reader.masking')).to.include({status: 'warn'});
    expect(found({checks: told}, 'reader.masking').fix).to.include('update its firmware');
  });

  it('refuses to connect a reader whose clock is wrong by days and stays so', async () => {
    const directory = fresh();
    const stuck: Script = obedient({
      '2900': (line) => line.answer(0x29, 0, Buffer.from('V1').toString('hex')),
      '1201': (line) => line.answer(0x12, 0, Buffer.from('R1').toString('hex')),
      C737: (line) => line.answer(0xc7, 0, '03'),
      // Does not know this one, either, and may be connected all the same.
      '810B': (line) => line.answer(0x81, 0x02),
      '2501': (line) => line.answer(0x25, 0x03),
      '2504': (line) => line.answer(0x25, 0, '20010101'),
      '2502': (line) => line.answer(0x25, 0, '0000'),
    });
    const {server, address} = await scripted(stuck);
    try {
      await onDevice(directory, (terminal) => terminal.connect({address, location: null, offline: true}));
      expect.fail('it connected');
    } catch (error) {
      expect((error as StowpayError).code).to.equal('reader_needs_attention');
      expect((error as StowpayError).message).to.include('2001-01-01');
    } finally {
      server.close();
    }
    expect([...filesBelow(directory).keys()].filter((name) => name.startsWith('journal'))).to.deep.equal([]);
  });

  it('refuses a sale, before a card is read, when such a clock went wrong after the connect', async () => {
    const directory = fresh();
    let date = new Date().toISOString().slice(0, 10).replaceAll('-', '');
    const stuck: Script = obedient({
      '1201': (line) => line.answer(0x12, 0, Buffer.from('R1').toString('hex')),
      C737: (line) => line.answer(0xc7, 0, '03'),
      '810B': (line) => line.answer(0x81, 0x02),
      '2501': (line) => line.answer(0x25, 0x0b),
      '2504': (line) => line.answer(0x25, 0, date),
      '2502': (line) => line.answer(0x25, 0, '1200'),
      '0240': () => expect.fail('a card was asked for'),
    });
    const {server, address} = await scripted(stuck);
    try {
      await onDevice(directory, (terminal) => terminal.connect({address, location: null, offline: true}));
      date = '20010101';
      await onDevice(directory, (terminal) => terminal.collect(SALE));
      expect.fail('it sold');
    } catch (error) {
      expect((error as StowpayError).code).to.equal('reader_needs_attention');
      expect((error as StowpayError).message).to.include('No card was read');
    } finally {
      server.close();
    }
  });

  it('connects a reader whose old firmware knows next to nothing, and says what is not known', async () => {
    const old: Script = (code, _data, line) => {
      const command = Number.parseInt(code.slice(0, 2), 16);
      if (code === 'C737') line.answer(command, 0x00, '03');
      else line.answer(command, code === '1801' ? 0x00 : 0x02);
    };
    const {server, address} = await scripted(old);
    try {
      const {reader, checks} = await onDevice(fresh(), (terminal) =>
        terminal.connect({address, location: null, offline: true}),
      );
      expect(reader).to.include({serial_number: '', firmware: ''});
      expect(reader.key).to.deep.equal({state: 'unknown', ksn: null});
      expect(checks.filter(({status}) => status === 'fail')).to.deep.equal([]);
      expect(found({checks}, 'reader.masking').found).to.include('02, unknown command');
    } finally {
      server.close();
    }
  });

  it('sets no clock by a machine whose own is wrong, nor do connect and sales', async () => {
    const directory = await connected();
    changeReader(directory, {clock_offset_ms: 12_345_000});
    const wrong = clockAt(Date.UTC(1970, 0, 2));
    const {checks, fixed} = await diagnose(directory, {fix: true}, wrong);
    expect(found({checks}, 'reader.clock')).to.include({status: 'unknown', setting: null});
    expect(fixed.map(({setting}) => setting)).to.not.include('clock');
    await onDevice(
      directory,
      (terminal) => terminal.connect({address: 'sim:', location: null, offline: true}),
      wrong,
    );
    expect(readerMemory(directory).clock_offset_ms).to.equal(12_345_000);
  });

  it('sets none by a machine that starts in 1970 with an empty journal, either', async () => {
    const directory = fresh();
    const wrong = clockAt(Date.UTC(1970, 0, 2));
    const {checks, fixed} = await diagnose(directory, {address: 'sim:', fix: true}, wrong);
    expect(found({checks}, 'reader.clock').status).to.equal('unknown');
    expect(fixed.map(({setting}) => setting)).to.not.include('clock');
  });

  it('tells each thing that stops selling by the code a sale would have', async () => {
    const directory = await connected();
    const home = join(directory, 'sandbox', 'reader');
    for (const [settings, code] of [
      [{encryption_off: true}, 'reader_not_encrypting'],
      [{key: 'missing'}, 'reader_key_missing'],
      [{key: 'exhausted'}, 'reader_key_exhausted'],
    ] as const) {
      configureReader(home, settings);
      const {error} = await diagnose(directory);
      expect(error?.code).to.equal(code);
      expect(error?.exitCode).to.equal(9);
    }
    configureReader(home, {});
    changeReader(directory, {serial_number: 'ANOTHER'});
    expect((await diagnose(directory)).error?.code).to.equal('reader_changed');
  });

  it('warns five days before the reader could not be connected without network, and fails after', async () => {
    const directory = await connected();
    const in_days = (days: number): Promise<Diagnosis> =>
      diagnose(directory, {}, clockAt(Date.now() + days * DAY + 60_000));
    expect(found(await in_days(23), 'reader.pairing').status).to.equal('ok');
    const late = found(await in_days(25), 'reader.pairing');
    expect(late).to.include({status: 'warn', code: 'reader_connection_not_available_offline'});
    expect(late.details).to.include({days_left: 4});
    expect(found(await in_days(31), 'reader.pairing').status).to.equal('fail');
  });

  it('has status warn of a key that runs out, by the sales alone', async () => {
    const directory = await connected();
    expect((await onDevice(directory, (terminal) => terminal.status())).reader?.keys_left).to.equal(
      1_048_575,
    );
    changeReader(directory, {ksn: 'FFFF9876543210FFF000'});
    await onDevice(directory, (terminal) => terminal.collect(SALE));
    const status = await onDevice(directory, (terminal) => terminal.status());
    expect(status.reader?.keys_left).to.be.below(12);
    const [warning] = statusWarnings(status).filter(({code}) => code === 'keys_run_out');
    expect(warning?.message).to.include(`about ${status.reader?.keys_left} more card reads`);
  });

  it('says that no reader is connected, and does not make a journal for it', async () => {
    const directory = fresh();
    const before = [...filesBelow(directory).keys()];
    const {error, counts} = await diagnose(directory);
    expect(error?.code).to.equal('reader_not_connected');
    expect(counts).to.include({fail: 1, warn: 0});
    expect([...filesBelow(directory).keys()]).to.deep.equal(before);
  });

  it('does not take a journal it cannot read for one without a reader', async () => {
    const parts = {
      profile: {name: 'sandbox', sandbox: true},
      journals: {
        exists: true,
        open: () => {
          throw new StowpayError('journal_version_unknown', 'Written by a newer stowpay.');
        },
      },
      clock: clockAt(Date.now()),
      inspectPort,
    } as unknown as Parts;
    const {error, checks} = await doctor(parts, {address: null, fix: true, strict: false});
    expect(error?.code).to.equal('journal_version_unknown');
    expect(error?.exitCode).to.equal(10);
    expect(found({checks}, 'reader.port').found).to.include('Written by a newer stowpay');
    expect(found({checks}, 'reader.pairing').status).to.equal('unknown');
  });

  it('looks at a reader that is not connected, when it is named', async () => {
    const directory = fresh();
    const {error, address, checks} = await diagnose(directory, {address: 'sim:'});
    expect(address).to.equal('sim:');
    expect(found({checks}, 'reader.encryption').status).to.equal('ok');
    // Fresh out of its box it does not say when it sees a card.
    expect(error).to.equal(null);
  });

  it('refuses a word that is no address as a mistake, not as a finding', async () => {
    for (const address of ['/dev/ttyUSB0', 'tcp:', 'nonsense']) {
      try {
        await diagnose(fresh(), {address});
        expect.fail('it answered');
      } catch (error) {
        expect((error as StowpayError).code).to.equal('invalid_usage');
      }
    }
  });
});

describe('the doctor and a reader in use', () => {
  it('leaves it alone while a sale waits for a card, and the sale goes on', async () => {
    const directory = fresh();
    const home = join(temporaryDirectory(), 'reader');
    const reader = await serveTcp(directoryWorld(home), 0, '127.0.0.1', {card_delay_ms: 700});
    try {
      await onDevice(directory, (terminal) =>
        terminal.connect({address: reader.address, location: null, offline: true}),
      );
      let asked: Promise<readonly Diagnosis[]> | null = null;
      const {payment} = await onDevice(directory, (terminal) =>
        terminal.collect({
          ...SALE,
          onInput: () => {
            // By another name of the same host, too.
            const alias = reader.address.replace('127.0.0.1', 'localhost');
            asked ??= Promise.all([diagnose(directory), diagnose(directory, {address: alias})]);
          },
        }),
      );
      expect(payment.state).to.equal('accepted_offline');
      const told = await (asked as unknown as Promise<readonly Diagnosis[]>);
      expect(told).to.have.length(2);
      for (const {error, checks, counts} of told) {
        expect(error?.code).to.equal('reader_busy');
        expect(error?.exitCode).to.equal(11);
        expect(found({checks}, 'reader.port')).to.include({status: 'unknown', code: 'reader_busy'});
        expect(counts.fail).to.equal(0);
      }
      expect((await diagnose(directory)).error).to.equal(null);
    } finally {
      await reader.close();
    }
  });
});

describe('the doctor on a dead line', () => {
  /** Without a journal: only the line is looked at. */
  function diagnoseLine(address: string, openReader: OpenReader): Promise<Diagnosis> {
    const parts = {
      profile: {name: 'sandbox', sandbox: true},
      journals: {exists: false},
      clock: clockAt(Date.now()),
      openReader,
      inspectPort,
    } as unknown as Parts;
    return doctor(parts, {address, fix: false, strict: false});
  }

  const over =
    (script: Script): OpenReader =>
    (address, signal) =>
      readerOverLine(new ScriptedLine(script), address, signal, FAST);

  it('says that there is no such port, or nobody at that address', async () => {
    for (const address of ['serial:/dev/no-such-port', 'tcp://127.0.0.1:1']) {
      const {error, checks} = await diagnoseLine(address, openReader);
      expect(error?.code).to.equal('reader_not_found');
      expect(found({checks}, 'reader.port').status).to.equal('fail');
      expect(found({checks}, 'reader.ping').status).to.equal('unknown');
    }
  });

  it('says that nothing answers, or nothing that makes sense', async () => {
    const babble: Script = (_code, _data, line) => line.raw(Buffer.alloc(5000, 'ViVOtech2\0\x18'));
    for (const script of [(): void => {}, babble]) {
      const {error, checks} = await diagnoseLine('serial:/dev/reader', over(script));
      expect(error?.code).to.equal('reader_not_answering');
      expect(found({checks}, 'reader.port').status).to.equal('ok');
      expect(found({checks}, 'reader.ping').status).to.equal('fail');
    }
  });

  it('gives up a reader that goes away while it is asked', async () => {
    const {error, checks} = await diagnoseLine(
      'serial:/dev/reader',
      over(obedient({'2900': (line) => line.hangUp()})),
    );
    expect(found({checks}, 'reader.encryption').found).to.include('not asked');
    expect(found({checks}, 'reader.ping').found).to.include('fell silent');
    expect(error?.code).to.equal('reader_lost');
  });

  it('tells a port that may not be opened from one that is not there', async () => {
    const facts: PortFacts = {
      kind: 'serial',
      path: '/dev/reader',
      target: '/dev/ttyUSB0',
      is_device: true,
      owner: 'root:dialout',
      mode: '0660',
      may_open: false,
      holders: [],
    };
    const refused = new StowpayError('reader_not_found', 'The port exists, but this user may not open it.');
    const {status, found: what} = judgePort('serial:/dev/reader', facts, refused);
    expect(status).to.equal('fail');
    expect(what).to.include('root:dialout, mode 0660');
  });
});
