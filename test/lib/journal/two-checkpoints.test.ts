import {basename} from 'node:path';
import {expect} from 'chai';
import {referenceHolder} from '../../../src/lib/core/decide.js';
import type {EventBody} from '../../../src/lib/core/events.js';
import {initialiseJournal} from '../../../src/lib/journal/genesis.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {disk} from '../../../src/lib/storage/disk.js';
import type {Storage} from '../../../src/lib/storage/storage.js';
import {testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {createdEvent} from '../../support/events.js';

/** A payment that is closed at once and keeps its reference for good. */
function sale(n: number): EventBody[] {
  const payment = `pay_${String(n).padStart(26, '0')}`;
  return [
    createdEvent(payment, {reference: `order-${n}`}),
    {type: 'payment.canceled', payment, data: {reason: 'voided', message: 'by an operator'}},
  ];
}

function write(journal: FileJournal, ...events: EventBody[]): Promise<unknown> {
  return journal.transact(() => ({events, result: null}));
}

async function holder(journal: FileJournal, reference: string): Promise<string | null> {
  const {result} = await journal.transact((state) => ({
    events: [],
    result: referenceHolder(state, 'acct_test', reference)?.local_id ?? null,
  }));
  return result;
}

describe('two processes that write checkpoints', () => {
  it('never ask a table of the other for one of their own, when both stand after the same record', async () => {
    const directory = temporaryDirectory();
    const clock = testClock();
    await initialiseJournal(disk, directory, clock, null);
    const open = (): FileJournal => new FileJournal({storage: disk, directory, clock, checkpointRecords: 10});
    const [one, other] = [open(), open()];
    await write(other, ...sale(0));
    // It writes a checkpoint on the way, of which the other process does not know.
    for (let n = 1; n <= 8; n += 1) await write(one, ...sale(n));
    for (let n = 9; n <= 14; n += 1) {
      await write(other, ...sale(n));
      expect(await holder(one, `order-${n}`)).to.not.equal(null);
      for (let asked = 0; asked <= n; asked += 1) {
        expect(await holder(other, `order-${asked}`), `order-${asked} after ${n}`).to.not.equal(null);
      }
    }
    one.close();
    other.close();
  });

  it('never leave one that names tables the other has removed: the next process would have to read everything', async () => {
    const directory = temporaryDirectory();
    const clock = testClock();
    await initialiseJournal(disk, directory, clock, null);
    const read: string[] = [];
    const storage: Storage = {
      ...disk,
      open: (path, mode) => {
        read.push(basename(path));
        return disk.open(path, mode);
      },
    };
    const options = {storage, directory, clock, checkpointRecords: 10, segmentBytes: 4096};
    const open = (): FileJournal => new FileJournal(options);
    const [one, other] = [open(), open()];
    for (let n = 0; n < 60; n += 1) {
      await write(n % 3 === 0 ? one : other, ...sale(n));
      const next = open();
      read.length = 0;
      for (const asked of [0, n >> 1, n]) expect(await holder(next, `order-${asked}`)).to.not.equal(null);
      if (n > 20) expect(read, `after ${n}`).to.not.include('000000000001.jsonl');
      next.close();
    }
    for (const journal of [one, other]) {
      read.length = 0;
      for (let n = 0; n < 60; n += 1) expect(await holder(journal, `order-${n}`)).to.not.equal(null);
      expect(read).to.not.include('000000000001.jsonl');
      journal.close();
    }
  });
});
