import {expect} from 'chai';
import fc from 'fast-check';
import {ksnsLeft, ksnsLeftAfter} from '../../../src/lib/core/ksn.js';

const KEY = 'FFFF9876543210';
const LAST = 0x1fffff;

function ksn(counter: number): string {
  return `${KEY}${(0xe00000 + counter).toString(16).toUpperCase()}`;
}

function usable(counter: number): boolean {
  return counter.toString(2).replaceAll('0', '').length <= 10;
}

describe('how often a key can still be used', () => {
  it('is the number X9.24 gives for a fresh key, and nothing for a used-up one', () => {
    expect(ksnsLeft(ksn(0))).to.equal(1_048_575);
    expect(ksnsLeft(ksn(0x1ff800))).to.equal(0);
    expect(ksnsLeft(ksn(LAST))).to.equal(0);
    // AES keys count in 32 bits, sixteen of which may be ones.
    expect(ksnsLeft('1234567890123456'.padEnd(24, '0'))).to.equal(2_448_023_842);
    expect(ksnsLeft('1234567890123456FFFFFFFF')).to.equal(0);
  });

  it('is the count of every counter still to come', () => {
    const left = new Array<number>(LAST + 2).fill(0);
    for (let counter = LAST; counter >= 0; counter -= 1) {
      left[counter] = (left[counter + 1] as number) + (usable(counter) ? 1 : 0);
    }
    fc.assert(
      fc.property(fc.integer({min: 0, max: LAST}), (counter) => {
        expect(ksnsLeft(ksn(counter))).to.equal(left[counter + 1]);
      }),
      {numRuns: 300},
    );
  });

  it('counts from the highest counter known', () => {
    expect(ksnsLeftAfter(ksn(5), 0)).to.equal(ksnsLeft(ksn(5)));
    expect(ksnsLeftAfter(ksn(5), 9)).to.equal(ksnsLeft(ksn(9)));
    expect(ksnsLeftAfter('1234567890123456'.padEnd(24, '0'), 0xffffffff)).to.equal(0);
    expect(ksnsLeftAfter('nonsense', 1)).to.equal(null);
  });

  it('is not guessed for a number of unknown form', () => {
    for (const odd of ['', 'FFFF', 'nonsense', `${ksn(1)}00`]) expect(ksnsLeft(odd)).to.equal(null);
  });
});
