import {expect} from 'chai';
import fc from 'fast-check';
import {StowpayError} from '../../src/lib/core/errors.js';
import type {OpenReader} from '../../src/lib/core/ports.js';
import {readerOverLine} from '../../src/lib/reader/open.js';
import {BEHAVIORS, type Behavior} from '../../src/lib/sandbox/reader/behaviors.js';
import {memoryCable} from '../../src/lib/sandbox/reader/cable.js';
import {attachEmulator} from '../../src/lib/sandbox/reader/emulator.js';
import {type Fault, MOMENTS} from '../../src/lib/sandbox/reader/faults.js';
import {type CardInHand, type MemoryWorld, memoryWorld} from '../../src/lib/sandbox/reader/memory-world.js';
import {quickSeller} from './quick-seller.js';
import {openTill, SALE} from './till.js';

/** A sale as it may come: what is presented, what goes wrong on the line, and when somebody breaks it off. */
interface AnySale {
  readonly cards: readonly CardInHand[];
  readonly abort_ms: number | null;
}

const faults: fc.Arbitrary<readonly Fault[]> = fc.oneof(
  {weight: 4, arbitrary: fc.constant([])},
  {
    weight: 1,
    arbitrary: fc
      .record({
        kind: fc.constantFrom(
          'cable_pull',
          'reboot',
          'silence',
          'garbage',
          'burst',
          'foreign',
          'corrupt',
          'truncate',
          'duplicate',
          'delay',
          'dribble',
        ),
        at: fc.constantFrom(...MOMENTS),
        for_ms: fc.integer({min: 0, max: 40}),
      })
      .map((fault) => [fault]),
  },
);
const card = fc
  .tuple(fc.constantFrom(...(Object.keys(BEHAVIORS) as Behavior[])), faults)
  .map(([behavior, wrong]): CardInHand => ({behavior, faults: wrong}));
const anySale: fc.Arbitrary<AnySale> = fc.record({
  cards: fc.array(card, {minLength: 1, maxLength: 5}),
  abort_ms: fc.option(fc.nat(60), {freq: 4}),
});

/** Everything the driver waits for, in a small fraction of a second. */
const SHORT = {scale: 0.03, revival_pause: 5, late_answer: 30, card_grace: 80, retry_pause: 0};

/**
 * Sells to many customers at one till without network, and holds for each: the payment is stored, once, or an error says
 * that it is not; and the next ordinary customer is served.
 */
export async function serveAnyCustomers(numRuns: number): Promise<void> {
  const till = await openTill();
  const serial = await till.run(async (terminal) => (await terminal.status()).reader?.serial_number ?? '');
  const world = memoryWorld();
  world.memory.save({...world.memory.load(), serial_number: serial});
  const terminal = quickSeller(till.directory, till.api.url, {openReader: readerAt(world)});
  let stored = 0;
  const count = async (): Promise<number> => (await terminal.status()).offline_payments_count;
  try {
    await fc.assert(
      fc.asyncProperty(anySale, async ({cards, abort_ms}) => {
        world.cards.push(...cards);
        const signal = abort_ms === null ? {} : {signal: AbortSignal.timeout(abort_ms)};
        const error = await terminal
          .collect({...SALE, offline_behavior: 'force_offline', timeout_s: 1, ...signal})
          .then(({payment}) => {
            expect(payment.state).to.equal('accepted_offline');
            stored += 1;
            return null;
          })
          .catch((thrown: unknown) => thrown);
        world.cards.length = 0;
        if (error !== null) expectNotTaken(error);
        expect(await count()).to.equal(stored);
        const {payment} = await terminal.collect({...SALE, offline_behavior: 'force_offline'});
        expect(payment.state, 'the next customer').to.equal('accepted_offline');
        stored += 1;
      }),
      {numRuns},
    );
  } finally {
    await terminal.close();
    await till.close();
  }
}

function readerAt(world: MemoryWorld): OpenReader {
  return (address, signal) => {
    const [host, far] = memoryCable();
    attachEmulator(far, world, {card_delay_ms: 1, frame_delay_ms: 1});
    return readerOverLine(host, address, signal, SHORT);
  };
}

function expectNotTaken(error: unknown): void {
  if (!(error instanceof StowpayError)) throw error;
  expect(error.code).not.to.equal('unexpected');
  if (error.condition === 'interrupted') return;
  const said = `${error.message} ${error.hint ?? ''}`;
  expect(said, error.code).to.match(/no money was taken|nothing was (charged|stored)|no payment was stored/i);
}
