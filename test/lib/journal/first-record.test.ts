import {readdirSync, readFileSync, truncateSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {initialiseJournal} from '../../../src/lib/journal/genesis.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {disk} from '../../../src/lib/storage/disk.js';
import {testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {createdEvent} from '../../support/events.js';

describe('the first record of a journal', () => {
  for (const left of [0, 1, 200]) {
    it(`is never taken for torn by a power cut: ${left} bytes left of it are damage`, async () => {
      const directory = temporaryDirectory();
      const clock = testClock();
      await initialiseJournal(disk, directory, clock, 'machine');
      const segment = join(directory, 'journal', '000000000001.jsonl');
      const journal = new FileJournal({storage: disk, directory, clock});
      await journal.transact(() => ({events: [createdEvent('pay_A')], result: null}));
      journal.close();
      truncateSync(segment, left);
      clock.reboot();
      const after = new FileJournal({storage: disk, directory, clock});
      expect((await after.view()).health).to.include({ok: false});
      const error = await after
        .transact(() => ({events: [createdEvent('pay_B')], result: null}))
        .catch((failure) => failure);
      expect(error).to.include({code: 'journal_damaged'});
      expect((await after.verify()).damage?.details).to.include({line: 1});
      after.close();
      expect(readFileSync(segment)).to.have.length(left);
      expect(readdirSync(join(directory, 'journal'))).not.to.include('damaged');
    });
  }

  for (const nth of [0, 1]) {
    it(`is missing where segment ${nth + 1} of three is empty: said, and not looked for without end`, async () => {
      const directory = temporaryDirectory();
      const clock = testClock();
      await initialiseJournal(disk, directory, clock, 'machine');
      const journal = new FileJournal({storage: disk, directory, clock, segmentBytes: 500});
      for (const n of [1, 2, 3, 4]) {
        await journal.transact(() => ({events: [createdEvent(`pay_${n}`)], result: null}));
      }
      journal.close();
      const segments = readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.jsonl'));
      expect(segments.length).to.be.greaterThan(2);
      truncateSync(join(directory, 'journal', segments[nth] ?? ''), 0);
      const after = new FileJournal({storage: disk, directory, clock});
      const {health} = await after.view();
      expect(health.damage?.details).to.include({segment: segments[nth], line: 1, byte: 0});
      after.close();
    });
  }
});
