import {expect} from 'chai';
import fc from 'fast-check';
import type {CardAnswer, CardRead} from '../../../../src/lib/core/card.js';
import {StowpayError} from '../../../../src/lib/core/errors.js';
import {decodeAnswer} from '../../../../src/lib/reader/decode/answer.js';
import {writeTlv} from '../../../../src/lib/reader/wire/tlv.js';
import {dataRequestKey, decryptTag, TEST_BDK} from '../../../../src/lib/sandbox/dukpt.js';
import vectors from '../../../fixtures/reader-vectors.json' with {type: 'json'};

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const KSN = 'DFEE120AFFFF9876543210E00001';
const PAN = '4242424242424242';
const CIPHER = '855A31E91D0641D4C0C681A30FD97A86';
const CHIP = '9F2701809F2608E120C07356EA3DD89F390107';

function payload(start: string): (typeof vectors.payloads)[number] {
  const found = vectors.payloads.find(({name}) => name.startsWith(start));
  if (found === undefined) throw new Error(`no vector ${start}`);
  return found;
}

const mastercard = payload('contactless Mastercard M/Chip');
const swipe = vectors.frames.find(({name}) => name.includes('swipe result'))?.hex ?? '';

function decode(status: number, data: string): CardAnswer {
  return decodeAnswer({status, data: hex(data)});
}

function card(status: number, data: string): CardRead {
  const answer = decode(status, data);
  if (answer.kind !== 'card') throw new Error(`expected a card, got ${JSON.stringify(answer)}`);
  return answer.card;
}

describe('decodeAnswer on the Mastercard capture', () => {
  const read = card(0x23, `E1${mastercard.hex}`);

  it('tells what the receipt and the rules need', () => {
    expect(read).to.deep.include({
      read_method: 'contactless_emv',
      cryptogram: 'arqc',
      brand: 'mastercard',
      last4: '1513',
      leading_digits: '5413',
      exp_month: 12,
      exp_year: 2020,
      cardholder_name: null,
      amount_authorized: 100,
      currency_numeric: null,
    });
    expect(read.receipt).to.deep.equal({
      application_preferred_name: 'MasterCard',
      dedicated_file_name: 'A0000000041010',
      application_cryptogram: 'E120C07356EA3DD8',
      terminal_verification_results: '0440000001',
      transaction_status_information: '0000',
      cardholder_verification_method: 'none',
      authorization_code: null,
    });
  });

  it('keeps the ciphertext byte for byte, and it opens to what the vector says', () => {
    const sealed = Object.fromEntries(
      (mastercard.decrypt ?? []).map(({tag, cipher}) => [tag, cipher.toUpperCase()]),
    );
    expect(read.sealed).to.deep.equal({encryption: 'tdes_dukpt', ksn: 'FFFFFF0200223D20000F', tags: sealed});
    const key = dataRequestKey(TEST_BDK, hex(read.sealed.ksn));
    for (const {tag, plain} of mastercard.decrypt ?? []) {
      expect(decryptTag(key, hex(read.sealed.tags[tag] ?? '')).toString('hex')).to.equal(plain.toLowerCase());
    }
  });

  it('lets only allowed tags out, the cryptogram among them', () => {
    expect(read.emv_data).to.include('9F2608E120C07356EA3DD8').and.include('9F02060000000001');
    for (const tag of ['5413CC', '9F6B', 'DFEE', '9F1F', '9F20', '5F20']) {
      expect(read.emv_data, tag).not.to.include(tag);
    }
  });
});

describe('decodeAnswer on other captures', () => {
  it('reads a swipe block', () => {
    const read = card(0x00, swipe.slice(28, -4));
    expect(read).to.deep.include({
      read_method: 'magnetic_stripe_track2',
      cryptogram: null,
      brand: 'visa',
      last4: '0043',
      leading_digits: '4761',
      exp_month: 12,
      exp_year: 2024,
      cardholder_name: 'UAT USA/TEST CARD 02',
    });
    const tracks = payload('swipe').decrypt ?? [];
    expect(read.sealed.ksn).to.equal('FFFFFF0200110940000F');
    expect(read.sealed.tags).to.deep.equal(
      Object.fromEntries(tracks.map(({tag, cipher}) => [tag, cipher.toUpperCase()])),
    );
  });

  it('reads mag-stripe mode under the older key tag', () => {
    const read = card(0x23, `F1${payload('contactless Mastercard mag-stripe').hex}`);
    expect(read).to.deep.include({
      read_method: 'contactless_magstripe_mode',
      cryptogram: null,
      brand: 'mastercard',
      last4: '1437',
      exp_month: 3,
      exp_year: 2023,
      currency_numeric: '840',
    });
    expect(read.sealed.ksn).to.equal('CDCDCD0701453DE0000D');
    expect(read.sealed.tags).to.include.keys('56', '9F6B');
  });

  it('finds the same card in any order of objects and whatever the first byte looks like', () => {
    const objects = [KSN, '5AA1084242CCCCCCCC4242', `5AC110${CIPHER}`, '8407A0000000031010', CHIP];
    const expected = card(0x23, `E1${objects.join('')}`);
    expect(card(0x23, `E1${[...objects].reverse().join('')}`)).to.deep.equal(expected);
    for (const first of ['50', '84', '9D', 'FD', '70', 'DD']) {
      expect(card(0x23, `${first}${objects.join('00')}`).sealed).to.deep.equal(expected.sealed);
    }
  });
});

describe('decodeAnswer on a quick chip capture', () => {
  const quickChip = payload('contact Discover quick chip');

  it('takes Z3 and the reader’s own end of the transaction for no decline', () => {
    const read = card(0x00, `20${quickChip.hex}`);
    expect(read).to.deep.include({
      read_method: 'contact_emv',
      cryptogram: 'arqc',
      brand: 'discover',
      last4: '0133',
      leading_digits: '6510',
      exp_month: 12,
      exp_year: 2023,
      cardholder_name: 'UAT USA/Test Card 15',
      amount_authorized: 1000,
      currency_numeric: '840',
      missing_tags: [],
    });
    expect(read.receipt.cardholder_verification_method).to.equal('signature');
    // The tracks the reader composed are no EMV element: whoever opens the others could not open them.
    expect(read.sealed).to.deep.equal({
      encryption: 'tdes_dukpt',
      ksn: 'CDCDCD94030006C00104',
      tags: {
        '57': '952CE912AC462F1D5261A811DE05633C65FBE2DF0BB56F54',
        '5A': '0CFCF9EF17F00098F4C64D688AC3C3BE',
      },
    });
    expect(read.emv_data).to.include('8A025A33');
  });

  it('takes the same end for what it says where no quick chip made it', () => {
    const other = quickChip.hex.replace('8A025A33', '8A025931');
    expect(decode(0x00, `20${other}`)).to.deep.include({kind: 'failed', reason: 'unreadable', last4: '0133'});
  });
});

describe('sealed or not', () => {
  const sealed = {encryption: 'tdes_dukpt', ksn: 'FFFF9876543210E00001', tags: {'5A': CIPHER}};

  it('believes the older notation: masked first, ciphertext second, both marked plain', () => {
    const read = card(0x23, `E1${KSN}5A81084242CCCCCCCC42425A8110${CIPHER}${CHIP}`);
    expect(read.sealed).to.deep.equal(sealed);
    expect(read.last4).to.equal('4242');
  });

  it('takes ciphertext that begins like a masked track for ciphertext', () => {
    const begins = '12345678AA1234D9E8F7A6B5C4D3E2F11A2B3C4D5E6F7A8B';
    const read = card(0x23, `E1${KSN}5718${begins}DFEF5B084242CCCCCCCC4242${CHIP}`);
    expect(read.sealed.tags).to.deep.equal({'57': begins});
    expect([read.leading_digits, read.last4]).to.deep.equal(['4242', '4242']);
  });

  it('believes strict BER: ciphertext with a plain length, masked copies apart', () => {
    for (const copy of [
      'DFEF5B084242CCCCCCCC4242',
      `DFEF5B10${Buffer.from('4242********4242').toString('hex')}`,
    ]) {
      const read = card(0x23, `E1${KSN}5A10${CIPHER}${copy}${CHIP}`);
      expect(read.sealed).to.deep.equal(sealed);
      expect([read.leading_digits, read.last4]).to.deep.equal(['4242', '4242']);
    }
  });

  const track1 = Buffer.from(`%B${PAN}^SANDBOX/TEST^34122010000?`).toString('hex');
  const track2 = Buffer.from(`;${PAN}=34122010000000000?`).toString('hex');
  const clear: Readonly<Record<string, string>> = {
    'a card number with a key serial number': `${KSN}5A08${PAN}`,
    'a card number beside a sealed track': `${KSN}57C110${CIPHER}5A08${PAN}`,
    'an odd card number': `${KSN}5A08378282246310005F`,
    'a track 2': `${KSN}5713${PAN}D34122010000000000000F00`,
    'a Mastercard track 2': `${KSN}9F6B11${PAN}D341220100000000F`.slice(0, -1),
    'a track 1 as text': `${KSN}56${(track1.length / 2).toString(16)}${track1}`,
    'a number marked as masked': `${KSN}5AA108${PAN}`,
    'a number marked as encrypted': `${KSN}5AC108${PAN}`,
    'a text marked as encrypted': `${KSN}57C1${(track2.length / 2).toString(16)}${track2}`,
    'a track in a tag nobody knows': `${KSN}DF7E${(track2.length / 2).toString(16)}${track2}5AC110${CIPHER}`,
    'ciphertext in plain form without a key serial number': `5A10${CIPHER}`,
    'something that is neither': `${KSN}5A07${CIPHER.slice(0, 14)}`,
    'a number inside a container': `${KSN}FF81050A5A08${PAN}`,
    'a masked copy that is not masked': `${KSN}5AC110${CIPHER}DFEF5B08${PAN}`,
    'a broken swipe block': `${KSN}DFEE2303020100`,
  };
  for (const [name, data] of Object.entries(clear)) {
    it(`drops ${name}`, () => {
      for (const status of [0x00, 0x23, 0x0a]) {
        const answer = decode(status, `E1${data}8407A0000000031010${CHIP}`);
        expect(answer.kind, JSON.stringify(answer)).to.equal('unsealed');
        expect(JSON.stringify(answer)).not.to.match(/\d{5}/);
      }
    });
  }

  it('drops a swipe with either check byte wrong', () => {
    const data = hex(swipe.slice(28, -4));
    const end = data.indexOf(hex('0FAE6803')) + 1;
    for (const at of [end, end + 1, end + 2, end - 5]) {
      const damaged = Buffer.from(data);
      damaged[at] = (damaged[at] as number) ^ 0x01;
      expect(decodeAnswer({status: 0, data: damaged}).kind, `byte ${at}`).to.equal('unsealed');
    }
  });

  it('takes ciphertext and key serial number of the later answer, what only the earlier has from there', () => {
    const earlier = hex(
      `E0DFEE120AFFFF9876543210E000005AC110${'00'.repeat(16)}5004564953415AA1084242CCCCCCCC4242`,
    );
    const answer = decodeAnswer({status: 0, data: hex(`E0${KSN}5AC110${CIPHER}${CHIP}`), earlier: [earlier]});
    if (answer.kind !== 'card') throw new Error(answer.kind);
    expect(answer.card.sealed).to.deep.equal(sealed);
    expect(answer.card.receipt.application_preferred_name).to.equal('VISA');
    expect(answer.card.last4).to.equal('4242');
  });

  it('drops a readable swipe', () => {
    const tracks = [Buffer.from(`%B${PAN}^SANDBOX/TEST^3412201000?`), Buffer.from(`;${PAN}=3412201000?`)];
    const body = Buffer.concat([
      Buffer.from([0x80, 0x1f, ...tracks.map(({length}) => length), 0, 0x03, 0]),
      ...tracks,
    ]);
    const xor = body.reduce((check, byte) => check ^ byte, 0);
    const sum = body.reduce((total, byte) => (total + byte) & 0xff, 0);
    const block = Buffer.concat([Buffer.from([2, body.length, 0]), body, Buffer.from([xor, sum, 3])]);
    const answer = decodeAnswer({status: 0, data: Buffer.concat([hex('08'), writeTlv('DFEE23', block)])});
    expect(answer).to.deep.equal({kind: 'unsealed', brand: 'unknown', last4: '4242'});
  });

  it('keeps no number out of an answer, wherever it is put', () => {
    const anyTag = fc.constantFrom(
      '50',
      '5F20',
      '9F12',
      '9F10',
      '8E',
      '9F1F',
      '9F20',
      '9F7C',
      'DF8115',
      '5F30',
      '9F1E',
    );
    const notation = fc.constantFrom(hex(PAN), Buffer.from(PAN), Buffer.from(`A${PAN}`), hex(`0F${PAN}D3`));
    fc.assert(
      fc.property(anyTag, notation, (tag, value) => {
        const data = `E1${KSN}5AA1084242CCCCCCCC42425AC110${CIPHER}${writeTlv(tag, value).toString('hex')}${CHIP}`;
        const text = JSON.stringify(decode(0x23, data));
        expect(text).not.to.include(PAN).and.not.to.include(Buffer.from(PAN).toString('hex'));
      }),
    );
  });

  it('takes no amount for a number, however much is masked', () => {
    for (const masked of ['5AA1084242CCCCCCCC1513', '5AA108CCCCCCCCCCCC1513', '5AA108CCCCCCCCCCCCCCCC']) {
      for (const amount of ['000000001513', '000000000018', '424200001513']) {
        const read = card(0x23, `E1${KSN}${masked}5AC110${CIPHER}9F0206${amount}${CHIP}`);
        expect(read.emv_data, `${masked} ${amount}`).to.include(`9F0206${amount}`);
      }
    }
  });

  it('refuses ciphertext nobody can open', () => {
    const masked = '5AA1084242CCCCCCCC42428407A0000000031010';
    const hopeless: Readonly<Record<string, string>> = {
      [`5AC110${CIPHER}`]: 'no key serial number',
      [`${KSN}5AC107${CIPHER.slice(0, 14)}`]: 'not whole blocks',
      [`DFEE1208FFFF9876543210E05AC110${CIPHER}`]: 'has 8 bytes',
      [`${KSN}FFEE120AFFFF9876543210E000025AC110${CIPHER}`]: 'two key serial numbers',
      [`${KSN}5AC110${CIPHER}5AC110${'00'.repeat(16)}`]: 'two ciphertexts of 5A',
      [`${KSN}DFEF4D10${CIPHER}`]: 'neither card number nor track',
      [`${KSN}5AC108${CIPHER.slice(0, 16)}`]: 'without their tags',
      [`${KSN}57C118${CIPHER}00112233445566775AC110${CIPHER}`]: 'without their tags',
      [`DFEE120A${'00'.repeat(10)}5AC110${CIPHER}`]: 'no key serial number',
    };
    for (const [data, why] of Object.entries(hopeless)) {
      const answer = decode(0x23, `E1${data}${masked}${CHIP}`);
      expect(answer).to.deep.include({
        kind: 'failed',
        reason: 'unusable_encryption',
        brand: 'visa',
        last4: '4242',
      });
      expect(answer.kind === 'failed' && answer.technical).to.include(why);
      expect(JSON.stringify(answer)).not.to.include(CIPHER.slice(0, 14));
    }
  });

  it('tells AES by the length of the key serial number', () => {
    const read = card(0x23, `E1DFEE120C1234567890123456000000015AC110${CIPHER}${CHIP}`);
    expect(read.sealed.encryption).to.equal('aes_dukpt');
    expect(
      decode(0x23, `E1DFEE120C1234567890123456000000015AC108${CIPHER.slice(0, 16)}${CHIP}`).kind,
    ).to.equal('failed');
  });

  it('refuses AES under the key serial number of a TDES key, which the first byte or the swipe block names', () => {
    const masked = '5AA1084242CCCCCCCC4242';
    for (const data of [
      `E3${KSN}${masked}5AC110${CIPHER}${CHIP}`,
      `E1DFEE2602E300${KSN}5AC110${CIPHER}${CHIP}`,
    ]) {
      expect(decode(0x23, data)).to.deep.include({kind: 'failed', reason: 'unusable_encryption'});
    }
    const aes = card(0x23, `E3DFEE120C123456789012345600000001${masked}5AC110${CIPHER}${CHIP}`);
    expect(aes.sealed.encryption).to.equal('aes_dukpt');
  });

  it('never mixes the ciphertext of two frames', () => {
    const earlier = hex(`E0DFEE120AFFFF9876543210E0000057C118${'00'.repeat(24)}5AA1084242CCCCCCCC4242`);
    const answer = decodeAnswer({status: 0, data: hex(`E0${KSN}5AC110${CIPHER}${CHIP}`), earlier: [earlier]});
    expect(answer.kind === 'card' && answer.card.sealed).to.deep.equal(sealed);
  });
});

describe('what an answer means', () => {
  const base = `${KSN}5AA1084242CCCCCCCC42425AC110${CIPHER}8407A00000000310109F390107`;

  it('trusts the cryptogram over the status byte', () => {
    expect(card(0x00, `E1${base}9F270180`).cryptogram).to.equal('arqc');
    expect(card(0x23, `E1${base}9F270140`).cryptogram).to.equal('tc');
    for (const data of [
      `E1FFEE1F0442000000${base}9F270100`,
      `E1${base}9F270100`,
      `E1DFEE25020000${base}9F270100`,
    ]) {
      for (const status of [0x00, 0x23, 0x0a, 0x08]) expect(card(status, data).cryptogram).to.equal('aac');
    }
    expect(card(0x23, `E1${base}9F2701808A025A33`).cryptogram).to.equal('arqc');
    expect(card(0x0a, `E1DFEE25020004${base}9F270180`).cryptogram).to.equal('arqc');
  });

  it('counts a contradicting cryptogram or amount as none, a declining one as declined', () => {
    expect(card(0x23, `E1${base}9F2701809F270140`).cryptogram).to.equal(null);
    expect(card(0x23, `E1${base}9F2701809F270100`).cryptogram).to.equal('aac');
    expect(card(0x23, `E1${base}9F2701809F02060000000001009F0206000000000200`).amount_authorized).to.equal(
      null,
    );
    expect(card(0x23, `E1${base}9F2701809F02060000000A0100`).amount_authorized).to.equal(null);
  });

  const failures: Readonly<Record<string, string>> = {
    '02': 'use_contact',
    '04': 'use_other_interface',
    '06': 'use_magstripe',
    '20': 'card_error',
    '21': 'collision',
    '22': 'over_contactless_limit',
    '25': 'card_blocked',
    '26': 'card_expired',
    '27': 'card_unsupported',
    '30': 'tap_again',
    '42': 'declined_by_card',
    '43': 'reader_offline_only',
    '50': 'authentication_failed',
    '55': 'restricted',
    '57': 'verification_failed',
    '62': 'unreadable',
    '73': 'torn',
    EE: 'unreadable',
  };
  for (const [error, reason] of Object.entries(failures)) {
    it(`error ${error} is ${reason}, with or without an attribution byte or a tag`, () => {
      for (const data of [`E1FFEE1F04${error}000000`, `FFEE1F04${error}000000`, `${error}6985FF`]) {
        expect(decode(0x0a, data)).to.deep.include({kind: 'failed', reason});
      }
      const technical = decode(0x0a, `E1FFEE1F04${error}000000${base}`);
      expect(technical).to.deep.include({kind: 'failed', reason, brand: 'visa', last4: '4242'});
    });
  }

  it('refuses an ARQC of a reader that never asks the issuer', () => {
    expect(decode(0x0a, `E1FFEE1F0443000000${base}9F270180`)).to.deep.include({
      reason: 'reader_offline_only',
    });
  });

  it('knows the statuses that need no error object', () => {
    expect(decode(0x08, '')).to.deep.equal({kind: 'no_card', reason: 'timeout'});
    expect(decode(0x80, '')).to.deep.include({kind: 'failed', reason: 'use_another_card'});
    expect(decode(0x81, '')).to.deep.include({kind: 'failed', reason: 'use_contact'});
    expect(decode(0x0a, '')).to.deep.include({
      kind: 'failed',
      reason: 'unreadable',
      technical: 'status 0A (failed)',
    });
    expect(decode(0x23, 'E1')).to.deep.include({kind: 'failed', reason: 'missing_emv_data'});
  });

  it('throws what is the reader’s own fault', () => {
    const faults = {
      29: 'reader_tampered',
      144: 'reader_key_missing',
      145: 'reader_key_exhausted',
      11: 'reader_fault',
    };
    for (const [status, code] of Object.entries(faults)) {
      expect(() => decode(Number(status), ''))
        .to.throw(StowpayError)
        .with.property('code', code);
    }
  });

  it('takes brands from the application, from digits only without one', () => {
    const plain = `${KSN}5AA1084242CCCCCCCC42425AC110${CIPHER}${CHIP}`;
    expect(card(0x23, `E1${plain}`).brand).to.equal('visa');
    expect(card(0x23, `E1${plain}8407A0000000043060`).brand).to.equal('maestro');
    expect(card(0x23, `E1${plain}4F07A0000002771010`).brand).to.equal('interac');
    expect(card(0x23, `E1${plain}9F0607A0000009990000`).brand).to.equal('unknown');
  });

  it('takes a stripe for a stripe whichever byte says so', () => {
    expect(card(0x23, `F1${base}`).read_method).to.equal('contactless_magstripe_mode');
    expect(card(0x23, `E1${KSN}5AC110${CIPHER}9F390180`).read_method).to.equal('magnetic_stripe_fallback');
    expect(card(0x23, `E0${KSN}5AC110${CIPHER}9F270180`).read_method).to.equal('contact_emv');
  });

  const methods: ReadonlyArray<readonly [string, string, string | null]> = [
    ['E0', '9F3403010002', 'offline_pin'],
    ['E1', '9F3403010002', 'approval'],
    ['E0', '9F3403420300', 'online_pin'],
    ['E0', '9F3403030302', 'offline_pin_and_signature'],
    ['E0', '9F34035E0300', 'signature'],
    ['E0', '9F34031F0302', 'none'],
    ['E0', '9F3403010301', 'failure'],
    ['E1', '9F6C020080', 'approval'],
    ['E1', '9F6C028000', 'online_pin'],
    ['E1', 'DF81290830F0F020B0F0FF00', 'online_pin'],
    ['E1', '', null],
  ];
  for (const [attribution, tags, method] of methods) {
    it(`verification ${tags || 'unknown'} over ${attribution} is ${method}`, () => {
      const read = card(0x23, `${attribution}${KSN}5AC110${CIPHER}9F270180${tags}`);
      expect(read.receipt.cardholder_verification_method).to.equal(method);
    });
  }

  it('goes by the verification that is refused where two contradict each other', () => {
    const method = (tags: string): string | null =>
      card(0x23, `E1${base}9F270180${tags}`).receipt.cardholder_verification_method;
    expect(method('9F34031F03029F3403010301')).to.equal('failure');
    expect(method('9F34030103019F3403420300')).to.equal('online_pin');
    expect(method('9F34030000009F34031F0302')).to.equal('none');
  });

  it('goes by the worst of several errors', () => {
    for (const errors of ['FFEE1F0423000000FFEE1F0457000000', 'FFEE1F0457000000FFEE1F0400000000']) {
      expect(decode(0x0a, `E1${errors}${base}9F270180`)).to.deep.include({reason: 'verification_failed'});
    }
  });

  it('takes a year from 50 on for one of the last century, and two dates for none', () => {
    const year = (tags: string): number | null => card(0x23, `E1${base}9F270180${tags}`).exp_year;
    expect(year('5F2403491231')).to.equal(2049);
    expect(year('5F2403500131')).to.equal(1950);
    expect(year('5F24033412315F2403351231')).to.equal(null);
  });

  it('takes no directory of a card for the application', () => {
    const directory = '840E325041592E5359532E4444463031';
    const read = card(0x23, `E1${directory}${base}9F270180`);
    expect([read.brand, read.receipt.dedicated_file_name]).to.deep.equal(['visa', 'A0000000031010']);
  });

  it('leaves out a tag that could hold the number, though its check digit is wrong', () => {
    const read = card(0x23, `E1${base}9F2701809F10084242000000014242`);
    expect(read.emv_data).not.to.include('9F10');
    expect(card(0x23, `E1${base}9F2701809F10084243000000014242`).emv_data).to.include('9F1008');
  });

  it('lets no control character of a card reach a screen', () => {
    const read = card(0x23, `E1${base}9F2701805008${Buffer.from('\x1b[31mVIS').toString('hex')}`);
    expect(read.receipt.application_preferred_name).to.equal('[31mVIS');
  });
});

describe('decodeAnswer on anything', () => {
  const status = fc.constantFrom(0x00, 0x08, 0x0a, 0x23, 0x60, 0x77);
  const original = hex(`E1${mastercard.hex}`);

  it('throws nothing but its own errors', () => {
    fc.assert(
      fc.property(fc.integer({min: 0, max: 255}), fc.uint8Array({maxLength: 300}), (code, data) => {
        try {
          decodeAnswer({status: code, data: Buffer.from(data)});
        } catch (error) {
          expect(error).to.be.instanceOf(StowpayError);
        }
      }),
      {numRuns: 500},
    );
  });

  it('stays whole under every flipped byte and every cut of the capture, and shows no number', () => {
    const mutant = fc.tuple(fc.nat(original.length - 1), fc.integer({min: 1, max: 255}));
    const cut = fc.nat(original.length);
    fc.assert(
      fc.property(status, fc.array(mutant, {maxLength: 4}), cut, (code, mutants, length) => {
        const data = Buffer.from(original);
        for (const [at, flip] of mutants) data[at] = (data[at] as number) ^ flip;
        const answer = decodeAnswer({status: code, data: data.subarray(0, length)});
        expect(JSON.stringify(answer)).not.to.include('5413339000001513');
      }),
      {numRuns: 2000},
    );
  });
});
