import {expect} from 'chai';
import {referenceHolder} from '../../../src/lib/core/decide.js';
import type {EventBody} from '../../../src/lib/core/events.js';
import {initialiseJournal} from '../../../src/lib/journal/genesis.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {disk} from '../../../src/lib/storage/disk.js';
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
});
