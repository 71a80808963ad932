import {expect} from 'chai';
import {crc16} from '../../../../src/lib/reader/wire/crc.js';

describe('crc16', () => {
  it('gives the published check value', () => {
    expect(crc16(Buffer.from('123456789'))).to.equal(0x29b1);
    expect(crc16(Buffer.alloc(0))).to.equal(0xffff);
  });
});
