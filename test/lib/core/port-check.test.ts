import {expect} from 'chai';
import {StowpayError} from '../../../src/lib/core/errors.js';
import {judgePort} from '../../../src/lib/core/port-check.js';
import type {PortFacts} from '../../../src/lib/core/ports.js';

const ADDRESS = 'serial:/dev/reader';
const FACTS = {
  kind: 'serial',
  path: '/dev/reader',
  target: '/dev/ttyUSB0',
  is_device: true,
  owner: 'root:dialout',
  mode: '0660',
  may_open: true,
  holders: [],
} as const satisfies PortFacts;
const MINICOM = {pid: 7, name: 'minicom', locks: false};
const OTHER = {pid: 8, name: 'other', locks: true};

function judged(facts: Partial<typeof FACTS> | {holders: unknown}, code: StowpayError['code'] | null) {
  const refused = code === null ? null : new StowpayError(code, 'It cannot be opened.', {hint: 'Do this.'});
  const {status, found, code: told} = judgePort(ADDRESS, {...FACTS, ...facts} as PortFacts, refused);
  return {status, found, code: told};
}

describe('the port of a reader', () => {
  it('is well when it opens and nobody else has it', () => {
    const found = 'serial:/dev/reader opens (/dev/ttyUSB0, root:dialout, mode 0660)';
    expect(judged({}, null)).to.deep.equal({status: 'ok', found, code: null});
    expect(judged({holders: null}, null)).to.include({status: 'ok'});
  });

  it('names a program that reads along, though it opens', () => {
    const {status, found, code} = judged({holders: [MINICOM]}, null);
    expect([status, code]).to.deep.equal(['warn', 'reader_busy']);
    expect(found).to.include('minicom (pid 7)');
  });

  it('is no fault when it is in use: who locks it is named, else who has it open', () => {
    const {status, found, code} = judged({holders: [MINICOM, OTHER]}, 'reader_busy');
    expect([status, code]).to.deep.equal(['unknown', 'reader_busy']);
    expect(found).to.include('other (pid 8)').and.not.include('minicom');
    expect(judged({holders: [MINICOM]}, 'reader_busy').found).to.include('minicom (pid 7)');
    expect(judged({holders: null}, 'reader_busy').found).to.include('another process');
  });

  it('tells one that is not there from one that may not be opened, and from a file', () => {
    const missing = judged({target: null, is_device: false, may_open: false} as never, 'reader_not_found');
    expect(missing).to.deep.equal({status: 'fail', found: 'It cannot be opened.', code: 'reader_not_found'});
    expect(judged({may_open: false} as never, 'reader_not_found').found).to.include(
      'root:dialout, mode 0660',
    );
    expect(judged({is_device: false} as never, 'reader_not_found').found).to.include('a file, not a port');
  });

  it('is well when only what is behind it does not answer', () => {
    for (const code of ['reader_not_answering', 'reader_lost', 'reader_fault'] as const) {
      expect(judged({}, code).status).to.equal('ok');
    }
  });
});
