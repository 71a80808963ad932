import {spawn} from 'node:child_process';
import {EventEmitter} from 'node:events';
import {openSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {StowpayError} from '../../../../src/lib/core/errors.js';
import {Ending, type Line} from '../../../../src/lib/reader/line.js';
import {type OpenPort, openSerialLine, portLine} from '../../../../src/lib/reader/lines/serial.js';
import {Neo2Reader} from '../../../../src/lib/reader/neo2.js';
import {openReader, readerOverLine} from '../../../../src/lib/reader/open.js';
import {Session} from '../../../../src/lib/reader/session.js';
import {attachEmulator} from '../../../../src/lib/sandbox/reader/emulator.js';
import {memoryWorld} from '../../../../src/lib/sandbox/reader/memory-world.js';
import {openPty, type Pty} from '../../../../src/lib/sandbox/reader/serve-pty.js';
import {temporaryDirectory} from '../../../support/directories.js';
import {requireSocat} from '../../../support/socat.js';
import {FAST} from '../fake-line.js';

const USUAL = {baud: 115_200, parity: 'none', stop_bits: 1} as const;

/** A port as `serialport` shows one, with what it does written down. */
class FakePort extends EventEmitter {
  readonly path = '/dev/fake';
  readonly baudRate = 115_200;
  readonly did: string[] = [];
  isOpen = true;
  dead = false;
  readonly port = {
    getBaudRate: async () => {
      if (this.dead) throw new Error('Input/output error, cannot get baud rate');
      return {baudRate: this.baudRate};
    },
  };

  write(): boolean {
    this.did.push('write');
    return true;
  }

  flush(done: (error: Error | null) => void): void {
    this.did.push('flush');
    done(this.dead ? new Error('EIO') : null);
  }

  close(done: () => void): void {
    this.did.push('close');
    this.isOpen = false;
    this.emit('close', null);
    done();
  }
}

function fakeLine(pulseMs?: number): {readonly port: FakePort; readonly line: Line; readonly ends: string[]} {
  const port = new FakePort();
  const line = portLine(port as unknown as OpenPort, pulseMs);
  const ends: string[] = [];
  line.onClose((reason) => ends.push(reason));
  return {port, line, ends};
}

async function until(met: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!met()) {
    if (performance.now() > deadline) throw new Error('it did not come to that');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('the end of a line', () => {
  it('is told once, also to who asks late, and never when it was wanted', () => {
    const heard: string[] = [];
    const ending = new Ending();
    ending.ended('first');
    ending.onClose((reason) => heard.push(reason));
    ending.ended('second');
    expect(heard).to.deep.equal(['first']);
    const wanted = new Ending();
    wanted.onClose((reason) => heard.push(reason));
    wanted.silence();
    wanted.ended('closed');
    expect(heard).to.deep.equal(['first']);
  });
});

describe('a serial line', () => {
  it('tells once that it ended, however often the library says so', () => {
    const {port, ends} = fakeLine();
    port.emit('error', new Error('EIO: i/o error, write'));
    port.emit('close', new Error('disconnected'));
    port.emit('close', null);
    expect(ends).to.deep.equal(['EIO: i/o error, write']);
  });

  it('tells nothing when it was closed, drops what was not sent, and closes once', async () => {
    const {port, line, ends} = fakeLine();
    line.write(Buffer.alloc(40));
    await Promise.all([line.close(), line.close()]);
    await line.close();
    line.write(Buffer.alloc(1));
    expect(port.did).to.deep.equal(['write', 'flush', 'close']);
    expect(ends).to.deep.equal([]);
  });

  it('ends when the port is dead without a word, and can still be closed', async function () {
    if (process.platform !== 'linux') this.skip();
    const {port, line, ends} = fakeLine(5);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ends).to.deep.equal([]);
    port.dead = true;
    await until(() => ends.length > 0);
    expect(ends).to.deep.equal(['its far end is gone']);
    await line.close();
    expect(port.did).to.deep.equal(['flush', 'close']);
  });
});

describe('a serial line on a pseudo terminal', () => {
  let pty: Pty;
  before(function () {
    requireSocat(this);
  });
  beforeEach(async () => {
    pty = await openPty(join(temporaryDirectory(), 'port'));
    pty.line.onData(() => {});
  });
  afterEach(() => pty.line.close());

  it('has a pulse while its far end lives, and carries every byte', async () => {
    const line = await openSerialLine(pty.path, {...USUAL, baud: 9600, parity: 'even', stop_bits: 2});
    const ends: string[] = [];
    line.onClose((reason) => ends.push(reason));
    const came: Buffer[] = [];
    line.onData((chunk) => came.push(Buffer.from(chunk)));
    const every = Buffer.from(Array.from({length: 256}, (_, byte) => byte));
    pty.line.write(every);
    await until(() => Buffer.concat(came).length >= 256);
    expect(Buffer.concat(came)).to.deep.equal(every);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect(ends).to.deep.equal([]);
    await line.close();
  });

  it('names the program that has the port open without its lock', async function () {
    if (process.platform !== 'linux') this.skip();
    const port = openSync(pty.path, 'r+');
    const other = spawn('sleep', ['30'], {stdio: [port, 'ignore', 'ignore']});
    try {
      const error: StowpayError = await readerOverLine(
        await openSerialLine(pty.path, USUAL),
        'serial:',
        undefined,
        FAST,
      ).then(
        () => expect.fail('it was opened'),
        (thrown: StowpayError) => thrown,
      );
      expect(error.code).to.equal('reader_busy');
      expect(error.message).to.include(`sleep (process ${other.pid})`);
    } finally {
      other.kill();
    }
  });

  it('names the program that has its lock', async () => {
    const line = await openSerialLine(pty.path, USUAL);
    const error = await openSerialLine(pty.path, USUAL).catch((thrown: StowpayError) => thrown);
    // Here it is this process itself, which is not told its own name.
    expect((error as StowpayError).code).to.equal('reader_busy');
    expect((error as StowpayError).message).to.include('in use by another program');
    await line.close();
  });

  it('of a process that was killed in the middle of a card read is taken over: the next card is for the next sale', async () => {
    const request = {currency: 'usd', currency_numeric: '840', timeout_s: 5, stripe: true};
    for (const seenMs of [1, 40, 80]) {
      const far = await openPty(join(temporaryDirectory(), 'port'));
      attachEmulator(far.line, memoryWorld(), {card_delay_ms: 40, frame_delay_ms: 40});
      const line = await openSerialLine(far.path, USUAL);
      line.onData(() => {});
      const first = new Neo2Reader('killed', new Session(line));
      await first.prepare(new Date());
      const lost = first
        .collect({...request, amount: 100}, () => {})
        .catch((error: StowpayError) => error.code);
      await new Promise((resolve) => setTimeout(resolve, seenMs));
      // No goodbye: nothing is cancelled, the descriptor just goes.
      await line.close();
      const next = await openReader(`serial:${far.path}`);
      await next.prepare(new Date());
      const answer = await next.collect({...request, amount: 1250}, () => {});
      expect(answer.kind === 'card' && answer.card.amount_authorized, `after ${seenMs} ms`).to.equal(1250);
      await next.close();
      await first.close();
      expect(await lost).to.equal('reader_not_connected');
      await far.line.close();
    }
  });
});
