import {spawn} from 'node:child_process';
import {resolve} from 'node:path';
import {expect} from 'chai';
import type {PaymentIntent} from '../../src/lib/core/payment.js';
import {openTill, type Till} from '../support/till.js';

/** How many processes are killed; a longer run: STOWPAY_KILLS=1000 npm run torture. */
const KILLS = Number(process.env.STOWPAY_KILLS ?? 120);
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

describe(`kill -9 (${KILLS} times, seed ${SEED})`, () => {
  it('loses nothing, doubles nothing, and journal and ledger agree', async () => {
    const till = await openTill();
    const random = randomOf(SEED);
    const told = new Map<string, string>();
    let survived = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const reference = `order-${Math.floor(kill / 2)}`;
      till.network.set(random() < 0.5);
      const words =
        random() < 0.65
          ? ['collect', '12.50', 'usd', '--reference', reference]
          : random() < 0.7
            ? ['forward']
            : ['capture', '--all'];
      const {code, stdout} = await stowpay(till, words, 120 + random() * 420);
      if (code !== null) survived += 1;
      if (words[0] === 'collect' && stdout.trim().endsWith('}')) remember(told, reference, stdout);
    }
    till.network.set(true);
    for (let kill = 0; kill < KILLS / 2; kill += 1) {
      const reference = `order-${kill}`;
      const {code, stdout} = await stowpay(till, ['collect', '12.50', 'usd', '--reference', reference], null);
      expect(code, stdout).to.equal(0);
      remember(told, reference, stdout);
    }
    for (let run = 0; run < 5; run += 1) await stowpay(till, ['forward'], null);
    await stowpay(till, ['capture', '--all'], null);
    const check = await stowpay(till, ['status', '--check'], null);
    expect(check.code, check.stdout).to.equal(0);
    await agree(till, told);
    await till.close();
    console.log(
      `      ${KILLS - survived} killed, ${survived} finished before, ${told.size} orders, nothing lost or doubled`,
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
