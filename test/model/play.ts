import {AssertionError, expect} from 'chai';
import fc from 'fast-check';
import {ALL, captureAll, forwardOnce, retryAll} from './acts.js';
import {lives} from './arbitraries.js';
import {Book} from './book.js';
import type {Command} from './commands.js';
import {holdsAtTheEnd} from './invariants.js';
import type {Mutant} from './mutants.js';
import {World} from './world.js';

export interface Play {
  readonly runs: number;
  /** Commands of a life. */
  readonly longest: number;
  /** Milliseconds after which no further life is begun. */
  readonly stopAfter: number;
}

const given = (name: string): number | undefined =>
  process.env[name] === undefined ? undefined : Number(process.env[name]);
const SEED = given('STOWPAY_SEED') ?? Date.now() % 1_000_000_000;

/**
 * Plays random lives of a kiosk and holds each against the ledger. What it finds is shrunk and can be played again:
 * STOWPAY_SEED, STOWPAY_PATH and STOWPAY_REPLAY are the seed, path and replayPath of the report, STOWPAY_MODEL_RUNS is
 * how many lives.
 */
export async function play({runs, longest, stopAfter}: Play): Promise<void> {
  const path = process.env.STOWPAY_PATH;
  const found = await fc.check(property(longest), {
    numRuns: given('STOWPAY_MODEL_RUNS') ?? runs,
    seed: SEED,
    interruptAfterTimeLimit: stopAfter,
    endOnFailure: true,
    ...(path === undefined ? {} : {path}),
  });
  if (!found.failed) return;
  // Shrinking has its own time: a long counterexample explains nothing.
  await fc.assert(property(longest), {
    seed: SEED,
    path: found.counterexamplePath ?? '',
    interruptAfterTimeLimit: SHRINKING_MS,
  });
  throw new Error(`Failed, but not again when it was played again: ${fc.defaultReportMessage(found)}`);
}

const SHRINKING_MS = 90_000;

/** Throws unless random lives find this mistake in time. */
export async function expectFound(mutant: Mutant, withinMs: number): Promise<void> {
  const found = await fc.check(property(40, mutant), {
    numRuns: 1_000_000,
    seed: SEED,
    interruptAfterTimeLimit: withinMs,
    endOnFailure: true,
  });
  expect(found.failed, `after ${found.numRuns} lives of seed ${SEED}`).to.equal(true);
  expect(found.errorInstance).to.be.instanceOf(AssertionError);
}

function property(longest: number, mutant?: Mutant): fc.IAsyncProperty<[Iterable<Command>]> {
  return fc.asyncProperty(lives(longest, process.env.STOWPAY_REPLAY), (commands) => live(commands, mutant));
}

/** One life: the commands, then a good network until everything is settled, then the last word. */
export async function live(commands: Iterable<Command>, mutant?: Mutant): Promise<void> {
  const world = await World.open(mutant);
  const book = new Book();
  try {
    await fc.asyncModelRun(async () => ({model: book, real: world}), commands);
    await settleAll(book, world);
    await holdsAtTheEnd(book, world);
  } finally {
    await world.close();
  }
}

/** Soft declines are tried again five times, each in another run. */
const MOST_RUNS = 10;
/** So far ahead was the clock at most: what it made look young is old then. */
const LONG_MS = 3 * 24 * 3600_000;
const OPEN = new Set(['left', 'in_doubt', 'busy']);

/** Everything that is on the way arrives, the network is good, the clock is right, and all is sent and captured. */
async function settleAll(book: Book, world: World): Promise<void> {
  await world.arrivals();
  await world.mend();
  world.setNetwork(true);
  world.setClock('right');
  await releaseAll(book, world);
  await sendAll(book, world);
  await retryAll(book, world);
  await sendAll(book, world);
  await world.look();
  await captureAll(book, world);
  world.pass(LONG_MS);
  await sendAll(book, world);
}

async function releaseAll(book: Book, world: World): Promise<void> {
  book.held.clear();
  const released = await world.run((terminal) => terminal.release({names: [], all: true, reason: null}));
  if (released.kind === 'failed') throw released.error;
}

async function sendAll(book: Book, world: World): Promise<void> {
  for (let run = 0; run < MOST_RUNS; run += 1) {
    world.pass(1000);
    await world.look();
    const items = await forwardOnce(book, world, ALL);
    if (items?.every(({outcome}) => !OPEN.has(outcome)) === true) return;
  }
}
