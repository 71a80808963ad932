import {readFileSync} from 'node:fs';
import {expect} from 'chai';
import fc from 'fast-check';
import {ERROR_CODES} from '../../src/lib/core/errors.js';
import {type Condition, EXIT_CODES, exitCode, worstCondition} from '../../src/lib/core/exit-codes.js';

describe('exit codes', () => {
  it('are the contract', () => {
    const codes = Object.values(EXIT_CODES).map(({code}) => code);
    expect(codes).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 130, 143]);
  });

  it('stand in the documentation with the meaning the code gives them', () => {
    const page = readFileSync('docs/CLI.md', 'utf8');
    for (const {code, meaning, script} of Object.values(EXIT_CODES)) {
      expect(page).to.include(`| ${code} | ${meaning} | ${script} |`);
    }
  });

  it('are documented for every error code', () => {
    const page = readFileSync('docs/ERRORS.md', 'utf8');
    for (const [code, condition] of Object.entries(ERROR_CODES)) {
      expect(page, code).to.match(new RegExp(`\\| \`${code}\` \\| ${exitCode(condition)} \\|`));
    }
  });

  it('let the worst condition win in the documented order', () => {
    const order = [10, 12, 4, 6, 9, 3, 5, 7, 8, 11, 2, 1, 0];
    const conditions = Object.keys(EXIT_CODES).filter(
      (name) => exitCode(name as Condition) < 100,
    ) as Condition[];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...conditions)), (several) => {
        const worst = exitCode(worstCondition(several));
        const ranks = several.map((one) => order.indexOf(exitCode(one)));
        expect(order.indexOf(worst)).to.equal(Math.min(...ranks, order.length - 1));
      }),
    );
  });
});
