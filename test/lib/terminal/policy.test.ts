import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {StowpayError} from '../../../src/lib/core/errors.js';
import {testClock} from '../../support/clock.js';
import {openTill, type Till} from '../../support/till.js';

const USD = {usd: {per_payment: 5000, stored_total: 20_000}};

describe('the risk policy at the till', () => {
  let till: Till;
  const clock = testClock();
  const policy = (rules: object): void =>
    writeFileSync(join(till.directory, 'policy.json'), JSON.stringify({version: 1, limits: USD, ...rules}));
  const refusal = async (reference: string): Promise<StowpayError> =>
    till.collect({reference}).then(
      () => {
        throw new Error('it was not refused');
      },
      (error) => error,
    );

  beforeEach(async () => {
    till = await openTill(clock);
    till.network.set(false);
  });
  afterEach(() => till.close());

  it('counts by card over restarts, checkpoints and a forward, and another card is another card', async () => {
    policy({per_card: {count: 2, window_hours: 24}});
    await till.collect({reference: 'o1'});
    await till.collect({reference: 'o2'});
    const refused = await refusal('o3');
    expect(refused.code).to.equal('policy_refused');
    expect(refused.details).to.include({rule: 'per_card', limit: 2, value: 2, brand: 'visa', last4: '4242'});
    till.present({pan: '5555555555554444'});
    expect((await till.collect({reference: 'o4'})).payment.state).to.equal('accepted_offline');
    till.network.set(true);
    await till.forward();
    till.network.set(false);
    expect((await refusal('o5')).details).to.include({rule: 'per_card', value: 2});
    clock.advance(24 * 3_600_000);
    expect((await till.collect({reference: 'o6'})).payment.state).to.equal('accepted_offline');
  });

  it('keeps nothing of a card where it does not count by card', async () => {
    await till.collect({reference: 'o1'});
    const inspected = await till.run((terminal) =>
      terminal.list({names: [], states: [], buckets: [], limit: null}),
    );
    expect(JSON.stringify(inspected)).not.to.include('fingerprint');
  });

  it('shows what is left of the limits, and says beforehand what it would refuse', async () => {
    policy({outage_shrink: [{after_hours: 2, factor: 0.5}]});
    await till.collect({reference: 'o1'});
    clock.advance(2 * 3_600_000);
    await till.run(async (terminal) => {
      const shown = await terminal.policy();
      expect(shown).to.deep.include({
        file: join(till.directory, 'policy.json'),
        shrink_factor: 0.5,
        stored_count: 1,
      });
      expect(shown.currencies).to.deep.equal([
        {
          currency: 'usd',
          per_payment: 2500,
          stored_total: 10_000,
          max_offline_amount: 1_000_000,
          stored: 1250,
        },
      ]);
      const {limits} = await terminal.status();
      expect(limits).to.deep.include({
        rule: 'stored_total',
        currency: 'usd',
        limit: 10_000,
        used: 1250,
        left: 8750,
      });
      const card = {
        currency: 'usd',
        read_method: 'contact_emv',
        brand: 'visa',
        bin: '',
        card_count: 0,
      } as const;
      expect(await terminal.testPolicy({...card, amount: 2500})).to.include({allowed: true, refusal: null});
      const tested = await terminal.testPolicy({...card, amount: 2501});
      expect(tested.refusal).to.deep.include({code: 'policy_refused'});
      expect(tested.refusal?.details).to.include({rule: 'per_payment', limit: 2500, value: 2501});
      const capped = await terminal.testPolicy({...card, amount: 1_000_001});
      expect(capped).to.deep.include({allowed: false, decision: null});
      expect(capped.refusal?.code).to.equal('amount_exceeds_max_offline_amount');
    });
    const error = await till.collect({amount: 2501, reference: 'o2'}).catch((thrown) => thrown);
    expect(error.details).to.deep.include({rule: 'per_payment', limit: 2500});
    expect(error.message).to.include('× 0.5 after so long an outage');
  });
});
