import {AssertionError, expect} from 'chai';
import {ALL, capture, forward} from './acts.js';
import {
  type Command,
  collect,
  does,
  elsewhere,
  network,
  PLAIN_SALE,
  restoreBackup,
  trouble,
} from './commands.js';
import {MUTANTS} from './mutants.js';
import {live} from './play.js';

const STORED = {...PLAIN_SALE, offline_behavior: 'force_offline'} as const;
const DECLINED = {...STORED, sum: 1} as const;
const lost = trouble({at: 'confirm', count: 1, fault: {kind: 'drop_after'}});

/** The shortest lives in which each mistake shows. */
const LIVES: Readonly<Record<keyof typeof MUTANTS, readonly Command[]>> = {
  'a gateway that charges everything twice': [collect(PLAIN_SALE)],
  'a till that answers a doubt with a second payment': [collect(STORED), lost, does(forward(ALL))],
  'a look that always says "untouched"': [collect(STORED), lost, does(forward(ALL))],
  'a journal that accepts and does not write': [network(false), collect(PLAIN_SALE)],
  'a till that captures more than it was asked to': [
    collect(PLAIN_SALE),
    does(capture({only: 0, part: 50, death: null})),
  ],
  'a till that lets go of what it forwarded': [collect(STORED), does(forward(ALL))],
  'a till that charges and says "declined"': [collect(PLAIN_SALE)],
  'a forward that keeps declines to itself': [collect(DECLINED), does(forward(ALL))],
  'a wipe guard that always says "safe"': [collect(STORED)],
  'a restored journal that looks nothing up': [collect(STORED), does(forward(ALL)), restoreBackup(1, true)],
  'a restored journal with keys of its own': [collect(STORED), does(forward(ALL)), restoreBackup(1, false)],
};

describe('the harness finds', () => {
  for (const [name, commands] of Object.entries(LIVES)) {
    it(`${name}, and nothing without it`, async () => {
      const found = await live(commands, MUTANTS[name]).then(
        () => null,
        (error: unknown) => error,
      );
      expect(found, 'what it found').to.be.instanceOf(AssertionError);
      await live(commands);
    });
  }

  it('nothing where somebody else captures and cancels', () =>
    live([
      collect(STORED),
      collect(STORED),
      does(forward(ALL)),
      elsewhere('capture', 0, 50),
      elsewhere('cancel', 1, null),
    ]));
});
