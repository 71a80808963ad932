import {expect} from 'chai';
import fc from 'fast-check';
import {StowpayError} from '../../../src/lib/core/errors.js';
import {parseReaderAddress, usbAddress} from '../../../src/lib/core/reader-address.js';

const USUAL = {baud: 115_200, parity: 'none', stop_bits: 1};

function refusal(address: string): StowpayError {
  try {
    parseReaderAddress(address);
  } catch (error) {
    if (error instanceof StowpayError) return error;
  }
  throw new Error(`${address} was taken`);
}

describe('the address of a reader', () => {
  it('that lacks its first word is shown with it', () => {
    expect(refusal('/dev/ttyUSB0').hint).to.include('serial:/dev/ttyUSB0');
    expect(refusal('10.0.0.5:4001').hint).to.include('tcp://10.0.0.5:4001');
    expect(refusal('nonsense').hint).to.include('serial:<path>');
  });

  it('names a port by path, a USB device, a device server or the emulated reader', () => {
    expect(parseReaderAddress('serial:/dev/ttyUSB0')).to.deep.equal({
      kind: 'serial',
      port: {by: 'path', path: '/dev/ttyUSB0'},
      settings: USUAL,
    });
    expect(parseReaderAddress('serial:COM3')).to.deep.include({port: {by: 'path', path: 'COM3'}});
    expect(parseReaderAddress('serial:usb:0ACD:3810')).to.deep.include({
      port: {by: 'usb', vendor: '0acd', product: '3810', serial: null},
    });
    expect(parseReaderAddress('serial:usb:0acd:3810:T-12%3A4')).to.deep.include({
      port: {by: 'usb', vendor: '0acd', product: '3810', serial: 'T-12:4'},
    });
    for (const address of ['tcp://10.0.0.5:4001', 'tcp:10.0.0.5:4001', 'tcp://10.0.0.5:4001/']) {
      expect(parseReaderAddress(address)).to.deep.equal({kind: 'tcp', host: '10.0.0.5', port: 4001});
    }
    expect(parseReaderAddress('tcp://[fe80::1]:4001')).to.deep.include({host: 'fe80::1'});
    expect(parseReaderAddress('sim:')).to.deep.equal({kind: 'sim'});
  });

  it('says speed and framing where they are not the usual ones', () => {
    const settingsOf = (address: string): unknown =>
      (parseReaderAddress(address) as {settings?: unknown}).settings;
    expect(settingsOf('serial:/dev/ttyS0?baud=9600')).to.deep.equal({...USUAL, baud: 9600});
    expect(settingsOf('serial:usb:0acd:3810?framing=8e2&baud=19200')).to.deep.equal({
      baud: 19_200,
      parity: 'even',
      stop_bits: 2,
    });
    expect(settingsOf('serial:COM3?framing=8O1')).to.deep.equal({...USUAL, parity: 'odd'});
  });

  it('is refused with what to write instead', () => {
    const wrong: ReadonlyArray<readonly [string, RegExp]> = [
      ['', /serial:<path>/],
      ['serial:', /serial:<path>/],
      ['usb:0acd:3810', /serial:<path>/],
      ['sim:2', /serial:<path>/],
      ['tcp://', /tcp:/],
      ['tcp://host', /tcp:/],
      ['tcp://host:0', /tcp:/],
      ['tcp://host:99999', /tcp:/],
      ['serial:usb:acd:3810', /four hex digits/],
      ['serial:usb:0acd', /four hex digits/],
      ['serial:usb:0acd:3810:%zz', /%25/],
      ['serial:/dev/ttyS0?baud=115201', /115200/],
      ['serial:/dev/ttyS0?baud=', /115200/],
      ['serial:/dev/ttyS0?framing=7E1', /eight data bits/],
      ['serial:/dev/ttyS0?speed=9600', /baud=115200/],
      ['serial:/dev/ttyS0?', /baud=115200/],
    ];
    for (const [address, hint] of wrong) {
      const error = refusal(address);
      expect(error.code, address).to.equal('invalid_usage');
      expect(error.hint, address).to.match(hint);
    }
  });

  it('comes back from what a USB device is called, whatever characters that has', () => {
    const hex = fc.stringMatching(/^[0-9a-f]{4}$/);
    const serial = fc.option(fc.string({minLength: 1, maxLength: 40, unit: 'grapheme'}));
    fc.assert(
      fc.property(hex, hex, serial, (vendor, product, number) => {
        const {port} = parseReaderAddress(usbAddress({vendor, product, serial: number})) as {port?: unknown};
        expect(port).to.deep.equal({by: 'usb', vendor, product, serial: number});
      }),
    );
  });

  it('is read or refused by name, whatever it is', () => {
    const nearly = fc.tuple(
      fc.constantFrom('serial:', 'tcp:', 'tcp://', 'sim:', 'serial:usb:'),
      fc.oneof(fc.string(), fc.string({unit: fc.constantFrom('0', 'a', ':', '?', '&', '=', '%', '[', '/')})),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          nearly.map((parts) => parts.join('')),
        ),
        (address) => {
          try {
            parseReaderAddress(address);
          } catch (error) {
            expect(error).to.be.instanceOf(StowpayError);
          }
        },
      ),
    );
  });
});
