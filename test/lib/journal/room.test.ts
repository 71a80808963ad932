import {appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {EventBody} from '../../../src/lib/core/events.js';
import {FileJournalCare} from '../../../src/lib/journal/care.js';
import {initialiseJournal} from '../../../src/lib/journal/genesis.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {machineDigest} from '../../../src/lib/journal/machine.js';
import {type SyncedMark, writeMark} from '../../../src/lib/journal/mark.js';
import {disk} from '../../../src/lib/storage/disk.js';
import {type TestClock, testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {createdEvent, storedEvent} from '../../support/events.js';
import {faultyStorage} from '../../support/faulty-storage.js';

const BYTES = 20_000;
const ROOM = {bytes: BYTES, after: 2};
const FIRST = '000000000001.jsonl';

describe('room behind the last record', () => {
  let directory: string;
  let clock: TestClock;
  const at = (name: string): string => join(directory, 'journal', name);
  const content = (name = FIRST): Buffer => readFileSync(at(name));
  /** Bytes of NUL at the end. */
  const room = (name = FIRST): number => {
    const bytes = content(name);
    return bytes.length - 1 - bytes.findLastIndex((byte) => byte !== 0);
  };
  const open = (options: Partial<ConstructorParameters<typeof FileJournal>[0]> = {}): FileJournal =>
    new FileJournal({storage: disk, directory, clock, lockWaitMs: 500, room: ROOM, ...options});
  const write = (journal: FileJournal, ...events: EventBody[]): Promise<unknown> =>
    journal.transact(() => ({events, result: null}));
  const sell = async (journal: FileJournal, ...ids: string[]): Promise<void> => {
    for (const id of ids) await write(journal, createdEvent(id), storedEvent(id));
  };
  const history = async (journal: FileJournal): Promise<string[]> => {
    const told: string[] = [];
    for await (const {record} of journal.history()) {
      told.push('payment' in record ? `${record.type} ${record.payment}` : record.type);
    }
    return told;
  };
  const sales = (...ids: string[]): string[] =>
    ids.flatMap((id) => [`payment.created ${id}`, `payment.accepted_offline ${id}`]);

  beforeEach(async () => {
    directory = temporaryDirectory();
    clock = testClock();
    await initialiseJournal(disk, directory, clock, 'machine');
  });

  it('is made by a process that writes often and alone, and the file does not grow while there is some', async () => {
    const journal = open();
    await sell(journal, 'pay_1', 'pay_2');
    expect(room()).to.equal(0);
    await sell(journal, 'pay_3');
    expect(room()).to.equal(BYTES);
    const size = content().length;
    await sell(journal, 'pay_4');
    expect(content().length).to.equal(size);
    expect(room()).to.be.lessThan(BYTES);
    expect([...(await open().view()).state.payments.keys()]).to.deep.equal([
      'pay_1',
      'pay_2',
      'pay_3',
      'pay_4',
    ]);
    journal.close();
    expect(content().at(-1), 'when it ends nothing is left of it').to.equal(0x0a);
  });

  it('takes one write and one sync a commit, also when it is made', async () => {
    const storage = faultyStorage();
    const journal = open({storage});
    await sell(journal, 'pay_1', 'pay_2');
    storage.log();
    for (const id of ['pay_3', 'pay_4']) {
      await sell(journal, id);
      expect(storage.log()).to.deep.equal([`write ${FIRST}`, `sync ${FIRST}`]);
    }
    expect(room()).to.be.greaterThan(0);
    journal.close();
  });

  for (const rebooted of [false, true]) {
    it(`left by a process that died is nothing to anybody${rebooted ? ', after a reboot' : ''}`, async () => {
      const dead = open();
      await sell(dead, 'pay_1', 'pay_2', 'pay_3');
      expect(room()).to.equal(BYTES);
      if (rebooted) clock.reboot();
      const next = open();
      const {state, health} = await next.view();
      expect(health).to.include({ok: true, seq: 7});
      expect(state.payments.size).to.equal(3);
      expect(await next.verify()).to.include({ok: true, seq: 7});
      const care = new FileJournalCare({storage: disk, directory, clock, machine: machineDigest('machine')});
      const report = await care.survey();
      expect([report.damage, report.notes]).to.deep.equal([[], []]);
      await sell(next, 'pay_4');
      expect(room()).to.equal(0);
      expect(await history(next)).to.deep.equal([
        'journal.opened',
        ...sales('pay_1', 'pay_2', 'pay_3', 'pay_4'),
      ]);
      next.close();
    });
  }

  it('does not hide what a process wrote there and was never acknowledged', async () => {
    const mine = open();
    await sell(mine, 'pay_1', 'pay_2', 'pay_3');
    const mark = readFileSync(at('lock'));
    const before = content();
    await sell(open({room: {bytes: BYTES, after: 0}}), 'pay_other');
    // The other one dies before its sync: the mark has its name, and not its bytes.
    const after = content();
    const end = after.findLastIndex((byte) => byte !== 0) + 1;
    const started = before.findLastIndex((byte) => byte !== 0) + 1;
    const torn = Buffer.concat([after.subarray(0, end - 30), Buffer.alloc(before.length - end + 30)]);
    writeFileSync(at(FIRST), torn);
    const claimed = JSON.parse(readFileSync(at('lock')).toString('utf8').slice(9)) as SyncedMark;
    expect(claimed).to.not.deep.equal(JSON.parse(mark.toString('utf8').slice(9)));
    claim(at('lock'), {...claimed, offset: started});
    expect(content().length, 'by its size nothing has changed').to.equal(before.length);

    await sell(mine, 'pay_4');
    expect(await history(mine)).to.deep.equal([
      'journal.opened',
      ...sales('pay_1', 'pay_2', 'pay_3'),
      'journal.recovered',
      ...sales('pay_4'),
    ]);
    const [kept = ''] = readdirSync(at('damaged'));
    expect(readFileSync(at(join('damaged', kept))), 'kept, without the room').to.have.length(
      end - 30 - started,
    );
    mine.close();
  });

  it('is given up where the disk is full: the commit is stored without it', async () => {
    const storage = faultyStorage();
    const journal = open({storage});
    await sell(journal, 'pay_1', 'pay_2');
    storage.fail('write', 'ENOSPC', {path: /jsonl$/, short: 3000});
    await sell(journal, 'pay_3');
    expect(room()).to.equal(0);
    expect(await history(open())).to.deep.equal(['journal.opened', ...sales('pay_1', 'pay_2', 'pay_3')]);
    journal.close();
  });

  it('is taken away, durably, before a new segment begins', async () => {
    const storage = faultyStorage();
    const journal = open({storage, segmentBytes: 8000, room: {bytes: BYTES, after: 0}});
    let log: string[] = [];
    for (let n = 0; log.every((line) => !line.startsWith('create')); n += 1) {
      storage.log();
      await sell(journal, `pay_${n}`);
      log = storage.log();
    }
    const [, second = ''] = readdirSync(at('.')).filter((name) => name.endsWith('.jsonl'));
    expect(log.slice(0, 6)).to.deep.equal([
      `truncate ${FIRST}`,
      `sync ${FIRST}`,
      `create ${second}`,
      `write ${second}`,
      `sync ${second}`,
      'syncDirectory journal',
    ]);
    expect(content().at(-1)).to.equal(0x0a);
    journal.close();
    clock.reboot();
    expect((await open().view()).health.ok).to.equal(true);
  });

  it('with records behind it is none, but damage', async () => {
    const journal = open();
    await sell(journal, 'pay_1', 'pay_2');
    journal.close();
    const line = content().subarray(0, content().indexOf(0x0a) + 1);
    appendFileSync(at(FIRST), Buffer.concat([Buffer.alloc(5000), Buffer.from('\n'), line]));
    clock.reboot();
    const {health} = await open().view();
    expect(health.damage?.message).to.match(/a later commit follows it/);
    truncateSync(at(FIRST), content().length - line.length);
    expect((await open().view()).health.ok).to.equal(true);
  });
});

/** Writes a mark as somebody else would have left it. */
function claim(path: string, mark: SyncedMark): void {
  const file = disk.openLock(path);
  writeMark(file, mark);
  file.close();
}
