import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {systemClock} from '../../dist/lib/device/clock.js';
import {initialiseJournal} from '../../dist/lib/journal/genesis.js';
import {FileJournal} from '../../dist/lib/journal/journal.js';
import {disk} from '../../dist/lib/storage/disk.js';
import {closedPayment, delivered, saleRecord} from './records.mjs';

const BATCH = 1000;
/** Enough single sales after the history for a checkpoint, and for a tail such as a till has. */
const LAST_SALES = 150;

export function openJournal(directory, storage = disk) {
  return new FileJournal({storage, directory, clock: systemClock()});
}

function write(journal, events) {
  return journal.transact(() => ({events, result: null}));
}

/** A journal with so many payments that are all over. Most are written a thousand a commit, to be quick. */
export async function prepareJournal(directory, payments) {
  await initialiseJournal(disk, directory, systemClock(), null);
  const journal = openJournal(directory);
  const single = Math.min(LAST_SALES, payments);
  for (let from = 0; from < payments - single; from += BATCH) {
    const numbers = range(from, Math.min(from + BATCH, payments - single));
    await write(journal, numbers.flatMap(closedPayment));
  }
  for (const number of range(payments - single, payments)) await write(journal, closedPayment(number));
  journal.close();
}

function range(from, to) {
  return Array.from({length: to - from}, (_, index) => from + index);
}

/** The journal as one of the stores that are compared. */
export async function openStore(directory, history) {
  await prepareJournal(directory, history);
  const journal = openJournal(directory);
  await journal.view();
  let next = history * 2;
  const open = [];
  return {
    append() {
      const event = saleRecord(next);
      if (next % 2 === 0) open.push(next / 2);
      next += 1;
      return write(journal, [event]);
    },
    /** Between two measurements the network comes back: what was sold is forwarded. A till is not offline for ever. */
    async settle() {
      if (next % 2 === 1) await this.append();
      const numbers = open.splice(0);
      for (let from = 0; from < numbers.length; from += BATCH) {
        await write(
          journal,
          numbers.slice(from, from + BATCH).map((number) => delivered(number, 'confirm')),
        );
      }
    },
    close: () => journal.close(),
  };
}

/** The bytes of the two records of a sale, as the journal writes them: the others write as many. */
export async function saleLines(directory) {
  await initialiseJournal(disk, directory, systemClock(), null);
  const journal = openJournal(directory);
  for (let n = 0; n < 6; n += 1) await write(journal, [saleRecord(n)]);
  journal.close();
  return segmentText(directory).trimEnd().split('\n').slice(-2);
}

function segmentText(directory) {
  const folder = join(directory, 'journal');
  const [segment] = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  return readFileSync(join(folder, segment), 'utf8');
}

/** A disk that notes what is synced: the third witness beside the preloaded counter and the kernel's flushes. */
export function countingDisk() {
  const counts = {segment: 0, other: 0};
  const counted = (file) => ({
    ...file,
    sync() {
      file.sync();
      counts[/\d{12}\.jsonl$/.test(file.path) ? 'segment' : 'other'] += 1;
    },
  });
  const storage = {
    ...disk,
    open: (path) => counted(disk.open(path)),
    create: (path) => counted(disk.create(path)),
    syncDirectory(directory) {
      disk.syncDirectory(directory);
      counts.other += 1;
    },
  };
  return {storage, counts};
}
