import {MUTANTS} from '../model/mutants.js';
import {expectFound, play} from '../model/play.js';

/** How long lives are played; longer: STOWPAY_MODEL_MINUTES=60 npm run torture. */
const MINUTES = Number(process.env.STOWPAY_MODEL_MINUTES ?? 3);
/** How long random lives may take to find a mistake that was made on purpose. */
const FINDING_MS = 8 * 60_000;

describe('exactly once, in many long lives of a kiosk', () => {
  it(`holds the journal against the ledger for ${MINUTES} minutes`, () =>
    play({runs: 1_000_000, longest: 50, stopAfter: MINUTES * 60_000})).timeout((MINUTES + 20) * 60_000);

  for (const [name, mutant] of Object.entries(MUTANTS)) {
    it(`finds ${name}`, () => expectFound(mutant, FINDING_MS)).timeout(FINDING_MS + 60_000);
  }
});
