import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import type {Cli, Ran} from '../support/cli.js';
import {
  connectedCli,
  expectFailure,
  expectNoStack,
  expectNothingStored,
  journalled,
  lastKsn,
  payments,
  present,
  startJudge,
  taken,
} from '../support/world.js';

const SALE = ['collect', '12.50', 'usd', '--reference', 'A1'];

/** Runs a sale nobody presents a card for, and sends a signal once the payment is created and the card awaited. */
async function interrupted(
  cli: Cli,
  words: readonly string[],
  signals: readonly NodeJS.Signals[],
): Promise<Ran> {
  present(cli, {behavior: 'no_card'});
  const ran = await cli.run(words, {
    onStart: (child) => {
      void (async () => {
        await journalled(cli, 'payment.created');
        await sleep(150);
        for (const signal of signals) {
          child.kill(signal);
          await sleep(5);
        }
      })();
    },
  });
  // A signal that came before the reader waited has left "nobody" for the next sale.
  present(cli, {});
  return ran;
}

for (const [signal, exit, code] of [
  ['SIGINT', 130, 'interrupted'],
  ['SIGTERM', 143, 'terminated'],
] as const) {
  describe(`${signal} while a card is awaited`, () => {
    it(`ends with ${exit}, charges nobody, and the order can be collected again`, async () => {
      const cli = await connectedCli('off');
      expectFailure(await interrupted(cli, [...SALE, '--json'], [signal]), exit, code);
      const [canceled] = await payments(cli);
      expect(canceled?.state).to.equal('canceled');
      await expectNothingStored(cli);
      await cli.ok('status', '--check');
      expect((await cli.ok(...SALE)).state).to.equal('accepted_offline');
    });
  });
}

describe('a signal', () => {
  it('tells a person that the state is safe', async () => {
    const cli = await connectedCli('off');
    const ran = await interrupted(cli, SALE, ['SIGINT']);
    expect(ran.code).to.equal(130);
    expect(ran.stderr)
      .to.match(/Interrupted/)
      .and.match(/--reference/);
    expectNoStack(ran);
  });

  it('stops at once when it comes a second time, and the order can be collected again', async () => {
    const cli = await connectedCli('off');
    const ran = await interrupted(cli, SALE, ['SIGINT', 'SIGINT', 'SIGINT']);
    expect(ran.code, `${ran}`).to.equal(130);
    expect((await cli.ok(...SALE)).state).to.equal('accepted_offline');
  });

  it('in the middle of a forward leaves what was not sent stored, and ends after the payment in hand', async () => {
    const judge = await startJudge();
    try {
      const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
      const profiles = {sandbox: {gateway: 'sandbox', max_concurrency: 1}};
      writeFileSync(join(cli.dataDir, 'config.json'), JSON.stringify({profiles}));
      for (const reference of ['A1', 'A2', 'A3']) {
        await taken(cli, 1250, reference, 'force_offline');
      }
      await judge.fault({path: '/v1/payment_intents/*/confirm', fault: {kind: 'hang', ms: 500}});
      const ran = await cli.run(['forward', '--json'], {
        onStart: (child) => void judge.faultsMet().then(() => child.kill('SIGTERM')),
      });
      expectFailure(ran, 143, 'terminated');
      const confirmed = (await judge.ledger()).filter(({confirms}) => confirms > 0);
      expect(confirmed).to.have.length(1);
      expect(await payments(cli, 'authorized')).to.have.length(1);
      expect(await payments(cli, 'accepted_offline')).to.have.length(2);
      await cli.ok('forward');
      expect((await judge.ledger()).map(({confirms}) => confirms)).to.deep.equal([1, 1, 1]);
    } finally {
      await judge.stop();
    }
  });

  it('leaves the emulated reader and its key counter whole', async () => {
    const cli = await connectedCli('off');
    const before = lastKsn(cli);
    await interrupted(cli, SALE, ['SIGTERM']);
    expect(lastKsn(cli)).to.equal(before);
  });
});
