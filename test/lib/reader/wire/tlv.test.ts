import {expect} from 'chai';
import fc from 'fast-check';
import {readTlv, writeTlv} from '../../../../src/lib/reader/wire/tlv.js';
import vectors from '../../../fixtures/reader-vectors.json' with {type: 'json'};

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

function read(text: string): string[] {
  const reading = readTlv(hex(text));
  const objects = reading.objects.map(
    ({tag, form, value, container}) =>
      `${container === null ? '' : `${container}/`}${tag} ${form} ${value.toString('hex').toUpperCase()}`,
  );
  return reading.truncated ? [...objects, 'truncated'] : objects;
}

describe('readTlv', () => {
  it('reads the length octet as the reader means it', () => {
    expect(read('5A0411223344')).to.deep.equal(['5A plain 11223344']);
    expect(read('5A810411223344')).to.deep.equal(['5A plain 11223344']);
    expect(read('5AA1024CCC5AC1021234')).to.deep.equal(['5A masked 4CCC', '5A encrypted 1234']);
    expect(read('5AC200021234')).to.deep.equal(['5A encrypted 1234']);
    expect(read('5A840000000112')).to.deep.equal(['5A plain 12']);
  });

  it('keeps every occurrence, also the empty ones', () => {
    expect(read('9F01009F010112')).to.deep.equal(['9F01 plain ', '9F01 plain 12']);
  });

  it('skips filler but not the tags that begin like it', () => {
    expect(read('00005A0112FF5A011300')).to.deep.equal(['5A plain 12', '5A plain 13']);
    expect(read('FFFF9F390107')).to.deep.equal(['9F39 plain 07']);
    expect(read('FFEE120ACDCDCD0701453DE0000D')).to.deep.equal(['FFEE12 plain CDCDCD0701453DE0000D']);
    expect(read('FFE4018EFFF30101')).to.deep.equal(['FFE4 plain 8E', 'FFF3 plain 01']);
  });

  it('opens containers, and only those', () => {
    expect(read('FF8105035A0112')).to.deep.equal(['FF8105/5A plain 12']);
    expect(read('E103700 35A0112'.replace(' ', ''))).to.deep.equal(['truncated']);
    expect(read('E10570035A0112')).to.deep.equal(['70/5A plain 12']);
    for (const primitive of ['FFEE1F', 'FFEE12', 'E300', 'FFF4', 'FF69']) {
      expect(read(`${primitive}035A0112`)).to.deep.equal([`${primitive} plain 5A0112`]);
    }
  });

  it('reads what there is of a container longer than its parent', () => {
    expect(read('FF81057F5A0112')).to.deep.equal(['FF8105/5A plain 12', 'truncated']);
    expect(read('E10570085A0112500141')).to.deep.equal(['70/5A plain 12', '50 plain 41', 'truncated']);
  });

  it('stops where a length or a tag is impossible', () => {
    for (const end of [
      '5A80',
      '5A85',
      '5AFF',
      '5AA0',
      '5AC0',
      '5AE1',
      '5AA1',
      '5A',
      '5A84FFFFFFFF',
      '1FFFFFFFFF7F01',
    ]) {
      expect(read(`500141${end}`), end).to.deep.equal(['50 plain 41', 'truncated']);
    }
  });

  it('does not follow nesting without end', () => {
    const deep = Buffer.concat(Array.from({length: 10_000}, () => hex('FF810582FFFF')));
    expect(readTlv(deep)).to.deep.include({objects: [], truncated: true});
  });

  it('reads the public captures to the end', () => {
    for (const payload of vectors.payloads.filter((item) => item.hex !== '')) {
      const {objects, truncated} = readTlv(hex(payload.hex));
      expect(truncated).to.equal(false);
      expect(objects.length).to.be.greaterThan(20);
      expect(objects.find(({tag}) => /^(DF|FF)EE12$/.test(tag))?.value).to.deep.equal(hex(payload.ksn));
    }
  });

  it('never throws and takes time in proportion', () => {
    fc.assert(fc.property(fc.uint8Array({maxLength: 400}), (bytes) => readTlv(bytes).objects.length <= 400));
    for (const byte of [0x00, 0x1f, 0x5a, 0x70, 0x80, 0xe1, 0xff]) readTlv(Buffer.alloc(1_000_000, byte));
  }).timeout(4000);

  it('reads back what writeTlv wrote', () => {
    const tag = fc.constantFrom('5A', '9F26', 'DFEE25', 'DF8129');
    fc.assert(
      fc.property(tag, fc.uint8Array({minLength: 1, maxLength: 700}), (name, value) => {
        const {objects, truncated} = readTlv(writeTlv(name, value));
        expect(truncated).to.equal(false);
        expect(objects).to.deep.equal([
          {tag: name, form: 'plain', value: Buffer.from(value), container: null},
        ]);
      }),
    );
  });
});
