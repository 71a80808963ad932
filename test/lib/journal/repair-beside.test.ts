import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {FileJournalCare} from '../../../src/lib/journal/care.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {machineDigest} from '../../../src/lib/journal/machine.js';
import {disk} from '../../../src/lib/storage/disk.js';
import type {Storage} from '../../../src/lib/storage/storage.js';
import {MACHINE, payId, smallJournal, story} from '../../support/damaged-journal.js';
import {createdEvent} from '../../support/events.js';

describe('journal repair, cut off, beside a process that has the journal open', () => {
  it('does not find a checkpoint of the old journal afterwards', async () => {
    const journal = await smallJournal({commits: Array.from({length: 20}, (_, n) => story(n, 1)[0] ?? [])});
    const {directory, clock} = journal;
    const machine = machineDigest(MACHINE);
    const at = (...names: string[]): string => join(directory, 'journal', ...names);
    const options = {storage: disk, directory, clock, machine, checkpointRecords: 60};
    const old = new FileJournal(options);
    await old.transact(() => ({events: [createdEvent(payId(700))], result: null}));
    // No caches stand there that a repair would move out.
    for (const name of ['checkpoint.json', 'index'])
      if (disk.has(at(name))) disk.rename(at(name), join(directory, name));
    const [first = ''] = journal.segments();
    const bytes = journal.read(first);
    bytes[bytes.indexOf(0x0a) + 300] = 0x01;
    journal.write(first, bytes);
    // It dies before the first new segment is moved in.
    const dying: Storage = {
      ...disk,
      rename: (from, to) => {
        if (from.includes('/repair/')) throw new Error('dead');
        disk.rename(from, to);
      },
    };
    const care = (storage: Storage): FileJournalCare =>
      new FileJournalCare({storage, directory, clock, machine});
    const {device} = journal;
    await care(dying)
      .repair({confirm: device, rekey: false})
      .catch(() => null);
    expect(disk.has(at('repair'))).to.equal(true);
    old.close();
    expect((await care(disk).repair({confirm: device, rekey: false})).outcome).to.equal('finished');
    expect(readdirSync(at())).to.not.include('checkpoint.json');
    const opened = new FileJournal(options);
    expect((await opened.view()).health.damage).to.equal(null);
    opened.close();
  });
});
