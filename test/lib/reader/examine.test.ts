import {expect} from 'chai';
import fc from 'fast-check';
import {CHECKS} from '../../../src/lib/core/check.js';
import type {StowpayError} from '../../../src/lib/core/errors.js';
import type {Examination} from '../../../src/lib/core/examination.js';
import type {Reader} from '../../../src/lib/core/ports.js';
import {judgeReader} from '../../../src/lib/core/reader-checks.js';
import {clockOf} from '../../../src/lib/reader/examine.js';
import {readerOverLine} from '../../../src/lib/reader/open.js';
import {FAST, obedient, type Script, ScriptedLine} from './fake-line.js';

const NOW = Date.parse('2026-11-26T14:00:30Z');
/** Commands that only ask. */
const ASKING = ['1801', '1201', '2900', '0903', '0902', 'C737', '810B', '2504', '2502', '0302'];

async function open(script: Script): Promise<{line: ScriptedLine; reader: Reader}> {
  const line = new ScriptedLine(script);
  return {line, reader: await readerOverLine(line, 'fake:', undefined, FAST)};
}

async function examined(script: Script): Promise<{told: Examination; seen: readonly string[]}> {
  const {line, reader} = await open(script);
  try {
    return {told: await reader.examine(() => NOW), seen: line.seen};
  } finally {
    await reader.close();
  }
}

const commandOf = (code: string): number => Number.parseInt(code.slice(0, 2), 16);

/** Answers pings, and everything else by `status`. */
function refusing(status: number): Script {
  return (code, _data, line) => line.answer(commandOf(code), code === '1801' ? 0x00 : status);
}

describe('asking a reader everything', () => {
  it('reads what a reader of today tells', async () => {
    const {told, seen} = await examined(
      obedient({
        '1201': (line) => line.answer(0x12, 0, '3633305A303030303031000000000000'),
        '2900': (line) => line.answer(0x29, 0, Buffer.from('VP5300 FW v1.00.S\0').toString('hex')),
        '0902': (line) => line.answer(0x09, 0, 'DF61024D00'),
        '0903': (line) => line.answer(0x09, 0, `DF6206${Buffer.from('V1.2.3').toString('hex')}`),
        C737: (line) => line.answer(0xc7, 0, '03'),
        '810B': (line) => line.answer(0x81, 0, '010AFFFF9876543210E00001'),
        '2504': (line) => line.answer(0x25, 0, '20261126'),
        '2502': (line) => line.answer(0x25, 0, '1400'),
        // Among settings nobody asked for, with filler between.
        '0302': (line) => line.answer(0x03, 0, 'DFEE1D0506042A0C3100FF9F1A020840DFED590100FFF00101'),
      }),
    );
    const {round_trip_ms, ...rest} = told;
    expect(round_trip_ms).to.be.a('number');
    expect(rest).to.deep.equal({
      serial_number: {kind: 'told', value: '630Z000001'},
      firmware: {kind: 'told', value: 'VP5300 FW v1.00.S'},
      main_firmware: {kind: 'told', value: 'V1.2.3'},
      processor: {kind: 'told', value: '4D00'},
      encryption: {kind: 'told', value: 'all'},
      key: {kind: 'told', value: {state: 'valid', ksn: 'FFFF9876543210E00001'}},
      masking: {kind: 'told', value: {leading: 6, trailing: 4}},
      first_response: {kind: 'told', value: true},
      clock: {kind: 'told', value: {reader: Date.parse('2026-11-26T14:00:00Z'), host: NOW}},
      tampered: false,
    });
    for (const code of seen) expect(ASKING).to.include(code);
  });

  it('goes on past everything older firmware does not know', async () => {
    for (const status of [0x02, 0x03, 0x0b, 0x0c]) {
      const {told, seen} = await examined(refusing(status));
      expect(told.serial_number).to.include({kind: 'refused'});
      expect(told.masking).to.include({kind: 'refused'});
      expect(told.key).to.include({kind: 'refused'});
      expect(told.tampered).to.equal(false);
      expect(new Set(seen)).to.include('0302');
    }
  });

  it('hears of tampering from any answer', async () => {
    expect((await examined(refusing(0x1d))).told.tampered).to.equal(true);
  });

  it('stops asking a reader that only answers pings, and one that is gone', async () => {
    const deaf = await examined((code, _data, line) => code === '1801' && line.answer(0x18, 0));
    expect(deaf.told.serial_number).to.deep.equal({kind: 'silent'});
    expect(deaf.told.firmware).to.deep.equal({kind: 'silent'});
    expect(deaf.told.clock).to.deep.equal({kind: 'not_asked'});
    expect(deaf.seen.filter((code) => code !== '1801')).to.deep.equal(['1201', '2900']);
    let pings = 0;
    const gone = await examined(
      (code, _data, line) => code === '1801' && ++pings === 1 && line.answer(0x18, 0),
    );
    expect(gone.told.round_trip_ms).to.equal(null);
    expect(gone.told.clock).to.deep.equal({kind: 'not_asked'});
  });

  it('never fails, whatever is answered, and every answer can be judged', async () => {
    const reply = fc.record({status: fc.integer({min: 0, max: 255}), data: fc.uint8Array({maxLength: 40})});
    await fc.assert(
      fc.asyncProperty(fc.array(reply, {minLength: 12, maxLength: 12}), async (replies) => {
        let turn = 0;
        const {told} = await examined((code, _data, line) => {
          if (code === '1801') return line.answer(0x18, 0);
          const {status, data} = replies[turn++ % replies.length] as (typeof replies)[number];
          // Not final: the wait for the real answer is another test's.
          const final = status === 0x0e || status === 0x63 ? 0x00 : status;
          line.answer(commandOf(code), final, Buffer.from(data).toString('hex'));
        });
        const context = {
          approved_firmware: undefined,
          sandbox: false,
          paired: null,
          ksn: new Map(),
          clock_uncertain: false,
        };
        const checks = judgeReader(told, context);
        expect(checks.length).to.equal(Object.keys(CHECKS).length - 3);
      }),
      {numRuns: 60},
    );
  });

  it('reads the date again when the day ended between date and time', async () => {
    const dates = ['20261126', '20261127', '20261127', '20261127'];
    const {told} = await examined(
      obedient({
        '2504': (line) => line.answer(0x25, 0, dates.shift() ?? ''),
        '2502': (line) => line.answer(0x25, 0, '0000'),
      }),
    );
    expect(told.clock).to.deep.include({kind: 'told'});
    expect(told.clock.kind === 'told' && told.clock.value.reader).to.equal(
      Date.parse('2026-11-27T00:00:00Z'),
    );
  });
});

describe('whether a reader encrypts', () => {
  it('is said for chip and stripe alike, or not at all', async () => {
    for (const [answer, encryption] of [
      ['03', {kind: 'told', value: 'all'}],
      ['07', {kind: 'told', value: 'all'}],
      ['01', {kind: 'told', value: 'part'}],
      ['02', {kind: 'told', value: 'part'}],
      ['00', {kind: 'told', value: 'off'}],
      ['', {kind: 'unreadable'}],
    ] as const) {
      const script = obedient({C737: (line) => line.answer(0xc7, 0, answer)});
      expect((await examined(script)).told.encryption, answer).to.deep.equal(encryption);
      const {reader} = await open(script);
      const believed = await reader.identify().then(
        ({encryption_enabled}) => encryption_enabled,
        (error: StowpayError) => error.code,
      );
      const refused = answer === '' ? 'reader_not_encrypting' : false;
      expect(believed, answer).to.equal(answer === '03' || answer === '07' ? true : refused);
      await reader.close();
    }
  });
});

describe('a reader’s clock', () => {
  const read = (date: string, time: string): number | null =>
    clockOf(Buffer.from(date, 'hex'), Buffer.from(time, 'hex'));

  it('is read for every minute there is', () => {
    const minutes = fc.integer({min: 0, max: Date.UTC(9999, 11, 31) / 60_000});
    fc.assert(
      fc.property(minutes, (minute) => {
        const [date = '', time = ''] = new Date(minute * 60_000).toISOString().split('T');
        const packed = [date.replaceAll('-', ''), time.slice(0, 5).replace(':', '')] as const;
        expect(read(...packed)).to.equal(minute * 60_000);
      }),
      {numRuns: 200},
    );
  });

  it('is nothing where it names no minute', () => {
    for (const [date, time] of [
      ['20260230', '1200'],
      ['20261126', '2400'],
      ['2026112F', '1200'],
      ['', ''],
      ['20261126', '12'],
      ['00000000', '0000'],
    ] as const) {
      expect(read(date, time), `${date} ${time}`).to.equal(null);
    }
  });
});

describe('setting a reader', () => {
  it('tells what older firmware refuses, and makes the other settings all the same', async () => {
    for (const status of [0x02, 0x03, 0x0b]) {
      const {reader, line} = await open(refusing(status));
      const outcomes = await reader.prepare(new Date(NOW));
      expect([...outcomes.keys()]).to.deep.equal(['poll_mode', 'clock', 'masking', 'first_response']);
      for (const outcome of outcomes.values()) expect(outcome).to.include({kind: 'refused'});
      expect(line.seen).to.deep.equal(['1801', '0101', '2501', '0400', '0400']);
      await reader.close();
    }
  });

  it('leaves the clock alone where no time can be trusted', async () => {
    const {reader, line} = await open(obedient());
    await reader.prepare(null);
    expect(line.seen).to.deep.equal(['1801', '0101', '0400', '0400']);
    await reader.close();
  });
});
