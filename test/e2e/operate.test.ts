import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import type {PaymentIntent} from '../../src/lib/core/payment.js';
import {systemClock} from '../../src/lib/device/clock.js';
import {FileJournal} from '../../src/lib/journal/journal.js';
import {disk} from '../../src/lib/storage/disk.js';
import type {ForwardResult} from '../../src/lib/terminal/forward/result.js';
import type {Cli} from '../support/cli.js';
import {
  connectedCli,
  expectFailure,
  inspected,
  network,
  payments,
  sealedData,
  startJudge,
  statusOf,
  taken,
} from '../support/world.js';

const CANCEL = {method: 'POST', path: '/v1/payment_intents/*/cancel'} as const;

interface Item extends PaymentIntent {
  readonly outcome: string;
  readonly note: string | null;
  readonly error: {readonly code: string} | null;
}

/** What a command answered, whatever its exit code. */
async function items(cli: Cli, ...words: string[]): Promise<readonly Item[]> {
  const ran = await cli.run([...words, '--json']);
  return (ran.json.result as {payments: Item[]}).payments;
}

function journalOf(cli: Cli): FileJournal {
  return new FileJournal({storage: disk, directory: cli.dataDir, clock: systemClock()});
}

async function setAside(cli: Cli, payment: string): Promise<void> {
  const journal = journalOf(cli);
  const data = {code: 'api_refused', message: 'Set aside by a test.', error: null};
  await journal.transact(() => ({events: [{type: 'payment.quarantined', payment, data}], result: null}));
  journal.close();
}

describe('cancel on the command line', () => {
  it('voids a stored payment without network, and the device may be wiped', async () => {
    const cli = await connectedCli('off');
    const {local_id} = await taken(cli, 1250, 'order-1');
    const ran = await cli.run([
      'cancel',
      local_id.slice(0, 20),
      '--reason',
      'card 4242 4242 4242 4242',
      '--json',
    ]);
    expect(ran.code, `${ran}`).to.equal(0);
    const [item] = ran.result<{payments: Item[]}>().payments;
    expect(item).to.include({local_id, outcome: 'canceled', state: 'canceled', error: null});
    expect(sealedData(cli)).to.deep.equal([]);
    expect((await cli.run(['status', '--check', '--json'])).code).to.equal(0);
    const story = await cli.run(['inspect', local_id]);
    expect(story.stdout)
      .to.match(/cancel requested by \S.*: card \[hidden\]/)
      .and.to.match(/canceled \(requested\)/);
    expect(story.stdout).not.to.match(/4242 4242/);
    const again = await cli.run(['collect', '12.50', 'usd', '--reference', 'order-1', '--json']);
    expectFailure(again, 7, 'payment_intent_unexpected_state');
    expect(again.error.details.payment).to.include({local_id, state: 'canceled'});
    expect(
      (await cli.run(['cancel', local_id, '--json'])).result<{payments: Item[]}>().payments[0],
    ).to.include({
      outcome: 'unchanged',
    });
  });

  it('does nothing at all when one name is wrong, no payment is named, or the reason is no line', async () => {
    const cli = await connectedCli('off');
    const {local_id} = await taken(cli, 1250, 'order-1');
    expectFailure(await cli.run(['cancel', local_id, 'pay_NOBODY', '--json']), 2, 'payment_not_found');
    expectFailure(await cli.run(['cancel', '--json']), 2, 'invalid_usage');
    expectFailure(await cli.run(['cancel', '-', '--json'], {input: '\n'}), 2, 'invalid_usage');
    expectFailure(await cli.run(['cancel', local_id, '--reason', 'a\nb', '--json']), 2, 'invalid_usage');
    expectFailure(await cli.run(['cancel', '--all', '--json']), 2, 'invalid_usage');
    expectFailure(await cli.run(['cancel', '--all', '--confirm', 'dev_x', '--json']), 2, 'invalid_usage');
    expectFailure(await cli.run(['hold', '--all', local_id, '--json']), 2, 'invalid_usage');
    expect((await payments(cli)).map(({state}) => state)).to.deep.equal(['accepted_offline']);
  });

  it('without network is recorded, exit 5, and finished by the next forward', async () => {
    const judge = await startJudge();
    try {
      const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
      const {local_id} = await taken(cli, 1250, 'order-1');
      network(cli, 'off');
      const ran = await cli.run(['cancel', local_id, '--json']);
      expectFailure(ran, 5, 'network_unavailable');
      expect((ran.json.result as {payments: Item[]}).payments[0]).to.include({
        outcome: 'requested',
        state: 'authorized',
      });
      expectFailure(await cli.run(['capture', local_id, '--json']), 7, 'payment_intent_unexpected_state');
      expectFailure(await cli.run(['status', '--check', '--json']), 3, 'payments_pending');
      network(cli, 'on');
      const done = await cli.ok<ForwardResult>('forward');
      expect(done.payments.map(({outcome}) => outcome)).to.deep.equal(['canceled']);
      expect((await judge.ledger())[0]).to.include({status: 'canceled', captures: 0});
    } finally {
      await judge.stop();
    }
  });

  for (const [when, fault] of [
    ['before it took effect', {kind: 'hang', ms: 2000}],
    ['after it took effect', {kind: 'drop_after'}],
  ] as const) {
    it(`killed in the middle, ${when}, is finished by a forward`, async () => {
      const judge = await startJudge();
      try {
        const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
        const {local_id} = await taken(cli, 1250, 'order-1');
        await judge.fault({...CANCEL, fault});
        if (fault.kind === 'drop_after')
          await judge.fault({...CANCEL, count: 20, fault: {kind: 'hang', ms: 2000}});
        const dying = cli.run(['cancel', local_id, '--json'], {
          onStart: (child) => {
            const late = async (): Promise<void> => {
              while ((await inspected(cli, local_id)).attempts.every(({operation}) => operation !== 'cancel'))
                await sleep(20);
              await sleep(200);
              child.kill('SIGKILL');
            };
            void late();
          },
        });
        expect((await dying).signal).to.equal('SIGKILL');
        await judge.clearFaults();
        expect(await inspected(cli, local_id)).to.include({state: 'authorized', cancel_requested: true});
        // The API may still be busy with the cancel of the one that died.
        await cli.ok('forward', '--wait', '--timeout', '20');
        expect(await inspected(cli, local_id)).to.include({state: 'canceled'});
        expect((await judge.ledger())[0]).to.include({status: 'canceled', captures: 0});
      } finally {
        await judge.stop();
      }
    }).timeout(30_000);
  }

  it('of a payment that somebody works on is busy after a while, exit 11', async () => {
    const cli = await connectedCli('off');
    const {local_id} = await taken(cli, 1250, 'order-1');
    const journal = journalOf(cli);
    const seq = (await journal.view()).state.payments.get(local_id)?.seq ?? 0;
    const claim = await journal.claim(seq);
    expectFailure(await cli.run(['cancel', local_id, '--json']), 11, 'payment_busy');
    claim?.release();
    journal.close();
    expect((await payments(cli))[0]).to.include({state: 'accepted_offline', cancel_requested: false});
  }).timeout(40_000);
});

describe('hold, release, retry and acknowledge on the command line', () => {
  it('keep a payment back and let it go', async () => {
    const judge = await startJudge();
    try {
      const cli = await connectedCli('on', {STOWPAY_SANDBOX_API: judge.url});
      const {local_id} = await taken(cli, 1250, 'order-1', 'force_offline');
      expect(await items(cli, 'hold', local_id, '--reason', 'goods missing')).to.have.length(1);
      expect((await cli.ok<ForwardResult>('forward')).total).to.equal(0);
      expectFailure(await cli.run(['forward', local_id, '--json']), 7, 'payment_intent_unexpected_state');
      expectFailure(await cli.run(['retry', local_id, '--json']), 7, 'payment_intent_unexpected_state');
      expectFailure(await cli.run(['status', '--check', '--json']), 3, 'payments_pending');
      expect((await statusOf(cli)).offline_payments_count).to.equal(1);
      const [released] = await items(cli, 'release', '--all');
      expect(released).to.include({local_id, outcome: 'released', state: 'accepted_offline'});
      expect((await cli.ok<ForwardResult>('forward')).payments[0]).to.include({outcome: 'authorized'});
      expect((await judge.ledger())[0]).to.include({confirms: 1});
      const text = await cli.run(['inspect', local_id]);
      expect(text.stdout)
        .to.match(/held back by \S.*: goods missing/)
        .and.to.match(/released by /);
      expectFailure(await cli.run(['acknowledge', local_id, '--json']), 7, 'payment_intent_unexpected_state');
    } finally {
      await judge.stop();
    }
  });

  it('take what was set aside through a pipe, as scripts do', async () => {
    const cli = await connectedCli('on');
    const ids: string[] = [];
    for (const reference of ['a', 'b', 'c']) {
      const {local_id} = await taken(cli, 1250, reference, 'force_offline');
      if (reference !== 'c') ids.push(local_id);
    }
    for (const id of ids) await setAside(cli, id);
    const listed = await cli.run(['inspect', '--state', 'quarantined', '--json']);
    // What jq -r '.result.payments[].local_id' prints.
    const lines = listed.result<{payments: PaymentIntent[]}>().payments.map(({local_id}) => `${local_id}\n`);
    const plan = await cli.run(['retry', '-', '--dry-run', '--json'], {input: lines.join('')});
    expect(plan.result<{payments: Item[]}>().payments.map(({outcome}) => outcome)).to.deep.equal([
      'planned',
      'planned',
    ]);
    const ran = await cli.run(['retry', '-', '--json'], {input: lines.join('')});
    expect(ran.result<{payments: Item[]}>().payments.map(({outcome}) => outcome)).to.deep.equal([
      'authorized',
      'authorized',
    ]);
    expect((await payments(cli, 'accepted_offline')).map(({reference}) => reference)).to.deep.equal(['c']);
    const nothing = await cli.run(['retry', '--all']);
    expect(nothing.stdout).to.match(/Nothing to try again/);
  });

  it('say what is left when there is no network, and what needs a person', async () => {
    const cli = await connectedCli('off');
    const {local_id} = await taken(cli, 1250, 'order-1');
    await setAside(cli, local_id);
    expectFailure(await cli.run(['retry', local_id, '--json']), 5, 'payments_left');
    expect((await payments(cli))[0]?.state).to.equal('accepted_offline');
  });

  it('take a decline off the list', async () => {
    const cli = await connectedCli('on');
    const {local_id} = await taken(cli, 1205, 'order-1', 'force_offline');
    expect((await cli.run(['forward', '--json'])).code).to.equal(6);
    expect((await cli.run(['status'])).stdout).to.match(/To acknowledge\s+1 payment, 12\.05 USD/i);
    const ran = await cli.run(['acknowledge', '--all', '--reason', 'paid cash']);
    expect(ran.code, `${ran}`).to.equal(0);
    expect(ran.stdout).to.match(new RegExp(`${local_id}\\s+acknowledged\\s+declined`));
    expect((await cli.run(['status'])).stdout).not.to.match(/To acknowledge/);
    expect((await cli.run(['acknowledge', '--all'])).stdout).to.match(/Nothing to acknowledge/);
  });
});
