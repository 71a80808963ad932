import {expect} from 'chai';
import fc from 'fast-check';
import {decodeAnswer} from '../../../../src/lib/reader/decode/answer.js';
import {EMV_DATA_ALLOWLIST} from '../../../../src/lib/reader/decode/emv-data.js';
import {anyMeant, anyShape, type Meant, write} from '../../../support/answer-shapes.js';

const ALLOWED = EMV_DATA_ALLOWLIST.map(({tag}) => tag);
const OTHERS = [
  '5A',
  '57',
  '56',
  '58',
  '5F20',
  '9F1F',
  '9F20',
  '9F6B',
  'DF01',
  'DF8115',
  'DFEF5B',
  'DFEF4D',
  'FFEE13',
  'FFF4',
  'C0',
];

/** Ways to write a card number or a track so that anybody can read it. */
const NOTATIONS: Readonly<Record<string, (meant: Meant) => Buffer>> = {
  packed: ({pan}) => packed(pan),
  text: ({pan}) => Buffer.from(pan),
  'text with spaces behind': ({pan}) => Buffer.from(`${pan}   `),
  'packed track 2': ({pan, expiry}) => packed(`${pan}D${expiry.slice(0, 4)}2010000000000`),
  'packed track 2, masked behind the number': ({pan, expiry}) =>
    packed(`${pan}D${expiry.slice(0, 4)}201CCCCCCCCCC`),
  'track 2': ({pan, expiry}) => Buffer.from(`;${pan}=${expiry.slice(0, 4)}2010000000000?`),
  'track 2 without its sentinels': ({pan, expiry}) =>
    Buffer.from(`${pan}=${expiry.slice(0, 4)}2010000000000`),
  'track 1': ({pan, expiry}) => Buffer.from(`%B${pan}^SANDBOX/TEST^${expiry.slice(0, 4)}2010000000000?`),
};
const AMID: Readonly<Record<string, (value: Buffer) => Buffer>> = {
  alone: (value) => value,
  'behind other bytes': (value) => Buffer.concat([Buffer.from('FEED', 'hex'), value]),
  'before other bytes': (value) => Buffer.concat([value, Buffer.from('FACE', 'hex')]),
};

const anyNotation = fc.constantFrom(...Object.values(NOTATIONS));

function saysNothing(answer: unknown, {pan}: Meant): void {
  const text = JSON.stringify(answer);
  expect(text).not.to.include(pan).and.not.to.include(Buffer.from(pan).toString('hex').toUpperCase());
}

describe('a readable card number', () => {
  it('anywhere in an answer drops it whole, in any notation, shape and place', () => {
    const tag = fc.constantFrom(...ALLOWED, ...OTHERS);
    const amid = fc.constantFrom(...Object.values(AMID));
    fc.assert(
      fc.property(anyMeant, anyShape, tag, anyNotation, amid, (meant, shape, name, notation, place) => {
        const planted = [{tag: name, value: place(notation(meant))}];
        const {status, data} = write(meant, {...shape, masking: [6, 4]}, planted);
        const answer = decodeAnswer({status, data});
        expect(answer).to.include({kind: 'unsealed', last4: meant.pan.slice(-4)});
        saysNothing(answer, meant);
      }),
      {numRuns: 500},
    );
  });

  it('is found where no mask shows what to look for, as far as it can be', () => {
    const tag = fc.constantFrom(...OTHERS.filter((name) => name !== '5F20'));
    fc.assert(
      fc.property(anyMeant, anyShape, tag, anyNotation, (meant, shape, name, notation) => {
        const {status, data} = write(meant, {...shape, masking: [0, 0]}, [
          {tag: name, value: notation(meant)},
        ]);
        const answer = decodeAnswer({status, data});
        expect(answer.kind).to.equal('unsealed');
        saysNothing(answer, meant);
      }),
      {numRuns: 200},
    );
  });

  it('is in nothing that is returned, whatever the mask shows and wherever the number is', () => {
    const tag = fc.constantFrom('50', '9F12', '5F20');
    fc.assert(
      fc.property(anyMeant, anyShape, tag, (meant, shape, name) => {
        const value = Buffer.from(`NO ${meant.pan}`);
        const {status, data} = write(meant, shape, [{tag: name, value}]);
        saysNothing(decodeAnswer({status, data}), meant);
      }),
      {numRuns: 200},
    );
  });

  it('drops the answer also where the answer breaks off', () => {
    fc.assert(
      fc.property(
        anyMeant,
        anyShape,
        anyNotation,
        fc.constantFrom('5A', 'DF01', '1FFFFFFF', '5A85'),
        (meant, shape, notation, start) => {
          const {status, data} = write(meant, {...shape, masking: [6, 4]});
          const value = notation(meant);
          const broken = Buffer.concat([
            data,
            Buffer.from(start, 'hex'),
            Buffer.from([0x84, 0, 0, 0xff, 0xff]),
            value,
          ]);
          expect(decodeAnswer({status, data: broken}).kind).to.equal('unsealed');
        },
      ),
      {numRuns: 200},
    );
  });

  it('in an answer about a failure drops it, too', () => {
    fc.assert(
      fc.property(anyMeant, anyShape, anyNotation, (meant, shape, notation) => {
        for (const status of [0x0a, 0x08, 0x60, 0x80]) {
          const {data} = write(meant, {...shape, masking: [6, 4]}, [{tag: 'DF01', value: notation(meant)}]);
          expect(decodeAnswer({status, data}).kind).to.equal('unsealed');
        }
      }),
      {numRuns: 50},
    );
  });
});

function packed(nibbles: string): Buffer {
  return Buffer.from(nibbles.length % 2 === 0 ? nibbles : `${nibbles}F`, 'hex');
}
