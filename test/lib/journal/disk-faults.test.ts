import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {EventBody} from '../../../src/lib/core/events.js';
import {initialiseJournal} from '../../../src/lib/journal/genesis.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {createdEvent, declinedEvent, storedEvent} from '../../support/events.js';
import {type FaultyStorage, faultyStorage} from '../../support/faulty-storage.js';

const SEGMENT = /\.jsonl$/;

describe('journal on a failing disk', () => {
  let directory: string;
  let storage: FaultyStorage;
  const clock = testClock();
  const open = (): FileJournal => new FileJournal({storage, directory, clock, lockWaitMs: 500});
  const write = (journal: FileJournal, ...events: EventBody[]): Promise<unknown> =>
    journal.transact(() => ({events, result: null})).catch((error) => error);
  const states = async (journal: FileJournal): Promise<Record<string, string>> =>
    Object.fromEntries([...(await journal.view()).state.payments].map(([id, {state}]) => [id, state]));

  beforeEach(async () => {
    directory = temporaryDirectory();
    storage = faultyStorage();
    await initialiseJournal(storage, directory, clock, 'machine');
  });

  it('syncs exactly once for a commit, also where it blanks: the next one or the end syncs that', async () => {
    const journal = open();
    await write(journal, createdEvent('pay_A'), storedEvent('pay_A'));
    storage.log();
    await write(journal, createdEvent('pay_B'), storedEvent('pay_B'));
    expect(storage.log()).to.deep.equal(['write 000000000001.jsonl', 'sync 000000000001.jsonl']);
    await write(journal, declinedEvent('pay_B'));
    expect(storage.log()).to.deep.equal([
      'write 000000000001.jsonl',
      'sync 000000000001.jsonl',
      'write 000000000001.jsonl',
    ]);
    await write(journal, declinedEvent('pay_A'));
    expect(storage.log()).to.deep.equal([
      'write 000000000001.jsonl',
      'sync 000000000001.jsonl',
      'write 000000000001.jsonl',
    ]);
    journal.close();
    expect(storage.log()).to.deep.equal(['sync 000000000001.jsonl']);
  });

  it('syncs once for a hundred who wait', async () => {
    const journal = open();
    await write(journal, createdEvent('pay_A'));
    storage.log();
    await Promise.all(Array.from({length: 100}, (_, n) => write(journal, createdEvent(`pay_${n}`))));
    expect(storage.log()).to.deep.equal(['write 000000000001.jsonl', 'sync 000000000001.jsonl']);
    expect(Object.keys(await states(journal))).to.have.length(101);
    journal.close();
  });

  for (const short of [0, 1, 100]) {
    it(`stores nothing on a full disk (${short} bytes fit), says so, and goes on when there is room`, async () => {
      const journal = open();
      await write(journal, createdEvent('pay_A'));
      const before = readFileSync(join(directory, 'journal', '000000000001.jsonl'));
      storage.fail('write', 'ENOSPC', {path: SEGMENT, short, times: 2});
      expect(await write(journal, createdEvent('pay_B'))).to.include({code: 'journal_full', exitCode: 10});
      expect(readFileSync(join(directory, 'journal', '000000000001.jsonl'))).to.deep.equal(before);
      storage.heal();
      await write(journal, createdEvent('pay_C'));
      expect(Object.keys(await states(journal))).to.deep.equal(['pay_A', 'pay_C']);
      journal.close();
    });
  }

  it('gives the reserve up so that an outcome can still be written, and sells again only when it is whole', async () => {
    const journal = open();
    await write(journal, createdEvent('pay_A'), storedEvent('pay_A'));
    storage.fail('write', 'ENOSPC', {path: SEGMENT});
    await write(journal, declinedEvent('pay_A'));
    expect(await states(journal)).to.deep.equal({pay_A: 'declined'});
    expect(readFileSync(join(directory, 'journal', 'reserve'))).to.have.length(0);
    storage.fail('write', 'ENOSPC', {path: /reserve$/});
    expect(await write(journal, createdEvent('pay_B'))).to.include({code: 'journal_full'});
    storage.heal();
    await write(journal, createdEvent('pay_C'));
    expect(await states(journal)).to.deep.equal({pay_A: 'declined', pay_C: 'created'});
    expect(readFileSync(join(directory, 'journal', 'reserve'))).to.have.length(256 * 1024);
    journal.close();
  });

  it('writes an outcome on a full disk although it waits together with sales', async () => {
    const journal = open();
    await write(journal, createdEvent('pay_A'), storedEvent('pay_A'));
    // The first alone, the three together, the second sale, the outcome until the reserve is given up.
    storage.fail('write', 'ENOSPC', {path: SEGMENT, times: 4});
    storage.fail('write', 'ENOSPC', {path: /reserve$/, times: 99});
    const answers = await Promise.all([
      write(journal, createdEvent('pay_first')),
      write(journal, createdEvent('pay_B')),
      write(journal, declinedEvent('pay_A')),
      write(journal, createdEvent('pay_C')),
    ]);
    expect(answers.map((answer) => (answer as {code?: string}).code)).to.deep.equal([
      'journal_full',
      'journal_full',
      undefined,
      'journal_full',
    ]);
    expect(await states(journal)).to.deep.equal({pay_A: 'declined'});
    journal.close();
  });

  for (const operation of ['write', 'sync'] as const) {
    it(`takes a failed ${operation} as final: nothing more is written, the next process cuts what nobody was told`, async () => {
      const journal = open();
      await write(journal, createdEvent('pay_A'));
      storage.fail(operation, 'EIO', {path: SEGMENT, short: 60});
      expect(await write(journal, createdEvent('pay_B'))).to.include({
        code: 'journal_write_failed',
        exitCode: 10,
      });
      storage.heal();
      storage.log();
      expect(await write(journal, createdEvent('pay_C'))).to.include({code: 'journal_write_failed'});
      expect(storage.log(), 'not even tried').to.deep.equal([]);
      expect(Object.keys(await states(journal))).to.deep.equal(['pay_A']);
      journal.close();
      const next = open();
      await write(next, createdEvent('pay_D'));
      expect(Object.keys(await states(next))).to.deep.equal(['pay_A', 'pay_D']);
      expect((await next.verify()).ok).to.equal(true);
      expect(readdirSync(join(directory, 'journal', 'damaged'))).to.have.length(1);
      next.close();
    });
  }

  it('takes a failed sync of what it found as final too', async () => {
    const journal = open();
    storage.fail('sync', 'EIO', {path: SEGMENT});
    expect(await write(journal, createdEvent('pay_A'))).to.include({code: 'journal_write_failed'});
    expect(await write(journal, createdEvent('pay_A'))).to.include({code: 'journal_write_failed'});
    journal.close();
  });

  it('tells everybody who waited for the commit that failed', async () => {
    const journal = open();
    await write(journal, createdEvent('pay_0'));
    storage.fail('sync', 'EIO', {path: SEGMENT});
    const answers = await Promise.all([1, 2, 3].map((n) => write(journal, createdEvent(`pay_${n}`))));
    expect(answers.map((error) => (error as {code: string}).code)).to.deep.equal(
      Array.from({length: 3}, () => 'journal_write_failed'),
    );
    journal.close();
  });

  it('is not concerned when only the checkpoint cannot be written', async () => {
    const journal = open();
    storage.fail('create', 'ENOSPC', {path: /checkpoint/, times: 99});
    for (let n = 0; n < 300; n += 1) await write(journal, createdEvent(`pay_${n}`));
    expect(Object.keys(await states(journal))).to.have.length(300);
    journal.close();
  }).timeout(30_000);

  it('stops writing, not telling, when settled data cannot be blanked; the next process finishes it', async () => {
    const journal = open();
    await write(journal, createdEvent('pay_A'), storedEvent('pay_A'));
    const segment = join(directory, 'journal', '000000000001.jsonl');
    const sealed = /"private":"[A-Za-z0-9+/=]{20}/;
    const original = storage.open;
    storage.open = (path) => {
      const file = original(path);
      return {
        ...file,
        write: (offset, bytes) => {
          if (bytes.every((byte) => byte === 0x20)) throw Object.assign(new Error('EIO'), {code: 'EIO'});
          file.write(offset, bytes);
        },
      };
    };
    const other = open();
    expect(await write(other, declinedEvent('pay_A'))).to.deep.include({result: null});
    expect(readFileSync(segment, 'utf8')).to.match(sealed);
    expect(await write(other, createdEvent('pay_B'))).to.include({code: 'journal_write_failed'});
    other.close();
    storage.open = original;
    await write(journal, createdEvent('pay_C'));
    expect(readFileSync(segment, 'utf8')).not.to.match(sealed);
    expect((await journal.verify()).ok).to.equal(true);
    journal.close();
  });
});
