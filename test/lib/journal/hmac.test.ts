import {createHmac} from 'node:crypto';
import {expect} from 'chai';
import fc from 'fast-check';
import {hmac} from '../../../src/lib/journal/hmac.js';

describe('the MAC of a line', () => {
  const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
    fc.uint8Array({maxLength}).map((array) => Buffer.from(array));
  const standard = (key: Buffer, message: Buffer): string =>
    createHmac('sha256', key).update(message).digest('base64url');

  it('is HMAC-SHA-256, whatever the key and the message, also one key after the other', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(bytes(100), bytes(5000)), {minLength: 1, maxLength: 5}), (pairs) => {
        for (const [key, message] of [...pairs, ...pairs]) {
          expect(hmac(key, message)).to.equal(standard(key, message));
        }
      }),
    );
  });

  it('is the same for messages as long as the room for them, and longer', () => {
    const key = Buffer.alloc(32, 7);
    for (const length of [0, 1, 63, 64, 16_383, 16_384, 16_385, 100_000]) {
      const message = Buffer.alloc(length, 0x61);
      expect(hmac(key, message), String(length)).to.equal(standard(key, message));
    }
  });
});
