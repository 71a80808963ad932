import {expect} from 'chai';
import {systemClock} from '../../../src/lib/device/clock.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {disk} from '../../../src/lib/storage/disk.js';
import {gate} from '../../support/gate.js';
import {openTill} from '../../support/till.js';

const DECLINE = {
  status: 402,
  body: {
    error: {
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'call_issuer',
      message: 'No.',
      charge: 'ch_2',
    },
  },
};

/**
 * A confirm is lost on its way, the next one is declined, and so is lost the cancel that was to make the decline final.
 * @param confirmFirst the lost confirm arrives before anybody looks again
 */
async function afterLostCancel(confirmFirst: boolean) {
  const [confirm, cancel] = [gate(), gate()];
  const seen = {confirms: 0, cancels: 0};
  const till = await openTill(undefined, ({path}) => {
    if (path.endsWith('/confirm')) {
      seen.confirms += 1;
      return seen.confirms === 1 ? {late: confirm.opened} : seen.confirms === 2 ? DECLINE : 'pass';
    }
    if (!path.endsWith('/cancel')) return 'pass';
    seen.cancels += 1;
    return seen.cancels === 1 ? {late: cancel.opened} : 'pass';
  });
  till.network.set(false);
  const {payment} = await till.collect({reference: 'A1'});
  till.network.set(true);
  for (let run = 0; run < 3 && seen.cancels === 0; run += 1) await till.forward();
  expect(seen).to.deep.equal({confirms: 2, cancels: 1});
  if (confirmFirst) {
    confirm.open();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await till.api.ledger())[0]).to.include({status: 'requires_capture'});
  }
  for (let run = 0; run < 3; run += 1) await till.forward();
  const told = await till.run((terminal) => terminal.inspect([payment.local_id]));
  confirm.open();
  cancel.open();
  await till.settle();
  const [entry] = await till.api.ledger();
  await till.close();
  return {told: told[0]?.state, error: told[0]?.last_payment_error, entry};
}

describe('a cancel that made a decline final and was lost', () => {
  for (const confirmFirst of [true, false]) {
    it(`undoes no authorisation that was told as good (${confirmFirst ? 'its confirm arrived' : 'nothing arrived'} before)`, async () => {
      const {told, error, entry} = await afterLostCancel(confirmFirst);
      expect(told).to.equal('declined');
      expect(error).to.include({decline_code: 'call_issuer'});
      expect(entry).to.include({status: 'canceled', captures: 0});
    });
  }
});

describe('a cancel that ended an online sale a person had retried, and was lost', () => {
  it('undoes nothing that was told as good', async () => {
    const [confirm, cancel] = [gate(), gate()];
    const seen = {confirms: 0, cancels: 0};
    let [blind, losing] = [true, true];
    const till = await openTill(undefined, ({method, path}) => {
      if (path.endsWith('/confirm')) return ++seen.confirms === 1 ? {late: confirm.opened} : 'pass';
      if (path.endsWith('/cancel')) {
        seen.cancels += 1;
        return losing ? {late: cancel.opened} : 'pass';
      }
      return blind && method === 'GET' && path.startsWith('/v1/payment_intents/') ? 'cut_before' : 'pass';
    });
    await till.collect({reference: 'o1'}).catch(() => null);
    const all = {names: [], states: [], buckets: [], limit: null};
    const [doubted] = await till.run((terminal) => terminal.list(all));
    expect(doubted).to.include({state: 'in_doubt'});
    const names = [doubted?.local_id ?? ''];
    const journal = new FileJournal({storage: disk, directory: till.directory, clock: systemClock()});
    const data = {code: 'api_refused', message: 'Set aside by a test.', error: null};
    const event = {type: 'payment.quarantined', payment: names[0] ?? '', data} as const;
    await journal.transact(() => ({events: [event], result: null}));
    journal.close();
    blind = false;
    const retry = {names, all: false, reason: null, dryRun: false};
    const [retried] = await till.run((terminal) => terminal.retry(retry));
    expect(retried).to.include({outcome: 'in_doubt'});
    expect(seen.confirms).to.equal(1);
    expect(seen.cancels).to.be.at.least(1);
    losing = false;
    confirm.open();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await till.api.ledger())[0]).to.include({status: 'requires_capture'});
    for (let run = 0; run < 3; run += 1) await till.forward();
    const [told] = await till.run((terminal) => terminal.inspect(names));
    cancel.open();
    await till.settle();
    expect(told?.state).to.equal('canceled');
    expect((await till.api.ledger())[0]).to.include({status: 'canceled'});
    await till.close();
  });
});
