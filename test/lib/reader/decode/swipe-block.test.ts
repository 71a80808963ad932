import {expect} from 'chai';
import fc from 'fast-check';
import {decodeAnswer} from '../../../../src/lib/reader/decode/answer.js';
import {readSwipeBlock} from '../../../../src/lib/reader/decode/swipe-block.js';
import {writeTlv} from '../../../../src/lib/reader/wire/tlv.js';
import vectors from '../../../fixtures/reader-vectors.json' with {type: 'json'};

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const KSN = hex('FFFF9876543210E00001');
const AES_KSN = hex('123456789012345600000001');
const SHOWN = [
  '%*4242********4242^SANDBOX/TEST^3412****************?',
  ';4242********4242=3412*************?',
  '',
];
const CLEAR = [
  '%B4242424242424242^SANDBOX/TEST^34122010000000000?',
  ';4242424242424242=34122010000000000?',
  '',
];

/** Everything a block may say. */
interface Fields {
  readonly encoding: number;
  readonly shown: readonly string[];
  readonly sealed: readonly boolean[];
  readonly aes: boolean;
  readonly hashes: readonly boolean[];
  readonly sha256: boolean;
  readonly session: boolean;
  readonly serial: boolean;
  readonly ksn: Buffer | null;
  readonly optional: readonly number[] | null;
  readonly mac: boolean;
  /** Further bits of the field that says what is shown. */
  readonly keyBits: number;
}

const ORDINARY: Fields = {
  encoding: 0x80,
  shown: SHOWN,
  sealed: [true, true, false],
  aes: false,
  hashes: [false, false, false],
  sha256: false,
  session: false,
  serial: false,
  ksn: KSN,
  optional: null,
  mac: false,
  keyBits: 0,
};

function flags(bits: readonly boolean[]): number {
  return bits.reduce((sum, set, at) => sum | (set ? 1 << at : 0), 0);
}

function ciphertext(track: number, length: number, aes: boolean): Buffer {
  const block = aes ? 16 : 8;
  return Buffer.alloc(Math.ceil(length / block) * block, 0xa1 + track);
}

function block(fields: Partial<Fields>): Buffer {
  const it = {...ORDINARY, ...fields};
  const tracks = it.shown.map((track) => Buffer.from(track, 'latin1'));
  const options = flags([it.sha256, false, false, false, false, it.mac]);
  const extra = it.optional ?? (it.sha256 || it.mac ? [options] : null);
  const there = tracks.map(({length}) => length > 0);
  const body = Buffer.concat([
    Buffer.from([it.encoding, 0x1f | (extra === null ? 0 : 0x40), ...tracks.map(({length}) => length)]),
    Buffer.from([flags(there) | (it.aes ? 0x10 : 0) | (it.serial ? 0x80 : 0) | it.keyBits]),
    Buffer.from([flags([...it.sealed, ...it.hashes, it.session, it.ksn !== null])]),
    ...(extra === null ? [] : [Buffer.from([extra.length, ...extra])]),
    ...tracks,
    ...tracks.map(({length}, at) =>
      it.sealed[at] === true ? ciphertext(at, length, it.aes) : Buffer.alloc(0),
    ),
    it.session ? Buffer.alloc(8, 0x5e) : Buffer.alloc(0),
    ...it.hashes.map((set, at) => (set ? Buffer.alloc(it.sha256 ? 32 : 20, 0x40 + at) : Buffer.alloc(0))),
    it.serial ? Buffer.from('630Z000001') : Buffer.alloc(0),
    it.ksn ?? Buffer.alloc(0),
    it.mac
      ? Buffer.concat([Buffer.from([4]), Buffer.alloc(4, 0x77), Buffer.alloc(10, 0x66)])
      : Buffer.alloc(0),
  ]);
  return enveloped(body);
}

function enveloped(body: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16LE(body.length);
  const lrc = body.reduce((check, byte) => check ^ byte, 0);
  const sum = body.reduce((total, byte) => total + byte, 0) & 0xff;
  return Buffer.concat([Buffer.from([0x02]), length, body, Buffer.from([lrc, sum, 0x03])]);
}

function swiped(fields: Partial<Fields>, more = '') {
  return decodeAnswer({
    status: 0x00,
    data: Buffer.concat([
      hex('E8'),
      hex('DFEE25020011'),
      writeTlv('DFEE23', block(fields)),
      hex(`9F390190${more}`),
    ]),
  });
}

describe('readSwipeBlock', () => {
  it('reads every field of the public capture', () => {
    const frame = hex(vectors.frames.find(({name}) => name.includes('swipe result'))?.hex ?? '');
    const at = frame.indexOf(hex('DFEE23820138')) + 6;
    const read = readSwipeBlock(frame.subarray(at, at + 0x138));
    expect(read).to.deep.include({encoding: 0x80, track_status: 0x1f, cipher: 'tdes', session: null});
    expect(read?.serial?.toString()).to.equal('310T061040');
    expect(read?.ksn?.toString('hex').toUpperCase()).to.equal('FFFFFF0200110940000F');
    expect(read?.hashes.map((hash) => hash?.length ?? null)).to.deep.equal([20, 20, null]);
    expect(read?.shown.map(({length}) => length)).to.deep.equal([79, 40, 0]);
    expect(read?.sealed.map((track) => track?.length ?? null)).to.deep.equal([80, 40, null]);
  });

  it('reads any block that is made by the rules, and no block with any bit of it changed', () => {
    const track = (index: number) => fc.constantFrom(SHOWN[index] ?? '', '', 'x'.repeat(7));
    const anyFields = fc.record({
      encoding: fc.constantFrom(0x80, 0x81, 0x83, 0x84),
      shown: fc.tuple(track(0), track(1), track(2)),
      sealed: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
      aes: fc.boolean(),
      hashes: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
      sha256: fc.boolean(),
      session: fc.boolean(),
      serial: fc.boolean(),
      mac: fc.boolean(),
      ksn: fc.constantFrom(null, KSN),
    });
    fc.assert(
      fc.property(anyFields, fc.nat(), fc.nat(7), (fields, where, bit) => {
        const ksn = fields.ksn !== null && fields.aes ? AES_KSN : fields.ksn;
        const bytes = block({...fields, ksn});
        const read = readSwipeBlock(bytes);
        expect(read).to.deep.include({encoding: fields.encoding, cipher: fields.aes ? 'aes' : 'tdes', ksn});
        expect(read?.shown.map(String)).to.deep.equal(fields.shown);
        expect(read?.sealed).to.deep.equal(
          fields.shown.map((text, at) =>
            fields.sealed[at] === true && text !== '' ? ciphertext(at, text.length, fields.aes) : null,
          ),
        );
        expect(read?.serial?.toString() ?? null).to.equal(fields.serial ? '630Z000001' : null);
        const damaged = Buffer.from(bytes);
        damaged[where % bytes.length] = (damaged[where % bytes.length] as number) ^ (1 << bit);
        expect(readSwipeBlock(damaged)).to.equal(null);
      }),
      {numRuns: 300},
    );
  });
});

describe('a swipe', () => {
  it('is the two tracks under the key serial number of its own block', () => {
    const answer = swiped({}, 'DFEE120AFFFF9876543210E00002');
    expect(answer.kind === 'card' && answer.card.sealed).to.deep.equal({
      encryption: 'tdes_dukpt',
      ksn: 'FFFF9876543210E00001',
      tags: {
        T1: ciphertext(0, SHOWN[0]?.length ?? 0, false)
          .toString('hex')
          .toUpperCase(),
        T2: ciphertext(1, SHOWN[1]?.length ?? 0, false)
          .toString('hex')
          .toUpperCase(),
      },
    });
    expect(answer).to.deep.include({kind: 'card'});
    expect(answer.kind === 'card' && answer.card).to.include({
      last4: '4242',
      brand: 'visa',
      exp_year: 2034,
      cardholder_name: 'SANDBOX/TEST',
      read_method: 'magnetic_stripe_track2',
    });
  });

  it('takes the key serial number beside the block where the block has none', () => {
    const answer = swiped({ksn: null}, 'DFEE120AFFFF9876543210E00002');
    expect(answer.kind === 'card' && answer.card.sealed.ksn).to.equal('FFFF9876543210E00002');
  });

  it('may be AES, with a key serial number that says so', () => {
    const answer = swiped({aes: true, ksn: AES_KSN});
    expect(answer.kind === 'card' && answer.card.sealed.encryption).to.equal('aes_dukpt');
  });

  const unusable: Readonly<Record<string, Partial<Fields>>> = {
    'AES under the key serial number of a TDES key': {aes: true},
    'a fixed key': {keyBits: 0x08},
    'the key for PINs': {keyBits: 0x40},
    'what the optional bytes name': {optional: [0x02]},
    'no key serial number at all': {ksn: null},
  };
  for (const [name, fields] of Object.entries(unusable)) {
    it(`is refused by name when it is encrypted with ${name}`, () => {
      expect(swiped(fields)).to.deep.include({kind: 'failed', reason: 'unusable_encryption', last4: '4242'});
    });
  }

  it('of a bank card that is readable is dropped, beside ciphertext, too', () => {
    for (const fields of [{shown: CLEAR}, {shown: CLEAR, sealed: [false, false, false], ksn: null}]) {
      const answer = swiped(fields);
      expect(answer).to.deep.equal({kind: 'unsealed', brand: 'unknown', last4: '4242'});
    }
  });

  it('that could not be read, or of a card that is no bank card, is a swipe and no fault of the reader', () => {
    const nothing = {sealed: [false, false, false], ksn: null};
    for (const fields of [
      {shown: ['%E?', ';E?', ''], ...nothing},
      {encoding: 0x83, shown: ['%CLUB 1234^NOBODY?', '', ''], ...nothing},
      {encoding: 0x81, shown: ['%CASPRINGFIELD^NOBODY?', '', ''], ...nothing},
    ]) {
      expect(swiped(fields)).to.deep.include({kind: 'failed', reason: 'magnetic_stripe'});
    }
  });

  it('of a club card that carries a bank card’s number is dropped all the same', () => {
    for (const encoding of [0x81, 0x83]) {
      expect(swiped({encoding, shown: CLEAR, sealed: [false, false, false], ksn: null}).kind).to.equal(
        'unsealed',
      );
    }
  });
});
