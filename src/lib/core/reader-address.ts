import {StowpayError} from './errors.js';

/** Where a reader is, as an address says it. */
export type ReaderAddress = SerialAddress | TcpAddress | {readonly kind: 'sim'};

export interface SerialAddress {
  readonly kind: 'serial';
  readonly port: SerialPortName;
  readonly settings: SerialSettings;
}

/** A port by its path, or whatever port a USB device has at the moment. */
export type SerialPortName = {readonly by: 'path'; readonly path: string} | UsbName;

export interface UsbName {
  readonly by: 'usb';
  /** Four lower-case hex digits. */
  readonly vendor: string;
  /** Four lower-case hex digits. */
  readonly product: string;
  /** Null: any device of that vendor and product. */
  readonly serial: string | null;
}

/** Eight data bits always: the protocol is binary. */
export interface SerialSettings {
  readonly baud: number;
  readonly parity: 'none' | 'even' | 'odd';
  readonly stop_bits: 1 | 2;
}

export interface TcpAddress {
  readonly kind: 'tcp';
  readonly host: string;
  readonly port: number;
}

export const ADDRESS_FORMS =
  'Use serial:<path>, serial:usb:<vendor>:<product>[:<serial>], tcp://<host>:<port> or sim: (emulated).';

const BAUD_RATES = [
  1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600,
] as const;
const PARITIES = {N: 'none', E: 'even', O: 'odd'} as const;

/** What an address says. Throws `invalid_usage`, which names what is wrong with it. */
export function parseReaderAddress(address: string): ReaderAddress {
  if (address === 'sim:') return {kind: 'sim'};
  const serial = /^serial:(?<name>[^?]+)(?:\?(?<options>.*))?$/.exec(address)?.groups;
  if (serial?.name !== undefined) {
    const settings = serialSettings(address, serial.options);
    return {kind: 'serial', port: portName(address, serial.name), settings};
  }
  const tcp = /^tcp:(?:\/\/)?(?:\[(?<six>[0-9a-f:.]+)\]|(?<host>[^:/?[\]\s]+)):(?<port>\d{1,5})\/?$/i.exec(
    address,
  )?.groups;
  const host = tcp?.six ?? tcp?.host;
  const port = Number(tcp?.port);
  if (host !== undefined && port > 0 && port < 65_536) return {kind: 'tcp', host, port};
  throw unusable(address, 'is not the address of a reader', meant(address));
}

/** What was probably meant by words that lack the first one. */
function meant(address: string): string {
  if (/^\/\S+$/.test(address)) return `Write serial:${address.slice(0, 64)} for a port.`;
  if (/^(?!(?:sim|serial|tcp):)[\w.-]+:\d+$/.test(address))
    return `Write tcp://${address.slice(0, 64)} for a serial device server.`;
  return ADDRESS_FORMS;
}

/** Whether a name fits a device; without a serial number it fits every one of its model. */
export function fitsUsb({vendor, product, serial}: UsbName, device: Omit<UsbName, 'by'> | null): boolean {
  return (
    device?.vendor === vendor && device.product === product && (serial === null || serial === device.serial)
  );
}

/** The address of a USB device: it names the same reader whatever port it gets. */
export function usbAddress({vendor, product, serial}: Omit<UsbName, 'by'>): string {
  const device = `serial:usb:${vendor}:${product}`;
  return serial === null ? device : `${device}:${encodeURIComponent(serial)}`;
}

function portName(address: string, name: string): SerialPortName {
  if (!/^usb:/i.test(name)) return {by: 'path', path: name};
  const usb =
    /^usb:(?<vendor>[0-9a-f]{4}):(?<product>[0-9a-f]{4})(?::(?<serial>.+))?$/i.exec(name)?.groups ?? null;
  if (usb === null) {
    throw unusable(
      address,
      'names no USB device',
      'Write serial:usb:VVVV:PPPP or serial:usb:VVVV:PPPP:SERIAL, with four hex digits each; stowpay readers shows them.',
    );
  }
  return {
    by: 'usb',
    vendor: (usb.vendor as string).toLowerCase(),
    product: (usb.product as string).toLowerCase(),
    serial: usb.serial === undefined ? null : decoded(address, usb.serial),
  };
}

function decoded(address: string, serial: string): string {
  try {
    return decodeURIComponent(serial);
  } catch {
    throw unusable(address, 'has a broken % in its serial number', 'Write a % of the serial number as %25.');
  }
}

function serialSettings(address: string, options: string | undefined): SerialSettings {
  let settings: SerialSettings = {baud: 115_200, parity: 'none', stop_bits: 1};
  for (const option of options?.split('&') ?? []) {
    const [name, value = ''] = option.split('=', 2);
    switch (name) {
      case 'baud':
        settings = {...settings, baud: baudRate(address, value)};
        break;
      case 'framing':
        settings = {...settings, ...framing(address, value)};
        break;
      default:
        throw unusable(address, 'has an option nobody knows', 'Options are ?baud=115200 and ?framing=8N1.');
    }
  }
  return settings;
}

function baudRate(address: string, value: string): number {
  const baud = BAUD_RATES.find((rate) => String(rate) === value);
  if (baud !== undefined) return baud;
  throw unusable(
    address,
    'has a speed no reader speaks',
    `Speeds are ${BAUD_RATES.join(', ')}; readers speak 115200 unless set otherwise.`,
  );
}

function framing(address: string, value: string): Omit<SerialSettings, 'baud'> {
  const found = /^8(?<parity>[NEO])(?<stop>[12])$/i.exec(value)?.groups;
  if (found === undefined) {
    throw unusable(
      address,
      'has a framing that cannot carry the protocol',
      'Framings are 8N1 (the usual), 8E1, 8O1, 8N2, 8E2, 8O2: the protocol needs eight data bits.',
    );
  }
  const parity = PARITIES[found.parity?.toUpperCase() as keyof typeof PARITIES];
  return {parity, stop_bits: found.stop === '2' ? 2 : 1};
}

function unusable(address: string, what: string, hint: string): StowpayError {
  return new StowpayError('invalid_usage', `${JSON.stringify(address.slice(0, 64))} ${what}.`, {hint});
}
