import {join} from 'node:path';
import {expect} from 'chai';
import type {EventBody} from '../../../src/lib/core/events.js';
import {initialiseJournal} from '../../../src/lib/journal/genesis.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {readKeys} from '../../../src/lib/journal/keys.js';
import {macOf} from '../../../src/lib/journal/line.js';
import {disk} from '../../../src/lib/storage/disk.js';
import {signedJsonFile} from '../../../src/lib/storage/json-file.js';
import {storyOf} from '../../../src/lib/terminal/history.js';
import {testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {createdEvent, declinedEvent, storedEvent} from '../../support/events.js';

interface OldCheckpoint {
  readonly format: number;
  readonly state: {readonly payments: readonly (readonly [string, Record<string, unknown>])[]};
}

const ACT = {operator: 'op', reason: 'customer called'};

async function world() {
  const directory = temporaryDirectory();
  const clock = testClock();
  await initialiseJournal(disk, directory, clock, null);
  const open = (): FileJournal => new FileJournal({storage: disk, directory, clock, checkpointRecords: 10});
  return {directory, open};
}

function write(journal: FileJournal, ...events: EventBody[]): Promise<unknown> {
  return journal.transact(() => ({events, result: null}));
}

/** Enough for a checkpoint. */
async function fill(journal: FileJournal, name: string): Promise<void> {
  for (let n = 0; n < 12; n += 1) {
    const payment = `pay_${name}${n}`;
    await write(journal, createdEvent(payment), {
      type: 'payment.canceled',
      payment,
      data: {reason: 'interrupted', message: ''},
    });
  }
}

describe('a decline after acceptance', () => {
  it('stays in the state until it is acknowledged, and is found whole afterwards', async () => {
    const {open} = await world();
    const journal = open();
    for (const id of ['pay_A', 'pay_B'])
      await write(journal, createdEvent(id), storedEvent(id), declinedEvent(id));
    await fill(journal, 'F');
    expect([...(await journal.view()).state.payments.keys()]).to.include.members(['pay_A', 'pay_B']);
    await write(journal, {type: 'payment.acknowledged', payment: 'pay_A', data: ACT});
    await fill(journal, 'G');
    journal.close();
    const after = open();
    const {state} = await after.view();
    expect(state.payments.has('pay_A')).to.equal(false);
    expect(state.payments.has('pay_B')).to.equal(true);
    expect(state.closed.declined).to.deep.equal({count: 1, amounts: {usd: 1250}});
    expect((await storyOf(after, 'pay_A'))?.payment).to.include({state: 'declined', acknowledged: true});
    after.close();
  });

  it('that its customer heard at once needs nobody to take note of it', async () => {
    const {open} = await world();
    const journal = open();
    await write(journal, createdEvent('pay_A'), declinedEvent('pay_A'));
    await fill(journal, 'F');
    expect((await journal.view()).state.payments.has('pay_A')).to.equal(false);
    expect((await storyOf(journal, 'pay_A'))?.payment.state).to.equal('declined');
    journal.close();
  });
});

describe('a checkpoint of an older program', () => {
  it('is read as none: what it does not know of payments is read from the journal', async () => {
    const {directory, open} = await world();
    const journal = open();
    await write(journal, createdEvent('pay_A'), storedEvent('pay_A'));
    await write(journal, {type: 'payment.cancel_requested', payment: 'pay_A', data: ACT});
    await fill(journal, 'F');
    journal.close();
    const {checkpoint} = readKeys(disk, directory);
    const file = signedJsonFile<OldCheckpoint>(disk, join(directory, 'journal', 'checkpoint.json'), (body) =>
      macOf(checkpoint, body),
    );
    file.read();
    const body = file.data as OldCheckpoint;
    for (const [, payment] of body.state.payments) {
      for (const name of ['cancel_requested', 'acknowledged', 'look_first', 'cancel_unsure', 'stray'])
        delete payment[name];
    }
    file.data = {...body, format: body.format - 1};
    file.write();
    const after = open();
    const {state, health} = await after.view();
    expect(health.ok).to.equal(true);
    expect(state.payments.get('pay_A')?.cancel_requested).to.deep.include(ACT);
    after.close();
  });
});
