import {expect} from 'chai';
import {
  connectedCli,
  expectFailure,
  expectNoStack,
  expectNothingStored,
  freshCli,
  inPairs,
  lastKsn,
  payments,
} from '../support/world.js';

describe('an amount that cannot be', () => {
  const CASES: readonly (readonly [words: readonly string[], code: string])[] = [
    [['12.505', 'usd'], 'invalid_amount'],
    [['1.5', 'jpy'], 'invalid_amount'],
    [['abc', 'usd'], 'invalid_amount'],
    [['0', 'usd'], 'invalid_amount'],
    [['1e3', 'usd'], 'invalid_amount'],
    [['12,50', 'usd'], 'invalid_amount'],
    [['99999999999999999999', 'usd'], 'invalid_amount'],
    [['5', 'zzz'], 'invalid_currency'],
    [['--', '-5', 'usd'], 'invalid_amount'],
    [['-5', 'usd'], 'invalid_amount'],
    [['5', 'usd', '--tip', '-1'], 'invalid_amount'],
  ];

  it('is a usage error, whatever is wrong with it, and nothing is stored', async () => {
    const cli = await connectedCli('off');
    const ksn = lastKsn(cli);
    await inPairs(
      CASES.map(([words, code]) => async () => {
        const ran = await cli.run(['collect', '--json', '--reference', 'A1', ...words]);
        expectFailure(ran, 2, code);
      }),
    );
    expect(await payments(cli)).to.deep.equal([]);
    await expectNothingStored(cli);
    expect(lastKsn(cli), 'a card was read').to.equal(ksn);
  });

  it('tells a person in words, on stderr', async () => {
    const ran = await freshCli().run(['collect', '12.505', 'usd']);
    expect(ran.code).to.equal(2);
    expect(ran.stdout).to.equal('');
    expect(ran.stderr)
      .to.match(/12\.505.*invalid_amount/)
      .and.match(/^Do: /m);
    expectNoStack(ran);
  });
});

describe('a command that cannot be understood', () => {
  const SECRET = 'sk_live_PlantedSecret4711';
  const CASES: readonly (readonly string[])[] = [
    ['collect', '12.50', 'usd', '--api-key', SECRET],
    ['collect', '12.50', 'usd', `--api-key=${SECRET}`],
    ['collect', '12.50', 'usd', SECRET],
    ['collect', '12.50', 'usd', '--offline-behavior', SECRET],
    ['collect', '12.50', 'usd', '--timeout', SECRET],
    ['collect', '12.50', 'usd', '--metadata', SECRET],
    ['collect', SECRET, 'usd'],
    ['collect', '5', SECRET],
    ['collect', '12.50'],
    ['collect', '12.50', 'usd', '--reference', ''],
    ['frobnicate', SECRET],
    [`--api-key=${SECRET}`],
    ['sandbox', 'network', SECRET],
    ['sandbox', 'card', SECRET],
    ['connect', '--reader', SECRET],
    ['inspect', '--state', SECRET],
    ['inspect', SECRET],
    ['status', SECRET],
    ['sandbox', 'card', '--behavior', SECRET],
    ['sandbox', 'card', '--fault', SECRET],
    ['sandbox', 'reader', '--set', `output=${SECRET}`],
    ['connect', '--reader'],
    ['status', '--captured-elsewhere'],
    [],
  ];

  it('is a usage error: one object, never what was typed, never a stack, nothing stored', async () => {
    const cli = await connectedCli('off');
    await inPairs(
      CASES.map((words) => async () => {
        const ran = await cli.run([...words, '--json']);
        expect(ran.code, `${ran}`).to.equal(2);
        expect(ran.error.exit_code).to.equal(2);
        expect(ran.error.code).to.match(/^(invalid_|payment_not_found)/);
        expectNoStack(ran);
        expect(`${ran.stdout}${ran.stderr}`, `${ran}`).not.to.contain('PlantedSecret');
      }),
    );
    expect(await payments(cli)).to.deep.equal([]);
  });

  it('tells a person on stderr, and never what was typed', async () => {
    const cli = await connectedCli('off');
    await inPairs(
      CASES.filter((_, index) => index % 4 === 0).map((words) => async () => {
        const ran = await cli.run(words);
        expect(ran.code, `${ran}`).to.equal(2);
        expectNoStack(ran);
        expect(`${ran.stdout}${ran.stderr}`, `${ran}`).not.to.contain('PlantedSecret');
        expect(ran.stdout).to.equal('');
      }),
    );
  });
});
