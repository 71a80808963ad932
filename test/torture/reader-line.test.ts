import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import type {StowpayError} from '../../src/lib/core/errors.js';
import type {Reader} from '../../src/lib/core/ports.js';
import {openReader} from '../../src/lib/reader/open.js';
import {Session} from '../../src/lib/reader/session.js';
import {COMMANDS} from '../../src/lib/reader/wire/commands.js';
import {encodeResponse, HEADER, MAX_DATA, ResponseDecoder} from '../../src/lib/reader/wire/frame.js';
import {attachEmulator, type EmulatorOptions} from '../../src/lib/sandbox/reader/emulator.js';
import {memoryWorld} from '../../src/lib/sandbox/reader/memory-world.js';
import {openPty, type Pty} from '../../src/lib/sandbox/reader/serve-pty.js';
import {type ServedReader, serveTcp} from '../../src/lib/sandbox/reader/serve-tcp.js';
import {FAST, ScriptedLine} from '../lib/reader/fake-line.js';
import {temporaryDirectory} from '../support/directories.js';
import {requireSocat} from '../support/socat.js';

const MEGABYTE = 1024 * 1024;
const lure = (length: string): Buffer => Buffer.concat([HEADER, Buffer.from(`0200${length}`, 'hex')]);
const STORMS: ReadonlyArray<readonly [name: string, Buffer]> = [
  [
    'random bytes',
    Buffer.from(Array.from({length: MEGABYTE}, (_, at) => Math.imul(at ^ 0x2545f491, 0x9e3779b1) >>> 24)),
  ],
  ['headers cut short', Buffer.alloc(MEGABYTE, 'ViVOtech2')],
  ['lengths as long as can be', Buffer.alloc(MEGABYTE, lure('1000'))],
  [
    'lengths that overlap the next header',
    Buffer.alloc(MEGABYTE, Buffer.concat([HEADER, Buffer.from('020009', 'hex')])),
  ],
  [
    'frames whose check sum is wrong',
    Buffer.alloc(MEGABYTE, Buffer.concat([lure('0010'), Buffer.alloc(18, 1)])),
  ],
];

describe('a hundred megabytes of noise', () => {
  for (const [name, chunk] of STORMS) {
    it(`${name}: the decoder holds one frame's worth, and finds the next frame`, () => {
      const decoder = new ResponseDecoder();
      const before = process.memoryUsage().rss;
      for (let count = 0; count < 100; count += 1) {
        expect(decoder.push(chunk)).to.deep.equal([]);
        expect(decoder.pending).to.be.at.most(MAX_DATA + 16);
      }
      expect(process.memoryUsage().rss - before).to.be.below(64 * MEGABYTE);
      decoder.reset();
      expect(decoder.push(encodeResponse({command: 0x18, status: 0, data: Buffer.alloc(0)}))).to.have.length(
        1,
      );
    });
  }

  it('between a command and its answer: the answer is found', async () => {
    const line = new ScriptedLine((_code, _data, end) => {
      for (const [, chunk] of STORMS) for (let count = 0; count < 20; count += 1) end.raw(chunk);
      end.raw(Buffer.alloc(MAX_DATA + 16));
      end.answer(0x29, 0, '4142');
    });
    const session = new Session(line, {...FAST, scale: 30});
    expect((await session.exchange(COMMANDS.firmware)).data.toString()).to.equal('AB');
    await session.close();
  });
});

describe('a far end that dies', () => {
  before(function () {
    requireSocat(this);
  });

  const MOMENTS: Readonly<Record<string, (pty: Pty, reader: () => Promise<Reader>) => Promise<unknown>>> = {
    'while it is opened': (pty, reader) => {
      const opening = reader();
      void pty.line.close();
      return opening;
    },
    'right after it sent a lot': async (pty, reader) => {
      const open = await reader();
      await floodAndDie(pty);
      return open.identify();
    },
    'while nothing is said': async (pty, reader) => {
      const open = await reader();
      await pty.line.close();
      await sleep(20);
      return open.identify();
    },
    'in the middle of a card read': async (pty, reader) => {
      const open = await reader();
      await open.prepare(new Date());
      setTimeout(() => void pty.line.close(), 50);
      return collect(open);
    },
    'in the middle of the answer of a card read': async (pty, reader) => {
      const open = await reader();
      await open.prepare(new Date());
      setTimeout(() => void floodAndDie(pty), 50);
      return collect(open);
    },
  };
  /** Most ports that die while bytes come say nothing of it, and keep a processor busy. */
  const floodAndDie = async (pty: Pty): Promise<void> => {
    const until = performance.now() + 30;
    while (performance.now() < until) {
      pty.line.write(Buffer.concat([lure('0FFF'), Buffer.alloc(1000)]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await pty.line.close();
  };
  const collect = (reader: Reader): Promise<unknown> =>
    reader.collect(
      {amount: 100, currency: 'usd', currency_numeric: '840', timeout_s: 60, stripe: true},
      () => {},
    );

  for (const [name, happen] of Object.entries(MOMENTS)) {
    it(`${name} is noticed within seconds and keeps no processor busy`, async () => {
      for (let round = 0; round < 6; round += 1) {
        const pty = await openPty(join(temporaryDirectory(), 'port'));
        attachEmulator(pty.line, memoryWorld(), {card_delay_ms: 60_000});
        const opened: Reader[] = [];
        const reader = async (): Promise<Reader> => {
          const open = await openReader(`serial:${pty.path}`);
          opened.push(open);
          return open;
        };
        const outcome = await Promise.race([
          happen(pty, reader).then(
            () => 'it went on',
            (error: StowpayError) => error.code,
          ),
          sleep(8000, 'nothing was noticed'),
        ]);
        expect(outcome).to.be.oneOf(['reader_lost', 'reader_not_found', 'reader_not_answering']);
        // The reader is not closed by its user here: its line has to have closed itself.
        await sleep(1200);
        const since = process.cpuUsage();
        await sleep(500);
        const {user, system} = process.cpuUsage(since);
        expect((user + system) / 500_000, 'processors busy').to.be.below(0.4);
        await Promise.all(opened.map((open) => open.close()));
      }
    });
  }
});

describe('a line that is cut at any moment of a sale', () => {
  it('leaves it whole or not taken, and says which', async () => {
    // The way the program loads itself: see test/lib/terminal/reader-away.test.ts.
    const {openTill, SALE} = await import('../support/till.js');
    const till = await openTill();
    const world = memoryWorld();
    const options: EmulatorOptions = {card_delay_ms: 10, frame_delay_ms: 10};
    let port = 0;
    const serve = async (): Promise<ServedReader> => {
      const served = await serveTcp(world, port, '127.0.0.1', options);
      port = Number(served.address.split(':').at(-1));
      return served;
    };
    let served = await serve();
    const {address} = served;
    await till.run((terminal) => terminal.connect({address, location: null, offline: false}));
    const told: string[] = [];
    for (let round = 0; round < 60; round += 1) {
      const request = {...SALE, reference: `order-${round}`, offline_behavior: 'force_offline'} as const;
      const terminal = await till.open({readerWaitMs: 0});
      const sale = terminal.collect(request).then(
        ({payment}) => payment.state,
        (error: StowpayError) => error,
      );
      await sleep(Math.random() * 160);
      await served.close();
      const outcome = await sale;
      await terminal.close();
      served = await serve();
      told.push(typeof outcome === 'string' ? outcome : outcome.code);
      const before = await till.run((one) => one.list({names: [], states: [], buckets: [], limit: null}));
      const mine = before.filter(({reference}) => reference === request.reference);
      if (typeof outcome === 'string') {
        expect(mine.map(({state}) => state)).to.deep.equal(['accepted_offline']);
      } else {
        expect(outcome.code, outcome.message).to.be.oneOf(['reader_lost', 'reader_not_found', 'reader_busy']);
        expect(mine.filter(({state}) => state !== 'refused')).to.deep.equal([]);
        if (mine.length > 0) expect(outcome.message).to.include('was not taken');
      }
      const again = await till.collect(request);
      expect(again.payment.state).to.equal('accepted_offline');
      expect(again.fresh).to.equal(typeof outcome !== 'string');
    }
    // Else the cuts came too early or too late to mean anything.
    expect(new Set(told).size).to.be.greaterThan(1);
    const stored = await till.run((terminal) => terminal.status());
    expect(stored.offline_payments_count).to.equal(60);
    await served.close();
    await till.close();
  });
});
