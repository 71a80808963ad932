import {expect} from 'chai';
import {smallJournal, story} from '../support/damaged-journal.js';
import {ALL_FLIPS, countsText, flipMany} from '../support/flip-run.js';
import type {Flip} from '../support/flips.js';

/** How many changes are tried at every byte; all of them: STOWPAY_FLIPS=6 npm run torture. */
const FLIPS_A_BYTE = Number(process.env.STOWPAY_FLIPS ?? 1);

/** A few payments over four segments, the last commit of which is whole. */
const COMMITS = [...story(1, 4), ...story(2, 6), ...story(3, 1), ...story(4, 2)];

/** Every byte gets its share of every kind of change. */
function flipsAt(index: number): readonly Flip[] {
  return Array.from(
    {length: FLIPS_A_BYTE},
    (_, nth) => ALL_FLIPS[(index + nth * 2 + Math.floor(index / 6)) % ALL_FLIPS.length] ?? 'NUL',
  );
}

describe('every byte of a journal, changed', () => {
  for (const rebooted of [false, true]) {
    it(`is found and repaired, and nothing is silently different (${rebooted ? 'after a reboot' : 'same boot'})`, async () => {
      const journal = await smallJournal({commits: COMMITS, segmentBytes: 3000});
      expect(journal.segments().length).to.be.greaterThan(2);
      if (rebooted) journal.clock.reboot();
      const counts = await flipMany(journal, rebooted, (index) => flipsAt(rebooted ? index + 3 : index));
      expect(counts.verdicts.damage).to.be.greaterThan(counts.flips * 0.85);
      console.log(`      ${countsText(counts)}`);
    });
  }
});
