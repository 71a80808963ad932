import {cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {EVENT_VERSIONS} from '../../../src/lib/core/events.js';
import type {Journal} from '../../../src/lib/core/ports.js';
import {initialiseJournal} from '../../../src/lib/journal/genesis.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {disk} from '../../../src/lib/storage/disk.js';
import {testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {EVERY_EVENT} from '../../support/every-event.js';

const FIXTURES = 'test/fixtures/journals';

/** Everything a journal means, as JSON. */
async function meaning(journal: Journal): Promise<unknown> {
  const {state, health} = await journal.view();
  const {payments, references, ksn, seen, ...rest} = state;
  const privates: Record<string, unknown> = {};
  for (const id of payments.keys()) privates[id] = await journal.privateData(id);
  const plain = {
    health,
    ...rest,
    payments: [...payments],
    references: [...references],
    ksn: [...ksn],
    seen: [...seen],
    privates,
  };
  return JSON.parse(JSON.stringify(plain));
}

/** What is said now of everything that was said then. A later program may know more of the same thing. */
function asFarAs(then: unknown, now: unknown): unknown {
  if (Array.isArray(then) && Array.isArray(now)) return now.map((one, index) => asFarAs(then[index], one));
  if (typeof then !== 'object' || then === null || typeof now !== 'object' || now === null) return now;
  const known = Object.entries(now).filter(([name]) => Object.hasOwn(then, name));
  return Object.fromEntries(known.map(([name, value]) => [name, asFarAs(Reflect.get(then, name), value)]));
}

/** Makes a fixture of the format as it is now, with a key of its own that opens nothing else: `STOWPAY_MAKE_FIXTURE=v2 npx mocha … format.test.ts`. */
async function makeFixture(name: string): Promise<void> {
  const directory = join(FIXTURES, name);
  mkdirSync(directory, {recursive: true});
  const clock = testClock();
  await initialiseJournal(disk, directory, clock, null);
  const options = {storage: disk, directory, clock, segmentBytes: 6000, checkpointRecords: 1_000_000};
  const journal = new FileJournal(options);
  for (const events of EVERY_EVENT) await journal.transact(() => ({events, result: null}));
  writeFileSync(join(directory, 'meaning.json'), `${JSON.stringify(await meaning(journal), null, 2)}\n`);
  journal.close();
  for (const part of ['identity.key', 'journal/lock', 'journal/reserve', 'journal/attempts']) {
    rmSync(join(directory, part), {force: true});
  }
}

function fixtures(): readonly string[] {
  return existsSync(FIXTURES) ? readdirSync(FIXTURES) : [];
}

/** A copy to open, as the disk of a device that was switched on again. */
function copyOf(name: string): {directory: string; open(): FileJournal} {
  const directory = temporaryDirectory();
  cpSync(join(FIXTURES, name), directory, {recursive: true});
  const clock = testClock();
  clock.reboot();
  return {directory, open: () => new FileJournal({storage: disk, directory, clock})};
}

describe('every format a journal was ever written in', () => {
  const wanted = process.env.STOWPAY_MAKE_FIXTURE;
  if (wanted !== undefined) before(() => makeFixture(wanted));

  for (const name of fixtures()) {
    it(`${name} is read as it was meant, verifies, and can be written on`, async () => {
      const {directory, open} = copyOf(name);
      const journal = open();
      const meant = JSON.parse(readFileSync(join(directory, 'meaning.json'), 'utf8')) as {payments: []};
      expect(asFarAs(meant, await meaning(journal))).to.deep.equal(meant);
      expect((await journal.verify()).ok).to.equal(true);
      await journal.transact(() => ({
        events: [{type: 'payment.claimed', payment: 'pay_D', data: {}}],
        result: 1,
      }));
      journal.close();
      const again = open();
      expect((await again.view()).state.payments.size).to.equal(meant.payments.length);
      expect((await again.verify()).ok).to.equal(true);
      again.close();
    });
  }

  it('has a fixture of every version of every type of record', async () => {
    const held = new Set<string>();
    for (const name of fixtures()) {
      const journal = copyOf(name).open();
      for await (const {record} of journal.history()) held.add(`${record.type} ${record.v}`);
      journal.close();
    }
    for (const [type, newest] of Object.entries(EVENT_VERSIONS)) {
      for (let version = 1; version <= newest; version += 1) {
        expect(held.has(`${type} ${version}`), `${type} version ${version}`).to.equal(true);
      }
    }
  });
});
