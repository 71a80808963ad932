import {play} from './play.js';

describe('exactly once, whatever happens', () => {
  // A failure is shrunk before it is reported, which takes longer than finding it.
  it('holds the journal against the ledger through random lives of a kiosk', () =>
    play({runs: 40, longest: 30, stopAfter: 5000})).timeout(120_000);
});
