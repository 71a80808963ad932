import {expect} from 'chai';
import fc from 'fast-check';
import {StowpayError} from '../../src/lib/core/errors.js';
import {decodeAnswer} from '../../src/lib/reader/decode/answer.js';
import vectors from '../fixtures/reader-vectors.json' with {type: 'json'};
import {anyMeant, anyShape, write} from '../support/answer-shapes.js';
import {decodeOf} from '../support/decoded.js';

const BOUNDED = {interruptAfterTimeLimit: 20_000, numRuns: 200_000};

describe('answers of readers, for longer', () => {
  it('mean the same in any legal shape', () => {
    fc.assert(
      fc.property(anyMeant, anyShape, anyShape, (meant, one, other) => {
        const like = {
          ...other,
          aes: one.aes,
          masking: one.masking,
          accountTags: one.accountTags,
          quickChip: one.quickChip,
        };
        const [first, second] = [one, {...like, entryMode: one.entryMode}].map((shape) => {
          const {status, data} = write(meant, shape);
          return decodeOf(status, data);
        });
        expect(first).to.deep.equal(second);
      }),
      BOUNDED,
    );
  }).timeout(60_000);

  it('show no number and end in an answer or an error of ours, with any two bytes of a capture changed', () => {
    const captures = vectors.payloads
      .filter(({hex}) => hex !== '')
      .map(({hex}) => Buffer.from(`E1${hex}`, 'hex'));
    const change = fc.tuple(fc.nat(), fc.integer({min: 0, max: 255}));
    fc.assert(
      fc.property(
        fc.constantFrom(...captures),
        change,
        change,
        fc.integer({min: 0, max: 255}),
        (data, one, other, status) => {
          const mutant = Buffer.from(data);
          for (const [where, byte] of [one, other]) mutant[where % mutant.length] = byte;
          try {
            const text = JSON.stringify(decodeAnswer({status, data: mutant}));
            expect(text).not.to.include('5413339000001513');
          } catch (error) {
            expect(error).to.be.instanceOf(StowpayError);
          }
        },
      ),
      BOUNDED,
    );
  }).timeout(60_000);

  it('are done with in the end, whatever 8 MB they are made of', () => {
    for (const pattern of [
      '00',
      'FF',
      '42',
      '5A',
      '5A084242424242424242',
      '5AA1084242CCCCCCCC4242',
      'FF810584FFFFFFFF',
      'DFEE2303020100',
      'D34333',
    ]) {
      const data = Buffer.alloc(8_000_000, Buffer.from(pattern, 'hex'));
      try {
        decodeAnswer({status: 0x23, data});
      } catch (error) {
        expect(error).to.be.instanceOf(StowpayError);
      }
    }
  }).timeout(60_000);
});
