import {expect} from 'chai';
import {checkWarnings, doctorText} from '../../../src/lib/cli/doctor-text.js';
import {lookOf} from '../../../src/lib/cli/look.js';
import {type Check, fail, ok, unknown, warn} from '../../../src/lib/core/check.js';

const PLAIN = lookOf({}, {});
const COUNTS = {ok: 1, warn: 1, fail: 1, unknown: 2};
const CHECKS: readonly Check[] = [
  ok('reader.port', 'serial:/dev/reader opens'),
  fail('reader.ping', 'Nothing answers.', {means: 'No sales.', fix: 'Check the cable.', code: 'reader_lost'}),
  warn('reader.masking', 'shows too little', {means: 'Sales go on.', fix: 'Run --fix.'}),
  unknown('reader.key', 'not asked: the reader does not answer'),
  unknown('reader.clock', 'not asked: the reader does not answer'),
];

describe('what the doctor prints', () => {
  it('is one line a check, then each thing that is wrong, what it means and what to do', () => {
    const text = doctorText(PLAIN, {
      address: 'serial:/dev/reader',
      checks: CHECKS,
      counts: COUNTS,
      fixed: [],
    });
    expect(text.split('\n')).to.deep.equal([
      'CHECK    STATUS  FOUND',
      'Port     ok      serial:/dev/reader opens',
      'Ping     FAIL    Nothing answers',
      'Masking  warn    shows too little',
      'Not asked: key, clock',
      '',
      'FAIL Ping: Nothing answers.',
      '  No sales.',
      '  Do: Check the cable.',
      '',
      'warn Masking: shows too little.',
      '  Sales go on.',
      '  Do: Run --fix.',
      '',
      '1 ok, 1 to look at, 1 wrong, 2 not known',
    ]);
  });

  it('says what was changed, and what could not be', () => {
    const fixed = [
      {setting: 'masking' as const, done: true, before: 'too little', after: 'right'},
      {setting: 'clock' as const, done: false, before: 'behind', after: 'the reader does not tell'},
    ];
    const text = doctorText(PLAIN, {address: 'sim:', checks: [], counts: COUNTS, fixed});
    expect(text).to.include('  set Masking\n    before: too little\n    now:    right');
    expect(text).to.include('  NOT SET Clock\n    before: behind');
  });

  it('are warnings of a command that worked, each with its code', () => {
    expect(checkWarnings(CHECKS)).to.deep.equal([
      {code: 'reader_lost', message: 'Ping: Nothing answers. No sales. Check the cable.'},
      {code: 'reader_needs_attention', message: 'Masking: shows too little. Sales go on. Run --fix.'},
    ]);
  });
});
