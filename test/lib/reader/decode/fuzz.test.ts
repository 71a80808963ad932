import {expect} from 'chai';
import fc from 'fast-check';
import type {CardAnswer} from '../../../../src/lib/core/card.js';
import {StowpayError} from '../../../../src/lib/core/errors.js';
import {decodeAnswer, isChipStarted} from '../../../../src/lib/reader/decode/answer.js';
import {EMV_DATA_ALLOWLIST} from '../../../../src/lib/reader/decode/emv-data.js';
import {encodeResponse, ResponseDecoder} from '../../../../src/lib/reader/wire/frame.js';
import {readTlv, writeTlv} from '../../../../src/lib/reader/wire/tlv.js';
import vectors from '../../../fixtures/reader-vectors.json' with {type: 'json'};
import {anyMeant, anyShape, write} from '../../../support/answer-shapes.js';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const STATUSES = [0x00, 0x23, 0x0a, 0x08, 0x60];
const ALLOWED = new Set(EMV_DATA_ALLOWLIST.map(({tag}) => tag));
/** What is under the ciphertext of the captures whose key is published. */
const NUMBERS = ['5413339000001513', '4761731000000043'];

/** The data of every public answer to a card read, its first byte included. */
const CAPTURES: readonly {readonly name: string; readonly data: Buffer}[] = [
  ...vectors.payloads
    .filter((payload) => payload.hex !== '')
    .map(({name, hex: text}) => ({name, data: hex(`${name.includes('contact ') ? 'E0' : 'E1'}${text}`)})),
  ...vectors.frames
    .filter(({name}) => name.startsWith('02-40 '))
    .map(({name, hex: text}) => ({name, data: hex(text).subarray(14, -2)})),
];

/** Decodes, and checks what must hold of any answer there is. */
function sound(status: number, data: Buffer, earlier: readonly Buffer[] = []): CardAnswer | StowpayError {
  const answer = decoded(status, data, earlier);
  const text = JSON.stringify(answer);
  for (const number of NUMBERS) expect(text).not.to.include(number);
  if (answer instanceof StowpayError || answer.kind !== 'card') return answer;
  const {sealed, emv_data} = answer.card;
  const sent = Buffer.concat([data, ...earlier]);
  expect(sent.includes(hex(sealed.ksn)), 'the key serial number was sent').to.equal(true);
  for (const ciphertext of Object.values(sealed.tags)) {
    expect(ciphertext).to.match(/^(?:[0-9A-F]{16})+$/);
    expect(sent.includes(hex(ciphertext)), 'the ciphertext was sent').to.equal(true);
  }
  const kept = readTlv(hex(emv_data));
  expect(kept.truncated).to.equal(false);
  for (const {tag} of kept.objects) expect(ALLOWED.has(tag), tag).to.equal(true);
  return answer;
}

function decoded(status: number, data: Buffer, earlier: readonly Buffer[]): CardAnswer | StowpayError {
  isChipStarted(data);
  try {
    return decodeAnswer({status, data, earlier});
  } catch (error) {
    if (error instanceof StowpayError) return error;
    throw error;
  }
}

describe('an answer that was cut, damaged or made up', () => {
  for (const {name, data} of CAPTURES) {
    it(`is sound at every prefix, and cut in two at every place: ${name}`, () => {
      for (let length = 0; length <= data.length; length += 1) {
        const status = STATUSES[length % STATUSES.length] as number;
        sound(status, data.subarray(0, length));
        sound(0x23, data.subarray(0, length));
        sound(0x00, data.subarray(length), [data.subarray(0, length)]);
      }
    });

    it(`is sound with every byte flipped, sent with a right check sum: ${name}`, () => {
      const decoder = new ResponseDecoder();
      for (let at = 0; at < data.length; at += 1) {
        for (const flip of [1 << (at % 8), 0xff]) {
          const mutant = Buffer.from(data);
          mutant[at] = (mutant[at] as number) ^ flip;
          const [frame] = decoder.push(encodeResponse({command: 0x02, status: 0x23, data: mutant}));
          if (frame === undefined) expect.fail(`no frame for byte ${at}`);
          expect(frame.data.equals(mutant)).to.equal(true);
          sound(frame.status, frame.data);
        }
      }
    });
  }

  it('is sound with impossible lengths in place of every length, and of every other byte', () => {
    const nasty = [
      '80',
      '85',
      'FF',
      'A0',
      'C0',
      'E1',
      'A1',
      'C1',
      '84FFFFFFFF',
      'C4FFFFFFFF',
      '8400000000',
      '1FFFFFFFFFFF',
    ];
    for (const {data} of CAPTURES) {
      for (let at = 0; at < data.length; at += 3) {
        const bytes = hex(nasty[(at / 3) % nasty.length] as string);
        sound(0x23, Buffer.concat([data.subarray(0, at), bytes, data.subarray(at + 1)]));
        sound(0x0a, Buffer.concat([data.subarray(0, at), bytes]));
      }
    }
  });

  it('is sound when pieces of all captures are put together in any way', () => {
    const piece = fc
      .tuple(fc.constantFrom(...CAPTURES), fc.nat(), fc.nat(160))
      .map(([{data}, from, length]) => data.subarray(from % data.length, (from % data.length) + length));
    fc.assert(
      fc.property(fc.integer({min: 0, max: 255}), fc.array(piece, {maxLength: 6}), (status, pieces) => {
        sound(status, Buffer.concat(pieces));
      }),
      {numRuns: 800},
    );
  });

  it('is sound whatever bytes of a generated answer are changed, doubled or lost', () => {
    const change = fc.tuple(
      fc.nat(),
      fc.constantFrom('flip', 'double', 'drop'),
      fc.integer({min: 1, max: 255}),
    );
    fc.assert(
      fc.property(anyMeant, anyShape, fc.array(change, {maxLength: 5}), (meant, shape, changes) => {
        const {status, data} = write(meant, shape);
        const bytes = [...data];
        for (const [where, how, by] of changes) {
          const at = where % bytes.length;
          if (how === 'flip') bytes[at] = (bytes[at] as number) ^ by;
          else bytes.splice(at, how === 'drop' ? 1 : 0, ...(how === 'drop' ? [] : [by]));
        }
        expect(JSON.stringify(sound(status, Buffer.from(bytes)))).not.to.include(meant.pan);
      }),
      {numRuns: 500},
    );
  });

  it('is the same card when a container says it is longer than what it is in', () => {
    const data = hex(`E1${vectors.payloads[0]?.hex}`);
    const at = data.indexOf(hex('FF81058201'));
    const longer = Buffer.from(data);
    longer[at + 4] = 0x7f;
    const [whole, cut] = [sound(0x23, data), sound(0x23, longer)];
    expect(cut).to.deep.equal(whole);
    expect(whole).to.include({kind: 'card'});
  });

  it('is no card when its ciphertext is not whole blocks', () => {
    const data = hex(`E1${vectors.payloads[0]?.hex}`);
    const at = data.indexOf(hex('5AC110'));
    const shorter = Buffer.concat([data.subarray(0, at), hex('5AC10F'), data.subarray(at + 4)]);
    expect(sound(0x23, shorter)).to.deep.include({
      kind: 'failed',
      reason: 'unusable_encryption',
      last4: '1513',
    });
  });
});

describe('an answer without end', () => {
  const SIZE = 200_000;
  const pattern = (text: string): Buffer => Buffer.alloc(SIZE, hex(text));
  const nested = (tag: string, depth: number, inner: Buffer): Buffer => {
    let out = inner;
    for (let level = 0; level < depth; level += 1) out = Buffer.concat([hex(tag), hex('84'), size(out), out]);
    return out;
  };
  const endless: Readonly<Record<string, () => Buffer>> = {
    zeros: () => pattern('00'),
    FF: () => pattern('FF'),
    'a tag that never ends': () => Buffer.concat([hex('1F'), pattern('FF')]),
    digits: () => pattern('42'),
    'digits as text': () => pattern('34'),
    'digits in a tag': () => writeLong('DF01', pattern('42')),
    'digits in a track': () => writeLong('57', pattern('42')),
    'digits and separators': () => writeLong('56', pattern('3D343B')),
    'number tags': () => pattern('5A084242424242424242'),
    'masked number tags': () => pattern('5AA1084242CCCCCCCC4242'),
    'key serial numbers': () => pattern('DFEE120AFFFF9876543210E00001'),
    'broken swipe blocks': () => pattern('DFEE2303020100'),
    containers: () => pattern('FF810584FFFFFFFF'),
    'empty containers': () => pattern('FF810500'),
    'a container 10,000 deep': () => nested('FF8105', 10_000, hex('5A084242424242424242')),
    'filler that looks like a tag': () => pattern('FFE1FFE300'),
    noise: () => noise(SIZE),
  };
  for (const [name, make] of Object.entries(endless)) {
    it(`is read once and done with: ${name}`, () => {
      const data = make();
      expect(readTlv(data).objects.length).to.be.at.most(data.length / 2);
      for (const status of [0x23, 0x0a]) sound(status, data);
    });
  }

  it('does not hide a readable number below the deepest level that is read', () => {
    const deep = nested('FF8105', 40, hex('5A084242424242424242'));
    expect(sound(0x23, Buffer.concat([hex('E1'), deep]))).to.include({kind: 'unsealed'});
  });
});

function writeLong(tag: string, value: Buffer): Buffer {
  return value.length < 0x10000
    ? writeTlv(tag, value)
    : Buffer.concat([hex(tag), hex('84'), size(value), value]);
}

function size(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return length;
}

/** The same noise every time. */
function noise(length: number): Buffer {
  const out = Buffer.alloc(length);
  let state = 1;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out[at] = state >>> 24;
  }
  return out;
}
