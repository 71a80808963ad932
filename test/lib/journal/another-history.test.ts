import {cpSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {initialiseJournal} from '../../../src/lib/journal/genesis.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {disk} from '../../../src/lib/storage/disk.js';
import {testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {createdEvent} from '../../support/events.js';

describe('a journal that is not the one its checkpoint was written after', () => {
  for (const together of [1, 5]) {
    it(`is damaged to whoever looks, as to whoever writes, in commits of ${together}`, async () => {
      const [directory, backup] = [temporaryDirectory(), temporaryDirectory()];
      const clock = testClock();
      await initialiseJournal(disk, directory, clock, null);
      const sell = async (where: string, size: number, ...payments: string[]): Promise<void> => {
        const journal = new FileJournal({storage: disk, directory: where, clock, checkpointRecords: 4});
        for (let n = 0; n < payments.length; n += size) {
          const events = payments.slice(n, n + size).map((one) => createdEvent(one));
          await journal.transact(() => ({events, result: null}));
        }
        journal.close();
      };
      cpSync(directory, backup, {recursive: true});
      await sell(directory, 1, 'pay_1', 'pay_2', 'pay_3', 'pay_4');
      clock.advance(1000);
      await sell(backup, together, 'pay_5', 'pay_6', 'pay_7', 'pay_8', 'pay_9', 'pay_10');
      cpSync(join(directory, 'journal', 'checkpoint.json'), join(backup, 'journal', 'checkpoint.json'));
      const journal = new FileJournal({storage: disk, directory: backup, clock});
      for (const when of ['first', 'again']) {
        const {health} = await journal.view();
        expect(health.damage?.message, when).to.match(
          /record \d is not the one the checkpoint was written after/,
        );
      }
      const error = await journal.transact(() => ({events: [], result: null})).catch((one) => one);
      expect(error).to.include({code: 'journal_damaged'});
      expect((await journal.verify()).ok).to.equal(false);
      journal.close();
    });
  }
});
