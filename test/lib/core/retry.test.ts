import {expect} from 'chai';
import fc from 'fast-check';
import {backoffMs, IN_RUN, LASTING, shareOf, WAITING} from '../../../src/lib/core/retry.js';

const backoffs = fc.oneof(
  fc.constantFrom(IN_RUN, WAITING, LASTING),
  fc
    .record({first_ms: fc.integer({min: 1, max: 60_000}), times: fc.integer({min: 1, max: 1000})})
    .map(({first_ms, times}) => ({first_ms, cap_ms: first_ms * times})),
);
const failures = fc.integer({min: 1, max: 5000});
const jitters = fc.double({min: 0, max: 1, noNaN: true});
const asked = fc.option(fc.integer({min: 0, max: 86_400_000}), {nil: null});

describe('the pause before the next try', () => {
  it('is within a ceiling that doubles up to the cap, and never below what was asked for within the cap', () => {
    fc.assert(
      fc.property(backoffs, failures, jitters, asked, (backoff, failed, jitter, askedMs) => {
        const pause = backoffMs(backoff, failed, jitter, askedMs);
        const ceiling = Math.min(backoff.cap_ms, backoff.first_ms * 2 ** Math.min(failed - 1, 1000));
        const least = Math.min(askedMs ?? 0, backoff.cap_ms);
        expect(pause).to.be.at.least(least);
        expect(pause).to.be.at.most(Math.max(ceiling, least));
        expect(pause).to.be.at.most(backoff.cap_ms);
      }),
    );
  });

  it('uses the whole of the ceiling: nothing at no jitter, all of it at full jitter', () => {
    fc.assert(
      fc.property(backoffs, failures, (backoff, failed) => {
        expect(backoffMs(backoff, failed, 0, null)).to.equal(0);
        const ceiling = Math.min(backoff.cap_ms, backoff.first_ms * 2 ** Math.min(failed - 1, 1000));
        expect(backoffMs(backoff, failed, 1, null)).to.equal(ceiling);
      }),
    );
  });

  it('never shrinks with further failures', () => {
    fc.assert(
      fc.property(backoffs, failures, jitters, asked, (backoff, failed, jitter, askedMs) => {
        const now = backoffMs(backoff, failed, jitter, askedMs);
        expect(backoffMs(backoff, failed + 1, jitter, askedMs)).to.be.at.least(now);
      }),
    );
  });

  it('is a number a timer can hold, whatever count it is given', () => {
    for (const count of [-5, 0, 1, 31, 1024, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY]) {
      expect(backoffMs(LASTING, count, 0.7, null)).to.be.within(0, LASTING.cap_ms);
    }
  });
});

describe('the share of a device', () => {
  const devices = fc.uniqueArray(fc.uuid(), {minLength: 400, maxLength: 400});

  it('is the same every time, and from 0 up to 1', () => {
    fc.assert(
      fc.property(fc.string(), (device) => {
        expect(shareOf(device)).to.equal(shareOf(device));
        expect(shareOf(device)).to.be.within(0, 1);
        expect(shareOf(device)).to.be.below(1);
      }),
    );
  });

  it('spreads a fleet: no tenth of the time gets much more than its part', () => {
    fc.assert(
      fc.property(devices, (fleet) => {
        const tenths = Array.from({length: 10}, () => 0);
        for (const device of fleet) {
          const tenth = Math.floor(shareOf(device) * 10);
          tenths[tenth] = (tenths[tenth] ?? 0) + 1;
        }
        // Forty each on average; chance alone goes beyond these once in very many fleets.
        expect(Math.min(...tenths)).to.be.above(8);
        expect(Math.max(...tenths)).to.be.below(85);
      }),
      {numRuns: 20},
    );
  });
});
