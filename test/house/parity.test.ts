import {readFileSync} from 'node:fs';
import {expect} from 'chai';
import {ERROR_CODES, type ErrorCode, StowpayError} from '../../src/lib/core/errors.js';

describe('docs/PARITY.md', () => {
  it('names only errors that exist, with their exit codes', () => {
    const [, errors = ''] = readFileSync('docs/PARITY.md', 'utf8').split(/^## Errors$/m);
    const [table = ''] = errors.split(/^## /m);
    const rows = table.split('\n').filter((line) => /^\| [^-]/.test(line));
    let named = 0;
    for (const row of rows) {
      const [, , here = '', exit = ''] = row.split('|').map((cell) => cell.trim());
      const code = /^`([a-z_]+)`/.exec(here)?.[1];
      if (code === undefined) continue;
      named += 1;
      expect(Object.keys(ERROR_CODES), row).to.include(code);
      expect(Number(exit), row).to.equal(new StowpayError(code as ErrorCode, '').exitCode);
    }
    expect(named).to.be.greaterThan(20);
  });
});
