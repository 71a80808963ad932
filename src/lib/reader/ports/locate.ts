import {StowpayError} from '../../core/errors.js';
import {fitsUsb, type UsbName, usbAddress} from '../../core/reader-address.js';
import {findPorts} from './list.js';
import {type ScannedPort, scanPorts} from './scan.js';

/**
 * The port a USB device has at the moment. Rejects with `reader_not_found` when it is not plugged in and
 * `reader_ambiguous` when several ports fit.
 */
export async function locateUsb(name: UsbName): Promise<string> {
  const scanned = process.platform === 'linux' ? scanPorts() : [];
  const near = scanned.filter(({usb}) => fitsUsb(name, usb));
  return near.length > 0 ? theOnly(name, near) : chooseUsb(name, (await findPorts(scanned)).ports);
}

/** The path of the one port that fits. Throws `reader_not_found` or `reader_ambiguous`. */
export function chooseUsb(name: UsbName, ports: readonly ScannedPort[]): string {
  const fitting = ports.filter(({usb}) => fitsUsb(name, usb));
  if (fitting.length > 0) return theOnly(name, fitting);
  const model = ports.filter(({usb}) => fitsUsb({...name, serial: null}, usb));
  const others = model.map(({path, usb}) => `${path} has ${usb?.serial ?? 'no serial number'}`).join(', ');
  throw new StowpayError(
    'reader_not_found',
    `The USB device of ${usbAddress(name)} is not plugged in, or has no serial port` +
      `${others === '' ? '' : ` (same model, other serial number: ${others})`}.`,
    {hint: 'Check its cable and power. stowpay readers lists the ports that are there.'},
  );
}

function theOnly(name: UsbName, [first, ...more]: readonly ScannedPort[]): string {
  if (first !== undefined && more.length === 0) return first.path;
  const paths = [first, ...more].map((port) => port?.links[0] ?? port?.path).join(', ');
  throw new StowpayError('reader_ambiguous', `${more.length + 1} ports fit ${usbAddress(name)}: ${paths}.`, {
    hint:
      name.serial === null
        ? 'Add the serial number of the right one, or name its port below /dev/serial/by-id.'
        : 'Name the right one by its port below /dev/serial/by-id.',
  });
}
