import type {ListReaderPorts, ReaderPort} from '../../core/ports.js';
import {usbAddress} from '../../core/reader-address.js';
import {type ScannedPort, scanPorts, type UsbDevice} from './scan.js';

/** What `serialport` tells of a port. */
interface ListedPort {
  readonly path: string;
  readonly manufacturer?: string | undefined;
  readonly serialNumber?: string | undefined;
  readonly pnpId?: string | undefined;
  readonly vendorId?: string | undefined;
  readonly productId?: string | undefined;
}

/** Ports with names, however the system knows them: what udev (or its like) tells, and on Linux what is in /dev. */
export interface FoundPorts {
  readonly ports: readonly ScannedPort[];
  /** Why the system could not be asked; null when it was. */
  readonly unasked: string | null;
}

/** Every port a reader could be at. See `ListReaderPorts`. */
export const listReaderPorts: ListReaderPorts = async () => {
  const {ports, unasked} = await findPorts();
  const addresses = addressesOf(ports);
  return {
    ports: ports.map((port, index) => readerPort(port, addresses[index] as string)),
    notes: unasked === null ? [] : [note(unasked)],
  };
};

/** The address of each port that names it longest. */
export function addressesOf(ports: readonly ScannedPort[]): readonly string[] {
  return ports.map((port) => lastingAddress(port, ports));
}

/** Scans the file system and asks the system; knows more of a port than either. Never rejects. */
export async function findPorts(
  scanned: readonly ScannedPort[] = process.platform === 'linux' ? scanPorts() : [],
  ask: () => Promise<readonly ListedPort[]> = askSystem,
): Promise<FoundPorts> {
  try {
    return {ports: merged(scanned, await ask()), unasked: null};
  } catch (error) {
    return {ports: scanned, unasked: (error as NodeJS.ErrnoException).code ?? (error as Error).message};
  }
}

async function askSystem(): Promise<readonly ListedPort[]> {
  const {SerialPort} = await import('serialport');
  return SerialPort.list();
}

/** The system also lists names without hardware: those that are not scanned count only with a USB device behind them. */
function merged(scanned: readonly ScannedPort[], listed: readonly ListedPort[]): readonly ScannedPort[] {
  const byPath = new Map(scanned.map((port) => [port.path, port]));
  for (const one of listed) {
    const known = byPath.get(one.path);
    const usb = known?.usb ?? usbOf(one);
    if (known === undefined && usb === null && process.platform === 'linux') continue;
    byPath.set(one.path, {path: one.path, links: known?.links ?? [], usb});
  }
  return [...byPath.values()];
}

function usbOf({vendorId, productId, serialNumber, manufacturer}: ListedPort): UsbDevice | null {
  if (vendorId === undefined || productId === undefined) return null;
  return {
    vendor: vendorId.toLowerCase().padStart(4, '0'),
    product: productId.toLowerCase().padStart(4, '0'),
    serial: serialNumber ?? null,
    name: manufacturer ?? null,
  };
}

function readerPort({path, links, usb}: ScannedPort, address: string): ReaderPort {
  return {
    address,
    path,
    links,
    usb: usb === null ? null : {vendor: usb.vendor, product: usb.product, serial: usb.serial},
    description: usb?.name ?? null,
  };
}

/** By USB device where that names this port alone, else by a link that lasts, else by path. */
function lastingAddress({path, links, usb}: ScannedPort, all: readonly ScannedPort[]): string {
  const [link] = links;
  if (usb === null) return `serial:${link ?? path}`;
  const alike = all.filter(({usb: other}) => {
    return other?.vendor === usb.vendor && other.product === usb.product && other.serial === usb.serial;
  });
  // Without a serial number a second one of the same model, plugged in later, would fit as well.
  if (alike.length === 1 && (usb.serial !== null || link === undefined)) return usbAddress(usb);
  return `serial:${link ?? path}`;
}

function note(why: string): {readonly code: string; readonly message: string} {
  return why === 'ENOENT'
    ? {
        code: 'udevadm_missing',
        message: 'udevadm is not installed: the ports were found by looking into /dev and /sys instead.',
      }
    : {
        code: 'ports_not_listed',
        message: `The system did not list its ports (${why}): they were found by looking into /dev and /sys instead.`,
      };
}
