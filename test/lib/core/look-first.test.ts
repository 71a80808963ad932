import {expect} from 'chai';
import fc from 'fast-check';
import {lookSince, type Moment, mustLookFirst} from '../../../src/lib/core/look-first.js';
import {KEY_LIFETIME_MS, type Payment} from '../../../src/lib/core/payment.js';
import {rfc3339} from '../../../src/lib/core/time.js';
import {storedPayment} from '../../support/payments.js';

const HOUR = 3600 * 1000;
const NOON = Date.parse('2026-11-23T12:00:00.000Z');

/** A payment stored at a true time by a clock that was wrong by `error` ms, in a boot that began at 0. */
function stored(trueMs: number, error: number, boot = 'boot-1'): Payment {
  const told = rfc3339(trueMs + error);
  return {...storedPayment(), created_at: told, stored_at: told, stored_in: {boot, mono: trueMs - NOON}};
}

function moment(trueMs: number, boot = 'boot-1'): Moment {
  return {ms: trueMs, boot, mono: trueMs - NOON};
}

describe('looking a payment up before it is sent', () => {
  it('is left out only where its age is surely below the life of a key, whatever the clock said', () => {
    const clockError = fc.integer({min: -3 * 365 * 24 * HOUR, max: 3 * 365 * 24 * HOUR});
    fc.assert(
      fc.property(
        fc.integer({min: 0, max: 60 * 24 * HOUR}),
        clockError,
        fc.boolean(),
        (age, error, rebooted) => {
          const payment = stored(NOON, error, rebooted ? 'boot-0' : 'boot-1');
          if (!mustLookFirst(payment, moment(NOON + age))) expect(age).to.be.at.most(KEY_LIFETIME_MS);
        },
      ),
    );
  });

  it('is left out where the clock was right and nothing was rebooted', () => {
    expect(mustLookFirst(stored(NOON, 0), moment(NOON + HOUR))).to.equal(false);
    expect(mustLookFirst(stored(NOON, 0), moment(NOON + 22 * HOUR))).to.equal(false);
    expect(mustLookFirst(stored(NOON, 0), moment(NOON + 24 * HOUR))).to.equal(true);
    expect(mustLookFirst(stored(NOON, 0, 'boot-0'), moment(NOON + HOUR))).to.equal(true);
  });

  it('concerns stored payments without an intent only', () => {
    const now = moment(NOON + 40 * 24 * HOUR);
    expect(mustLookFirst({...stored(NOON, 0), id: 'pi_1'}, now)).to.equal(false);
    expect(mustLookFirst({...stored(NOON, 0), stored_at: null, stored_in: null}, now)).to.equal(false);
    expect(mustLookFirst({...stored(NOON, 0), look_first: true}, moment(NOON + 1))).to.equal(true);
  });

  it('begins before its intent can have been created, for a clock that was up to two days wrong', () => {
    const error = fc.integer({min: -3 * 365 * 24 * HOUR, max: 47 * HOUR});
    fc.assert(
      fc.property(fc.integer({min: 0, max: 20 * 24 * HOUR}), error, fc.boolean(), (age, wrong, rebooted) => {
        const payment = stored(NOON, wrong, rebooted ? 'boot-0' : 'boot-1');
        expect(lookSince([payment], moment(NOON + age)) * 1000).to.be.below(NOON);
      }),
    );
  });

  it('begins a month back where the payment seems to come from the future', () => {
    const payment = stored(NOON, 400 * 24 * HOUR, 'boot-0');
    const since = lookSince([payment], moment(NOON + 25 * HOUR)) * 1000;
    expect(since).to.be.below(NOON - 28 * 24 * HOUR);
  });
});
