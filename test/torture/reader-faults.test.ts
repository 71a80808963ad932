import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import fc from 'fast-check';
import {StowpayError} from '../../src/lib/core/errors.js';
import {openTerminal, sandboxDirectory, type Terminal} from '../../src/lib/index.js';
import {readerOverLine} from '../../src/lib/reader/open.js';
import {TEST_CARDS} from '../../src/lib/sandbox/cards.js';
import {BEHAVIORS, type Behavior} from '../../src/lib/sandbox/reader/behaviors.js';
import {endScenario, loadScenario, scenarioOf} from '../../src/lib/sandbox/reader/directory-world.js';
import {FAULTS, type FaultKind, MOMENTS} from '../../src/lib/sandbox/reader/faults.js';
import {simLine} from '../../src/lib/sandbox/reader/sim.js';
import {OUTPUTS} from '../../src/lib/sandbox/reader/world.js';
import {temporaryDirectory} from '../support/directories.js';
import {quickSeller} from '../support/quick-seller.js';
import {SALE} from '../support/till.js';

/** How long random mornings are played; longer: STOWPAY_READER_SECONDS=600 npm run torture. */
const SECONDS = Number(process.env.STOWPAY_READER_SECONDS ?? 40);
/** Everything the driver waits for, in a small fraction of a second. */
const SHORT = {scale: 0.2, revival_pause: 10, late_answer: 40, card_grace: 600, retry_pause: 0};
const OUTAGE_MS = 30;
const LONGEST = 6;

/** Cards that their issuer takes: everything that is stored must be authorised in the end. */
const GOOD = TEST_CARDS.filter(({note}) => !note.startsWith('declined'));
const kinds = Object.keys(FAULTS) as FaultKind[];

const fault = fc
  .record({
    kind: fc.constantFrom(...kinds),
    at: fc.constantFrom(...MOMENTS),
    for_ms: fc.integer({min: 0, max: OUTAGE_MS}),
  })
  .map(({kind, ...rest}) => ({kind, ...rest, ...(kind === 'status' ? {status: '0B'} : {})}));
const card = fc.record(
  {
    card: fc.constantFrom(...GOOD.map(({alias}) => alias)),
    behavior: fc.oneof(
      fc.constant<Behavior>('approve'),
      fc.constantFrom(...(Object.keys(BEHAVIORS) as Behavior[])),
    ),
    after_ms: fc.integer({min: 0, max: 20}),
    faults: fc.array(fault, {minLength: 1, maxLength: 2}),
  },
  {requiredKeys: ['card']},
);
const command = fc.record({
  command: fc.constantFrom(
    '18-01',
    '29-00',
    '12-01',
    '01-01',
    '04-00',
    '25-01',
    '05-01',
    '03-03',
    '60-11',
    '81-0B',
    'C7-37',
  ),
  faults: fc.array(fault, {minLength: 1, maxLength: 2}),
});
const setting = fc
  .record(
    {
      output: fc.constantFrom(...OUTPUTS),
      late_answer: fc.constantFrom('before', 'after', 'never', 'card_before', 'card_after'),
      forgets_poll_mode: fc.boolean(),
      refuses_settings: fc.boolean(),
    },
    {requiredKeys: []},
  )
  .map((reader) => ({reader}));
const morning = fc.array(fc.oneof({weight: 6, arbitrary: card}, {weight: 2, arbitrary: command}, setting), {
  minLength: 1,
  maxLength: LONGEST,
});

/** One device for all mornings: whatever a reader did to it, the next one must still sell. */
async function device(): Promise<{readonly directory: string; readonly origin: string}> {
  const directory = temporaryDirectory();
  const terminal = await whole(directory);
  await terminal.connect({address: 'sim:', location: null, offline: false});
  await terminal.close();
  return {directory, origin: 'sandbox'};
}

function whole(directory: string): Promise<Terminal> {
  return openTerminal({
    dataDirectory: {value: directory, from: 'test'},
    profile: {value: 'sandbox', from: 'test'},
    env: {},
  });
}

describe('a kiosk whose reader fails in every way', () => {
  it(`takes what it says it took, and nothing else, for ${SECONDS} seconds`, async function () {
    this.timeout((SECONDS + 60) * 1000);
    const {directory, origin} = await device();
    const reader = join(sandboxDirectory(directory), 'reader');
    const till = quickSeller(directory, origin, {
      openReader: async (address, signal) =>
        readerOverLine(simLine(reader, {card_delay_ms: 0, frame_delay_ms: 0}), address, signal, SHORT),
    });
    let sale = 0;
    let accepted = 0;
    const sell = async (): Promise<string> => {
      sale += 1;
      try {
        const {payment} = await till.collect({
          ...SALE,
          amount: 1000,
          reference: `sale-${sale}`,
          timeout_s: 1,
          offline_behavior: 'force_offline',
        });
        accepted += 1;
        return payment.state;
      } catch (error) {
        if (!(error instanceof StowpayError) || error.code === 'unexpected') throw error;
        return error.code;
      }
    };
    await fc.assert(
      fc.asyncProperty(morning, async (steps) => {
        loadScenario(reader, JSON.stringify({steps}));
        for (let tries = 0; tries < LONGEST + 2; tries += 1) {
          await sell();
          if ((scenarioOf(reader)?.progress.step ?? 0) >= steps.length) break;
          await sleep(OUTAGE_MS);
        }
        endScenario(reader);
        await sleep(OUTAGE_MS + 5);
        expect(await sell(), 'an ordinary sale afterwards').to.equal('accepted_offline');
        expect((await till.status()).offline_payments_count, 'what is stored').to.equal(accepted);
      }),
      {numRuns: 100_000, interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false},
    );
    await till.close();
    const sender = await whole(directory);
    const {outcomes} = await sender.forward({names: [], limit: null, dryRun: false});
    await sender.close();
    expect(outcomes.authorized?.count, 'what the ledger took').to.equal(accepted);
    expect(accepted).to.be.above(10);
  });
});
