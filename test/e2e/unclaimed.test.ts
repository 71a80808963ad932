import {expect} from 'chai';
import type {Cli} from '../support/cli.js';
import {connectedCli, type Judge, payments, present, startJudge} from '../support/world.js';

const SALE = ['collect', '12.50', 'usd', '--reference', 'A1', '--json'];

/** A collect that was killed after its confirm took effect: authorised, and nobody was told. */
async function unheard(judge: Judge): Promise<Cli> {
  const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
  await judge.fault(
    {method: 'POST', path: '/v1/payment_intents/*/confirm', fault: {kind: 'drop_after'}},
    {method: 'GET', path: '/v1/payment_intents/*', fault: {kind: 'hang', ms: 300}},
  );
  await cli.run(SALE, {onStart: (child) => void judge.faultsMet().then(() => child.kill('SIGKILL'))});
  expect((await judge.ledger()).map(({status}) => status)).to.deep.equal(['requires_capture']);
  return cli;
}

describe('an authorisation no caller ever heard of', () => {
  let judge: Judge;
  beforeEach(async () => {
    judge = await startJudge();
  });
  afterEach(() => judge.stop());

  it('is claimed by the same reference, also after a forward found it', async () => {
    const cli = await unheard(judge);
    await cli.ok('forward');
    expect((await cli.run(SALE)).result().state).to.equal('authorized');
    expect((await judge.ledger()).map(({confirms}) => confirms)).to.deep.equal([1]);
  });

  it('is cancelled at the API by a forward when nobody claimed it for 15 minutes', async () => {
    const cli = await unheard(judge);
    await cli.ok('forward');
    expect((await payments(cli))[0]?.state, 'it may still be claimed').to.equal('authorized');
    const clock = new Date(Date.now() + 16 * 60_000).toISOString();
    const ran = await cli.run(['forward', '--json'], {clock});
    expect(ran.code, `${ran}`).to.be.oneOf([0, 6]);
    expect((await payments(cli))[0]?.state).to.equal('canceled');
    expect((await judge.ledger()).map(({status}) => status)).to.deep.equal(['canceled']);
  });

  it('is not captured with everything else, as the goods may never have left', async () => {
    const cli = await unheard(judge);
    await cli.ok('forward');
    await cli.ok('capture', '--all');
    expect((await judge.ledger()).map(({status, captures}) => ({status, captures}))).to.deep.equal([
      {status: 'requires_capture', captures: 0},
    ]);
  });
});

describe('an intent that was created for a sale that never was', () => {
  it('is cancelled at the API by the next forward', async () => {
    const judge = await startJudge();
    try {
      const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
      present(cli, {behavior: 'no_card'});
      expect((await cli.run([...SALE, '--timeout', '1'])).code).to.equal(5);
      expect((await judge.ledger()).map(({status}) => status)).to.deep.equal(['requires_payment_method']);
      await cli.ok('forward');
      expect((await judge.ledger()).map(({status}) => status)).to.deep.equal(['canceled']);
    } finally {
      await judge.stop();
    }
  });
});
