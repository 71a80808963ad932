import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import type {PaymentIntent} from '../../src/lib/core/payment.js';
import type {Cli} from '../support/cli.js';
import {connectedCli, inspected, type Judge, network, startJudge, taken} from '../support/world.js';

interface Item extends PaymentIntent {
  readonly error: {readonly code: string} | null;
}

/** Cancels every payment while a forward sends them, and holds what is told of each against the ledger. */
async function race(
  judge: Judge,
  cli: Cli,
  count: number,
  newestFirst: boolean,
  headStartMs: number,
): Promise<void> {
  const stored: PaymentIntent[] = [];
  for (let n = 0; n < count; n += 1)
    stored.push(await taken(cli, 1000 + n * 100, `race-${headStartMs}-${n}`, 'force_offline'));
  const names = stored.map(({local_id}) => local_id);
  if (newestFirst) names.reverse();
  // Slow enough that the two surely meet, and some confirms are under way when their cancel comes.
  await judge.fault({path: '/v1/payment_intents/*/confirm', count: 4, fault: {kind: 'hang', ms: 150}});
  const forwarding = cli.run(['forward', '--json']);
  await sleep(headStartMs);
  const cancel = await cli.run(['cancel', '-', '--json'], {input: `${names.join('\n')}\n`});
  const forward = await forwarding;
  await judge.clearFaults();
  expect(forward.code, `${forward}`).to.be.oneOf([0, 5, 6, 11]);
  expect(cancel.code, `${cancel}`).to.equal(0);
  await cli.ok('forward');
  const ledger = await judge.ledger();
  for (const {local_id} of stored) {
    expect((await inspected(cli, local_id)).state).to.equal('canceled');
    const mine = ledger.filter(({stowpay_id}) => stowpay_id === local_id);
    expect(mine.length, local_id).to.be.lessThanOrEqual(1);
    for (const entry of mine) expect(entry).to.include({status: 'canceled', captures: 0});
  }
}

describe('cancel against a forward in another process', () => {
  for (const newestFirst of [true, false]) {
    it(`ends in exactly one truth for each of many payments (${newestFirst ? 'newest' : 'oldest'} first)`, async () => {
      const judge = await startJudge();
      try {
        const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
        for (const headStartMs of [0, 100, 250]) await race(judge, cli, 12, newestFirst, headStartMs);
      } finally {
        await judge.stop();
      }
    }).timeout(90_000);
  }

  it('that captures: each is canceled without money, or received and told as such', async () => {
    const judge = await startJudge();
    try {
      const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
      const stored: PaymentIntent[] = [];
      network(cli, 'off');
      for (let n = 0; n < 8; n += 1) {
        const words = [
          'collect',
          '10.00',
          'usd',
          '--reference',
          `auto-${n}`,
          '--capture-method',
          'automatic',
          '--json',
        ];
        stored.push((await cli.run(words)).result());
      }
      network(cli, 'on');
      const names = stored.map(({local_id}) => local_id).reverse();
      const [, cancel] = await Promise.all([
        cli.run(['forward', '--json']),
        cli.run(['cancel', '-', '--json'], {input: `${names.join('\n')}\n`}),
      ]);
      expect(cancel.code, `${cancel}`).to.be.oneOf([0, 7]);
      await cli.run(['forward', '--json']);
      const told = new Map(
        (cancel.json.result as {payments: Item[]}).payments.map((one) => [one.local_id, one]),
      );
      for (const {local_id} of stored) {
        const {state} = await inspected(cli, local_id);
        const mine = (await judge.ledger()).filter(({stowpay_id}) => stowpay_id === local_id);
        expect(mine.length).to.be.lessThanOrEqual(1);
        expect(state).to.be.oneOf(['canceled', 'captured']);
        if (state === 'captured') {
          expect(mine[0]).to.include({status: 'succeeded', captures: 1});
          expect(told.get(local_id)?.error, 'nobody was told that it is canceled').not.to.equal(null);
        } else for (const entry of mine) expect(entry).to.include({status: 'canceled', captures: 0});
      }
    } finally {
      await judge.stop();
    }
  }).timeout(90_000);
});
