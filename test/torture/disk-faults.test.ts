import {join} from 'node:path';
import {expect} from 'chai';
import type {PaymentState} from '../../src/lib/core/payment.js';
import type {ForwardResult} from '../../src/lib/terminal/forward/result.js';
import {AMOUNT, agree, collecting, connectedWorld, inBatches, type World} from '../support/agreement.js';
import type {Cli, Ran} from '../support/cli.js';
import {type Call, canTrace, record, withInjected} from '../support/strace.js';
import {expectNoStack, forwarded, inPairs, network, payments, skip, taken} from '../support/world.js';

/** Every call; without it, one of three that only read. */
const EVERY = process.env.STOWPAY_EVERY_CALL !== undefined;

/** What a disk can say to each call. Reads that fail are of another kind: nothing was written by them. */
const FAULTS: readonly {readonly calls: RegExp; readonly errors: readonly string[]}[] = [
  {calls: /^p?write(v|64)?$/, errors: ['EIO', 'ENOSPC']},
  {calls: /^(fsync|fdatasync|ftruncate|unlink|fallocate)$/, errors: ['EIO']},
  {calls: /^(rename|link|mkdir)(at2?)?$/, errors: ['EIO', 'ENOSPC']},
  {calls: /^openat$/, errors: ['EROFS', 'EIO']},
  {calls: /^pread64$/, errors: ['EIO']},
];

/** A disk that fails once and then pretends, and one that is gone from there on. */
const LASTING = ['', '+'] as const;

interface Fault {
  readonly call: Call;
  readonly error: string;
  readonly lasting: (typeof LASTING)[number];
}

interface Scene {
  readonly name: string;
  words(world: World, reference: string): Promise<readonly string[]>;
  /** Holds what the command said against the journal as the next process reads it. */
  judged(world: World, reference: string, ran: Ran): Promise<void>;
  /** Runs the command again, with a disk that works. */
  again(world: World, reference: string): Promise<void>;
}

const SCENES: readonly Scene[] = [
  collectScene('off'),
  collectScene('on'),
  {
    name: 'forward',
    words: async (world, reference) => {
      network(world.cli, 'on');
      const {local_id} = await taken(world.cli, AMOUNT, reference, 'force_offline');
      world.told.set(reference, local_id);
      return ['forward', '--json'];
    },
    judged: async ({cli}, reference, ran) => {
      const now = await stateOf(cli, reference);
      const items = (ran.json.result as ForwardResult | undefined)?.payments ?? [];
      if (ran.code === 0) expect(items.map(({outcome}) => outcome)).to.deep.equal(['authorized']);
      for (const {outcome} of items) {
        if (outcome === 'authorized') expect(now, 'told as sent').to.equal('authorized');
        if (outcome === 'left') expect(now, 'told as still stored').to.equal('accepted_offline');
      }
    },
    again: async ({cli}) => {
      const again = await cli.run(['forward', '--json']);
      expect(again.code, `${again}`).to.equal(0);
    },
  },
];

function collectScene(state: 'on' | 'off'): Scene {
  const sold: PaymentState = state === 'on' ? 'authorized' : 'accepted_offline';
  return {
    name: state === 'on' ? 'collect with network' : 'collect without network',
    words: async ({cli}, reference) => {
      // Seen online before each sale, so that the same files change each time.
      network(cli, 'on');
      await forwarded(cli);
      network(cli, state);
      return collecting(reference);
    },
    judged: async (world, reference, ran) => {
      const now = await stateOf(world.cli, reference);
      if (ran.code === 0) {
        expect(now, 'told as taken').to.equal(sold);
        world.told.set(reference, ran.result().local_id);
        return;
      }
      // Of everything but a failed write or sync it is said that nothing was stored, and the card was not charged.
      const unknown = ['journal_write_failed', 'payment_in_doubt'].includes(ran.error.code);
      if (!unknown && !/may have been charged|still open/.test(ran.error.message)) {
        expect(now, 'told as not stored').to.be.oneOf([null, 'created', 'canceled']);
      }
    },
    again: async (world, reference) => {
      const again = await world.cli.run(collecting(reference));
      expect(again.result().state, `${again}`).to.equal(sold);
      const {local_id} = again.result();
      expect(local_id).to.equal(world.told.get(reference) ?? local_id);
      world.told.set(reference, local_id);
    },
  };
}

/** How the next process finds the payment of an order; null when there is none. */
async function stateOf(cli: Cli, reference: string): Promise<PaymentState | null> {
  return (await payments(cli)).find((one) => one.reference === reference)?.state ?? null;
}

/** The memory of the emulated reader is on another computer, in a real kiosk. */
function isEmulated(text: string, dataDir: string): boolean {
  return text.includes(join(dataDir, 'sandbox'));
}

/** Every fault at every call on the files that are ours. */
function faultsAt(calls: readonly Call[], {dataDir}: Cli): readonly Fault[] {
  const counts = new Map<string, number>();
  const ours = calls
    .filter(({touches, text}) => touches === 'data' && !isEmulated(text, dataDir))
    .map((call) => {
      counts.set(call.name, (counts.get(call.name) ?? 0) + 1);
      return {...call, nth: counts.get(call.name) ?? 0};
    })
    .filter(({effect}, index) => EVERY || effect || index % 3 === 0);
  return ours.flatMap((call) =>
    FAULTS.filter((fault) => fault.calls.test(call.name))
      .flatMap(({errors}) => errors)
      .filter((error) => error !== 'EROFS' || /O_RDWR|O_WRONLY/.test(call.text))
      .flatMap((error) =>
        // Opening for reading still works on a disk that turned read-only, and strace cannot tell the two apart.
        LASTING.filter((lasting) => lasting === '' || error !== 'EROFS').map((lasting) => ({
          call,
          error,
          lasting,
        })),
      ),
  );
}

async function failAtEach(scene: Scene): Promise<void> {
  const clean = await connectedWorld();
  const recorded = await record(clean.cli, await scene.words(clean, 'clean'));
  expect(recorded.ran.code, `${recorded.ran}`).to.equal(0);
  await clean.judge.stop();
  const faults = faultsAt(recorded.calls, clean.cli);
  expect(faults.length).to.be.greaterThan(20);
  const paths = recorded.paths
    .filter((path) => !isEmulated(path, clean.cli.dataDir))
    .map((path) => path.slice(clean.cli.dataDir.length));
  const said = new Map<string, number>();
  const wrong: string[] = [];
  await inPairs(inBatches(faults, 10).map((some) => () => failBatch(scene, some, paths, said, wrong)));
  const answers = [...said].sort().map(([what, times]) => `${what} ${times}`);
  console.log(`      ${scene.name}: ${faults.length} faults: ${answers.join(', ')}; ${wrong.length} wrong`);
  expect(wrong.join('\n\n')).to.equal('');
  const met = faults.length - (said.get('not met') ?? 0);
  // A journal that has grown makes a few calls more or less.
  expect(met, 'faults that met their call').to.be.greaterThan(faults.length * 0.7);
}

async function failBatch(
  scene: Scene,
  faults: readonly Fault[],
  paths: readonly string[],
  said: Map<string, number>,
  wrong: string[],
): Promise<void> {
  const world = await connectedWorld();
  const here = paths.map((path) => world.cli.dataDir + path);
  for (const [index, {call, error, lasting}] of faults.entries()) {
    const reference = `order-${index}`;
    const words = await scene.words(world, reference);
    const inject = `${call.name}:error=${error}:when=${call.nth}${lasting}`;
    const {ran, injected} = await withInjected(world.cli, words, here, inject);
    const answer = injected.length === 0 ? 'not met' : ran.code === 0 ? 'exit 0' : ran.error.code;
    said.set(answer, (said.get(answer) ?? 0) + 1);
    try {
      expectHonest(ran);
      await scene.judged(world, reference, ran);
      await scene.again(world, reference);
    } catch (cause) {
      wrong.push(`${inject}: ${(cause as Error).message}\n${injected.join('\n')}\n${ran}`);
    }
  }
  try {
    await agree(world);
  } finally {
    await world.judge.stop();
  }
}

/** It ended by itself, with one answer, and not as a bug. */
function expectHonest(ran: Ran): void {
  expect(ran.signal).to.equal(null);
  expect(ran.code).not.to.equal(1);
  expectNoStack(ran);
  if (ran.code !== 0) {
    expect(ran.error.exit_code).to.equal(ran.code);
    expect(ran.error.hint ?? '', 'hint').to.match(/\S/);
  }
}

describe('a disk that fails at any call of the real binary', () => {
  before(function () {
    if (!canTrace()) skip(this, 'needs strace, and the right to trace');
  });

  for (const scene of SCENES) {
    it(`in ${scene.name}: what it says is true, and the next process goes on`, async function () {
      this.timeout(1_800_000);
      await failAtEach(scene);
    });
  }
});
