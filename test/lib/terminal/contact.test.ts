import {expect} from 'chai';
import type {CardAnswer} from '../../../src/lib/core/card.js';
import type {StowpayError} from '../../../src/lib/core/errors.js';
import type {OpenReader, Reader} from '../../../src/lib/core/ports.js';
import {readerOverLine} from '../../../src/lib/reader/open.js';
import {memoryCable} from '../../../src/lib/sandbox/reader/cable.js';
import {CommandParser} from '../../../src/lib/sandbox/reader/command-parser.js';
import {attachEmulator} from '../../../src/lib/sandbox/reader/emulator.js';
import {type CardInHand, memoryWorld} from '../../../src/lib/sandbox/reader/memory-world.js';
import type {CollectRequest, ReaderInputEvent} from '../../../src/lib/terminal/collect.js';
import {quickSeller} from '../../support/quick-seller.js';
import {openTill, SALE, type Till} from '../../support/till.js';

const CHIP: CardInHand = {behavior: 'contact'};

interface Taken {
  readonly state: string;
  /** The words for chip and display, and other commands after the chip was authenticated. */
  readonly ended: readonly string[];
  readonly told: readonly ReaderInputEvent[];
  readonly error: StowpayError | null;
}

describe('a sale with an inserted card', () => {
  let till: Till;
  before(async () => {
    till = await openTill();
  });
  after(() => till.close());

  /** Sells with these cards at an emulated reader that is the connected one, and says how it ended. */
  async function sell(
    cards: readonly CardInHand[],
    request: Partial<CollectRequest> = {},
    {online = false, spoil = (reader: Reader): Reader => reader} = {},
  ): Promise<Taken> {
    const ended: string[] = [];
    const serial = await till.run(async (terminal) => (await terminal.status()).reader?.serial_number ?? '');
    const openReader: OpenReader = async (address, signal) => {
      const [host, far] = memoryCable();
      const world = memoryWorld();
      world.memory.save({...world.memory.load(), serial_number: serial, ksn: nextKsn()});
      world.cards.push(...cards);
      attachEmulator(far, world, {card_delay_ms: 0, frame_delay_ms: 0});
      const parser = new CommandParser();
      const line: typeof host = {
        write: (bytes) => {
          for (const frame of parser.push(bytes)) {
            if (frame.kind !== 'command') continue;
            const code = Buffer.from([frame.command, frame.sub]).toString('hex');
            if (code === '6012') ended.push(`6012 ${frame.data.toString('latin1').slice(2)}`);
            else if (code === '0303') ended.push(`0303 ${frame.data.toString('hex')}`);
            else if (code === '0501') ended.push(code);
          }
          host.write(bytes);
        },
        onData: (listener) => host.onData(listener),
        onClose: (listener) => host.onClose(listener),
        close: () => host.close(),
      };
      return spoil(await readerOverLine(line, address, signal, {retry_pause: 0}));
    };
    const options = {openReader, ...(online ? {baseUrl: till.api.url} : {})};
    const terminal = quickSeller(till.directory, till.api.url, options);
    const told: ReaderInputEvent[] = [];
    try {
      const {payment} = await terminal.collect({...SALE, onInput: (event) => told.push(event), ...request});
      return {state: payment.state, ended, told, error: null};
    } catch (error) {
      const {code} = error as StowpayError;
      return {state: code, ended, told, error: error as StowpayError};
    } finally {
      await terminal.close();
    }
  }

  let counter = 0x100;
  /** Every reader of these tests is the same one: its key goes on. */
  function nextKsn(): string {
    counter += 0x10;
    return `FFFF9876543210${(0xe00000 + counter).toString(16).toUpperCase()}`;
  }

  it('ends the chip’s dialogue whatever becomes of the payment', async () => {
    const ends: Readonly<Record<string, readonly [Taken, readonly string[]]>> = {
      stored: [await sell([CHIP]), ['6012 Z3', '0303 00']],
      authorised: [await sell([CHIP], {}, {online: true}), ['6012 00', '0303 00']],
      'declined online': [
        await sell([{...CHIP, pan: '4000000000000002'}], {}, {online: true}),
        ['6012 05', '0303 01'],
      ],
      'refused by a rule': [
        await sell([{behavior: 'use_contact'}, {behavior: 'wrong_amount'}]),
        ['6012 Z3', '0303 01'],
      ],
      'declined by the card': [await sell([{behavior: 'contact_decline'}]), ['0303 01']],
    };
    const states = Object.entries(ends).map(([name, [{state}]]) => `${name}: ${state}`);
    expect(states).to.deep.equal([
      'stored: accepted_offline',
      'authorised: authorized',
      'declined online: card_declined',
      'refused by a rule: amount_mismatch',
      'declined by the card: offline_transaction_declined',
    ]);
    for (const [name, [{ended, told}, expected]] of Object.entries(ends)) {
      expect(ended, name).to.deep.equal(expected);
      expect(told.at(-1), name).to.deep.include({event: 'reader_input', display_message: 'remove_card'});
    }
  });

  it('is what it is, however the end of the dialogue fails', async () => {
    const ways: readonly ((reader: Reader) => Promise<void>)[] = [
      async (reader) => {
        await reader.close();
        return reader.finish('stored', () => {});
      },
      async () => {
        throw new Error('a driver with a fault');
      },
    ];
    for (const finish of ways) {
      const spoil = (reader: Reader): Reader =>
        Object.assign(Object.create(reader), {
          identify: () => reader.identify(),
          prepare: (now: Date) => reader.prepare(now),
          collect: (...all: Parameters<Reader['collect']>): Promise<CardAnswer> => reader.collect(...all),
          finish: () => finish(reader),
          close: () => reader.close(),
        });
      expect((await sell([CHIP], {}, {spoil})).state).to.equal('accepted_offline');
      expect((await sell([CHIP], {}, {spoil, online: true})).state).to.equal('authorized');
    }
    const deaf = await sell([CHIP], {
      onInput: ({display_message}) => {
        if (display_message === 'remove_card') throw new Error('the screen is gone');
      },
    });
    expect(deaf.state).to.equal('accepted_offline');
  });

  it('does not end the process for a listener that fails later', async () => {
    const unheard: unknown[] = [];
    const hear = (error: unknown): void => void unheard.push(error);
    process.on('unhandledRejection', hear);
    const {state} = await sell([CHIP], {
      onInput: async () => {
        throw new Error('the screen is gone');
      },
    });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', hear);
    expect(state).to.equal('accepted_offline');
    expect(unheard).to.deep.equal([]);
  });

  it('goes on as one payment through every try, and keeps nothing of those before', async () => {
    const before = await till.run((terminal) => terminal.status());
    const {state, told} = await sell([{behavior: 'over_limit'}, {behavior: 'chip_removed_early'}, CHIP]);
    expect(state).to.equal('accepted_offline');
    expect(new Set(told.map(({local_id}) => local_id)).size).to.equal(1);
    expect(told.map(({display_message}) => display_message)).to.deep.equal([
      'present_card',
      'processing',
      'insert_card',
      'processing',
      'card_removed_too_early',
      'processing',
      'remove_card',
    ]);
    const now = await till.run((terminal) => terminal.status());
    expect(now.offline_payments_count - before.offline_payments_count).to.equal(1);
  });

  it('says what the customer and the technician have to know where no card would do', async () => {
    const swiped: CardInHand = {behavior: 'swipe'};
    const {state, error, told} = await sell([{behavior: 'chip_unreadable'}, swiped, {behavior: 'no_card'}], {
      timeout_s: 1,
    });
    expect(state).to.equal('card_swipe_not_available');
    expect(error?.message).to.match(/never taken offline.*No money was taken and no payment was stored\./);
    expect(error?.details.earlier).to.deep.equal([
      'use_magstripe: status 0A (failed), error 06, outcome 0007',
    ]);
    expect(told.map(({display_message}) => display_message)).to.include.members([
      'try_another_card',
      'try_another_read_method',
    ]);
  });
});
