import {createHash} from 'node:crypto';
import {readdirSync, readFileSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {StowpayError} from '../../../src/lib/core/errors.js';
import type {RepairReport} from '../../../src/lib/core/ports.js';
import type {State} from '../../../src/lib/core/state.js';
import {FileJournalCare} from '../../../src/lib/journal/care.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {machineDigest} from '../../../src/lib/journal/machine.js';
import {disk} from '../../../src/lib/storage/disk.js';
import type {Storage} from '../../../src/lib/storage/storage.js';
import {crashingStorage} from '../../support/crashing-storage.js';
import {
  type DamagedJournal,
  fates,
  keptIn,
  MACHINE,
  payId,
  smallJournal,
  story,
} from '../../support/damaged-journal.js';
import {createdEvent, declinedEvent, PRIVATE} from '../../support/events.js';
import {filesOf, memoryStorage} from '../../support/memory-storage.js';

/** Changes the byte so many bytes into a line of a segment. */
function damageLine(journal: DamagedJournal, segment: string, line: number, into = 200): void {
  const bytes = journal.read(segment);
  const at = startOf(bytes, line) + into;
  bytes[at] = (bytes[at] ?? 0) ^ 0x01;
  journal.write(segment, bytes);
}

function startOf(bytes: Buffer, line: number): number {
  let at = 0;
  for (let n = 1; n < line; n += 1) at = bytes.indexOf(0x0a, at) + 1;
  return at;
}

/** The line of a segment that holds a text. */
function lineWith(journal: DamagedJournal, text: string): {segment: string; line: number} {
  for (const segment of journal.segments()) {
    const line = journal
      .read(segment)
      .toString('latin1')
      .split('\n')
      .findIndex((one) => one.includes(text));
    if (line >= 0) return {segment, line: line + 1};
  }
  throw new Error(`no line with ${text}`);
}

/** Opens it like any command would, holds that it is whole and can be written, and gives what it knows. */
async function whole(journal: DamagedJournal): Promise<State> {
  expect((await journal.survey()).damage).to.deep.equal([]);
  const opened = journal.open();
  await opened.transact(() => ({events: [createdEvent(payId(900))], result: null}));
  expect((await opened.verify()).damage).to.equal(null);
  const {state, health} = await opened.view();
  expect(health.ok).to.equal(true);
  opened.close();
  return state;
}

async function failure(act: Promise<unknown>): Promise<StowpayError> {
  return act.then(
    () => expect.fail('it did not fail'),
    (error) => error,
  );
}

const SEALED = /(?<="private":")[A-Za-z0-9+/=]+/g;

function withoutSealed(bytes: Buffer): string {
  return bytes.toString('latin1').replace(SEALED, (sealed) => ' '.repeat(sealed.length));
}

function sealedIn(files: readonly Buffer[]): string[] {
  return files.flatMap((bytes) => bytes.toString('latin1').match(SEALED) ?? []);
}

function digestsBelow(directory: string): ReadonlySet<string> {
  return new Set(
    [...filesOf(directory).values()].map((bytes) => createHash('sha256').update(bytes).digest('hex')),
  );
}

describe('journal repair', () => {
  it('leaves a healthy journal alone, byte for byte', async () => {
    const journal = await smallJournal();
    const before = filesOf(join(journal.directory, 'journal'));
    expect(await journal.survey()).to.deep.include({damage: [], notes: [], cloned: false, segments: 5});
    expect((await journal.repair()).outcome).to.equal('none');
    expect((await journal.repair({confirm: null})).outcome).to.equal('none');
    expect(
      [...filesOf(join(journal.directory, 'journal'))].filter(([path]) => !path.endsWith('attempts')),
    ).to.deep.equal([...before]);
  });

  it('sets aside only the payment that the damaged line names, and keeps everything as it was', async () => {
    const journal = await smallJournal();
    const {segment, line} = lineWith(journal, `${payId(4)}-create-1`);
    const originals = journal.segments().filter((name) => name >= segment);
    damageLine(journal, segment, line, 320);
    const before = originals.map((name) => journal.read(name));
    const {damage} = await journal.survey();
    expect(damage).to.have.length(1);
    expect(damage[0]).to.include({segment, line, reason: 'the MAC does not match', payment: payId(4)});
    const plan = await journal.repair({confirm: null});
    expect(plan).to.deep.include({outcome: 'planned', orphans: [], kept_in: null});
    expect(plan.quarantined.map(({payment}) => payment)).to.deep.equal([payId(4)]);
    expect(await journal.survey(), 'planning changes nothing').to.deep.include({damage});
    const report = await journal.repair();
    expect(report.outcome).to.equal('repaired');
    const after = originals.map((name) => readFileSync(join(report.kept_in ?? '', name)));
    expect(after.map(withoutSealed)).to.deep.equal(before.map(withoutSealed));
    expect(sealedIn(after), 'copies of what the rebuilt journal holds').to.deep.equal([]);
    const live = sealedIn(journal.segments().map((name) => journal.read(name)));
    expect(live).to.include.members(sealedIn(before));
    const state = await whole(journal);
    const {intact, quarantined} = fates(journal.payments, state, report);
    expect(quarantined).to.deep.equal([payId(4)]);
    expect(intact).to.have.length(journal.payments.size - 1);
    const set = state.payments.get(payId(4));
    expect(set?.reason?.code).to.equal('journal_repaired');
    expect(set?.reason?.message).to.match(
      new RegExp(`segment ${segment}, line ${line}, byte \\d+.*payment API`),
    );
  });

  it('can still forward what it kept: the sealed data is whole', async () => {
    const journal = await smallJournal();
    damageLine(journal, journal.segments()[0] ?? '', 2, 320);
    await journal.repair();
    const opened = journal.open();
    const kept = (await opened.view()).state.payments.get(payId(6));
    expect(kept?.state).to.equal('accepted_offline');
    expect((await opened.privateData(payId(6)))?.sealed.tags).to.deep.equal(PRIVATE.sealed.tags);
    opened.close();
  });

  it('takes the numbers of what is lost, so that the others keep theirs', async () => {
    const journal = await smallJournal();
    const {segment, line} = lineWith(journal, `${payId(4)}-create-1`);
    damageLine(journal, segment, line, 320);
    const [lost] = (await journal.repair()).lost;
    expect(lost?.first_seq).to.equal(lost?.last_seq);
    const opened = journal.open();
    const told: string[] = [];
    for await (const {record} of opened.history()) {
      if (record.seq === lost?.first_seq) told.push(record.type);
      if (record.type === 'journal.repaired') expect(record.data.lost).to.deep.equal([lost]);
    }
    expect(told).to.deep.equal(['journal.lost']);
    expect((await opened.view()).state.payments.get(payId(6))?.seq).to.equal(
      journal.payments.get(payId(6))?.seq,
    );
    opened.close();
  });

  it('sets aside everything that was open where a segment is missing, and names what it cannot fold', async () => {
    const journal = await smallJournal();
    const [, , third = ''] = journal.segments();
    rmSync(journal.path(third));
    const {damage} = await journal.survey();
    expect(damage.map(({segment, line}) => ({segment, line}))).to.deep.equal([
      {segment: journal.segments()[2], line: 1},
    ]);
    expect(damage[0]?.reason)
      .to.include(third)
      .and.to.match(/records \d+ to \d+ are missing/);
    const report = await journal.repair();
    const result = fates(journal.payments, await whole(journal), report);
    expect(result['silently different']).to.deep.equal([]);
    expect(result.quarantined.length + result.orphaned.length).to.be.greaterThan(1);
    expect(result.orphaned).to.deep.equal([payId(4)]);
  });

  it('puts swapped segments back into their order and loses nothing', async () => {
    const journal = await smallJournal();
    const [, second = '', third = ''] = journal.segments();
    const [a, b] = [journal.read(second), journal.read(third)];
    journal.write(second, b);
    journal.write(third, a);
    const {damage} = await journal.survey();
    expect(damage[0]).to.include({segment: second, line: 1, byte: 0});
    expect(damage[0]?.reason).to.match(/swapped or renamed/);
    const report = await journal.repair();
    expect(report).to.deep.include({lost: [], quarantined: [], orphans: []});
    expect(fates(journal.payments, await whole(journal), report).intact).to.have.length(
      journal.payments.size,
    );
  });

  it('calls a segment of another device foreign, once, and never takes a payment from it', async () => {
    const journal = await smallJournal();
    const other = await smallJournal({
      commits: [...story(50, 1), ...story(51, 1), ...story(52, 1), ...story(53, 1)],
    });
    const [, second = ''] = journal.segments();
    journal.write(second, other.read(other.segments()[1] ?? ''));
    const {damage} = await journal.survey();
    expect(damage.filter(({segment}) => segment === second)).to.have.length(1);
    expect(damage[0]).to.include({segment: second, line: 1, byte: 0});
    expect(damage[0]?.reason).to.match(/written with another key, or by another device/);
    const report = await journal.repair();
    const state = await whole(journal);
    expect(fates(journal.payments, state, report)['silently different']).to.deep.equal([]);
    for (const n of [50, 51, 52, 53]) {
      expect(state.payments.has(payId(n)) || state.orphans.includes(payId(n))).to.equal(false);
    }
  });

  it('keeps of two histories the one that follows, and sets aside what the other one touches', async () => {
    const journal = await smallJournal({segmentBytes: 1_000_000});
    const [segment = ''] = journal.segments();
    const bytes = journal.read(segment);
    const cut = startOf(bytes, lineWith(journal, `"payment":"${payId(6)}"`).line);
    const fork = journal.copy();
    truncateSync(fork.path(segment), cut);
    fork.clock.reboot();
    const writer = fork.open();
    await writer.transact(() => ({events: story(60, 1)[0] ?? [], result: null}));
    writer.close();
    const other = fork.read(segment).subarray(cut);
    journal.write(segment, Buffer.concat([bytes, other]));
    journal.clock.reboot();
    const {damage} = await journal.survey();
    expect(damage[0]?.reason).to.match(/follows record/);
    const report = await journal.repair();
    const state = await whole(journal);
    expect(fates(journal.payments, state, report)['silently different']).to.deep.equal([]);
    expect(report.orphans).to.include(payId(60));
  });

  for (const how of ['removed', 'altered'] as const) {
    it(`sets a payment aside whose sealed data was ${how}`, async () => {
      const journal = await smallJournal();
      const {segment, line} = lineWith(journal, `"payment":"${payId(6)}","data":{"card"`);
      const bytes = journal.read(segment);
      const at = bytes.indexOf('"private":"', startOf(bytes, line)) + 11;
      if (how === 'altered') bytes[at + 9] = (bytes[at + 9] ?? 0) ^ 1;
      else bytes.fill(0x20, at, bytes.indexOf('"', at));
      journal.write(segment, bytes);
      const {damage} = await journal.survey();
      expect(damage).to.deep.equal([
        {
          segment,
          line,
          byte: at,
          reason: `the sealed card data of ${payId(6)} was ${how}`,
          payment: payId(6),
        },
      ]);
      const report = await journal.repair();
      expect(report.quarantined.map(({payment}) => payment)).to.deep.equal([payId(6)]);
      expect(fates(journal.payments, await whole(journal), report).intact).to.have.length(
        journal.payments.size - 1,
      );
    });
  }

  it('sets aside what was open where a file is shorter than what was synced', async () => {
    const journal = await smallJournal();
    const last = journal.segments().at(-1) ?? '';
    const bytes = journal.read(last);
    truncateSync(journal.path(last), startOf(bytes, bytes.toString('latin1').split('\n').length - 1));
    const {damage} = await journal.survey();
    expect(damage[0]?.reason).to.match(/were synced/);
    expect(damage[0]?.line).to.equal(bytes.toString('latin1').split('\n').length - 1);
    const report = await journal.repair();
    const result = fates(journal.payments, await whole(journal), report);
    expect(result['silently different']).to.deep.equal([]);
    expect(result.quarantined).to.include(payId(7));
  });

  it('refuses to rebuild a journal of which nothing verifies, and to drop the key lightly', async () => {
    const journal = await smallJournal();
    writeFileSync(join(journal.directory, 'device.key'), Buffer.alloc(32, 7));
    const {damage} = await journal.survey();
    expect(damage[0]).to.include({segment: 'device.key'});
    expect(damage[0]?.reason).to.match(/not one line verifies with this key/);
    expect(damage).to.have.length(1 + journal.segments().length);
    const error = await failure(journal.repair());
    expect(error).to.include({code: 'journal_damaged', exitCode: 10});
    expect(error.hint).to.match(/device\.key/);
    expect(keptIn(journal.directory)).to.deep.equal([]);
  });

  for (const key of ['missing', 'too short', 'foreign'] as const) {
    it(`signs everything anew where the key is ${key}`, async () => {
      const journal = await smallJournal();
      const path = join(journal.directory, 'device.key');
      if (key === 'missing') rmSync(path);
      else writeFileSync(path, Buffer.alloc(key === 'foreign' ? 32 : 31, 7));
      expect((await journal.survey()).damage[0]).to.include({segment: 'device.key'});
      expect(await failure(journal.repair())).to.include({code: 'journal_damaged'});
      const report = await journal.repair({rekey: true});
      expect(report).to.deep.include({outcome: 'repaired', rekeyed: true, lost: [], quarantined: []});
      expect(fates(journal.payments, await whole(journal), report).intact).to.have.length(
        journal.payments.size,
      );
      expect(keptIn(journal.directory).includes('repair-1/device.key')).to.equal(key !== 'missing');
      const opened = journal.open();
      expect((await opened.privateData(payId(6)))?.sealed.tags).to.deep.equal(PRIVATE.sealed.tags);
      for await (const {record} of opened.history()) {
        if (record.type === 'journal.repaired') expect(record.data.rekeyed).to.equal(true);
      }
      opened.close();
    });
  }

  it('loses without the key what does not hold together, and believes no number that cannot be', async () => {
    const journal = await smallJournal();
    rmSync(join(journal.directory, 'device.key'));
    const [first = ''] = journal.segments();
    const text = journal.read(first).toString('latin1');
    journal.write(first, Buffer.from(text.replace('"seq":5,', '"seq":905,'), 'latin1'));
    const report = await journal.repair({rekey: true});
    expect(report.lost.map(({first_seq, last_seq}) => [first_seq, last_seq])).to.deep.equal([[5, 5]]);
    expect(fates(journal.payments, await whole(journal), report)['silently different']).to.deep.equal([]);
  });

  it('does not rekey what verifies', async () => {
    const journal = await smallJournal();
    expect(await failure(journal.repair({rekey: true}))).to.include({code: 'invalid_usage', exitCode: 2});
  });

  it('wants the name of this device, and nobody at work', async () => {
    const journal = await smallJournal();
    damageLine(journal, journal.segments()[1] ?? '', 1);
    expect(await failure(journal.repair({confirm: 'dev_other'}))).to.include({code: 'invalid_usage'});
    const busy = journal.open();
    const claim = await busy.claim(7);
    expect(await failure(journal.repair())).to.include({code: 'payment_busy', exitCode: 11});
    expect(keptIn(journal.directory)).to.deep.equal([]);
    claim?.release();
    expect((await journal.repair()).outcome).to.equal('repaired');
    busy.close();
  });

  it('waits for whoever holds the journal, and gives up with journal_locked', async () => {
    const journal = await smallJournal();
    const lock = disk.openLock(join(journal.directory, 'journal', 'lock'));
    expect(lock.tryLock(0, 0)).to.equal(true);
    expect(await failure(journal.repair())).to.include({code: 'journal_locked', exitCode: 11});
    lock.close();
  });

  it('says what is no damage: a checkpoint that cannot be used, a commit that a power cut tore', async () => {
    const journal = await smallJournal();
    writeFileSync(join(journal.directory, 'journal', 'checkpoint.json'), '{"mac":"x","body":"{}"}');
    const last = journal.segments().at(-1) ?? '';
    truncateSync(journal.path(last), journal.read(last).length - 3);
    journal.clock.reboot();
    const {damage, notes} = await journal.survey();
    expect(damage).to.deep.equal([]);
    expect(notes.join('\n'))
      .to.match(/a power cut left an unfinished commit/)
      .and.to.match(/checkpoint\.json/);
    expect((await journal.repair()).outcome).to.equal('none');
  });

  it('knows from the checkpoint what a journal that ends before it has lost', async () => {
    const commits = Array.from({length: 130}, (_, n) => [createdEvent(payId(n)), declinedEvent(payId(n))]);
    const journal = await smallJournal({
      commits: [...commits, ...story(200, 1), ...story(201, 1)],
      segmentBytes: 1e9,
    });
    const [segment = ''] = journal.segments();
    const early = journal.read(segment).subarray(0, startOf(journal.read(segment), 100));
    expect(readdirSync(join(journal.directory, 'journal'))).to.include('checkpoint.json');
    journal.write(segment, early);
    journal.clock.reboot();
    const {damage} = await journal.survey();
    expect(damage.at(-1)?.reason).to.match(/ends before its checkpoint/);
    expect(damage.at(-1)).to.include({segment, line: 100});
    const report = await journal.repair();
    expect(report.lost[0]).to.include({first_seq: 100});
    await whole(journal);
    expect(keptIn(journal.directory)).to.include('repair-1/checkpoint.json');
  });

  it('repairs again what was repaired before, beside what was kept then', async () => {
    const journal = await smallJournal();
    for (const time of [1, 2]) {
      damageLine(journal, journal.segments()[1] ?? '', 2, 320);
      expect((await journal.repair()).kept_in).to.match(new RegExp(`repair-${time}$`));
      await whole(journal);
    }
  });

  it('is seen by a process that has the journal open: nothing is written where nobody looks', async () => {
    const journal = await smallJournal();
    const running = journal.open();
    await running.transact(() => ({events: [createdEvent(payId(700))], result: null}));
    damageLine(journal, journal.segments()[1] ?? '', 2, 320);
    await journal.repair();
    const before = digestsBelow(join(journal.directory, 'journal', 'damaged'));
    await running.transact(() => ({events: [createdEvent(payId(701))], result: null}));
    expect(digestsBelow(join(journal.directory, 'journal', 'damaged'))).to.deep.equal(before);
    const state = await whole(journal);
    expect(state.payments.has(payId(700)) && state.payments.has(payId(701))).to.equal(true);
    expect((await running.view()).state.payments.has(payId(900))).to.equal(true);
    running.close();
  });
});

describe('journal repair, cut off', () => {
  let damaged: DamagedJournal;
  let files: ReadonlyMap<string, Buffer>;
  let expected: RepairReport;

  const care = (storage: Storage): FileJournalCare =>
    new FileJournalCare({
      storage,
      directory: damaged.directory,
      clock: damaged.clock,
      machine: machineDigest(MACHINE),
      segmentBytes: 4000,
    });
  const open = (storage: Storage): FileJournal =>
    new FileJournal({storage, directory: damaged.directory, clock: damaged.clock});
  const health = async (storage: Storage): Promise<string> => {
    try {
      const journal = open(storage);
      const {health: found} = await journal.view();
      const written = await journal
        .transact(() => ({events: [createdEvent(payId(800))], result: null}))
        .then(
          () => true,
          () => false,
        );
      journal.close();
      expect(written, 'writes exactly what it calls healthy').to.equal(found.ok);
      return found.ok ? 'healthy' : (found.damage?.message ?? '');
    } catch (error) {
      return (error as Error).message;
    }
  };

  for (const rekey of [false, true]) {
    describe(rekey ? 'while it signs anew' : 'while it rebuilds', () => {
      before(async () => {
        damaged = await smallJournal();
        const {segment, line} = lineWith(damaged, `${payId(4)}-create-1`);
        damageLine(damaged, segment, line, 60);
        const index = join(damaged.directory, 'journal', 'checkpoint.json');
        writeFileSync(index, '{"mac":"x","body":"{}"}');
        if (rekey) writeFileSync(join(damaged.directory, 'device.key'), Buffer.alloc(32, 7));
        files = filesOf(damaged.directory);
        expected = await care(memoryStorage(files)).repair({confirm: damaged.device, rekey});
      });

      for (const when of ['before', 'after'] as const) {
        it(`goes on from every point (${when} each change), and never looks healthy half done`, async () => {
          let finished = 0;
          for (let at = 1; ; at += 1) {
            const memory = memoryStorage(files);
            const crashing = crashingStorage(memory, at, when);
            const died = await care(crashing)
              .repair({confirm: damaged.device, rekey})
              .then(
                () => null,
                (error) => error,
              );
            if (died === null && crashing.operations < at) {
              expect(at).to.be.greaterThan(20);
              break;
            }
            const left = memoryStorage(memory.files);
            if (crashing.operations > 0 && (await health(memoryStorage(memory.files))) === 'healthy')
              finished += 1;
            const again = await care(left)
              .repair({confirm: damaged.device, rekey})
              .catch((error) => error);
            const state = await endState(left);
            const told = {...expected, incomplete: expected.incomplete};
            const result = fates(damaged.payments, state, told);
            expect(result['silently different'], `${at}: ${again.outcome ?? again}`).to.deep.equal([]);
            expect(result.gone).to.deep.equal([]);
            expect(result.quarantined).to.deep.equal(expected.quarantined.map(({payment}) => payment));
            expectKept(left.files);
          }
          expect(finished, 'healthy only once everything is in place').to.be.lessThan(5);
        });
      }
    });
  }

  async function endState(storage: Storage): Promise<State> {
    const report = await care(storage).survey();
    expect(report.damage).to.deep.equal([]);
    const journal = open(storage);
    const {state, health: found} = await journal.view();
    journal.close();
    expect(found.ok).to.equal(true);
    return state;
  }

  /** Every byte that was there before is still there, wherever; sealed card data once, where it is looked after. */
  function expectKept(now: ReadonlyMap<string, Buffer>): void {
    const held = new Set([...now.values()].map(withoutSealed));
    for (const [path, bytes] of files) {
      if (path.endsWith('/lock')) continue;
      expect(held.has(withoutSealed(bytes)), path).to.equal(true);
    }
    const [aside, live] = [true, false].map((kept) =>
      sealedIn([...now].filter(([path]) => path.includes('/damaged/') === kept).map(([, bytes]) => bytes)),
    );
    expect(live?.length).to.be.greaterThan(3);
    expect(aside?.filter((sealed) => live?.includes(sealed) === true)).to.deep.equal([]);
  }
});
