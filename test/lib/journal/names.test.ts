import {
  cpSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as wait} from 'node:timers/promises';
import {expect} from 'chai';
import {initialiseJournal} from '../../../src/lib/journal/genesis.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {segmentName} from '../../../src/lib/journal/segments.js';
import {disk} from '../../../src/lib/storage/disk.js';
import {namesVersion} from '../../../src/lib/storage/names.js';
import type {Storage} from '../../../src/lib/storage/storage.js';
import {testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {createdEvent} from '../../support/events.js';

/** After so long, whatever happened in a directory has a time of its own. */
const SETTLED_MS = 150;
const FIRST = '000000000001.jsonl';

describe('the names in a directory', () => {
  const at = {dev: 1, ino: 2, ctimeMs: 1_790_000_000_123.25};

  it('tell nothing just after a change, where the clock was set back, and where time is in whole seconds', () => {
    expect(namesVersion(at, at.ctimeMs + 31)).to.be.a('string');
    expect(namesVersion(at, at.ctimeMs + 29)).to.equal(null);
    expect(namesVersion(at, at.ctimeMs - 3_600_000)).to.equal(null);
    expect(namesVersion({...at, ctimeMs: 1_790_000_000_000}, at.ctimeMs + 3_600_000)).to.equal(null);
  });

  it('have another version for another directory, and after each change', () => {
    const now = at.ctimeMs + 10_000;
    const versions = [at, {...at, dev: 2}, {...at, ino: 3}, {...at, ctimeMs: at.ctimeMs + 0.25}];
    expect(new Set(versions.map((one) => namesVersion(one, now))).size).to.equal(4);
  });

  it('keep their version while only files are written, and lose it when one comes, goes or is exchanged', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'a');
    writeFileSync(path, 'a');
    writeFileSync(`${path}.new`, 'b');
    const changes = [
      () => writeFileSync(join(directory, 'b'), ''),
      () => rmSync(join(directory, 'b')),
      () => renameSync(`${path}.new`, path),
      () => linkSync(path, join(directory, 'c')),
      () => mkdirSync(join(directory, 'd')),
    ];
    for (const change of changes) {
      await wait(SETTLED_MS);
      const before = disk.namesOf(directory);
      writeFileSync(path, 'written in place');
      expect(disk.namesOf(directory)).to.equal(before);
      change();
      expect(before === null || disk.namesOf(directory) !== before).to.equal(true);
    }
  });
});

describe('a process that knows the names in its journal to be as they were', () => {
  const clock = testClock();
  let directory: string;
  const at = (name: string): string => join(directory, 'journal', name);
  const open = (storage: Storage = disk): FileJournal =>
    new FileJournal({storage, directory, clock, lockWaitMs: 500});
  const sell = (journal: FileJournal, id: string): Promise<unknown> =>
    journal.transact(() => ({events: [createdEvent(id)], result: null})).catch((error) => error);
  /** A process that has looked at everything, a while after it last changed. */
  const settled = async (): Promise<FileJournal> => {
    const journal = open();
    for (const id of ['pay_1', 'pay_2']) await sell(journal, id);
    await wait(SETTLED_MS);
    for (const id of ['pay_3', 'pay_4']) await sell(journal, id);
    return journal;
  };

  beforeEach(async () => {
    directory = join(temporaryDirectory(), 'data');
    mkdirSync(directory);
    await initialiseJournal(disk, directory, clock, 'machine');
  });

  it('asks for none of them, until their version is another or not known', async () => {
    let version: string | null = 'first';
    const asked: string[] = [];
    const storage: Storage = {
      ...disk,
      namesOf: () => version,
      has: (path) => asked.push('has') > 0 && disk.has(path),
      open: (path, mode) => {
        const file = disk.open(path, mode);
        return {...file, isCurrent: () => asked.push('isCurrent') > 0 && file.isCurrent()};
      },
      openLock: (path) => {
        const lock = disk.openLock(path);
        return {...lock, isCurrent: () => asked.push('isCurrent') > 0 && lock.isCurrent()};
      },
    };
    const journal = open(storage);
    for (const id of ['pay_1', 'pay_2']) await sell(journal, id);
    asked.length = 0;
    await sell(journal, 'pay_3');
    expect(asked).to.deep.equal([]);
    for (const next of ['second', null, null]) {
      version = next;
      asked.length = 0;
      await sell(journal, `pay_${asked.length}`);
      expect(asked.sort()).to.deep.equal(['has', 'has', 'isCurrent', 'isCurrent']);
    }
    journal.close();
  });

  it('sees that the lock file was replaced', async () => {
    const journal = await settled();
    cpSync(at('lock'), at('other'));
    renameSync(at('other'), at('lock'));
    expect(await sell(journal, 'pay_5')).to.include({code: 'journal_read_failed'});
    journal.close();
  });

  it('sees that its segment was replaced, and goes on in the one of that name', async () => {
    const journal = await settled();
    cpSync(at(FIRST), at('other'));
    renameSync(at('other'), at(FIRST));
    await sell(journal, 'pay_5');
    expect(readFileSync(at(FIRST), 'latin1')).to.include('pay_5');
    journal.close();
  });

  it('sees that a repair was cut off', async () => {
    const journal = await settled();
    mkdirSync(at('repair'));
    const size = statSync(at(FIRST)).size;
    expect(await sell(journal, 'pay_5')).to.include({exitCode: 10});
    expect(statSync(at(FIRST)).size).to.equal(size);
    journal.close();
  });

  it('sees that the data directory was replaced by another one', async () => {
    const journal = await settled();
    cpSync(directory, `${directory}-other`, {recursive: true});
    renameSync(directory, `${directory}-gone`);
    renameSync(`${directory}-other`, directory);
    expect(await sell(journal, 'pay_5')).to.include({code: 'journal_read_failed'});
    journal.close();
  });

  it('sees that somebody began the next segment and died, and moves it away', async () => {
    const journal = await settled();
    writeFileSync(at(segmentName(6)), 'begun');
    await sell(journal, 'pay_5');
    expect((await journal.view()).health).to.include({ok: true, seq: 7});
    journal.close();
  });

  it('sees that its segment is shorter than it was synced', async () => {
    const journal = await settled();
    writeFileSync(at(FIRST), readFileSync(at(FIRST)).subarray(0, -10));
    expect(await sell(journal, 'pay_5')).to.include({code: 'journal_damaged'});
    journal.close();
  });
});
