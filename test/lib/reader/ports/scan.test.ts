import {mkdirSync, symlinkSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import type {StowpayError} from '../../../../src/lib/core/errors.js';
import type {UsbName} from '../../../../src/lib/core/reader-address.js';
import {addressesOf, findPorts, listReaderPorts} from '../../../../src/lib/reader/ports/list.js';
import {chooseUsb} from '../../../../src/lib/reader/ports/locate.js';
import {type ScannedPort, scanPorts} from '../../../../src/lib/reader/ports/scan.js';
import {temporaryDirectory} from '../../../support/directories.js';

/** A /dev and a /sys as Linux would show them, in a directory. */
class FakeMachine {
  readonly root = temporaryDirectory();
  readonly dev = join(this.root, 'dev');
  readonly sys = join(this.root, 'sys');

  constructor() {
    mkdirSync(this.dev);
    mkdirSync(join(this.sys, 'class/tty'), {recursive: true});
  }

  port(name: string): string {
    return this.file(join(this.dev, name));
  }

  /** A port of the machine itself; type 0 is a name without a chip. */
  uart(name: string, type: string): void {
    this.port(name);
    this.file(join(this.sys, 'class/tty', name, 'type'), `${type}\n`);
  }

  usb(name: string, device: string, facts: Readonly<Record<string, string>>): string {
    const bus = join(this.sys, 'devices/pci0/usb1', device);
    for (const [fact, value] of Object.entries(facts)) this.file(join(bus, fact), `${value}\n`);
    const tty = join(bus, `${device}:1.0`, name);
    mkdirSync(tty, {recursive: true});
    mkdirSync(join(this.sys, 'class/tty', name), {recursive: true});
    symlinkSync(tty, join(this.sys, 'class/tty', name, 'device'));
    return this.port(name);
  }

  link(name: string, to: string): string {
    const path = join(this.dev, name);
    mkdirSync(dirname(path), {recursive: true});
    symlinkSync(to, path);
    return path;
  }

  file(path: string, text = ''): string {
    mkdirSync(dirname(path), {recursive: true});
    writeFileSync(path, text);
    return path;
  }

  scan(): readonly ScannedPort[] {
    return scanPorts(this.dev, this.sys);
  }
}

const KIOSK = {
  idVendor: '0ACD',
  idProduct: '3810',
  serial: 'T12',
  manufacturer: 'ID TECH',
  product: 'Kiosk IV',
};

function asked(serial: string | null): UsbName {
  return {by: 'usb', vendor: '0acd', product: '3810', serial};
}

function refusal(act: () => unknown): StowpayError {
  try {
    act();
  } catch (error) {
    return error as StowpayError;
  }
  throw new Error('it was found');
}

describe('ports found in /dev and /sys', () => {
  let machine: FakeMachine;
  beforeEach(() => {
    machine = new FakeMachine();
  });

  it('are none on a machine that has none, or no /dev at all', () => {
    machine.port('tty0');
    machine.port('null');
    expect(machine.scan()).to.deep.equal([]);
    expect(scanPorts(join(machine.root, 'nowhere'), join(machine.root, 'nowhere'))).to.deep.equal([]);
  });

  it('are named with their USB device and every lasting link', () => {
    const path = machine.usb('ttyACM0', '1-2', KIOSK);
    const byId = machine.link('serial/by-id/usb-ID_TECH_T12-if00', path);
    const own = machine.link('card-reader', path);
    expect(machine.scan()).to.deep.equal([
      {
        path,
        links: [byId, own],
        usb: {vendor: '0acd', product: '3810', serial: 'T12', name: 'ID TECH Kiosk IV'},
      },
    ]);
  });

  it('are listed once, also when a name is itself a link, and in the order of their numbers', () => {
    const far = machine.port('far-end');
    machine.link('ttyUSB10', far);
    machine.port('ttyUSB9');
    machine.link('serial/by-id/usb-odd', machine.port('ttyODD'));
    const paths = machine.scan().map(({path}) => path.slice(machine.dev.length + 1));
    expect(paths).to.deep.equal(['ttyODD', 'ttyUSB9', 'ttyUSB10']);
  });

  it('of the machine itself are those with a chip and no console', () => {
    machine.uart('ttyS0', '4');
    machine.uart('ttyS1', '0');
    machine.uart('ttyS2', '4');
    machine.port('ttyAMA0');
    machine.file(join(machine.sys, 'class/tty/console/active'), 'tty0 ttyS2\n');
    expect(machine.scan().map(({path}) => path)).to.deep.equal([join(machine.dev, 'ttyS0')]);
  });

  it('say nothing a terminal would act on', () => {
    machine.usb('ttyUSB0', '1-1', {...KIOSK, product: 'Evil\u001b[2J'});
    expect(machine.scan()[0]?.usb?.name).to.equal('ID TECH Evil[2J');
  });
});

describe('ports as they are offered', () => {
  const port = (
    path: string,
    usb: Partial<ScannedPort['usb']> | null,
    links: readonly string[] = [],
  ): ScannedPort => ({
    path,
    links,
    usb: usb === null ? null : {vendor: '0acd', product: '3810', serial: null, name: null, ...usb},
  });

  it('are found where udevadm is missing, which is said', async () => {
    const path = process.env.PATH;
    process.env.PATH = temporaryDirectory();
    const found = await listReaderPorts().finally(() => {
      process.env.PATH = path;
    });
    expect(found.notes.map(({code}) => code)).to.deep.equal(['udevadm_missing']);
    const scanned = [port('/dev/ttyUSB0', null)];
    const broken = await findPorts(scanned, () => Promise.reject(new Error('exited with 1')));
    expect(broken).to.deep.equal({ports: scanned, unasked: 'exited with 1'});
  });

  it('join what udev knows; names without hardware that it lists do not count', async () => {
    const {ports, unasked} = await findPorts([port('/dev/ttyUSB0', null)], async () => [
      {path: '/dev/ttyUSB0', vendorId: '0ACD', productId: '3810', serialNumber: 'T1'},
      {path: '/dev/ttyS7'},
      {path: '/dev/ttyGS0', vendorId: '1', productId: '2'},
    ]);
    expect(unasked).to.equal(null);
    expect(ports.map(({path, usb}) => [path, usb?.vendor, usb?.serial])).to.deep.equal([
      ['/dev/ttyUSB0', '0acd', 'T1'],
      ['/dev/ttyGS0', '0001', null],
    ]);
  });

  it('have the name that lasts longest', () => {
    const byId = ['/dev/serial/by-id/usb-A'];
    expect(
      addressesOf([
        port('/dev/ttyACM0', {serial: 'T1'}, byId),
        port('/dev/ttyACM1', {}, ['/dev/serial/by-id/usb-B']),
        port('/dev/ttyACM2', {product: '9999'}),
        port('/dev/ttyACM3', {serial: 'same'}),
        port('/dev/ttyACM4', {serial: 'same'}),
        port('/dev/ttyS0', null),
      ]),
    ).to.deep.equal([
      'serial:usb:0acd:3810:T1',
      'serial:/dev/serial/by-id/usb-B',
      'serial:usb:0acd:9999',
      'serial:/dev/ttyACM3',
      'serial:/dev/ttyACM4',
      'serial:/dev/ttyS0',
    ]);
  });

  it('are chosen by USB device: the one that fits, under whatever number', () => {
    const ports = [
      port('/dev/ttyUSB3', {serial: 'B'}),
      port('/dev/ttyUSB1', {serial: 'A'}),
      port('/dev/ttyS0', null),
    ];
    expect(chooseUsb(asked('A'), ports)).to.equal('/dev/ttyUSB1');
    const missing = refusal(() => chooseUsb(asked('C'), ports));
    expect(missing.code).to.equal('reader_not_found');
    expect(missing.message).to.include('/dev/ttyUSB3 has B');
    const either = refusal(() => chooseUsb(asked(null), ports));
    expect(either.code).to.equal('reader_ambiguous');
    expect(either.message).to.include('/dev/ttyUSB1');
    expect(refusal(() => chooseUsb(asked(null), [])).code).to.equal('reader_not_found');
  });
});
