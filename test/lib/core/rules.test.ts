import {expect} from 'chai';
import fc from 'fast-check';
import type {CardRead} from '../../../src/lib/core/card.js';
import {type CardQuestion, refuseCard, refuseOffline} from '../../../src/lib/core/rules.js';
import {isExpired} from '../../../src/lib/core/time.js';
import {CARD, KSN, READER} from '../../support/events.js';

const GOOD: CardRead = {
  read_method: 'contactless_emv',
  cryptogram: 'arqc',
  brand: 'visa',
  last4: '4242',
  leading_digits: '424242',
  exp_month: 12,
  exp_year: 2034,
  cardholder_name: null,
  receipt: CARD.receipt,
  amount_authorized: 1250,
  currency_numeric: '840',
  sealed: {encryption: 'tdes_dukpt', ksn: KSN, tags: {'57': 'AA'}},
  emv_data: '',
  missing_tags: [],
};

const QUESTION: CardQuestion = {
  amount: 1250,
  currency: 'usd',
  livemode: false,
  country: 'US',
  reader: READER,
  time: {ms: Date.parse('2026-11-23T10:00:00Z'), uncertain: false},
  ksn: new Map(),
};

const seen = (counter: number): CardQuestion['ksn'] =>
  new Map([[`${READER.serial} FFFF9876543210E00000`, counter]]);

describe('rules of selling offline', () => {
  it('store a good card', () => {
    expect(refuseOffline(GOOD, QUESTION)).to.equal(null);
    expect(refuseOffline({...GOOD, cryptogram: 'tc'}, QUESTION)).to.equal(null);
  });

  const cases: readonly [string, Partial<CardRead>, Partial<CardQuestion>, string][] = [
    ['a card that declined', {cryptogram: 'aac'}, {}, 'offline_transaction_declined'],
    ['a swipe', {read_method: 'magnetic_stripe_track2', cryptogram: null}, {}, 'card_swipe_not_available'],
    [
      'a fallback',
      {read_method: 'magnetic_stripe_fallback', cryptogram: null},
      {},
      'card_swipe_not_available',
    ],
    ['mag-stripe mode', {read_method: 'contactless_magstripe_mode'}, {}, 'card_swipe_not_available'],
    ['Interac', {brand: 'interac'}, {}, 'interac_not_supported_offline'],
    ['a missing cryptogram', {cryptogram: null}, {}, 'missing_emv_data'],
    [
      'an online PIN',
      {receipt: {...CARD.receipt, cardholder_verification_method: 'online_pin'}},
      {},
      'online_pin_not_supported_offline',
    ],
    [
      'a tap where chip and PIN are the law',
      {read_method: 'contactless_emv'},
      {country: 'DE'},
      'contactless_not_supported_offline',
    ],
    ['an expired card', {exp_month: 10, exp_year: 2026}, {}, 'offline_and_card_expired'],
    ['a card without expiry', {exp_month: null}, {}, 'missing_emv_data'],
    ['another amount in the cryptogram', {amount_authorized: 125}, {}, 'amount_mismatch'],
    ['no amount in the cryptogram', {amount_authorized: null}, {}, 'missing_emv_data'],
    ['another currency in the cryptogram', {currency_numeric: '978'}, {}, 'amount_mismatch'],
    ['a KSN seen before', {}, {ksn: seen(1)}, 'ksn_replayed'],
    ['a KSN that went back', {}, {ksn: seen(9)}, 'ksn_replayed'],
    ['a KSN of no known form', {sealed: {...GOOD.sealed, ksn: 'FFFF'}}, {}, 'ksn_replayed'],
    [
      'more than the cap',
      {amount_authorized: 1_000_001},
      {amount: 1_000_001},
      'amount_exceeds_max_offline_amount',
    ],
    ['a test card in live mode', {}, {livemode: true}, 'offline_test_card_in_livemode'],
  ];
  for (const [name, card, question, code] of cases) {
    it(`refuse ${name}, naming brand and last4`, () => {
      const refusal = refuseOffline({...GOOD, ...card}, {...QUESTION, ...question});
      expect(refusal?.code).to.equal(code);
      expect(refusal?.details).to.include({last4: '4242'});
      expect(refusal?.message).to.match(/No money was taken and no payment was stored\.$/);
    });
  }

  it('judge in the order of the contract when several things are wrong', () => {
    const all: CardRead = {
      ...GOOD,
      cryptogram: 'aac',
      read_method: 'magnetic_stripe_track2',
      exp_year: 2020,
      amount_authorized: 1,
    };
    expect(refuseOffline(all, QUESTION)?.code).to.equal('offline_transaction_declined');
    expect(refuseOffline({...all, cryptogram: null}, QUESTION)?.code).to.equal('card_swipe_not_available');
    const chip: CardRead = {...all, cryptogram: 'arqc', read_method: 'contact_emv'};
    expect(refuseOffline(chip, QUESTION)?.code).to.equal('offline_and_card_expired');
    expect(refuseOffline({...chip, exp_year: 2034}, QUESTION)?.code).to.equal('amount_mismatch');
  });

  it('accept a KSN that goes up, and keep keys and readers apart', () => {
    expect(refuseOffline(GOOD, {...QUESTION, ksn: seen(0)})).to.equal(null);
    const other = new Map([['OTHER FFFF9876543210E00000', 99]]);
    expect(refuseOffline(GOOD, {...QUESTION, ksn: other})).to.equal(null);
  });

  it('let an issuer decide online what only it can: swipe, PIN, expiry', () => {
    const swipe: CardRead = {
      ...GOOD,
      read_method: 'magnetic_stripe_track2',
      cryptogram: null,
      amount_authorized: null,
    };
    expect(refuseCard(swipe, QUESTION)).to.equal(null);
    expect(refuseCard({...GOOD, exp_year: 2020}, QUESTION)).to.equal(null);
    expect(refuseCard({...GOOD, amount_authorized: 1}, QUESTION)?.code).to.equal('amount_mismatch');
  });

  it('hold a card good through the last moment of its month', () => {
    expect(isExpired(12, 2020, Date.parse('2020-12-31T23:59:59.999Z'))).to.equal(false);
    expect(isExpired(12, 2020, Date.parse('2021-01-01T00:00:00.000Z'))).to.equal(true);
    fc.assert(
      fc.property(
        fc.integer({min: 1, max: 12}),
        fc.integer({min: 2000, max: 2090}),
        fc.date({noInvalidDate: true}),
        (month, year, now) => {
          const expected =
            now.getUTCFullYear() > year || (now.getUTCFullYear() === year && now.getUTCMonth() + 1 > month);
          expect(isExpired(month, year, now.getTime())).to.equal(expected);
        },
      ),
    );
  });
});
