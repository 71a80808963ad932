import {expect} from 'chai';
import {TEST_CARDS, testCard} from '../../../src/lib/sandbox/cards.js';
import {
  dataRequestKey,
  decryptTag,
  encryptTag,
  initialKey,
  TEST_BDK,
  transactionKey,
  variantKey,
} from '../../../src/lib/sandbox/dukpt.js';
import dukpt from '../../fixtures/dukpt-vectors.json' with {type: 'json'};
import reader from '../../fixtures/reader-vectors.json' with {type: 'json'};

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const upper = (bytes: Buffer): string => bytes.toString('hex').toUpperCase();

describe('TDES DUKPT against the published vectors', () => {
  const {tdes} = dukpt;
  const bdk = hex(tdes.bdk);
  const cardData = Buffer.from('4012345678909D987', 'ascii');

  it('derives the initial key', () => {
    expect(upper(TEST_BDK)).to.equal(tdes.bdk);
    expect(upper(initialKey(bdk, hex(tdes.iksn)))).to.equal(tdes.ik);
  });

  for (const vector of tdes.vectors) {
    it(`derives every key of ${vector.ksn} and encrypts with them`, () => {
      const ksn = hex(vector.ksn);
      expect(upper(transactionKey(bdk, ksn))).to.equal(vector.txnKey);
      expect(upper(variantKey(bdk, ksn, 'pin'))).to.equal(vector.pinKey);
      expect(upper(variantKey(bdk, ksn, 'mac_request'))).to.equal(vector.macReqKey);
      expect(upper(dataRequestKey(bdk, ksn))).to.equal(vector.dataReqKey);
      expect(upper(variantKey(bdk, ksn, 'data_response'))).to.equal(vector.dataRespKey);
      // One block, IV zero: CBC is ECB.
      expect(upper(encryptTag(hex(vector.pinKey), hex(tdes.pinBlock)))).to.equal(vector.encPinBlock);
      expect(upper(encryptTag(hex(vector.dataReqKey), cardData))).to.equal(vector.dataReqCiphertext);
    });
  }
});

describe('TDES DUKPT against what real readers sent', () => {
  for (const payload of reader.payloads.filter((item) => item.decrypt !== undefined)) {
    it(`opens ${payload.name}`, () => {
      const key = dataRequestKey(TEST_BDK, hex(payload.ksn));
      expect(upper(key)).to.equal(payload.dataKey);
      for (const {cipher, plain} of payload.decrypt ?? []) {
        expect(decryptTag(key, hex(cipher)).toString('hex')).to.equal(plain.toLowerCase());
        expect(encryptTag(key, hex(plain)).toString('hex')).to.equal(cipher.toLowerCase());
      }
    });
  }

  it('refuses ciphertext that is not whole blocks, and a KSN of another length', () => {
    expect(() => decryptTag(TEST_BDK, Buffer.alloc(9))).to.throw(RangeError);
    expect(() => transactionKey(TEST_BDK, Buffer.alloc(12))).to.throw(RangeError);
  });
});

describe('the test cards', () => {
  it('are found by number, all with a valid check digit', () => {
    for (const card of TEST_CARDS) {
      expect(testCard(card.pan)).to.equal(card);
      expect(luhn(card.pan), card.pan).to.equal(true);
    }
    expect(testCard('4111111111111111')).to.equal(undefined);
  });
});

function luhn(pan: string): boolean {
  const sum = [...pan].reverse().reduce((total, digit, index) => {
    const doubled = Number(digit) * (index % 2 === 0 ? 1 : 2);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return sum % 10 === 0;
}
