import {connect as connectSocket, type Socket} from 'node:net';
import {expect} from 'chai';
import type {StowpayError} from '../../../src/lib/core/errors.js';
import type {OpenOptions} from '../../../src/lib/index.js';
import type {EmulatorOptions} from '../../../src/lib/sandbox/reader/emulator.js';
import {memoryWorld} from '../../../src/lib/sandbox/reader/memory-world.js';
import {type ServedReader, serveTcp} from '../../../src/lib/sandbox/reader/serve-tcp.js';
import type {EmulatorWorld} from '../../../src/lib/sandbox/reader/world.js';
import type {CollectRequest} from '../../../src/lib/terminal/collect.js';
import type {Till} from '../../support/till.js';

const QUICK: EmulatorOptions = {card_delay_ms: 2, frame_delay_ms: 1};
const NEVER: EmulatorOptions = {card_delay_ms: 60_000};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function failure(act: Promise<unknown>): Promise<StowpayError> {
  const error = await act.then(
    () => new Error('it did not fail'),
    (thrown: StowpayError) => thrown,
  );
  if ('code' in error) return error;
  throw error;
}

/**
 * Loaded the way the program loads itself: what is imported only when used would otherwise be a second copy here, with
 * an error class of its own.
 */
const loadTill = (): Promise<typeof import('../../support/till.js')> => import('../../support/till.js');

/** A till whose reader stands behind a device server that can go away and come back at the same address. */
describe('the connected reader', () => {
  let till: Till;
  let world: EmulatorWorld;
  let served: ServedReader;
  let port: number;
  let waits: StowpayError[];

  const serve = async (options: EmulatorOptions = QUICK, by: EmulatorWorld = world): Promise<void> => {
    served = await serveTcp(by, port, '127.0.0.1', options);
  };
  const sell = async (request: Partial<CollectRequest> = {}, options: OpenOptions = {}) => {
    const {SALE} = await loadTill();
    const terminal = await till.open(options);
    try {
      const onReaderWait = (why: StowpayError): void => void waits.push(why);
      return await terminal.collect({...SALE, reference: 'o1', onReaderWait, ...request});
    } finally {
      await terminal.close();
    }
  };
  const taken = async (): Promise<readonly string[]> =>
    (await till.run((terminal) => terminal.list({names: [], states: [], buckets: [], limit: null}))).map(
      ({state}) => state,
    );

  beforeEach(async () => {
    const {openTill} = await loadTill();
    till = await openTill();
    world = memoryWorld();
    waits = [];
    port = 0;
    await serve();
    port = Number(served.address.split(':').at(-1));
    await till.run((terminal) => terminal.connect({address: served.address, location: null, offline: false}));
  });
  afterEach(async () => {
    await served.close();
    await till.close();
  });

  it('that is away when a sale begins is waited for, and that is said once', async () => {
    await served.close();
    const [{payment}] = await Promise.all([sell(), pause(400).then(() => serve())]);
    expect(payment.state).to.equal('authorized');
    expect(waits.map(({code}) => code)).to.deep.equal(['reader_not_found']);
  });

  it('that stays away ends the sale before it began', async () => {
    await served.close();
    const error = await failure(sell({}, {readerWaitMs: 100}));
    expect(error.code).to.equal('reader_not_found');
    expect(await taken()).to.deep.equal([]);
  });

  it('is not waited for any longer when interrupted', async () => {
    await served.close();
    const error = await failure(sell({signal: AbortSignal.timeout(50)}));
    expect(error.code).to.equal('interrupted');
    expect(await taken()).to.deep.equal([]);
  });

  it('is waited for while another program is connected to its device server, which is said', async () => {
    const other: Socket = connectSocket(port, '127.0.0.1');
    await new Promise((resolve) => other.once('connect', resolve));
    const [{payment}] = await Promise.all([sell(), pause(700).then(() => other.destroy())]);
    expect(payment.state).to.equal('authorized');
    expect(waits.map(({code}) => code)).to.deep.equal(['reader_busy']);
  });

  it('that comes back as another one is refused', async () => {
    await served.close();
    const other = memoryWorld();
    other.memory.save({...other.memory.load(), serial_number: 'ANOTHER1'});
    const [error] = await Promise.all([failure(sell()), pause(100).then(() => serve(QUICK, other))]);
    expect(error.code).to.equal('reader_changed');
    expect(await taken()).to.deep.equal([]);
  });

  it('whose cable is pulled during a card read takes no payment and says so; the next sale is whole', async () => {
    await served.close();
    await serve(NEVER);
    let waiting: () => void = () => {};
    const asked = new Promise<void>((resolve) => {
      waiting = resolve;
    });
    const [error] = await Promise.all([
      failure(sell({onInput: () => waiting()})),
      asked.then(() => pause(30)).then(() => served.close()),
    ]);
    expect(error.code).to.equal('reader_lost');
    expect(error.message).to.match(/pay_\w+ was not taken: no card was charged/);
    expect(error.details.local_id).to.match(/^pay_/);
    expect(await taken()).to.deep.equal(['refused']);
    await serve();
    const {payment, fresh} = await sell();
    expect({fresh, state: payment.state}).to.deep.equal({fresh: true, state: 'authorized'});
    const held = (await till.api.ledger()).filter(({status}) => status === 'requires_capture');
    expect(held).to.have.length(1);
  });
});
