import type {AddressInfo} from 'node:net';
import {createServer, type Server} from 'node:net';
import {join} from 'node:path';
import {expect} from 'chai';
import {lookOf} from '../../../src/lib/cli/look.js';
import {readersError, readersText} from '../../../src/lib/cli/readers-text.js';
import type {ReaderPort} from '../../../src/lib/core/ports.js';
import {openReader} from '../../../src/lib/reader/open.js';
import {memoryWorld} from '../../../src/lib/sandbox/reader/memory-world.js';
import {type ServedReader, serveTcp} from '../../../src/lib/sandbox/reader/serve-tcp.js';
import type {Parts} from '../../../src/lib/terminal/parts.js';
import type {ReadersFound, ReadersRequest} from '../../../src/lib/terminal/readers.js';
import {readers} from '../../../src/lib/terminal/readers.js';
import {temporaryDirectory} from '../../support/directories.js';

const port = (path: string, usb: ReaderPort['usb'] = null, address = `serial:${path}`): ReaderPort => ({
  address,
  path,
  links: [],
  usb,
  description: usb === null ? null : 'ID TECH Kiosk IV',
});
const KIOSK = {vendor: '0acd', product: '3810', serial: 'T1'};

/** As much of a device as looking for readers needs. */
function device(ports: readonly ReaderPort[], connected: string | null): Parts {
  const journal = {
    view: async () => ({state: {paired: connected === null ? null : {address: connected}}}),
    claim: async () => ({release: () => {}}),
  };
  return {
    journals: {exists: connected !== null, open: () => journal, prepare: () => {}},
    listReaderPorts: async () => ({ports, notes: []}),
    openReader,
    readerWaitMs: 0,
  } as unknown as Parts;
}

async function look(
  ports: readonly ReaderPort[],
  connected: string | null,
  request: Partial<ReadersRequest> = {},
): Promise<ReadersFound> {
  return readers(device(ports, connected), {addresses: [], ping: false, ...request});
}

describe('looking for readers', () => {
  it('marks the connected one, by whichever of its names it was connected, and puts it first', async () => {
    const ports = [port('/dev/ttyS0'), port('/dev/ttyACM0', KIOSK, 'serial:usb:0acd:3810:T1')];
    for (const connected of [
      'serial:/dev/ttyACM0?baud=9600',
      'serial:usb:0ACD:3810',
      'serial:usb:0acd:3810:T1',
    ]) {
      const [first, second] = (await look(ports, connected)).readers;
      // With the speed and the like it was connected with.
      expect(first).to.include({address: connected, path: '/dev/ttyACM0', connected: true, answered: false});
      expect(second).to.include({address: 'serial:/dev/ttyS0', connected: false});
    }
  });

  it('does not forget a connected one that is at no port: behind a device server, emulated, or gone', async () => {
    for (const connected of ['tcp://10.0.0.5:4001', 'sim:', 'serial:/dev/ttyUSB7']) {
      const {readers: found} = await look([port('/dev/ttyS0')], connected);
      expect(found.map(({address}) => address)).to.deep.equal([connected, 'serial:/dev/ttyS0']);
    }
  });

  it('refuses addresses that are none before anything is opened', async () => {
    const error = await look([], null, {addresses: ['tcp://a:1', 'usb']}).catch((thrown) => thrown);
    expect(error.code).to.equal('invalid_usage');
  });

  describe('with a ping', () => {
    let served: ServedReader;
    let silent: Server;
    let nobody: string;
    before(async () => {
      served = await serveTcp(memoryWorld(), 0);
      silent = createServer((socket) => socket.on('error', () => {}).end());
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      nobody = `tcp://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    });
    after(async () => {
      await served.close();
      silent.close();
    });

    it('says which answered and who they are, and of the others why not', async () => {
      const gone = `serial:${join(temporaryDirectory(), 'gone')}`;
      const asked = {addresses: [served.address, nobody, gone], ping: true};
      const found = await look([], null, asked);
      expect(found.readers.map(({answered}) => answered)).to.deep.equal([true, false, false]);
      expect(found.readers[0]?.identity).to.include({type: 'idtech_neo2', serial_number: 'SANDBOX001'});
      expect(found.readers.map(({error}) => error?.code ?? null)).to.deep.equal([
        null,
        'reader_busy',
        'reader_not_found',
      ]);
      const shown = readersText(lookOf({isTTY: false} as never, {}), found, true);
      expect(shown).to.match(/idtech_neo2 SANDBOX001/);
      expect(shown).to.match(/in use/);
      // Named by hand, all of them must answer; of a list, one.
      expect(readersError(found, true, true)?.code).to.equal('reader_not_found');
      expect(readersError(found, false, true)).to.equal(null);
    });

    it('is interrupted as a whole', async () => {
      const signal = AbortSignal.abort();
      const error = await look([], null, {addresses: [served.address], ping: true, signal}).catch(
        (thrown) => thrown,
      );
      expect(error.code).to.equal('interrupted');
    });
  });
});

describe('what a list of readers comes to', () => {
  const failed = (code: 'reader_busy' | 'reader_not_answering'): ReadersFound['readers'][number] => ({
    address: 'serial:/dev/ttyS0',
    path: '/dev/ttyS0',
    links: [],
    usb: null,
    description: null,
    connected: false,
    answered: false,
    identity: null,
    error: {code, message: `it is ${code}`, hint: null},
  });
  const come = (list: ReadersFound['readers'], asked = true): string | undefined =>
    readersError({readers: list, notes: []}, false, asked)?.code;

  it('is nothing to be found, nobody who answers, or perhaps one that is in use', () => {
    expect(come([])).to.equal('reader_not_found');
    expect(come([], false)).to.equal('reader_not_found');
    expect(come([failed('reader_not_answering')])).to.equal('reader_not_answering');
    expect(come([failed('reader_not_answering'), failed('reader_not_answering')])).to.equal(
      'reader_not_found',
    );
    expect(come([failed('reader_not_answering'), failed('reader_busy')])).to.equal('reader_busy');
    expect(come([failed('reader_busy')], false)).to.equal(undefined);
  });
});
