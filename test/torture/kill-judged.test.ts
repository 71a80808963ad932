import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import type {FaultRequest} from '../../src/lib/sandbox/api/faults.js';
import type {ForwardResult} from '../../src/lib/terminal/forward/result.js';
import type {Cli, Ran} from '../support/cli.js';
import {
  connectedCli,
  inPairs,
  type Judge,
  network,
  payments,
  startJudge,
  startJudgeCommand,
  taken,
} from '../support/world.js';

/** States in which the order of a reference is paid, or will be. */
const TAKEN = ['accepted_offline', 'authorized', 'captured', 'in_doubt', 'authorizing', 'forwarding'];

async function takenFor(cli: Cli, reference: string): Promise<readonly string[]> {
  const all = await payments(cli);
  return all
    .filter((one) => one.reference === reference && TAKEN.includes(one.state))
    .map(({local_id}) => local_id);
}

/** The journal verifies as a whole: whatever a wipe would lose, it is not damaged. */
async function expectWholeJournal(cli: Cli): Promise<void> {
  const check = await cli.run(['status', '--check', '--json']);
  expect(check.code, `${check}`).to.be.oneOf([0, 3, 6]);
}

describe('kill -9 of a collect', () => {
  it('right after its answer: the payment is there', async () => {
    const cli = await connectedCli('off');
    const words = ['collect', '12.50', 'usd', '--reference', 'A1', '--json'];
    const killed = await cli.run(words, {onOutput: (child) => child.kill('SIGKILL')});
    const told = JSON.parse(killed.stdout) as {result: {local_id: string}};
    expect(await takenFor(cli, 'A1')).to.deep.equal([told.result.local_id]);
    const again = await cli.run(words);
    expect(again.result().local_id).to.equal(told.result.local_id);
    await expectWholeJournal(cli);
  });

  it('at any moment: there or absent, and one payment after the same command again', async () => {
    // From before the program is loaded until after it has answered, on both sides of every write.
    const moments = Array.from({length: 10}, (_, index) => 120 + index * 45 + Math.random() * 45);
    const half = moments.length / 2;
    await inPairs(
      [moments.slice(0, half), moments.slice(half)].map((some) => async () => {
        const cli = await connectedCli('off');
        for (const [index, moment] of some.entries()) {
          const words = ['collect', '12.50', 'usd', '--reference', `order-${index}`, '--json'];
          const killed = await cli.run(words, {
            onStart: (child) => void sleep(moment).then(() => child.kill('SIGKILL')),
          });
          const again = await cli.run(words);
          const payment = again.result();
          expect(payment.state, `killed after ${moment} ms`).to.equal('accepted_offline');
          if (killed.stdout.endsWith('\n')) {
            const told = JSON.parse(killed.stdout) as {result: {local_id: string}};
            expect(payment.local_id, 'what it told before it was killed').to.equal(told.result.local_id);
          }
        }
        const stored = await payments(cli, 'accepted_offline');
        const references = stored.map(({reference}) => reference).sort();
        expect(references, `killed after ${some.join(', ')} ms`).to.deep.equal(
          some.map((_, index) => `order-${index}`).sort(),
        );
        await expectWholeJournal(cli);
      }),
    );
  });
});

/** Where the standalone API holds a request up, so that the program can be killed in the middle of it. */
interface Moment {
  readonly name: string;
  readonly faults: readonly FaultRequest[];
}

const CREATE = {method: 'POST', path: '/v1/payment_intents'};
const CONFIRM = {method: 'POST', path: '/v1/payment_intents/*/confirm'};
const LOOK = {method: 'GET', path: '/v1/payment_intents/*'};
const hang = (ms: number) => ({fault: {kind: 'hang', ms}}) as const;

/** A forward sends a create again until it is answered; a collect, whose customer waits, sells offline instead. */
const CREATED_UNHEARD: Moment = {
  name: 'after the intent was created, its answer lost',
  faults: [
    {...CREATE, fault: {kind: 'drop_after'}},
    {...CREATE, ...hang(300)},
  ],
};

const MOMENTS: readonly Moment[] = [
  {name: 'before anything is sent', faults: [{method: 'GET', path: '/v1/account', ...hang(300)}]},
  {name: 'while the intent is created', faults: [{...CREATE, ...hang(300)}]},
  {name: 'while the confirm is on its way', faults: [{...CONFIRM, ...hang(300)}]},
  {name: 'long before the confirm arrives', faults: [{...CONFIRM, ...hang(1800)}]},
  {
    name: 'after the confirm took effect, its answer lost',
    faults: [
      {...CONFIRM, fault: {kind: 'drop_after'}},
      {...LOOK, ...hang(300)},
    ],
  },
  {
    name: 'after a confirm that was lost, while it looks',
    faults: [
      {...CONFIRM, fault: {kind: 'drop_before'}},
      {...LOOK, ...hang(300)},
    ],
  },
];

/** Runs a command until the API holds up its request, kills it there, and lets the API go on. */
async function killInTheMiddle(
  cli: Cli,
  judge: Judge,
  words: readonly string[],
  moment: Moment,
): Promise<Ran> {
  await judge.fault(...moment.faults);
  const killed = await cli.run(words, {
    onStart: (child) => void judge.faultsMet().then(() => child.kill('SIGKILL')),
  });
  expect(killed.signal, `${moment.name}: it was to be killed, but ended: ${killed}`).to.equal('SIGKILL');
  return killed;
}

describe('kill -9 in the middle, judged by the ledger of the standalone API', () => {
  const judges = new Map<Moment, Judge>();
  afterEach(async () => {
    await Promise.all([...judges.values()].map((judge) => judge.stop()));
    judges.clear();
  });

  /** A device and an API of its own, connected and with the network as asked. */
  async function world(
    moment: Moment,
    state: 'on' | 'off',
    start = startJudge,
  ): Promise<{cli: Cli; judge: Judge}> {
    const judge = await start();
    judges.set(moment, judge);
    const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
    network(cli, state);
    return {cli, judge};
  }

  async function forwardThrough(moment: Moment): Promise<void> {
    const {cli, judge} = await world(moment, 'off');
    const {local_id} = await taken(cli, 1250, 'A1');
    network(cli, 'on');
    await killInTheMiddle(cli, judge, ['forward', '--json'], moment);
    const {outcomes} = await cli.ok<ForwardResult>('forward');
    expect(outcomes.authorized?.count, moment.name).to.equal(1);
    const entries = (await judge.ledger()).filter((entry) => entry.confirms > 0);
    expect(entries, moment.name).to.have.length(1);
    expect(entries[0], moment.name).to.include({
      stowpay_id: local_id,
      amount: 1250,
      confirms: 1,
      status: 'requires_capture',
      ksn_reused: false,
    });
    const [payment] = await payments(cli);
    expect(payment).to.include({state: 'authorized', id: entries[0]?.id});
  }

  it('of a forward: run again, one confirmed PaymentIntent of the right amount', async function () {
    this.timeout(60_000);
    await inPairs(
      [...MOMENTS, CREATED_UNHEARD].map((moment) => () => forwardThrough(moment)),
      3,
    );
  });

  async function collectThrough(moment: Moment): Promise<void> {
    const {cli, judge} = await world(moment, 'on');
    const words = ['collect', '12.50', 'usd', '--reference', 'A1', '--json'];
    await killInTheMiddle(cli, judge, words, moment);
    const again = await cli.run(words);
    // A confirm that was still on its way has arrived by now.
    await sleep(moment.name.startsWith('long') ? 1800 : 300);
    const confirmed = (await judge.ledger()).filter(({status}) =>
      ['requires_capture', 'succeeded'].includes(status),
    );
    const answer = again.result();
    expect(answer.state, moment.name).to.equal('authorized');
    expect(
      confirmed.map(({id, amount, confirms}) => ({id, amount, confirms})),
      moment.name,
    ).to.deep.equal([{id: answer.id, amount: 1250, confirms: 1}]);
    expect(await takenFor(cli, 'A1'), moment.name).to.deep.equal([answer.local_id]);
  }

  it('of an online collect: run again with its reference, it answers what the ledger says', async function () {
    this.timeout(60_000);
    await inPairs(
      MOMENTS.map((moment) => () => collectThrough(moment)),
      3,
    );
  });

  it('of a capture: run again, the amount is taken once', async () => {
    const moment: Moment = {
      name: 'capture',
      faults: [
        {method: 'POST', path: '/v1/payment_intents/*/capture', fault: {kind: 'drop_after'}},
        {...LOOK, ...hang(300)},
      ],
    };
    const {cli, judge} = await world(moment, 'on', startJudgeCommand);
    const {local_id, id} = await taken(cli, 1250, 'A1');
    await killInTheMiddle(cli, judge, ['capture', local_id, '--amount', '10.00', '--json'], moment);
    await cli.ok('capture', local_id);
    const [entry] = await judge.ledger();
    expect(entry).to.include({id, captures: 1, amount_captured: 1000, status: 'succeeded'});
    expect((await payments(cli))[0]).to.include({state: 'captured', amount_received: 1000});
  });
});
