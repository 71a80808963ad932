import {expect} from 'chai';
import {disk} from '../../../src/lib/storage/disk.js';
import {damageOf} from '../../../src/lib/terminal/damage.js';
import {payId, smallJournal} from '../../support/damaged-journal.js';
import {createdEvent} from '../../support/events.js';
import {filesOf} from '../../support/memory-storage.js';

describe('a journal on another machine', () => {
  it('is shown and not written to: not a byte of it changes', async () => {
    const journal = await smallJournal();
    const clone = journal.open('other machine');
    const {state, health} = await clone.view();
    expect(state.payments.size).to.be.greaterThan(3);
    expect(damageOf(health)).to.include({code: 'journal_cloned', exitCode: 10});
    const before = filesOf(journal.directory);
    const error = await clone
      .transact(() => ({events: [createdEvent(payId(70))], result: null}))
      .catch((failure) => failure);
    expect(error).to.include({code: 'journal_cloned', exitCode: 10});
    expect(error.hint).to.match(/journal adopt/);
    expect([...filesOf(journal.directory)]).to.deep.equal([...before]);
    clone.close();
  });

  it('is found by verify, and is nothing that a repair mends', async () => {
    const journal = await smallJournal();
    const care = journal.care(disk, 'other machine');
    const {damage, cloned} = await care.survey();
    expect(cloned).to.equal(true);
    expect(damage.map(({reason}) => reason)).to.deep.equal(['it belongs to another machine']);
    expect((await care.repair({confirm: journal.device, rekey: false})).outcome).to.equal('none');
  });

  it('goes on when a person says so by name, and then the first machine is refused', async () => {
    const journal = await smallJournal();
    const care = journal.care(disk, 'other machine');
    expect(await care.adopt(null)).to.include({needed: true, adopted: false});
    expect(await care.adopt('dev_other').catch((error) => error)).to.include({code: 'invalid_usage'});
    expect(await care.adopt(journal.device)).to.include({needed: true, adopted: true});
    expect(await care.adopt(null)).to.include({needed: false, adopted: false});
    expect((await care.survey()).damage).to.deep.equal([]);
    const [here, there] = [journal.open('other machine'), journal.open()];
    await here.transact(() => ({events: [createdEvent(payId(70))], result: null}));
    expect((await here.view()).health.ok).to.equal(true);
    expect((await there.view()).health.damage?.details).to.deep.equal({code: 'journal_cloned'});
    here.close();
    there.close();
  });

  it('is not asked where either machine has no name', async () => {
    const journal = await smallJournal();
    const {FileJournal} = await import('../../../src/lib/journal/journal.js');
    const nameless = new FileJournal({storage: disk, directory: journal.directory, clock: journal.clock});
    await nameless.transact(() => ({events: [createdEvent(payId(70))], result: null}));
    expect((await nameless.view()).health.ok).to.equal(true);
    nameless.close();
  });

  it('stays the machine it was through a repair', async () => {
    const journal = await smallJournal();
    const bytes = journal.read(journal.segments()[0] ?? '');
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    journal.write(journal.segments()[0] ?? '', bytes);
    const {device} = await journal.repair({confirm: null});
    expect(device, 'as the damaged bytes have it').to.equal(journal.device);
    await journal.repair();
    const [here, there] = [journal.open(), journal.open('other machine')];
    expect((await here.view()).health.ok).to.equal(true);
    expect((await there.view()).health.ok).to.equal(false);
    here.close();
    there.close();
  });
});
