import {expect} from 'chai';
import fc from 'fast-check';
import {asksToSeePhone, readUserInterface} from '../../../../src/lib/reader/decode/user-interface.js';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe('what a reader shows by itself', () => {
  it('is a card that was seen, or a message of EMV’s contactless kernels, with or without attribution', () => {
    expect(readUserInterface(hex('01'))).to.deep.equal({kind: 'seen'});
    expect(readUserInterface(hex('DF81160116'))).to.deep.equal({kind: 'seen'});
    for (const [id, message] of [
      ['09', 'enter_pin'],
      ['19', 'multiple_contactless_cards_detected'],
      ['1D', 'insert_card'],
      ['20', 'check_mobile_device'],
      ['21', 'retry_card'],
    ] as const) {
      const request = `DF811616${id}00000000000000000000000000000000000000${'00'.repeat(2)}`;
      expect(readUserInterface(hex(request)), id).to.deep.equal({kind: 'shown', message});
      expect(readUserInterface(hex(`E1${request}`)), id).to.deep.equal({kind: 'shown', message});
    }
  });

  it('is nothing where it is not understood', () => {
    for (const data of ['', '00', '02', '20', 'DF811600', 'DF811601FF', '9F020101'])
      expect(readUserInterface(hex(data)), data).to.equal(null);
  });

  it('says that a phone wants to be looked at: by the kernel’s message, or by the phone’s own refusal', () => {
    expect(asksToSeePhone(hex('E1FFEE1F0420698600'))).to.equal(true);
    expect(asksToSeePhone(hex('FFEE1F0420698600'))).to.equal(true);
    expect(asksToSeePhone(hex('E1FFEE1F0430000000FF810605DF81160120'))).to.equal(true);
    for (const data of ['', 'E1FFEE1F0420698500', 'E1FFEE1F02206986', 'E1FFEE1F0420000000', '6986'])
      expect(asksToSeePhone(hex(data)), data).to.equal(false);
  });

  it('is read from any bytes without failing', () => {
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 200}), (bytes) => {
        readUserInterface(Buffer.from(bytes));
        asksToSeePhone(Buffer.from(bytes));
      }),
      {numRuns: 300},
    );
  });
});
