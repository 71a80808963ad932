import {expect} from 'chai';
import fc from 'fast-check';
import type {CardAnswer} from '../../../src/lib/core/card.js';
import type {StowpayError} from '../../../src/lib/core/errors.js';
import type {Reader} from '../../../src/lib/core/ports.js';
import {readerOverLine} from '../../../src/lib/reader/open.js';
import {Session} from '../../../src/lib/reader/session.js';
import type {Timing} from '../../../src/lib/reader/timing.js';
import {COMMANDS} from '../../../src/lib/reader/wire/commands.js';
import {encodeResponse} from '../../../src/lib/reader/wire/frame.js';
import {FAST, obedient, type Script, ScriptedLine} from './fake-line.js';

const REQUEST = {amount: 1250, currency: 'usd', currency_numeric: '840', timeout_s: 2, stripe: true};
const CARD =
  'E1DFEE120AFFFF9876543210E000015AA1084242CCCCCCCC42425AC110855A31E91D0641D4C0C681A30FD97A869F2701808407A0000000031010';
const SILENT = (): void => {};

async function code(act: Promise<unknown>): Promise<string> {
  try {
    await act;
    return 'no error';
  } catch (error) {
    return (error as StowpayError).code;
  }
}

async function until(met: () => boolean): Promise<void> {
  while (!met()) await new Promise((resolve) => setTimeout(resolve, 1));
}

async function open(
  script: Script,
  timing: Partial<Timing> = FAST,
): Promise<{line: ScriptedLine; reader: Reader}> {
  const line = new ScriptedLine(script);
  return {line, reader: await readerOverLine(line, 'fake:', undefined, timing)};
}

describe('opening', () => {
  it('pings, and gives up a line that is silent, echoes or babbles', async () => {
    const echo: Script = (_code, _data, line) =>
      line.raw(Buffer.from('5669564F74656368320018010000B3CD', 'hex'));
    const babble: Script = (_code, _data, line) => line.raw(Buffer.alloc(5000, 'ViVOtech2\0\x18'));
    for (const script of [SILENT, echo, babble]) {
      const line = new ScriptedLine(script);
      expect(await code(readerOverLine(line, 'fake:', undefined, FAST))).to.equal('reader_not_answering');
      expect(line.seen).to.deep.equal(['1801', '1801']);
      expect(line.closed).to.be.greaterThan(0);
    }
  });

  it('accepts a reader that misses the first ping', async () => {
    let pings = 0;
    const {reader} = await open(obedient({'1801': (line) => ++pings > 1 && line.answer(0x18, 0)}));
    await reader.close();
  });

  it('takes less than six seconds to give up', async () => {
    const {timing} = new Session(new ScriptedLine(SILENT));
    expect(2 * COMMANDS.ping.timeout_ms * timing.scale + timing.revival_pause).to.be.below(6000);
  });

  it('says what came over the line instead of an answer', async () => {
    const told = async (script: Script, rivals: readonly string[] = []): Promise<string> => {
      const line = new ScriptedLine(script, rivals);
      const error = await readerOverLine(line, 'serial:/dev/x', undefined, FAST).then(
        () => expect.fail('it was opened'),
        (thrown: StowpayError) => thrown,
      );
      return `${error.code}: ${error.message} ${error.hint}`;
    };
    const echo: Script = (_code, _data, line) =>
      line.raw(Buffer.from('5669564F74656368320018010000B3CD', 'hex'));
    const chatter: Script = (_code, _data, line) => line.raw(Buffer.from('login: '));
    expect(await told(SILENT)).to.match(/^reader_not_answering: .*not one byte.*switched on/);
    expect(await told(echo)).to.match(/^reader_not_answering: .*sends back what it is sent/);
    expect(await told(chatter)).to.match(/^reader_not_answering: .*14 bytes, not one valid.*baud=/);
    expect(await told(chatter, ['minicom (process 7)'])).to.match(/^reader_busy: .*minicom \(process 7\)/);
  });

  it('fails as a loss when the line ends meanwhile', async () => {
    const pulled: Script = (_code, _data, line) => line.hangUp();
    expect(await code(readerOverLine(new ScriptedLine(pulled), 'serial:x', undefined, FAST))).to.equal(
      'reader_lost',
    );
    // A device server that has a user already hangs up without a word.
    expect(await code(readerOverLine(new ScriptedLine(pulled), 'tcp://x:1', undefined, FAST))).to.equal(
      'reader_busy',
    );
  });

  it('stops when interrupted', async () => {
    const line = new ScriptedLine(SILENT);
    const abort = AbortSignal.timeout(5);
    expect(await code(readerOverLine(line, 'fake:', abort, FAST))).to.equal('interrupted');
    expect(line.closed).to.be.greaterThan(0);
  });
});

describe('one command', () => {
  it('is answered over boot frames, answers to others, interim answers and noise', async () => {
    const script = obedient({
      '2900': (line) => {
        line.answer(0x14, 0x01);
        line.raw(Buffer.from('450055000100', 'hex'));
        line.answer(0x12, 0x00, '41');
        line.raw(
          Buffer.concat([
            encodeResponse({command: 0x29, status: 0x63, data: Buffer.alloc(0)}),
            encodeResponse({command: 0x29, status: 0x00, data: Buffer.from('V1')}),
          ]),
        );
      },
    });
    const session = new Session(new ScriptedLine(script), FAST);
    expect((await session.exchange(COMMANDS.firmware)).data.toString()).to.equal('V1');
    await session.close();
  });

  it('waits for the one before it', async () => {
    const line = new ScriptedLine(obedient({'2900': (end) => setTimeout(() => end.answer(0x29, 0), 15)}));
    const session = new Session(line, FAST);
    const both = [session.exchange(COMMANDS.firmware), session.exchange(COMMANDS.serialNumber)];
    await new Promise((resolve) => setTimeout(resolve, 8));
    expect(line.seen).to.deep.equal(['2900']);
    await Promise.all(both);
    expect(line.seen).to.deep.equal(['2900', '1201']);
    await session.close();
  });

  it('that stays unanswered is a fault while the reader still pings, and the next one works', async () => {
    const session = new Session(new ScriptedLine(obedient({'2900': SILENT})), FAST);
    expect(await code(session.exchange(COMMANDS.firmware))).to.equal('reader_fault');
    expect((await session.exchange(COMMANDS.serialNumber)).status).to.equal(0);
    await session.close();
  });

  it('that stays unanswered like two pings means the reader is lost', async () => {
    const line = new ScriptedLine(SILENT);
    const session = new Session(line, FAST);
    expect(await code(session.exchange(COMMANDS.firmware))).to.equal('reader_lost');
    expect(line.seen).to.deep.equal(['2900', '1801', '1801']);
    expect(line.closed).to.equal(1);
    expect(await code(session.exchange(COMMANDS.ping))).to.equal('reader_lost');
  });

  it('that stays unanswered names who else has the port open', async () => {
    const session = new Session(new ScriptedLine(obedient({'2900': SILENT}), ['cat (process 9)']), FAST);
    const error = await session.exchange(COMMANDS.firmware).catch((thrown: StowpayError) => thrown);
    expect((error as StowpayError).message).to.include('cat (process 9)');
    await session.close();
  });

  it('is not swallowed by a frame whose length was garbled', async () => {
    const script = obedient({'2900': (line) => line.raw(Buffer.from('5669564F74656368320029000FFF', 'hex'))});
    const session = new Session(new ScriptedLine(script), FAST);
    expect(await code(session.exchange(COMMANDS.firmware))).to.equal('reader_fault');
    await session.close();
  });

  it('ends at once when the cable is pulled', async () => {
    const session = new Session(new ScriptedLine((_code, _data, line) => line.hangUp()), FAST);
    expect(await code(session.exchange(COMMANDS.firmware))).to.equal('reader_lost');
  });

  it('leaves when aborted, and its late answer is not taken for the next one’s', async () => {
    const late: (() => void)[] = [];
    const script = obedient({
      '2900': (end) => late.push(() => end.answer(0x29, 0, late.length === 1 ? '41' : '42')),
    });
    const line = new ScriptedLine(script);
    // Its own patience: the answer comes when the test says so, however busy the machine is.
    const session = new Session(line, {...FAST, scale: 1});
    const controller = new AbortController();
    const aborted = code(session.exchange(COMMANDS.firmware, undefined, controller.signal));
    await until(() => late.length === 1);
    controller.abort();
    expect(await aborted).to.equal('interrupted');
    const next = session.exchange(COMMANDS.serialNumber);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(line.seen).to.deep.equal(['2900']);
    late[0]?.();
    await next;
    const again = session.exchange(COMMANDS.firmware);
    await until(() => late.length === 2);
    late[1]?.();
    expect((await again).data.toString()).to.equal('B');
    await session.close();
  });

  it('notices a reader that goes away while nothing is asked', async () => {
    const line = new ScriptedLine(SILENT);
    const session = new Session(line, {...FAST, idle_probe: 5});
    session.exclusively(async () => {}).catch(() => {});
    // The probe must not keep a process alive, so something else has to here.
    await until(() => line.closed > 0);
    expect(line.seen.slice(0, 3)).to.deep.equal(['1801', '1801', '1801']);
    expect(line.closed).to.equal(1);
    await session.close();
  });
});

describe('a card read', () => {
  async function collect(
    script: Script,
    signal?: AbortSignal,
  ): Promise<{answer: CardAnswer; inputs: string[]; seen: string[]}> {
    const {line, reader} = await open(script);
    const inputs: string[] = [];
    try {
      const answer = await reader.collect(REQUEST, (input) => inputs.push(input.display_message), signal);
      return {answer, inputs, seen: line.seen.slice(1)};
    } finally {
      await reader.close();
    }
  }

  it('asks as the vendor documents', async () => {
    let sent = '';
    const script = obedient({
      '0240': (line, data) => {
        sent = data.toString('hex').toUpperCase();
        line.answer(0x02, 0x08);
      },
    });
    const {answer} = await collect(script);
    expect(sent).to.equal('029C01009F02060000000012509F03060000000000005F2A020840DFEF370107DFEF3C03010060');
    expect(answer).to.deep.equal({kind: 'no_card', reason: 'timeout'});
  });

  it('tells the customer to wait when a card was seen, though the answer is in the same chunk', async () => {
    const script = obedient({
      '0240': (line) =>
        line.raw(
          Buffer.concat([
            encodeResponse({command: 2, status: 0x63, data: Buffer.alloc(0)}),
            encodeResponse({command: 2, status: 0x0e, data: Buffer.from([0x01])}),
            encodeResponse({command: 2, status: 0x23, data: Buffer.from(CARD, 'hex')}),
          ]),
        ),
    });
    const {answer, inputs} = await collect(script);
    expect(answer.kind).to.equal('card');
    expect(inputs).to.deep.equal(['present_card', 'processing']);
  });

  it('lets a card that was seen take its time', async () => {
    const script = obedient({
      '0240': (line) => {
        setTimeout(() => line.answer(0x02, 0x0e, '01'), 150);
        setTimeout(() => line.answer(0x02, 0x23, CARD), 195);
      },
    });
    expect((await collect(script)).answer.kind).to.equal('card');
  });

  it('leaves the customer the whole time, though the reader says at once that it heard', async () => {
    const script = obedient({
      '0240': (line) => {
        line.answer(0x02, 0x63);
        setTimeout(() => line.answer(0x02, 0x23, CARD), 120);
      },
    });
    const {answer, inputs} = await collect(script);
    expect(answer.kind).to.equal('card');
    expect(inputs, 'nobody was there yet').to.deep.equal(['present_card']);
  });

  it('has a started chip authenticated, over first responses of either command', async () => {
    const contact = CARD.replace(/^E1/, 'E0').replace('9F2701', 'DFEE250200049F2701');
    const script = obedient({
      '0240': (line) => {
        line.answer(0x60, 0x63);
        line.answer(0x60, 0x00, 'E0DFEE25020010');
      },
      '6011': (line, data) => {
        expect(data.toString('hex')).to.equal('000078');
        line.answer(0x60, 0x63);
        line.answer(0x60, 0x00, contact);
      },
    });
    const {answer, inputs, seen} = await collect(script);
    expect(answer.kind === 'card' && answer.card.read_method).to.equal('contact_emv');
    expect(inputs).to.deep.equal(['present_card', 'processing']);
    expect(seen).to.deep.equal(['1801', '0240', '6011']);
  });

  it('is canceled at the reader, whichever of the two answers comes first, or only one', async () => {
    const orders: ReadonlyArray<(line: ScriptedLine) => void> = [
      (line) => [line.answer(0x05, 0), line.answer(0x02, 0x0a)],
      (line) => [line.answer(0x02, 0x08), line.answer(0x05, 0)],
      (line) => line.answer(0x05, 0x0b),
    ];
    for (const order of orders) {
      const canceling = new AbortController();
      const waits = (): unknown => setTimeout(() => canceling.abort(), 10);
      const {answer, seen} = await collect(obedient({'0240': waits, '0501': order}), canceling.signal);
      expect(answer).to.deep.equal({kind: 'no_card', reason: 'canceled'});
      expect(seen).to.deep.equal(['1801', '0240', '0501']);
    }
  });

  it('gives the card that was read before the cancel arrived', async () => {
    for (const delay of [0, 10]) {
      const canceling = new AbortController();
      const script = obedient({
        '0240': () => setTimeout(() => canceling.abort(), 10),
        '0501': (line) => {
          setTimeout(() => line.answer(0x02, 0x23, CARD), delay);
          line.answer(0x05, 0);
        },
      });
      const {answer} = await collect(script, canceling.signal);
      expect(answer.kind).to.equal('card');
    }
  });

  it('is not started when it was canceled before', async () => {
    const {answer, seen} = await collect(obedient(), AbortSignal.abort());
    expect(answer).to.deep.equal({kind: 'no_card', reason: 'canceled'});
    expect(seen).to.deep.equal([]);
  });

  it('does not take the late answer of a canceled read for its own', async () => {
    let reads = 0;
    const script = obedient({
      '0240': (line) => ++reads === 2 && line.answer(0x02, 0x23, CARD),
      '0501': (line) => line.answer(0x05, 0),
      '1801': (line) => {
        if (reads === 1) line.answer(0x02, 0x0a);
        line.answer(0x18, 0);
      },
    });
    const {reader} = await open(script);
    await reader.collect(REQUEST, SILENT, AbortSignal.timeout(5));
    expect((await reader.collect(REQUEST, SILENT)).kind).to.equal('card');
    await reader.close();
  });

  it('that the reader never ends is ended by us', async () => {
    const {answer, seen} = await collect(obedient({'0240': SILENT}));
    expect(answer).to.deep.equal({kind: 'no_card', reason: 'timeout'});
    expect(seen).to.deep.equal(['1801', '0240', '0501']);
  });

  it('is begun by a reader that restarted after it was prepared once it is prepared anew', async () => {
    let booted = true;
    const script = obedient({
      '0240': (line) => line.answer(0x02, 0x08),
      '1801': (line) => {
        if (booted) line.answer(0x14, 0x01);
        booted = false;
        line.answer(0x18, 0);
      },
    });
    const {line, reader} = await open(script);
    // One that says so late, before it is prepared, is no harm.
    await reader.prepare(new Date());
    const begins = async (): Promise<readonly string[]> => {
      const before = line.seen.length;
      await reader.collect(REQUEST, SILENT);
      return line.seen.slice(before);
    };
    expect(await begins()).to.deep.equal(['1801', '0240']);
    booted = true;
    const anew = await begins();
    expect(anew.slice(0, 2)).to.deep.equal(['1801', '0101']);
    expect(anew).not.to.include('2501');
    expect(anew.at(-1)).to.equal('0240');
    expect(await begins()).to.deep.equal(['1801', '0240']);
    await reader.close();
  });

  it('fails with the reader: gone, unplugged, restarted, opened', async () => {
    const scripts: ReadonlyArray<readonly [Script, string]> = [
      [obedient({'0240': (line) => line.hangUp()}), 'reader_lost'],
      [obedient({'0240': (line) => line.answer(0x14, 0x01)}), 'reader_fault'],
      [obedient({'0240': (line) => line.answer(0x02, 0x1d)}), 'reader_tampered'],
      [obedient({'0240': (line) => line.answer(0x02, 0x0b)}), 'reader_fault'],
    ];
    for (const [script, expected] of scripts) expect(await code(collect(script))).to.equal(expected);
    let alive = true;
    const dies: Script = (name, data, line) => {
      if (name === '0240') alive = false;
      if (alive) obedient()(name, data, line);
    };
    expect(await code(collect(dies))).to.equal('reader_lost');
  });
});

describe('a conversation over a noisy line', () => {
  it('comes through', async () => {
    const junk = fc.uint8Array({maxLength: 300});
    await fc.assert(
      fc.asyncProperty(fc.array(junk, {minLength: 1, maxLength: 6}), async (bursts) => {
        let turn = 0;
        const noisy: Script = (name, _data, line) => {
          const burst = Buffer.from(bursts[turn++ % bursts.length] ?? []);
          const answer = encodeResponse({
            command: Number.parseInt(name.slice(0, 2), 16),
            status: 0,
            data: burst,
          });
          line.raw(burst);
          line.raw(answer.subarray(0, 7));
          line.raw(Buffer.concat([answer.subarray(7), burst]));
        };
        const session = new Session(new ScriptedLine(noisy), FAST);
        for (const command of [COMMANDS.ping, COMMANDS.firmware, COMMANDS.keyState]) {
          const sent = Buffer.from(bursts[turn % bursts.length] ?? []);
          expect((await session.exchange(command)).data).to.deep.equal(sent);
        }
        await session.close();
      }),
      {numRuns: 50},
    );
  });

  it('ends when the noise never does', async () => {
    const line = new ScriptedLine(SILENT);
    const storm = setInterval(() => line.raw(Buffer.alloc(16 * 1024, 'ViVOtech2\0\x18\0\x0f')), 1);
    expect(await code(readerOverLine(line, 'fake:', undefined, FAST))).to.equal('reader_not_answering');
    clearInterval(storm);
    expect(line.seen).to.deep.equal(['1801', '1801']);
    expect(line.closed).to.be.greaterThan(0);
  });

  it('is not cut short by noise that looks like the beginning of a long frame', async () => {
    const lure = Buffer.from('5669564F7465636832000200' + '0800', 'hex');
    const lured = (line: ScriptedLine): ScriptedLine => {
      line.raw(lure);
      return line;
    };
    const script = obedient({
      '1801': (line) => lured(line).answer(0x18, 0),
      '0240': (line) => lured(line).answer(0x02, 0x23, CARD),
      '0501': (line) => lured(line).answer(0x05, 0),
    });
    const {reader} = await open(script);
    expect((await reader.collect(REQUEST, SILENT)).kind).to.equal('card');
    await reader.close();
    const silent = await open(obedient({'0240': lured, '0501': (line) => lured(line).answer(0x05, 0)}));
    const canceled = await silent.reader.collect(REQUEST, SILENT, AbortSignal.timeout(10));
    expect(canceled).to.deep.equal({kind: 'no_card', reason: 'canceled'});
    await silent.reader.close();
  });

  it('gives the card whole, wherever its answer is cut', async () => {
    const answer = encodeResponse({command: 2, status: 0x23, data: Buffer.from(CARD, 'hex')});
    let cut = 0;
    const script = obedient({
      '0240': (line) => {
        line.raw(answer.subarray(0, cut));
        setImmediate(() => line.raw(answer.subarray(cut)));
      },
    });
    // As patient as in life: what is cut is not lost, however busy the machine is.
    const {reader} = await open(script, {...FAST, quiet: 300, card_grace: 15_000});
    for (; cut <= answer.length; cut += 1) {
      expect((await reader.collect(REQUEST, SILENT)).kind, `cut at ${cut}`).to.equal('card');
    }
    await reader.close();
  });

  it('ends in its own errors only, whatever the reader answers', async () => {
    const good = encodeResponse({command: 2, status: 0x23, data: Buffer.from(CARD, 'hex')});
    const command = fc.constantFrom(0x02, 0x05, 0x14, 0x18, 0x29, 0x60, 0x81, 0xc7, 0xf2);
    const own = fc.tuple(command, fc.nat(255), fc.uint8Array({maxLength: 80}));
    const piece = fc.oneof(
      own.map(([of, status, data]) => encodeResponse({command: of, status, data: Buffer.from(data)})),
      fc.tuple(fc.nat(CARD.length / 2 - 1), fc.nat(255)).map(([at, byte]) => {
        const data = Buffer.from(CARD, 'hex');
        data[at] = byte;
        return encodeResponse({command: 2, status: 0x23, data});
      }),
      fc.uint8Array({maxLength: 40}).map((noise) => Buffer.from(noise)),
      fc.nat(good.length).map((at) => good.subarray(0, at)),
    );
    const behaviour = fc.record({
      obeys: fc.boolean(),
      pieces: fc.array(piece, {maxLength: 3}),
      hangsUp: fc.nat(20),
    });
    const quick = {...FAST, scale: 0.003, revival_pause: 1, late_answer: 1, card_grace: 3, quiet: 1};
    await fc.assert(
      fc.asyncProperty(fc.array(behaviour, {minLength: 1, maxLength: 12}), async (turns) => {
        let turn = 0;
        const line = new ScriptedLine((name, _data, end) => {
          const {obeys, pieces, hangsUp} = turns[turn++ % turns.length] as (typeof turns)[number];
          for (const bytes of pieces) end.raw(bytes);
          if (obeys || turn === 1) end.answer(Number.parseInt(name.slice(0, 2), 16), 0);
          if (hangsUp === 20) end.hangUp();
        });
        try {
          const reader = await readerOverLine(line, 'fake:', undefined, quick);
          for (const act of [
            () => reader.identify(),
            () => reader.prepare(new Date()),
            () => reader.collect(REQUEST, SILENT, AbortSignal.timeout(30)),
            () => reader.finish('not_taken', SILENT),
          ]) {
            await act().catch((error: unknown) => expect(error).to.have.property('name', 'StowpayError'));
          }
          await reader.close();
        } catch (error) {
          expect(error).to.have.property('name', 'StowpayError');
        }
      }),
      {numRuns: 25},
    );
  });
});

describe('the rest of the reader', () => {
  it('is identified', async () => {
    const {reader} = await open(
      obedient({
        '2900': (line) => line.answer(0x29, 0, Buffer.from('VP5300 FW v1.00.S\0').toString('hex')),
        '1201': (line) => line.answer(0x12, 0, '3633305A303030303031000000000000'),
        C737: (line) => line.answer(0xc7, 0, '03'),
        '810B': (line, data) => {
          expect(data.toString('hex')).to.equal('020000');
          line.answer(0x81, 0, '010AFFFF9876543210E00001');
        },
      }),
    );
    expect(await reader.identify()).to.deep.equal({
      type: 'idtech_neo2',
      serial_number: '630Z000001',
      firmware: 'VP5300 FW v1.00.S',
      encryption_enabled: true,
      key: {state: 'valid', ksn: 'FFFF9876543210E00001'},
      test_key: true,
    });
    await reader.close();
  });

  it('is not believed to encrypt, to have a key or a number unless it says so', async () => {
    const refuse = (command: number, status: number) => (line: ScriptedLine) => line.answer(command, status);
    const {reader} = await open(
      obedient({
        '1201': refuse(0x12, 0x0b),
        C737: (line) => line.answer(0xc7, 0, '00'),
        '810B': refuse(0x81, 0x90),
      }),
    );
    expect(await reader.identify()).to.deep.include({
      serial_number: '',
      encryption_enabled: false,
      key: {state: 'missing', ksn: null},
      test_key: false,
    });
    await reader.close();
    for (const silent of [refuse(0xc7, 0x02), refuse(0xc7, 0x03), refuse(0xc7, 0x0b), refuse(0xc7, 0x00)]) {
      const {reader: other} = await open(obedient({C737: silent}));
      expect(await code(other.identify())).to.equal('reader_not_encrypting');
      await other.close();
    }
  });

  it('is prepared: polls on demand, keeps UTC, shows six and four digits', async () => {
    const sent: string[] = [];
    const note = (command: number) => (line: ScriptedLine, data: Buffer) => {
      sent.push(data.toString('hex').toUpperCase());
      line.answer(command, command === 0x04 && sent.length === 5 ? 0x06 : 0x00);
    };
    const script = obedient({'0101': note(0x01), '2501': note(0x25), '2503': note(0x25), '0400': note(0x04)});
    const {reader} = await open(script);
    await reader.prepare(new Date('2019-12-01T23:59:00Z'));
    expect(sent).to.deep.equal(['01', '2359', '20191201', 'DFEE1D0506042A0C31', 'DFED590100']);
    await reader.close();
  });

  it('shows results without ever failing', async () => {
    const {line, reader} = await open(obedient({'0303': SILENT}));
    await reader.finish('stored', () => {});
    await reader.close();
    await reader.finish('not_taken', () => {});
    expect(line.seen).to.deep.equal(['1801', '0303']);
    expect(await code(reader.identify())).to.equal('reader_not_connected');
  });
});
