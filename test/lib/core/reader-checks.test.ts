import {expect} from 'chai';
import fc from 'fast-check';
import {CHECKS, type Check, type CheckId} from '../../../src/lib/core/check.js';
import {ERROR_CODES} from '../../../src/lib/core/errors.js';
import type {Examination, Told} from '../../../src/lib/core/examination.js';
import {judgeReader, type ReaderContext} from '../../../src/lib/core/reader-checks.js';
import type {Pairing} from '../../../src/lib/core/state.js';

const NOW = Date.parse('2026-11-26T14:00:30Z');
const KSN = 'FFFF9876543210E00001';

const told = <T>(value: T): Told<T> => ({kind: 'told', value});

const WELL: Examination = {
  round_trip_ms: 1,
  serial_number: told('R1'),
  firmware: told('V1'),
  main_firmware: told('M1'),
  processor: told('4D00'),
  encryption: told('all'),
  key: told({state: 'valid', ksn: '12349876543210E00001'}),
  masking: told({leading: 6, trailing: 4}),
  first_response: told(true),
  clock: told({reader: NOW - 30_000, host: NOW}),
  tampered: false,
};

const PAIRED: Pairing = {
  profile: 'shop',
  address: 'serial:/dev/reader',
  identity: {
    type: 'idtech_neo2',
    serial_number: 'R1',
    firmware: 'V1',
    encryption_enabled: true,
    key: {state: 'valid', ksn: null},
    test_key: false,
  },
  location: {id: 'tml_1', display_name: 'One', country: 'US'},
  configuration: {id: 'tmc_1', offline_enabled: true},
  binding: {account: 'acct_1', livemode: false, origin: 'https://api.example.com'},
  how: 'online',
  at: new Date(NOW).toISOString(),
};

const CONTEXT: ReaderContext = {
  approved_firmware: undefined,
  sandbox: false,
  paired: PAIRED,
  ksn: new Map(),
  clock_uncertain: false,
};

function check(id: CheckId, answers: Partial<Examination>, context: Partial<ReaderContext> = {}): Check {
  const found = judgeReader({...WELL, ...answers}, {...CONTEXT, ...context}).find((one) => one.id === id);
  return found as Check;
}

function summary(
  id: CheckId,
  answers: Partial<Examination>,
  context: Partial<ReaderContext> = {},
): readonly [string, string | null] {
  const {status, code} = check(id, answers, context);
  return [status, code];
}

const untold = fc.constantFrom<Told<never>>(
  {kind: 'refused', status: '02', meaning: 'unknown command'},
  {kind: 'refused', status: '0B', meaning: 'command not allowed'},
  {kind: 'unreadable'},
  {kind: 'silent'},
  {kind: 'not_asked'},
);
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Told<T>> => fc.oneof(value.map(told), untold);
const time = fc.integer({min: 0, max: Date.UTC(9999, 0, 1)});
const digits = fc.integer({min: 0, max: 255});

const answers: fc.Arbitrary<Examination> = fc.record({
  round_trip_ms: fc.option(fc.integer({min: 0, max: 5000})),
  serial_number: maybe(fc.string()),
  firmware: maybe(fc.string()),
  main_firmware: maybe(fc.string()),
  processor: maybe(fc.string()),
  encryption: maybe(fc.constantFrom('all' as const, 'part' as const, 'off' as const)),
  key: maybe(
    fc.record({
      state: fc.constantFrom(
        'valid' as const,
        'end_of_life' as const,
        'missing' as const,
        'unknown' as const,
      ),
      ksn: fc.option(fc.oneof(fc.constant(KSN), fc.string({maxLength: 24}))),
    }),
  ),
  masking: maybe(fc.record({leading: digits, trailing: digits})),
  first_response: maybe(fc.boolean()),
  clock: maybe(fc.record({reader: time, host: time})),
  tampered: fc.boolean(),
});

const contexts: fc.Arbitrary<ReaderContext> = fc.record({
  sandbox: fc.boolean(),
  paired: fc.constantFrom(PAIRED, null),
  approved_firmware: fc.constantFrom(undefined, ['V1'], ['V*']),
  ksn: fc.constantFrom(new Map(), new Map([['R1 FFFF9876543210E00000', 5]])),
  clock_uncertain: fc.boolean(),
});

describe('what a reader’s answers mean', () => {
  it('is all well for a reader that is', () => {
    const bad = judgeReader(WELL, CONTEXT).filter(
      ({status, id}) => status !== 'ok' && id !== 'reader.poll_mode',
    );
    expect(bad).to.deep.equal([]);
  });

  it('is always the same checks in the same order, each with what it means and what to do', () => {
    const ids = Object.keys(CHECKS).filter(
      (id) => !['reader.port', 'reader.software', 'reader.pairing'].includes(id),
    );
    fc.assert(
      fc.property(answers, contexts, (examination, context) => {
        const checks = judgeReader(examination, context);
        expect(checks.map(({id}) => id)).to.deep.equal(ids);
        for (const {status, means, fix, code, found} of checks) {
          expect(found).to.not.equal('');
          if (status === 'ok') expect([means, fix, code]).to.deep.equal([null, null, null]);
          // A code on what is not known would turn the exit code: only a busy reader does that.
          if (status === 'unknown') expect(code).to.equal(null);
          if (status !== 'fail' && status !== 'warn') continue;
          expect(means).to.be.a('string');
          expect(fix).to.be.a('string');
          if (status === 'fail') expect(ERROR_CODES).to.have.property(code as string);
        }
      }),
      {numRuns: 300},
    );
  });

  it('is no fault where older firmware does not tell, but for encryption, without which nothing is sold', () => {
    for (const status of ['02', '03', '0B']) {
      const no: Told<never> = {kind: 'refused', status, meaning: 'unknown command'};
      const old: Examination = {
        ...WELL,
        main_firmware: no,
        processor: no,
        key: no,
        masking: no,
        first_response: no,
        clock: no,
      };
      const checks = judgeReader(old, CONTEXT);
      expect(checks.filter(({status: one}) => one === 'fail' || one === 'warn')).to.deep.equal([]);
      for (const {status: one, found} of checks) {
        if (one === 'unknown' && !found.startsWith('cannot be read')) expect(found).to.include(status);
      }
      expect(summary('reader.encryption', {encryption: no})).to.deep.equal(['fail', 'reader_not_encrypting']);
    }
  });

  it('fails what a sale would be refused for, with the code of that refusal', () => {
    const key = (state: 'valid' | 'missing' | 'end_of_life', ksn: string | null) => ({
      key: told({state, ksn}),
    });
    expect(summary('reader.encryption', {encryption: told('off')})).to.deep.equal([
      'fail',
      'reader_not_encrypting',
    ]);
    expect(summary('reader.encryption', {encryption: told('part')})).to.deep.equal([
      'fail',
      'reader_not_encrypting',
    ]);
    expect(summary('reader.key', key('missing', null))).to.deep.equal(['fail', 'reader_key_missing']);
    expect(summary('reader.key', key('end_of_life', null))).to.deep.equal(['fail', 'reader_key_exhausted']);
    expect(summary('reader.key', key('valid', KSN))).to.deep.equal(['fail', 'test_key_outside_sandbox']);
    expect(summary('reader.key', key('valid', KSN), {sandbox: true})).to.deep.equal(['ok', null]);
    expect(summary('reader.tamper', {tampered: true})).to.deep.equal(['fail', 'reader_tampered']);
    expect(summary('reader.identity', {serial_number: told('R2')})).to.deep.equal(['fail', 'reader_changed']);
    expect(summary('reader.ping', {round_trip_ms: null})).to.deep.equal(['fail', 'reader_lost']);
  });

  it('sees a key counter that stands behind a sale of before: the next one would be called a replay', () => {
    const seen = new Map([['R1 FFFF9876543210E00000', 5]]);
    const at = (counter: string) => ({
      key: told({state: 'valid' as const, ksn: `FFFF9876543210E0000${counter}`}),
    });
    const context = {sandbox: true, ksn: seen};
    expect(summary('reader.key', at('4'), context)).to.deep.equal(['fail', 'ksn_replayed']);
    expect(summary('reader.key', at('5'), context)).to.deep.equal(['ok', null]);
    expect(summary('reader.key', at('4'), {...context, paired: null})).to.deep.equal(['ok', null]);
  });

  it('warns of the end of a key long before it', () => {
    const at = (counter: string) => ({key: told({state: 'valid' as const, ksn: `123498765432${counter}`})});
    expect(check('reader.keys_left', at('10E00000')).status).to.equal('ok');
    expect(check('reader.keys_left', at('10FF0000')).status).to.equal('warn');
    expect(check('reader.keys_left', at('10FFF800')).status).to.equal('fail');
  });

  it('allows a clock the minute that setting it costs, and no machine’s clock that is wrong itself', () => {
    const off = (ms: number) => ({clock: told({reader: NOW - 30_000 + ms, host: NOW})});
    const MINUTE = 60_000;
    for (const good of [0, -MINUTE, -2 * MINUTE, MINUTE, 2 * MINUTE]) {
      expect(check('reader.clock', off(good)).status, String(good)).to.equal('ok');
    }
    for (const late of [-4 * MINUTE, 3 * MINUTE, -23 * 60 * MINUTE, 23 * 60 * MINUTE]) {
      expect(check('reader.clock', off(late)).status, String(late)).to.equal('warn');
    }
    for (const wrong of [-25 * 60 * MINUTE, 25 * 60 * MINUTE, -20 * 365 * 24 * 60 * MINUTE]) {
      expect(check('reader.clock', off(wrong)).status, String(wrong)).to.equal('fail');
      const unsure = check('reader.clock', off(wrong), {clock_uncertain: true});
      expect([unsure.status, unsure.setting]).to.deep.equal(['unknown', null]);
    }
  });

  it('tells masking that shows too much from one that shows too little', () => {
    const masking = (leading: number, trailing: number) =>
      check('reader.masking', {masking: told({leading, trailing})});
    expect(masking(4, 4).means).to.include('deny list');
    expect(masking(6, 0).means).to.include('last four');
    expect(masking(8, 4).means).to.include('More of the card number');
    for (const one of [masking(4, 4), masking(8, 4)]) expect(one.setting).to.equal('masking');
  });

  it('names software that the location does not approve of', () => {
    const at = (...approved_firmware: string[]) => summary('reader.firmware', {}, {approved_firmware});
    expect(at('V1')).to.deep.equal(['ok', null]);
    expect(at('V0', 'V*')).to.deep.equal(['ok', null]);
    expect(at('V0', 'V1.1')).to.deep.equal(['warn', 'reader_connection_offline_needs_update']);
  });

  it('names software that changed since the reader was connected, and a reader without a number', () => {
    expect(check('reader.firmware', {firmware: told('V2')}).status).to.equal('warn');
    const no: Told<never> = {kind: 'refused', status: '0B', meaning: 'command not allowed'};
    const nameless = {...PAIRED, identity: {...PAIRED.identity, serial_number: ''}};
    expect(check('reader.identity', {serial_number: no}, {paired: nameless}).status).to.equal('warn');
    expect(summary('reader.identity', {serial_number: no})).to.deep.equal(['fail', 'reader_changed']);
    // Without a word from it, it may well be the same one.
    expect(check('reader.identity', {serial_number: {kind: 'silent'}}).status).to.equal('unknown');
  });
});
