import {spawn} from 'node:child_process';
import {resolve} from 'node:path';
import {expect} from 'chai';
import type {PaymentIntent} from '../../src/lib/core/payment.js';
import {openTill, type Till} from '../support/till.js';

/** How many processes are killed; a longer run: STOWPAY_KILLS=1000 npm run torture. */
const KILLS = Number(process.env.STOWPAY_KILLS ?? 240);
/** So many of them while nothing else runs. */
const ALONE = Math.floor(KILLS / 4);
const SEED = Number(process.env.STOWPAY_TEST_SEED ?? Date.now() % 1_000_000);

interface Run {
  readonly code: number | null;
  readonly stdout: string;
}

/** A small generator, so that a run can be repeated with its seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function stowpay(till: Till, words: readonly string[], killAfterMs: number | null): Promise<Run> {
  const env = {
    PATH: process.env.PATH,
    STOWPAY_DATA_DIR: till.directory,
    STOWPAY_PROFILE: 'sandbox',
    STOWPAY_SANDBOX_API: till.api.url,
  };
  const child = spawn(process.execPath, [resolve('bin/run.js'), ...words, '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  const killer = killAfterMs === null ? null : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  return new Promise((done) => {
    child.once('close', (code) => {
      if (killer !== null) clearTimeout(killer);
      done({code, stdout});
    });
  });
}

/** What the commands on one device are asked, and what they said. */
interface Shift {
  readonly till: Till;
  readonly random: () => number;
  readonly told: Map<string, string>;
  /** Every reference anybody tried to sell under. */
  readonly asked: Set<string>;
  survived: number;
}

async function newShift(): Promise<Shift> {
  return {till: await openTill(), random: randomOf(SEED), told: new Map(), asked: new Set(), survived: 0};
}

const selling = (reference: string) => ['collect', '12.50', 'usd', '--reference', reference];

/** Kills command after command, each at a random moment; every order is tried about twice. */
async function killAll(shift: Shift, lane: string, kills: number, latestMs: number): Promise<void> {
  const {till, random} = shift;
  for (let kill = 0; kill < kills; kill += 1) {
    const reference = `${lane}-${Math.floor(kill / 2)}`;
    till.network.set(random() < 0.5);
    const sells = random() < 0.65;
    if (sells) shift.asked.add(reference);
    const words = sells ? selling(reference) : random() < 0.7 ? ['forward'] : ['capture', '--all'];
    const {code, stdout} = await stowpay(till, words, 120 + random() * latestMs);
    if (code !== null) shift.survived += 1;
    if (sells && stdout.trim().endsWith('}')) remember(shift.told, reference, stdout);
  }
}

/** What may be said beside processes that die: done, no network, in doubt, or somebody else is at it. */
const HONEST = [0, 5, 6, 11];

/** Sells, forwards and looks in turn, and is never killed. */
async function workBeside(shift: Shift, going: () => boolean): Promise<number> {
  let runs = 0;
  for (; going(); runs += 1) {
    const reference = `beside-${runs}`;
    const words = [selling(reference), ['forward'], ['status']][runs % 3] as readonly string[];
    if (words[0] === 'collect') shift.asked.add(reference);
    const {code, stdout} = await stowpay(shift.till, words, null);
    expect(code, `${words.join(' ')}\n${stdout}`).to.be.oneOf(words[0] === 'status' ? [0] : HONEST);
    if (words[0] === 'collect') remember(shift.told, reference, stdout);
  }
  return runs;
}

/** Sells every order for good, sends and captures everything, and judges. */
async function settle({till, told, asked}: Shift): Promise<void> {
  till.network.set(true);
  for (const reference of asked) {
    const {code, stdout} = await stowpay(till, selling(reference), null);
    expect(code, stdout).to.equal(0);
    remember(told, reference, stdout);
  }
  for (let run = 0; run < 5; run += 1) await stowpay(till, ['forward'], null);
  await stowpay(till, ['capture', '--all'], null);
  const check = await stowpay(till, ['status', '--check'], null);
  expect(check.code, check.stdout).to.equal(0);
  expect([...told.keys()]).to.have.members([...asked]);
  await agree(till, told);
  await till.close();
}

describe(`kill -9 (${KILLS} times, seed ${SEED})`, () => {
  it('loses nothing, doubles nothing, and journal and ledger agree', async () => {
    const shift = await newShift();
    await killAll(shift, 'order', ALONE, 420);
    await settle(shift);
    console.log(
      `      ${ALONE - shift.survived} killed, ${shift.survived} finished before, ${shift.told.size} orders, ` +
        'nothing lost or doubled',
    );
  });

  it('beside processes that sell, forward and look on the same data directory: the same', async () => {
    const shift = await newShift();
    const kills = KILLS - ALONE;
    let killing = true;
    const beside = workBeside(shift, () => killing);
    await Promise.all(
      ['left', 'right'].map((lane, index) => killAll(shift, lane, Math.ceil((kills - index) / 2), 1100)),
    ).finally(() => {
      killing = false;
    });
    const runs = await beside;
    await settle(shift);
    console.log(
      `      ${kills - shift.survived} killed, ${shift.survived} finished before, ${runs} runs beside them, ` +
        `${shift.told.size} orders, nothing lost or doubled`,
    );
  });
});

/** Whatever was said of an order once is said of it for ever. */
function remember(told: Map<string, string>, reference: string, stdout: string): void {
  const answer = JSON.parse(stdout) as {ok: boolean; result?: PaymentIntent};
  if (!answer.ok || answer.result === undefined) return;
  const before = told.get(reference);
  if (before !== undefined) expect(answer.result.local_id).to.equal(before);
  told.set(reference, answer.result.local_id);
}

async function agree(till: Till, told: ReadonlyMap<string, string>): Promise<void> {
  const moved = (await till.api.ledger()).filter(({confirms}) => confirms > 0);
  const byPayment = new Map(moved.map((entry) => [entry.stowpay_id, entry]));
  expect(byPayment.size, 'two intents of one payment moved money').to.equal(moved.length);
  const payments = await till.run((terminal) =>
    terminal.list({names: [], states: ['captured'], buckets: [], limit: null}),
  );
  expect(moved.map(({stowpay_id}) => stowpay_id)).to.have.members(payments.map(({local_id}) => local_id));
  for (const payment of payments) {
    const entry = byPayment.get(payment.local_id);
    expect(entry).to.include({id: payment.id, confirms: 1, captures: 1, amount: 1250, amount_captured: 1250});
  }
  const perOrder = new Map<string | null, number>();
  for (const {reference} of payments) perOrder.set(reference, (perOrder.get(reference) ?? 0) + 1);
  for (const [reference, localId] of told) {
    expect(byPayment.has(localId), `${reference} was accepted and is lost`).to.equal(true);
    expect(perOrder.get(reference), `${reference} was charged more than once`).to.equal(1);
  }
}
