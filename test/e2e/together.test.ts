import {expect} from 'chai';
import type {ForwardResult} from '../../src/lib/terminal/forward/result.js';
import {connectedCli, expectFailure, payments, sealedData, startJudge, taken} from '../support/world.js';

const TIMES = [1, 2, 3, 4, 5, 6];

describe('several processes on one device', () => {
  it('each take their own payment, and no key is used twice', async function () {
    this.timeout(40_000);
    const cli = await connectedCli('off');
    const sales = await Promise.all(
      TIMES.map((one) => cli.run(['collect', `${one}.00`, 'usd', '--reference', `order-${one}`, '--json'])),
    );
    const sold = sales.map((ran) => ran.result());
    expect(new Set(sold.map(({local_id}) => local_id)).size).to.equal(TIMES.length);
    const stored = await payments(cli, 'accepted_offline');
    expect(stored.map(({amount}) => amount).sort()).to.deep.equal(TIMES.map((one) => one * 100));
    const keys = sealedData(cli).map(({sealed}) => sealed.ksn);
    expect(new Set(keys).size).to.equal(TIMES.length);
    const check = await cli.run(['status', '--check', '--json']);
    expectFailure(check, 3, 'payments_pending');
  });

  it('take one payment for one reference', async function () {
    this.timeout(40_000);
    const cli = await connectedCli('off');
    const words = ['collect', '12.50', 'usd', '--reference', 'same', '--json'];
    const sales = await Promise.all([1, 2, 3, 4].map(() => cli.run(words)));
    const sold = sales.filter(({code}) => code === 0).map((ran) => ran.result().local_id);
    expect(sold.length).to.be.greaterThan(0);
    expect(new Set(sold).size, 'payments told of').to.equal(1);
    for (const ran of sales.filter(({code}) => code !== 0)) expectFailure(ran, 11, ran.error.code);
    const all = await payments(cli);
    expect(all.map(({state, local_id}) => ({state, local_id}))).to.deep.equal([
      {state: 'accepted_offline', local_id: sold[0]},
    ]);
    expect(sealedData(cli)).to.have.length(1);
  });

  it('forward each payment once', async function () {
    this.timeout(40_000);
    const judge = await startJudge();
    try {
      const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
      for (const one of TIMES.slice(0, 4)) {
        await taken(cli, one * 100, `order-${one}`, 'force_offline');
      }
      // Slow enough that the two surely meet.
      await judge.fault({path: '/v1/payment_intents/*/confirm', count: 2, fault: {kind: 'hang', ms: 300}});
      const runs = await Promise.all([1, 2].map(() => cli.run(['forward', '--json'])));
      for (const ran of runs) {
        expect(ran.code, `${ran}`).to.be.oneOf([0, 11]);
        const {payments: items} = ran.json.result as ForwardResult;
        expect(items.map(({outcome}) => outcome)).to.satisfy((outcomes: string[]) =>
          outcomes.every((outcome) => ['authorized', 'busy', 'elsewhere'].includes(outcome)),
        );
      }
      const ledger = await judge.ledger();
      expect(ledger.map(({amount, confirms}) => ({amount, confirms}))).to.have.deep.members(
        TIMES.slice(0, 4).map((one) => ({amount: one * 100, confirms: 1})),
      );
      expect(await payments(cli, 'authorized')).to.have.length(4);
      await cli.ok('forward');
    } finally {
      await judge.stop();
    }
  });

  it('capture each payment once', async () => {
    const judge = await startJudge();
    try {
      const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
      const {local_id} = await taken(cli, 1250, 'A1');
      await judge.fault({path: '/v1/payment_intents/*/capture', fault: {kind: 'hang', ms: 300}});
      const runs = await Promise.all([1, 2].map(() => cli.run(['capture', local_id, '--json'])));
      expect(runs.filter(({code}) => code === 0)).to.have.length.greaterThan(0);
      for (const ran of runs) expect(ran.code, `${ran}`).to.be.oneOf([0, 7, 11]);
      expect((await judge.ledger())[0]).to.include({captures: 1, amount_captured: 1250});
    } finally {
      await judge.stop();
    }
  });
});
