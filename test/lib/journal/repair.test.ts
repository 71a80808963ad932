import {expect} from 'chai';
import {fates, keptIn, payId, smallJournal} from '../../support/damaged-journal.js';
import {createdEvent} from '../../support/events.js';

describe('journal repair', () => {
  it('finds a healthy journal healthy, and repairs nothing', async () => {
    const journal = await smallJournal();
    const report = await journal.survey();
    console.log(report, journal.segments());
    expect(report.damage).to.deep.equal([]);
    expect((await journal.repair()).outcome).to.equal('none');
  });
  it('one flip', async () => {
    const journal = await smallJournal();
    const segment = journal.segments()[1] ?? '';
    const bytes = journal.read(segment);
    bytes[700] = (bytes[700] ?? 0) ^ 1;
    journal.write(segment, bytes);
    console.log(await journal.survey());
    console.log(await journal.repair({confirm: null}));
    const report = await journal.repair();
    console.log(report, keptIn(journal.directory));
    console.log(await journal.survey());
    const after = journal.open();
    const view = await after.view();
    console.log(view.health, fates(journal.payments, view.state, report));
    console.log(view.state.payments.get(payId(4)));
    await after.transact(() => ({events: [createdEvent(payId(99))], result: null}));
    console.log(await after.verify());
    after.close();
  });
});
