import {expect} from 'chai';
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
