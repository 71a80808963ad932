import {join} from 'node:path';
import {expect} from 'chai';
import type {ForwardResult} from '../../src/lib/terminal/forward/result.js';
import {
  AMOUNT,
  agree,
  collecting,
  connectedWorld,
  inBatches,
  newWorld,
  remember,
  type World,
  whole,
} from '../support/agreement.js';
import type {Cli, Ran} from '../support/cli.js';
import {type Call, canTrace, killAt, record, type Traced} from '../support/strace.js';
import {inPairs, network, payments, skip, taken} from '../support/world.js';

/**
 * Every call of every command. Without it some reads are left out: a kill at a read leaves behind what a kill at the
 * next call that changes something leaves behind.
 */
const EVERY = process.env.STOWPAY_EVERY_CALL !== undefined;
/** How many kills one device and its API go through before they are drained and judged. */
const KILLS_PER_DEVICE = 12;

/** A command that is killed at each of its calls. */
interface Scene {
  readonly name: string;
  /** One of so many calls that only read is taken. */
  readonly reads: number;
  readonly perDevice: number;
  world(): Promise<World>;
  /** Makes the world ready for the command and gives the command. */
  words(world: World, reference: string): Promise<readonly string[]>;
  /** What must hold after the kill; leaves the payment of this reference taken. */
  after(world: World, reference: string, killed: Ran): Promise<void>;
}

function collectScene(state: 'on' | 'off'): Pick<Scene, 'world' | 'words' | 'after'> {
  return {
    world: connectedWorld,
    words: async ({cli}, reference) => {
      network(cli, state);
      return collecting(reference);
    },
    after: async (world, reference, killed) => {
      remember(world, reference, killed);
      const again = await world.cli.run(collecting(reference));
      expect(again.code, `${again}`).to.equal(0);
      expect(again.result().state).to.equal(state === 'on' ? 'authorized' : 'accepted_offline');
      remember(world, reference, again);
    },
  };
}

const SCENES: readonly Scene[] = [
  {name: 'collect without network', reads: 1, perDevice: KILLS_PER_DEVICE, ...collectScene('off')},
  {
    name: 'forward',
    reads: 1,
    perDevice: KILLS_PER_DEVICE,
    world: connectedWorld,
    words: async (world, reference) => {
      const {local_id} = await taken(world.cli, AMOUNT, reference, 'force_offline');
      world.told.set(reference, local_id);
      return ['forward', '--json'];
    },
    after: async (world, reference, killed) => {
      const localId = world.told.get(reference);
      if (whole(killed)) {
        const {payments: items} = killed.json.result as ForwardResult;
        expect(items.map(({outcome}) => outcome)).to.deep.equal(['authorized']);
      }
      const again = await world.cli.run(['forward', '--json']);
      expect(again.code, `${again}`).to.equal(0);
      const confirmed = (await world.judge.ledger()).filter((one) => one.stowpay_id === localId);
      expect(confirmed.filter(({confirms}) => confirms > 0)).to.have.length(1);
      const [payment] = await payments(world.cli);
      expect(payment).to.include({local_id: localId, state: 'authorized'});
    },
  },
  {
    // The first command ever on a device: keys, identity and the first segment are made here.
    name: 'connect',
    reads: 3,
    perDevice: 1,
    world: newWorld,
    words: async () => ['connect', '--reader', 'sim:', '--json'],
    after: async (world, reference, killed) => {
      const check = await world.cli.run(['status', '--check', '--json']);
      // 12: there is no journal yet. Half a journal must be neither damage nor an empty queue with a key of its own.
      expect(check.code, `${check}`).to.be.oneOf(whole(killed) ? [0] : [0, 12]);
      const again = await world.cli.run(['connect', '--reader', 'sim:', '--json']);
      expect(again.code, `${again}`).to.equal(0);
      network(world.cli, 'off');
      const {local_id, state} = await taken(world.cli, AMOUNT, reference);
      expect(state).to.equal('accepted_offline');
      world.told.set(reference, local_id);
    },
  },
  {name: 'collect with network', reads: 6, perDevice: KILLS_PER_DEVICE, ...collectScene('on')},
  {
    name: 'capture',
    reads: 6,
    perDevice: KILLS_PER_DEVICE,
    world: connectedWorld,
    words: async (world, reference) => {
      const {local_id} = await taken(world.cli, AMOUNT, reference);
      world.told.set(reference, local_id);
      return ['capture', '--all', '--json'];
    },
    after: async (world, reference) => {
      const again = await world.cli.run(['capture', '--all', '--json']);
      expect(again.code, `${again}`).to.equal(0);
      const [entry] = (await world.judge.ledger()).filter(
        (one) => one.stowpay_id === world.told.get(reference),
      );
      expect(entry).to.include({captures: 1, amount_captured: AMOUNT});
    },
  },
];

/** The calls to be killed at. What the emulated reader only reads in its own memory is no store of ours. */
function chosen({reads}: Scene, calls: readonly Call[], {dataDir}: Cli): readonly Call[] {
  if (EVERY) return calls;
  const emulated = join(dataDir, 'sandbox');
  return calls.filter(({effect, text}, index) => effect || (index % reads === 0 && !text.includes(emulated)));
}

interface Tally {
  killed: number;
  survived: number;
  elsewhere: number;
  told: number;
}

async function killAtEach(scene: Scene): Promise<void> {
  const started = performance.now();
  const clean = await scene.world();
  const recorded = await record(clean.cli, await scene.words(clean, 'clean'));
  expect(recorded.ran.code, `${recorded.ran}`).to.equal(0);
  await scene.after(clean, 'clean', recorded.ran);
  await agree(clean);
  await clean.judge.stop();
  const calls = chosen(scene, recorded.calls, clean.cli);
  expect(calls.length, 'calls of a clean run').to.be.greaterThan(20);
  const tally: Tally = {killed: 0, survived: 0, elsewhere: 0, told: 0};
  const paths = recorded.paths.map((path) => path.slice(clean.cli.dataDir.length));
  await inPairs(inBatches(calls, scene.perDevice).map((some) => () => killBatch(scene, some, paths, tally)));
  const {killed, survived, elsewhere, told} = tally;
  console.log(
    `      ${scene.name}: ${recorded.calls.length} calls, killed at ${killed} of ${calls.length} chosen ` +
      `(${elsewhere} one call aside, ${survived} had ended before), ${told} had told; nothing lost or doubled ` +
      `(${Math.round((performance.now() - started) / 1000)} s)`,
  );
  // A journal that has grown may need a call less here and there; more than that would be a hole in the test.
  expect(killed + elsewhere).to.be.greaterThan(calls.length * 0.85);
}

async function killBatch(
  scene: Scene,
  calls: readonly Call[],
  paths: readonly string[],
  tally: Tally,
): Promise<void> {
  const world = await scene.world();
  const here = paths.map((path) => world.cli.dataDir + path);
  for (const [index, call] of calls.entries()) {
    const reference = `order-${index}`;
    const words = await scene.words(world, reference);
    const traced = await killAt(world.cli, words, call, here);
    note(tally, call, traced);
    try {
      await scene.after(world, reference, traced.ran);
    } catch (error) {
      throw new Error(`after a kill at ${call.text} (${call.name} ${call.nth})\n${traced.ran}`, {
        cause: error,
      });
    }
  }
  try {
    await agree(world);
  } catch (error) {
    throw new Error(`after kills at\n${calls.map(({text}) => text).join('\n')}`, {cause: error});
  } finally {
    await world.judge.stop();
  }
}

function note(tally: Tally, call: Call, {ran, last}: Traced): void {
  if (ran.signal !== 'SIGKILL') tally.survived += 1;
  else if (last?.name === call.name && last.touches === call.touches) tally.killed += 1;
  else tally.elsewhere += 1;
  if (whole(ran)) tally.told += 1;
}

describe('kill -9 at every system call that touches the data directory or a socket', () => {
  before(function () {
    if (!canTrace()) skip(this, 'needs strace, and the right to trace');
  });

  for (const scene of SCENES) {
    it(`of ${scene.name}: nothing lost, nothing doubled`, async function () {
      this.timeout(1_800_000);
      await killAtEach(scene);
    });
  }
});
