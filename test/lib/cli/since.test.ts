import {expect} from 'chai';
import fc from 'fast-check';
import {parseSince} from '../../../src/lib/cli/since.js';
import {StowpayError} from '../../../src/lib/core/errors.js';

function refused(text: string): boolean {
  try {
    parseSince(text);
  } catch (error) {
    if (error instanceof StowpayError && error.code === 'invalid_usage') return true;
    throw error;
  }
  return false;
}

describe('--since', () => {
  it('takes an age, a date or an RFC 3339 time', () => {
    expect(parseSince('90min')).to.deep.equal({ago: 90 * 60_000});
    expect(parseSince('12h')).to.deep.equal({ago: 12 * 3_600_000});
    expect(parseSince('30d')).to.deep.equal({ago: 30 * 86_400_000});
    expect(parseSince('4w')).to.deep.equal({ago: 28 * 86_400_000});
    expect(parseSince('2026-11-01')).to.deep.equal({at: Date.UTC(2026, 10, 1)});
    expect(parseSince('2026-11-01T08:00:00Z')).to.deep.equal({at: Date.UTC(2026, 10, 1, 8)});
    expect(parseSince('2026-11-01T00:30:00.5+02:00')).to.deep.equal({
      at: Date.UTC(2026, 9, 31, 22, 30, 0, 500),
    });
  });

  it('refuses everything else, rather than leave payments out', () => {
    const wrong =
      '|0d|-1d|30|d|30 d|1.5d|999999d|2026-02-31|2026-13-01|2026-11-01T08:00:00|2026-11-01T25:00:00Z|31.12.2026|yesterday';
    for (const text of wrong.split('|')) expect(refused(text), text).to.equal(true);
  });

  it('never reads another time into a text than it says', () => {
    fc.assert(
      fc.property(fc.string({maxLength: 12}), (text) => {
        if (refused(text)) return;
        const since = parseSince(text);
        if ('at' in since) expect(new Date(since.at).toISOString().slice(0, text.length)).to.equal(text);
        else expect(since.ago).to.be.greaterThan(0);
      }),
    );
  });
});
