import {expect} from 'chai';
import type {ForwardResult} from '../../src/lib/terminal/forward/result.js';
import type {Cli, Ran} from '../support/cli.js';
import {
  connectedCli,
  expectFailure,
  expectNothingStored,
  inspected,
  lastKsn,
  network,
  payments,
  present,
  taken,
} from '../support/world.js';

function collect(cli: Cli, amount: string, reference: string, ...flags: readonly string[]): Promise<Ran> {
  return cli.run(['collect', amount, 'usd', '--reference', reference, '--json', ...flags]);
}

describe('a sale with network', () => {
  let cli: Cli;
  before(async () => {
    cli = await connectedCli('on');
  });

  it('is authorised at once', async () => {
    const payment = (await collect(cli, '12.50', 'at-once')).result();
    expect(payment).to.include({state: 'authorized', status: 'requires_capture', offline_details: null});
    expect(payment.id).to.match(/^pi_/);
    expect(payment.amount_capturable).to.equal(1250);
    expect(payment.card_present_details).to.include({brand: 'visa', last4: '4242'});
  });

  it('returns the same payment for the same reference, and refuses another amount for it', async () => {
    const ksn = lastKsn(cli);
    const [first] = await payments(cli);
    expect((await collect(cli, '12.50', 'at-once')).result().local_id).to.equal(first?.local_id);
    expectFailure(await collect(cli, '12.51', 'at-once'), 2, 'reference_amount_mismatch');
    const eur = await cli.run(['collect', '12.50', 'eur', '--reference', 'at-once', '--json']);
    expectFailure(eur, 2, 'reference_amount_mismatch');
    expect(lastKsn(cli), 'a card was read').to.equal(ksn);
    expect(await payments(cli)).to.have.length(1);
  });

  it('is captured at once when asked to be', async () => {
    const payment = (await collect(cli, '7.00', 'automatic', '--capture-method', 'automatic')).result();
    expect(payment).to.include({state: 'captured', status: 'succeeded', amount_received: 700});
  });

  it('is declined by the issuer, by amount and by card, with exit 8', async () => {
    for (const [amount, decline_code] of [
      ['9.01', 'call_issuer'],
      ['9.05', 'generic_decline'],
    ] as const) {
      const ran = await collect(cli, amount, `declined-${amount}`);
      expectFailure(ran, 8, 'card_declined');
      expect(ran.error.details.decline_code).to.equal(decline_code);
    }
    present(cli, {pan: '4000000000000002'});
    expectFailure(await collect(cli, '9.00', 'declined-card'), 8, 'card_declined');
    expect(await payments(cli, 'declined')).to.have.length(3);
  });

  it('can be paid with another card after a decline, under the same reference', async () => {
    const payment = (await collect(cli, '9.00', 'declined-card')).result();
    expect(payment.state).to.equal('authorized');
  });

  it('is stored all the same when force_offline is asked for', async () => {
    const payment = (await collect(cli, '3.00', 'forced', '--offline-behavior', 'force_offline')).result();
    expect(payment).to.include({state: 'accepted_offline', id: null});
    expect(payment.offline_details?.requires_upload).to.equal(true);
  });

  it('is authorised when require_online is asked for', async () => {
    const payment = (await collect(cli, '3.00', 'required', '--offline-behavior', 'require_online')).result();
    expect(payment.state).to.equal('authorized');
  });

  it('adds the tip, and takes minor units', async () => {
    expect((await collect(cli, '3.00', 'tipped', '--tip', '0.50')).result().amount).to.equal(350);
    const minor = await cli.ok('collect', '--minor', '1250', 'usd', '--reference', 'minor');
    expect(minor.amount).to.equal(1250);
    const yen = await cli.ok('collect', '500', 'jpy', '--reference', 'yen');
    expect(yen).to.include({amount: 500, currency: 'jpy'});
  });
});

describe('a sale without network', () => {
  it('is refused with exit 5 when it must be online, before a card is read', async () => {
    const cli = await connectedCli('off');
    const ksn = lastKsn(cli);
    const ran = await collect(cli, '12.50', 'A1', '--offline-behavior', 'require_online');
    expectFailure(ran, 5, 'not_connected_to_internet_and_require_online_set');
    expect(lastKsn(cli), 'a card was read').to.equal(ksn);
    await expectNothingStored(cli);
  });

  it('is captured at forwarding when capture is automatic, and says before that no money moved', async () => {
    const cli = await connectedCli('off');
    const stored = (await collect(cli, '12.50', 'A1', '--capture-method', 'automatic')).result();
    expect(stored).to.include({state: 'accepted_offline', status: 'succeeded', amount_received: 0});
    const text = await cli.run(['collect', '12.50', 'usd', '--reference', 'A1']);
    expect(text.stdout)
      .to.match(/accepted offline/i)
      .and.not.match(/succeeded|captured/i);
    network(cli, 'on');
    const {outcomes} = await cli.ok<ForwardResult>('forward');
    expect(outcomes.captured).to.deep.equal({count: 1, amounts: {usd: 1250}});
    expect(await inspected(cli, stored.local_id)).to.include({state: 'captured', amount_received: 1250});
    await cli.ok('status', '--check');
  });

  it('is refused by our limits with exit 7', async () => {
    const cli = await connectedCli('off');
    expectFailure(await collect(cli, '10000.01', 'cap'), 7, 'amount_exceeds_max_offline_amount');
    const dong = await cli.run(['collect', '50000', 'vnd', '--reference', 'vnd', '--json']);
    expectFailure(dong, 7, 'invalid_offline_currency');
    expectFailure(await collect(cli, '0.10', 'small'), 7, 'amount_too_small');
    await expectNothingStored(cli);
  });
});

describe('capture', () => {
  let cli: Cli;
  const ids: Record<string, string> = {};

  before(async () => {
    cli = await connectedCli('on');
    for (const name of ['part', 'whole', 'rest']) {
      ids[name] = (await taken(cli, 1250, name)).local_id;
    }
    ids.stored = (await taken(cli, 300, 'stored', 'force_offline')).local_id;
  });

  const capture = (...words: readonly string[]): Promise<Ran> => cli.run(['capture', ...words, '--json']);
  const id = (name: string): string => ids[name] ?? '';

  it('refuses more than was authorised, and too many decimals', async () => {
    expectFailure(await capture(id('part'), '--amount', '12.51'), 2, 'invalid_amount');
    expectFailure(await capture(id('part'), '--amount', '1.005'), 2, 'invalid_amount');
    expectFailure(await capture(id('part'), '--amount', '0'), 2, 'invalid_amount');
    expect(await inspected(cli, id('part'))).to.include({state: 'authorized', amount_received: 0});
  });

  it('takes a part and releases the rest', async () => {
    (await capture(id('part'), '--amount', '10.00')).result();
    const payment = await inspected(cli, id('part'));
    expect(payment).to.include({state: 'captured', amount_received: 1000, amount_capturable: 0});
  });

  it('refuses to capture a payment again', async () => {
    expectFailure(await capture(id('part')), 7, 'payment_intent_unexpected_state');
    expectFailure(await capture(id('part'), '--amount', '2.50'), 7, 'payment_intent_unexpected_state');
    expect((await inspected(cli, id('part'))).amount_received).to.equal(1000);
  });

  it('refuses a stored payment, and says to forward it first', async () => {
    const ran = await capture(id('stored'));
    expectFailure(ran, 7, 'payment_intent_unexpected_state');
    expect(`${ran.error.message} ${ran.error.hint}`).to.contain('forward');
  });

  it('sends nothing for any when one of several cannot be captured', async () => {
    expectFailure(await capture(id('whole'), id('stored')), 7, 'payment_intent_unexpected_state');
    expect((await inspected(cli, id('whole'))).state).to.equal('authorized');
  });

  it('refuses names nobody has, and ones that two have', async () => {
    expectFailure(await capture('pay_nobody'), 2, 'payment_not_found');
    expectFailure(await capture(id('whole').slice(0, 10)), 2, 'payment_ambiguous');
    expectFailure(await capture('--all', id('whole')), 2, 'invalid_usage');
    expectFailure(await capture(id('whole'), id('rest'), '--amount', '1.00'), 2, 'invalid_usage');
  });

  it('wants to be told what to capture: no name is not everything, nor nothing', async () => {
    expectFailure(await capture(), 2, 'invalid_usage');
    expectFailure(await capture('--dry-run'), 2, 'invalid_usage');
  });

  it('says with --dry-run what it would do, and does nothing', async () => {
    (await capture('--all', '--dry-run')).result();
    expect((await inspected(cli, id('whole'))).state).to.equal('authorized');
  });

  it('takes names from standard input, and pi_… for a name', async () => {
    const {id: intent} = await inspected(cli, id('whole'));
    (await cli.run(['capture', '-', '--json'], {input: `${intent}\n`})).result();
    expect(await inspected(cli, id('whole'))).to.include({state: 'captured', amount_received: 1250});
    expectFailure(await cli.run(['capture', '-', '--json'], {input: '\n'}), 2, 'invalid_usage');
  });

  it('takes everything that is authorised with --all', async () => {
    (await capture('--all')).result();
    expect((await inspected(cli, id('rest'))).state).to.equal('captured');
    expect((await inspected(cli, id('stored'))).state).to.equal('accepted_offline');
    (await capture('--all')).result();
  });

  it('is for later when there is no network', async () => {
    const {local_id} = await taken(cli, 400, 'later');
    network(cli, 'off');
    expectFailure(await capture(local_id), 5, 'network_unavailable');
    expect((await inspected(cli, local_id)).state).to.equal('authorized');
  });
});

describe('a payment that is declined when it is forwarded', () => {
  it('is attention for a person, does not hold up the others, and inspect says what to do', async () => {
    const cli = await connectedCli('off');
    const {local_id} = await taken(cli, 805, 'declined');
    const good = await taken(cli, 800, 'good');
    network(cli, 'on');
    const forwarded = await cli.run(['forward', '--json']);
    expectFailure(forwarded, 6, 'payments_need_attention');
    const {outcomes} = forwarded.json.result as ForwardResult;
    expect(outcomes.declined).to.deep.equal({count: 1, amounts: {usd: 805}});
    expect(outcomes.authorized).to.deep.equal({count: 1, amounts: {usd: 800}});
    expect((await inspected(cli, good.local_id)).state).to.equal('authorized');
    const payment = await inspected(cli, local_id);
    expect(payment.state).to.equal('declined');
    expect(payment.last_payment_error).to.include({code: 'card_declined', decline_code: 'generic_decline'});
    expect(payment.attempts.map(({operation, outcome}) => `${operation} ${outcome}`)).to.deep.equal([
      'create delivered',
      'confirm declined',
    ]);
    expect(payment.diagnosis.cause).to.contain('generic_decline').and.contain('8.05 usd');
    expect(payment.diagnosis).to.include({who: 'merchant', retry_helps: false});
    const text = (await cli.run(['inspect', local_id])).stdout;
    for (const word of ['declined', 'generic_decline', 'merchant', '4242', '8.05 usd']) {
      expect(text).to.contain(word);
    }
    // It is final: another forward has nothing to do, and its order is not collected again by accident.
    await cli.ok('forward');
    expectFailure(await collect(cli, '8.05', 'declined'), 6, 'payment_declined_after_acceptance');
    expectFailure(await cli.run(['forward', local_id, '--json']), 7, 'payment_intent_unexpected_state');
  });

  it('is sent again later when the decline is soft', async () => {
    const cli = await connectedCli('off');
    present(cli, {pan: '4000000000000119'});
    const {local_id} = await taken(cli, 800, 'soft');
    network(cli, 'on');
    expectFailure(await cli.run(['forward', '--json']), 5, 'payments_left');
    const payment = await inspected(cli, local_id);
    expect(payment.state).to.equal('accepted_offline');
    expect(payment.diagnosis.retry_helps).to.equal(true);
  });
});
