import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import fc from 'fast-check';
import {defaultPolicy, MAX_OFFLINE_AMOUNT} from '../../../src/lib/core/limits.js';
import type {Payment} from '../../../src/lib/core/payment.js';
import {
  judgePolicy,
  type Policy,
  type PolicyQuestion,
  shrinkFactor,
  touchesRange,
} from '../../../src/lib/core/policy.js';
import {readPolicy} from '../../../src/lib/device/policy-file.js';
import {temporaryDirectory} from '../../support/directories.js';

const NOW = Date.parse('2026-11-23T10:00:00Z');

function stored(...amounts: number[]): Payment[] {
  return amounts.map(
    (amount) => ({amount, currency: 'usd', stored_at: '2026-11-23T09:00:00.000Z'}) as Payment,
  );
}

function ask(policy: Partial<Policy>, question: Partial<PolicyQuestion> = {}): string {
  const decision = judgePolicy(
    {version: 1, limits: {usd: {}}, ...policy},
    {
      amount: 1000,
      currency: 'usd',
      read_method: 'contact_emv',
      brand: 'visa',
      leading_digits: '424242',
      fingerprint: 'f',
      card_times: [],
      now: NOW,
      clock_uncertain: false,
      stored: [],
      ...question,
    },
  );
  return decision.allowed ? 'allowed' : decision.rule;
}

describe('risk policy', () => {
  it('counts the payment in hand in every limit', () => {
    expect(ask({limits: {usd: {per_payment: 1000}}})).to.equal('allowed');
    expect(ask({limits: {usd: {per_payment: 999}}})).to.equal('per_payment');
    expect(ask({limits: {usd: {stored_total: 3000}}}, {stored: stored(1000, 1000)})).to.equal('allowed');
    expect(ask({limits: {usd: {stored_total: 2999}}}, {stored: stored(1000, 1000)})).to.equal('stored_total');
    expect(ask({stored_count: 3}, {stored: stored(1, 1)})).to.equal('allowed');
    expect(ask({stored_count: 2}, {stored: stored(1, 1)})).to.equal('stored_count');
  });

  it('never lets the total past the limit, whatever comes', () => {
    const policy: Policy = {version: 1, limits: {usd: {stored_total: 10_000}}};
    fc.assert(
      fc.property(fc.array(fc.integer({min: 1, max: 5000})), (amounts) => {
        const taken: number[] = [];
        for (const amount of amounts)
          if (ask(policy, {amount, stored: stored(...taken)}) === 'allowed') taken.push(amount);
        expect(taken.reduce((sum, one) => sum + one, 0)).to.be.at.most(10_000);
      }),
    );
  });

  it('refuses a currency without a limit', () => {
    expect(ask({}, {currency: 'eur'})).to.equal('currency');
  });

  it('judges age, read method, brand', () => {
    expect(ask({oldest_age_hours: 1}, {stored: stored(1)})).to.equal('allowed');
    expect(ask({oldest_age_hours: 0.9}, {stored: stored(1)})).to.equal('oldest_age_hours');
    expect(ask({read_methods: ['contactless_emv']})).to.equal('read_methods');
    expect(ask({brands: ['mastercard']})).to.equal('brands');
  });

  it('counts the payments of one card in its window, the one in hand included', () => {
    const per_card = {count: 2, window_hours: 24};
    const ago = (...hours: number[]): number[] => hours.map((hour) => NOW - hour * 3_600_000);
    expect(ask({per_card}, {card_times: ago(1)})).to.equal('allowed');
    expect(ask({per_card}, {card_times: ago(1, 2)})).to.equal('per_card');
    expect(ask({per_card}, {card_times: ago(1, 24)})).to.equal('allowed');
    expect(ask({per_card}, {card_times: ago(-1, 2)}), 'a time that lies ahead').to.equal('per_card');
    expect(ask({per_card: {count: 0, window_hours: 1}})).to.equal('per_card');
  });

  it('denies a card that it cannot tell from another where it counts by card', () => {
    expect(ask({per_card: {count: 2, window_hours: 24}}, {fingerprint: null})).to.equal('per_card');
    expect(ask({}, {fingerprint: null})).to.equal('allowed');
  });

  it('never lets more payments of a card into any window than the rule says', () => {
    const per_card = {count: 3, window_hours: 5};
    fc.assert(
      fc.property(fc.array(fc.double({min: 0, max: 4, noNaN: true}), {maxLength: 60}), (pauses) => {
        const taken: number[] = [];
        let now = NOW;
        for (const pause of pauses) {
          now += pause * 3_600_000;
          if (ask({per_card}, {now, card_times: taken}) === 'allowed') taken.push(now);
        }
        for (const end of taken) {
          const within = taken.filter((time) => time <= end && end - time < 5 * 3_600_000);
          expect(within.length).to.be.at.most(3);
        }
      }),
    );
  });

  it('shrinks the amount limits as the outage grows', () => {
    const policy: Partial<Policy> = {
      limits: {usd: {per_payment: 1000, stored_total: 4000}},
      outage_shrink: [
        {after_hours: 1, factor: 0.5},
        {after_hours: 24, factor: 0.1},
      ],
    };
    expect(ask(policy, {amount: 1000})).to.equal('allowed');
    // The oldest is an hour old.
    expect(ask(policy, {amount: 500, stored: stored(1)})).to.equal('allowed');
    expect(ask(policy, {amount: 501, stored: stored(1)})).to.equal('per_payment');
    expect(ask(policy, {amount: 500, stored: stored(1501)})).to.equal('stored_total');
    const uncertain = {stored: stored(1), clock_uncertain: true};
    expect(ask(policy, {amount: 101, ...uncertain}), 'an age that is only a lower bound').to.equal(
      'per_payment',
    );
    expect(ask({...policy, on_uncertain_clock: 'lower_bound'}, {amount: 500, ...uncertain})).to.equal(
      'allowed',
    );
  });

  it('never allows more after a longer outage, nor under an uncertain clock', () => {
    const step = fc.record({
      after_hours: fc.integer({min: 0, max: 100}),
      factor: fc.double({min: 0, max: 1, noNaN: true}),
    });
    const age = fc.integer({min: 0, max: 500_000});
    fc.assert(
      fc.property(fc.array(step), age, age, (outage_shrink, one, other) => {
        const policy: Policy = {version: 1, limits: {}, outage_shrink};
        const [short, long] = one < other ? [one, other] : [other, one];
        expect(shrinkFactor(policy, long, false)).to.be.at.most(shrinkFactor(policy, short, false));
        expect(shrinkFactor(policy, long, true)).to.be.at.most(shrinkFactor(policy, long, false));
        expect(shrinkFactor(policy, null, true)).to.equal(1);
      }),
    );
  });

  it('denies an issuer range whenever the visible digits cannot decide', () => {
    expect(touchesRange('424242', '4242')).to.equal(true);
    expect(touchesRange('424242', '424243')).to.equal(false);
    expect(touchesRange('424242', '42424250')).to.equal(true);
    expect(touchesRange('4242', '424299')).to.equal(true);
    expect(touchesRange('', '400000')).to.equal(true);
    expect(touchesRange('510515', '510510-510519')).to.equal(true);
    expect(touchesRange('510520', '510510-510519')).to.equal(false);
  });

  it('never denies less by seeing less', () => {
    const digits = fc.stringMatching(/^\d{6}$/);
    fc.assert(
      fc.property(
        digits,
        fc.stringMatching(/^\d{1,8}$/),
        fc.integer({min: 0, max: 6}),
        (card, range, visible) => {
          if (touchesRange(card, range)) expect(touchesRange(card.slice(0, visible), range)).to.equal(true);
        },
      ),
    );
  });

  it('stays under the hard cap by default', () => {
    for (const [currency, {per_payment}] of Object.entries(defaultPolicy().limits)) {
      expect(per_payment).to.be.at.most(MAX_OFFLINE_AMOUNT[currency] ?? 0);
    }
  });

  describe('as a file', () => {
    const read = (text: string): Policy => {
      const path = join(temporaryDirectory(), 'policy.json');
      writeFileSync(path, text);
      return readPolicy(path, defaultPolicy());
    };

    it('is taken as it stands', () => {
      const policy = {
        version: 1,
        limits: {usd: {per_payment: 20000}},
        stored_count: 5,
        per_card: {count: 2, window_hours: 24},
        outage_shrink: [{after_hours: 24, factor: 0.5}],
        on_uncertain_clock: 'lower_bound',
        deny_issuer_ranges: ['400000', '510510-510519'],
      };
      expect(read(JSON.stringify(policy))).to.deep.equal(policy);
    });

    it('falls back to the built-in limits only when there is none', () => {
      expect(readPolicy(join(temporaryDirectory(), 'policy.json'), defaultPolicy())).to.deep.equal(
        defaultPolicy(),
      );
    });

    for (const bad of [
      '',
      '{',
      '[]',
      '{"version":2,"limits":{}}',
      '{"version":1}',
      '{"version":1,"limits":{"zzz":{}}}',
      '{"version":1,"limits":{"USD":{}}}',
      '{"version":1,"limits":{"usd":{"per_payment":"1000"}}}',
      '{"version":1,"limits":{"usd":{"per_payment":10.5}}}',
      '{"version":1,"limits":{"usd":{"per_payment":-1}}}',
      '{"version":1,"limits":{"usd":{"max":1}}}',
      '{"version":1,"limits":{},"stored_counts":5}',
      '{"version":1,"limits":{},"per_card":2}',
      '{"version":1,"limits":{},"per_card":{"count":2}}',
      '{"version":1,"limits":{},"per_card":{"count":1.5,"window_hours":24}}',
      '{"version":1,"limits":{},"per_card":{"count":2,"window_hours":0}}',
      '{"version":1,"limits":{},"per_card":{"count":2,"window_hours":169}}',
      '{"version":1,"limits":{},"per_card":{"count":2,"window_hours":24,"hours":1}}',
      '{"version":1,"limits":{},"outage_shrink":{"after_hours":24,"factor":0.5}}',
      '{"version":1,"limits":{},"outage_shrink":[{"after_hours":24,"factor":1.5}]}',
      '{"version":1,"limits":{},"outage_shrink":[{"after_hours":-1,"factor":0.5}]}',
      '{"version":1,"limits":{},"outage_shrink":[{"after_hours":24}]}',
      '{"version":1,"limits":{},"on_uncertain_clock":"sometimes"}',
      '{"version":1,"limits":{},"oldest_age_hours":0}',
      '{"version":1,"limits":{},"brands":["vista"]}',
      '{"version":1,"limits":{},"read_methods":["magnetic_stripe_track2"]}',
      '{"version":1,"limits":{},"deny_issuer_ranges":["4000-3999"]}',
    ]) {
      it(`never reads ${bad || 'an empty file'} as "no limits"`, () => {
        expect(() => read(bad))
          .to.throw()
          .with.property('code', 'policy_invalid');
      });
    }
  });
});
