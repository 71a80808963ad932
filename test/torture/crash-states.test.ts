import {expect} from 'chai';
import {EXPLAINED} from '../crash/explained.js';
import {caught, EXERCISES, sitesOf} from '../crash/mutants.js';
import type {Survey} from '../crash/survey.js';

/** Fixed, so that a gate is not a lottery; other disks are drawn with STOWPAY_TEST_SEED=… */
const SEED = Number(process.env.STOWPAY_TEST_SEED ?? 58_319);
/** At a point with more legal disks than this, so many are drawn. A longer run: STOWPAY_CRASHES=500 npm run torture. */
const PER_POINT = Number(process.env.STOWPAY_CRASHES ?? 24);
const OPTIONS = {seed: SEED, perPoint: PER_POINT, recoveries: Math.ceil(PER_POINT / 2)};
/** Fixed: what a mutant is caught by must not depend on the day. First a quick look, then a thorough one. */
const QUICK = {seed: 1, perPoint: 4, recoveries: 8, stride: 2};
const MUTANT_LOOKS = [QUICK, {...QUICK, stride: 1}];

function told(name: string, {points, complete, states, repeated, recoveries, violations}: Survey): string {
  return (
    `      ${name}: ${points} points (${complete} with every legal disk, ${points - complete} drawn), ` +
    `${states} states, ${repeated} seen before, ${recoveries} recoveries crashed again, ${violations.length} violations`
  );
}

describe(`every legal crash of a journal (seed ${SEED}, ${PER_POINT} disks a point)`, () => {
  for (const {name, survey} of EXERCISES) {
    it(name, async () => {
      const result = await survey(OPTIONS);
      console.log(told(name, result));
      expect(result.violations).to.deep.equal([]);
    });
  }
});

describe('a journal without one of its syncs', () => {
  it('is found out, or it is known why that one may go', async () => {
    const sites = await sitesOf(EXERCISES, QUICK);
    const survivors: string[] = [];
    for (const [site, exercises] of sites) {
      let violation: string | null = null;
      // Of those that may go, nothing thorough is expected: a quick look is enough to see one begin to matter.
      for (const look of EXPLAINED.has(site) ? [QUICK] : MUTANT_LOOKS) {
        violation ??= await caught({site, how: 'skipped'}, exercises, look);
      }
      console.log(`      ${violation === null ? 'survives' : 'caught  '} ${site}`);
      if (violation === null) survivors.push(site);
    }
    console.log(`      ${sites.size - survivors.length} of ${sites.size} mutants caught`);
    expect(survivors.sort()).to.deep.equal([...EXPLAINED.keys()].sort());
  });
});
