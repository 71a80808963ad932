import {expect} from 'chai';
import type {Behavior} from '../../src/lib/sandbox/reader/behaviors.js';
import {
  connectedCli,
  expectFailure,
  expectNothingStored,
  inPairs,
  network,
  payments,
  present,
  taken,
} from '../support/world.js';

/** What a card or reader does, what the command says, and with which exit code. */
type Row = readonly [behavior: Behavior, exit: number, code: string];

const REFUSED: readonly Row[] = [
  ['expired', 8, 'offline_and_card_expired'],
  ['decline_by_card', 8, 'offline_transaction_declined'],
  ['swipe', 8, 'card_swipe_not_available'],
  ['fallback', 8, 'card_swipe_not_available'],
  ['msd', 8, 'card_swipe_not_available'],
  ['online_pin', 8, 'online_pin_not_supported_offline'],
  ['wrong_amount', 8, 'amount_mismatch'],
  ['missing_emv', 8, 'missing_emv_data'],
  ['collision', 8, 'card_unusable'],
  ['use_contact', 8, 'card_unusable'],
  ['tap_again', 8, 'card_unusable'],
  ['removed_early', 8, 'card_unusable'],
  ['blocked', 8, 'card_unusable'],
  ['no_card', 5, 'no_card_presented'],
  ['unencrypted', 9, 'reader_not_encrypting'],
  ['offline_only', 9, 'reader_fault'],
  ['tamper', 9, 'reader_tampered'],
  ['key_missing', 9, 'reader_key_missing'],
  ['key_exhausted', 9, 'reader_key_exhausted'],
  ['reboot', 9, 'reader_fault'],
];

const TAKEN: readonly Behavior[] = [
  'approve_offline',
  'phone',
  'contact',
  'signature',
  'old_output',
  'strict_output',
];

const sale = (reference: string): readonly string[] => [
  'collect',
  '12.50',
  'usd',
  '--timeout',
  '1',
  '--json',
  '--reference',
  reference,
];

describe('a card that cannot be taken offline', () => {
  it('is refused with its code and exit code, stores nothing, and the next sale works', async function () {
    this.timeout(60_000);
    const half = Math.ceil(REFUSED.length / 2);
    await inPairs(
      [REFUSED.slice(0, half), REFUSED.slice(half)].map((rows) => async () => {
        const cli = await connectedCli('off');
        for (const [behavior, exit, code] of rows) {
          // As often as it is asked for: whoever tries again has the same card.
          present(cli, {behavior, sticky: true, after_ms: 0});
          const ran = await cli.run(sale(behavior));
          expectFailure(ran, exit, code);
          expect(`${ran.stdout}${ran.stderr}`, behavior).not.to.contain('4242424242424242');
        }
        await expectNothingStored(cli);
        present(cli, {});
        const last = rows.at(-1)?.[0] ?? '';
        expect((await cli.run(sale(last))).result().state, 'the sale afterwards').to.equal(
          'accepted_offline',
        );
        const states = (await payments(cli)).map(({state}) => state);
        expect(states.filter((state) => state === 'refused')).to.have.length(rows.length);
      }),
    );
  });

  it('is refused when its key serial number was used before', async () => {
    const cli = await connectedCli('off');
    await taken(cli, 1250, 'first');
    present(cli, {behavior: 'repeated_ksn'});
    expectFailure(await cli.run(sale('second')), 9, 'ksn_replayed');
    expect(await payments(cli, 'accepted_offline')).to.have.length(1);
    expect((await cli.run(sale('third'))).result().state).to.equal('accepted_offline');
  });

  it('is not taken online either when the card declines, signs another amount or replays a key', async () => {
    const cli = await connectedCli('on');
    for (const [behavior, exit, code] of REFUSED.filter(([name]) =>
      ['decline_by_card', 'wrong_amount', 'unencrypted'].includes(name),
    )) {
      present(cli, {behavior});
      expectFailure(await cli.run(sale(behavior)), exit, code);
    }
    await taken(cli, 1250, 'first');
    present(cli, {behavior: 'repeated_ksn'});
    expectFailure(await cli.run(sale('second')), 9, 'ksn_replayed');
    expect(await payments(cli, 'authorized')).to.have.length(1);
  });
});

describe('a card that can be taken offline', () => {
  it('is stored and forwarded, however it was read', async () => {
    const cli = await connectedCli('off');
    for (const behavior of TAKEN) {
      present(cli, {behavior});
      expect((await taken(cli, 1250, behavior)).state, behavior).to.equal('accepted_offline');
    }
    network(cli, 'on');
    await cli.ok('forward');
    expect(await payments(cli, 'authorized')).to.have.length(TAKEN.length);
  });
});
