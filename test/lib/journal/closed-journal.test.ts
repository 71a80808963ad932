import {closeSync, openSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {initialiseJournal} from '../../../src/lib/journal/genesis.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {disk} from '../../../src/lib/storage/disk.js';
import {testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {createdEvent} from '../../support/events.js';

describe('a journal that is closed while somebody waits for its lock', () => {
  it('says that nothing was stored, and locks nothing in a file that is opened since', async () => {
    const directory = temporaryDirectory();
    const clock = testClock();
    await initialiseJournal(disk, directory, clock, null);
    const path = join(directory, 'journal', 'lock');
    const blocker = disk.openLock(path);
    expect(blocker.tryLock(0, 0)).to.equal(true);
    const journal = new FileJournal({storage: disk, directory, clock, lockWaitMs: 5000});
    const waiting = journal
      .transact(() => ({events: [createdEvent('pay_late')], result: null}))
      .catch((error) => error);
    await new Promise((resolve) => setTimeout(resolve, 30));
    journal.close();
    // They get the number of the descriptor that is closed now.
    const others = Array.from({length: 5}, () => openSync(path, 'r+'));
    blocker.close();
    expect(await waiting).to.include({code: 'journal_read_failed'});
    for (const fd of others) closeSync(fd);
    const next = new FileJournal({storage: disk, directory, clock});
    expect((await next.view()).state.payments.size).to.equal(0);
    next.close();
  });
});
