import {expect} from 'chai';
import fc from 'fast-check';
import {readTlv} from '../../../../src/lib/reader/wire/tlv.js';
import {anyMeant, anyShape, type Meant, type Shape, write} from '../../../support/answer-shapes.js';
import {type CardRead, decodeOf} from '../../../support/decoded.js';

/** What was decoded, without what the shape alone decides. */
function checkMeaning(read: CardRead, meant: Meant, shape: Shape): void {
  const written = write(meant, shape);
  const [leading, trailing] = shape.masking;
  expect(read).to.deep.include({
    read_method: meant.contact ? 'contact_emv' : 'contactless_emv',
    cryptogram: meant.cryptogram,
    brand: meant.brand,
    last4: trailing === 4 ? meant.pan.slice(-4) : null,
    leading_digits: meant.pan.slice(0, Math.min(leading, 6)),
    exp_month: Number(meant.expiry.slice(2, 4)),
    exp_year: 2000 + Number(meant.expiry.slice(0, 2)),
    amount_authorized: meant.amount,
    currency_numeric: '840',
    cardholder_name: meant.name,
    missing_tags: [],
  });
  const {cardholder_verification_method: method} = read.receipt;
  expect(method).to.equal(meant.verification);
  expect(read.sealed).to.deep.equal({
    encryption: shape.aes ? 'aes_dukpt' : 'tdes_dukpt',
    ksn: written.ksn,
    tags: written.sealed,
  });
  const kept = readTlv(Buffer.from(read.emv_data, 'hex')).objects.map(({tag, value}) => [
    tag,
    value.toString('hex').toUpperCase(),
  ]);
  expect(Object.fromEntries(kept)).to.deep.equal(written.plain);
}

describe('an answer in any legal shape', () => {
  it('means the same', () => {
    fc.assert(
      fc.property(anyMeant, anyShape, (meant, shape) => {
        const {status, data} = write(meant, shape);
        checkMeaning(decodeOf(status, data), meant, shape);
      }),
      {numRuns: 400},
    );
  });

  it('means the same split over two frames, and nothing is mixed', () => {
    fc.assert(
      fc.property(anyMeant, anyShape, anyShape, (meant, shape, before) => {
        const {status, data} = write(meant, shape);
        const other = {...meant, counter: meant.counter + 1};
        const earlier = write(other, {
          ...before,
          masking: shape.masking,
          ending: [0x00, 'DFEE25020010'],
        }).data;
        expect(decodeOf(status, data, [earlier]).sealed).to.deep.equal(decodeOf(status, data).sealed);
      }),
      {numRuns: 100},
    );
  });
});
