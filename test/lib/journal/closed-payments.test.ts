import {existsSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {referenceHolder} from '../../../src/lib/core/decide.js';
import type {EventBody} from '../../../src/lib/core/events.js';
import {initialiseJournal} from '../../../src/lib/journal/genesis.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {disk} from '../../../src/lib/storage/disk.js';
import {type TestClock, testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {createdEvent, storedEvent} from '../../support/events.js';

interface World {
  readonly directory: string;
  readonly clock: TestClock;
  open(): FileJournal;
}

async function world(): Promise<World> {
  const directory = temporaryDirectory();
  const clock = testClock();
  await initialiseJournal(disk, directory, clock, null);
  const open = (): FileJournal =>
    new FileJournal({storage: disk, directory, clock, segmentBytes: 20_000, checkpointRecords: 20});
  return {directory, clock, open};
}

const id = (n: number): string => `pay_${String(n).padStart(26, '0')}`;

function voided(payment: string): EventBody {
  return {type: 'payment.canceled', payment, data: {reason: 'voided', message: 'by an operator'}};
}

/** Payments that are created, stored and voided, each with a reference; and one that stays open. */
async function fill(journal: FileJournal, count: number): Promise<void> {
  const write = (...events: EventBody[]): Promise<unknown> =>
    journal.transact(() => ({events, result: null}));
  await write(createdEvent('pay_open', {reference: 'open'}), storedEvent('pay_open'));
  for (let n = 0; n < count; n += 1) {
    await write(createdEvent(id(n), {reference: `order-${n}`, amount: 100 + n}), storedEvent(id(n)));
    await write(voided(id(n)));
  }
}

async function holder(journal: FileJournal, reference: string): Promise<string | null> {
  const {result} = await journal.transact((state) => ({
    events: [],
    result: referenceHolder(state, 'acct_test', reference)?.local_id ?? null,
  }));
  return result;
}

async function closedIds(journal: FileJournal): Promise<string[]> {
  const ids: string[] = [];
  for await (const one of journal.closed()) ids.push(one);
  return ids;
}

/** Everything that must be true of 100 closed payments and one open, however they are found. */
async function checkAll(journal: FileJournal): Promise<void> {
  const {state, health} = await journal.view();
  expect(health.ok).to.equal(true);
  const stay = new Set(state.payments.keys());
  expect(stay.has('pay_open')).to.equal(true);
  const closed = await closedIds(journal);
  expect(closed, 'newest first').to.deep.equal([...closed].sort().reverse());
  expect(new Set([...closed, ...stay]).size).to.equal(101);
  expect(closed.filter((one) => stay.has(one))).to.deep.equal([]);
  for (let n = 0; n < 100; n += 9) {
    const story = await journal.story(id(n));
    expect(story.map(({type}) => type)).to.deep.equal([
      'payment.created',
      'payment.accepted_offline',
      'payment.canceled',
    ]);
    expect((story[0] as {data: {amount: number}}).data.amount).to.equal(100 + n);
    expect(await holder(journal, `order-${n}`)).to.equal(id(n));
    if (!stay.has(id(n))) expect(await journal.named(id(n), 3)).to.deep.equal([id(n)]);
  }
  expect(await journal.story('pay_nobody')).to.deep.equal([]);
  expect(await journal.named('pay_nobody', 3)).to.deep.equal([]);
  expect(await holder(journal, 'order-100')).to.equal(null);
  expect((await journal.story('pay_open')).length).to.equal(2);
  expect((await journal.verify()).ok).to.equal(true);
}

describe('closed payments', () => {
  let one: World;
  const at = (...names: string[]): string => join(one.directory, 'journal', ...names);
  const tables = (): string[] => readdirSync(at('index')).sort();

  before(async () => {
    one = await world();
    const journal = one.open();
    await fill(journal, 100);
    journal.close();
  });

  it('leave memory, and are found again by another process', async () => {
    const journal = one.open();
    const {state} = await journal.view();
    expect(state.payments.size).to.be.lessThan(20);
    expect(tables().length).to.be.greaterThan(0);
    await checkAll(journal);
    journal.close();
  });

  for (const reboot of [false, true]) {
    const when = reboot ? 'after a reboot' : 'in the same boot';
    it(`are found without checkpoint and index, ${when}, first without the lock, then with it`, async () => {
      rmSync(at('checkpoint.json'));
      rmSync(at('index'), {recursive: true});
      if (reboot) one.clock.reboot();
      const reader = one.open();
      expect((await reader.view()).health.ok).to.equal(true);
      expect(await reader.story(id(3))).to.have.length(3);
      expect(existsSync(at('checkpoint.json')), 'reading writes nothing').to.equal(false);
      reader.close();
      const journal = one.open();
      await checkAll(journal);
      expect(existsSync(at('checkpoint.json')), 'made anew by the first writer').to.equal(true);
      journal.close();
    });
  }

  it('are found when a table of the index is missing, altered or cut, and the index is made anew', async () => {
    const spoil: ((path: string) => void)[] = [
      (path) => rmSync(path),
      (path) =>
        writeFileSync(
          path,
          readFileSync(path).map((byte, n) => (n % 500 === 99 ? byte ^ 1 : byte)),
        ),
      (path) => writeFileSync(path, readFileSync(path).subarray(0, 1000)),
      (path) => writeFileSync(path, ''),
    ];
    for (const harm of spoil) {
      for (const name of tables()) harm(at('index', name));
      const journal = one.open();
      await checkAll(journal);
      await checkAll(journal);
      journal.close();
      const next = one.open();
      await checkAll(next);
      next.close();
    }
  });

  it('are found while another process merges the tables under a reader', async () => {
    const reader = one.open();
    await reader.view();
    const writer = one.open();
    const write = (...events: EventBody[]): Promise<unknown> =>
      writer.transact(() => ({events, result: null}));
    const before = tables();
    for (let n = 500; n < 700; n += 1) await write(createdEvent(id(n)), voided(id(n)));
    expect(
      tables().some((name) => before.includes(name)),
      'the old tables are gone',
    ).to.equal(false);
    expect(await reader.story(id(5))).to.have.length(3);
    expect(await reader.named(id(5), 3)).to.deep.equal([id(5)]);
    const {state} = await reader.view();
    expect(new Set([...(await closedIds(reader)), ...state.payments.keys()]).size).to.equal(301);
    reader.close();
    writer.close();
  });

  it('keep their reference for good, unless they surely took no money', async () => {
    const {open} = await world();
    const journal = open();
    const write = (...events: EventBody[]): Promise<unknown> =>
      journal.transact(() => ({events, result: null}));
    await write(createdEvent('pay_free', {reference: 'free'}), {
      type: 'payment.canceled',
      payment: 'pay_free',
      data: {reason: 'interrupted', message: 'before a card was read'},
    });
    await fill(journal, 30);
    expect((await journal.view()).state.payments.has('pay_free')).to.equal(false);
    expect(await holder(journal, 'free')).to.equal(null);
    expect(await holder(journal, 'order-0')).to.equal(id(0));
    journal.close();
  });

  it('lets go of a checkpoint that cannot be written, keeps selling, and catches up later', async () => {
    const {directory, clock} = await world();
    let broken = true;
    const storage = {
      ...disk,
      rename: (from: string, to: string) => {
        if (broken && /index|checkpoint/.test(to)) throw Object.assign(new Error('EIO'), {code: 'EIO'});
        disk.rename(from, to);
      },
    };
    const journal = new FileJournal({storage, directory, clock, segmentBytes: 20_000, checkpointRecords: 20});
    await fill(journal, 50);
    expect((await journal.view()).state.payments.size).to.equal(51);
    expect(await holder(journal, 'order-7')).to.equal(id(7));
    broken = false;
    const write = (...events: EventBody[]): Promise<unknown> =>
      journal.transact(() => ({events, result: null}));
    for (let n = 50; n < 100; n += 1) await write(createdEvent(id(n)), voided(id(n)));
    expect((await journal.view()).state.payments.size).to.be.lessThan(30);
    expect(await holder(journal, 'order-7')).to.equal(id(7));
    journal.close();
  });

  it('leave no long tail behind a process that ends, and none while another one writes', async () => {
    const {directory, open} = await world();
    const checkpoint = join(directory, 'journal', 'checkpoint.json');
    const [journal, other] = [open(), open()];
    await fill(journal, 3);
    await other.transact(() => ({events: [createdEvent('pay_other')], result: null}));
    journal.close();
    expect(existsSync(checkpoint), 'it does not know of the newest record').to.equal(false);
    other.close();
    expect(existsSync(checkpoint)).to.equal(true);
    const next = open();
    expect([...(await next.view()).state.payments.keys()]).to.deep.equal(['pay_open', 'pay_other']);
    expect(await next.story(id(1))).to.have.length(3);
    next.close();
  });

  it('says damaged when a segment before the checkpoint is missing, and still shows what it knows', async () => {
    const {directory, open} = await world();
    const writer = open();
    await fill(writer, 60);
    writer.close();
    const second = readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.jsonl'))[1] ?? '';
    disk.rename(join(directory, 'journal', second), join(directory, 'gone'));
    const journal = open();
    const {state, health} = await journal.view();
    expect(health.damage?.message).to.match(/1 of the first \d+ segments is missing/);
    expect(state.payments.has('pay_open')).to.equal(true);
    const error = await journal.transact(() => ({events: [], result: null})).catch((one) => one);
    expect(error).to.include({code: 'journal_damaged', exitCode: 10});
    journal.close();
  });
});
