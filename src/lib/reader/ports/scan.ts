import {readdirSync, readFileSync, realpathSync} from 'node:fs';
import {dirname, join} from 'node:path';

/** A serial port as the file system shows it. */
export interface ScannedPort {
  readonly path: string;
  /** Links to it, first those below /dev/serial/by-id: they stay the same when the port gets another number. */
  readonly links: readonly string[];
  readonly usb: UsbDevice | null;
}

export interface UsbDevice {
  /** Four lower-case hex digits. */
  readonly vendor: string;
  /** Four lower-case hex digits. */
  readonly product: string;
  readonly serial: string | null;
  readonly name: string | null;
}

/** Ports that exist only while something is plugged in. */
const PLUGGED = /^tty(?:USB|ACM|XRUSB|WCH|CH343USB)\d+$/;
/** Ports of the machine itself; many are only names without hardware. */
const BUILT_IN = /^tty(?:S|AMA|O|mxc|THS|MFD|SC|LP|SAC|HS|PS|AML|FIQ)\d+$/;

/**
 * The serial ports of a Linux machine that a reader could be at, read from the file system alone: no udev is needed.
 * Built-in ports are among them where hardware is behind them and no console is. Never throws.
 */
export function scanPorts(dev = '/dev', sys = '/sys'): readonly ScannedPort[] {
  const byId = join(dev, 'serial', 'by-id');
  const lasting = linksByPort(entriesOf(byId).map((name) => join(byId, name)));
  const others = linksByPort(entriesOf(dev).map((name) => join(dev, name)));
  const consoles = new Set(textOf(join(sys, 'class/tty/console/active'))?.split(' ') ?? []);
  const named = entriesOf(dev)
    .filter((name) => PLUGGED.test(name) || (isBuiltIn(name, sys) && !consoles.has(name)))
    .map((name) => join(dev, name));
  const once = new Map([...lasting.keys(), ...named].map((path) => [realOf(path) ?? path, path]));
  return [...once].sort(byNumber).map(([real, path]) => ({
    path,
    links: [...(lasting.get(real) ?? []), ...(others.get(real) ?? [])].filter((link) => link !== path),
    usb: usbDevice(join(sys, 'class/tty', path.slice(path.lastIndexOf('/') + 1), 'device'), sys),
  }));
}

function isBuiltIn(name: string, sys: string): boolean {
  if (!BUILT_IN.test(name)) return false;
  const port = join(sys, 'class/tty', name);
  // The 8250 driver makes names for chips that are not there: type 0.
  const type = textOf(join(port, 'type'));
  return type === null ? realOf(join(port, 'device')) !== null : type !== '0';
}

/** Where links lead, the other way round. What is no link is left out. */
function linksByPort(paths: readonly string[]): Map<string, readonly string[]> {
  const links = new Map<string, readonly string[]>();
  for (const link of [...paths].sort()) {
    const target = realOf(link);
    if (target !== null && target !== link) links.set(target, [...(links.get(target) ?? []), link]);
  }
  return links;
}

/** The USB device a port belongs to: the nearest directory above it that has a vendor and a product. */
function usbDevice(device: string, sys: string): UsbDevice | null {
  const root = realOf(sys) ?? sys;
  for (let at = realOf(device); at?.startsWith(`${root}/`) === true; at = dirname(at)) {
    const [vendor, product] = [textOf(join(at, 'idVendor')), textOf(join(at, 'idProduct'))];
    if (vendor === null || product === null) continue;
    const maker = textOf(join(at, 'manufacturer'));
    const name = [maker, textOf(join(at, 'product'))].filter((part) => part !== null).join(' ');
    return {
      vendor: vendor.toLowerCase(),
      product: product.toLowerCase(),
      serial: textOf(join(at, 'serial')),
      name: name === '' ? null : name,
    };
  }
  return null;
}

/** Printable text of a small file; null when there is none or it is empty. */
function textOf(path: string): string | null {
  try {
    // What a device calls itself ends up on a terminal.
    const text = readFileSync(path, 'utf8')
      .replace(/[^\x20-\x7e]/g, '')
      .trim();
    return text === '' ? null : text;
  } catch {
    return null;
  }
}

function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function realOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

function byNumber([, left]: [string, string], [, right]: [string, string]): number {
  return left.localeCompare(right, 'en', {numeric: true});
}
