import {expect} from 'chai';
import {encodeLine, withoutPrivates} from '../../../src/lib/journal/line.js';

describe('journal bytes without sealed card data', () => {
  const sealed = Buffer.from('ciphertext of a card that nobody may find again, '.repeat(20)).toString(
    'base64',
  );
  const {bytes} = encodeLine(Buffer.alloc(32, 7), '{"v":1,"seq":2}', sealed);
  const start = bytes.indexOf('"private":"') + 11;

  for (const length of [1, 8, 39, 40, 512]) {
    it(`keep no piece of ${length} bytes that a power cut left between lost pages, or at the end`, () => {
      const island = Buffer.alloc(bytes.length);
      bytes.copy(island, start + 64, start + 64, start + 64 + length);
      for (const torn of [island, island.subarray(0, start + 64 + length)]) {
        const kept = withoutPrivates(torn);
        expect(kept).to.have.length(torn.length);
        expect(kept.toString('latin1')).to.match(/^[\0 ]+$/);
      }
    });
  }

  it('keep everything else', () => {
    const kept = withoutPrivates(bytes).toString('latin1');
    expect(kept).to.equal(bytes.toString('latin1').replace(sealed, ' '.repeat(sealed.length)));
  });
});
