import {ALL, forward} from './acts.js';
import {collect, does, PLAIN_SALE, restoreBackup, trouble} from './commands.js';
import {live} from './play.js';

const STORED = {...PLAIN_SALE, offline_behavior: 'force_offline'} as const;
const KINDS = [
  'drop_before',
  'drop_after',
  'truncate',
  'html_502',
  'error_500_before',
  'error_500_after',
] as const;

describe('a journal restored from a backup of before a forward', () => {
  for (const kind of KINDS) {
    it(`finds the one intent again that was made through ${kind}`, () =>
      live([
        collect(STORED),
        trouble({at: 'create', count: 1, fault: {kind}}),
        does(forward(ALL)),
        restoreBackup(2, false),
        does(forward(ALL)),
      ]));
  }

  it('finds it a day later by looking', () =>
    live([collect(STORED), does(forward(ALL)), restoreBackup(1, true), does(forward(ALL))]));
});
