import {expect} from 'chai';
import fc from 'fast-check';
import {maskSecrets} from '../../../src/lib/core/mask.js';
import {TEST_CARDS} from '../../../src/lib/sandbox/cards.js';

describe('maskSecrets', () => {
  it('hides card numbers and keys wherever they stand', () => {
    for (const {pan} of TEST_CARDS) {
      for (const text of [
        pan,
        `"${pan}x"`,
        `${pan.slice(0, 4)} ${pan.slice(4, 8)}-${pan.slice(8)}`,
        `--to=${pan}`,
      ]) {
        expect(maskSecrets(text), text).not.to.match(/\d{5}/);
      }
    }
    expect(maskSecrets('key sk_live_abcdef123, rk_test_1234.')).to.equal('key [hidden], [hidden].');
  });

  it('leaves identifiers, amounts and times alone', () => {
    for (const text of [
      'pay_01M83YAN1KZ9YXB3NVXJTV7862',
      'pay_01M83111111111111111111111',
      'pi_3MtwBwLkdIwHu7ix28a3tqPa',
      '1000000.00 usd',
      '2026-11-23T10:13:19.837Z',
      '000000000001.jsonl, line 3, byte 4711',
    ]) {
      expect(maskSecrets(text)).to.equal(text);
    }
  });

  it('finds nothing more the second time', () => {
    const words = fc.array(
      fc.oneof(fc.string(), fc.stringMatching(/^\d{10,20}$/), fc.constant('sk_test_abcd')),
    );
    fc.assert(
      fc.property(words, (parts) => {
        const once = maskSecrets(parts.join(' '));
        expect(maskSecrets(once)).to.equal(once);
      }),
    );
  });
});
