import {cpSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {StowpayError} from '../../../src/lib/core/errors.js';
import {testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import {openTill, SALE} from '../../support/till.js';

describe('an intent of a sale that never was', () => {
  it('is cancelled by the next forward, and the payment stays what it was', async () => {
    const till = await openTill();
    till.present({behavior: 'decline_by_card'});
    const error = await till.collect({reference: 'o1'}).catch((thrown: StowpayError) => thrown);
    expect(error).to.be.instanceOf(StowpayError).and.to.include({code: 'offline_transaction_declined'});
    expect((await till.api.ledger())[0]).to.include({status: 'requires_payment_method'});
    const result = await till.forward();
    expect(result).to.include({total: 0, leftovers_canceled: 1});
    expect((await till.api.ledger())[0]).to.include({status: 'canceled'});
    const list = await till.run((terminal) =>
      terminal.list({names: [], states: [], buckets: [], limit: null}),
    );
    expect(list[0]).to.include({state: 'refused'});
    expect(await till.forward()).to.include({leftovers_canceled: 0});
    await till.close();
  });

  it('is never cancelled where money was moved since, which a restored backup has forgotten', async () => {
    const clock = testClock();
    const till = await openTill(clock);
    const backup = temporaryDirectory();
    const terminal = await till.open();
    const {payment} = await terminal.collect({
      ...SALE,
      reference: 'sold',
      onInput: () => cpSync(join(till.directory, 'journal'), backup, {recursive: true}),
    });
    await terminal.close();
    expect(payment.state).to.equal('authorized');
    rmSync(join(till.directory, 'journal'), {recursive: true});
    cpSync(backup, join(till.directory, 'journal'), {recursive: true});
    clock.reboot();
    clock.advance(20 * 60_000);
    expect(await till.forward()).to.include({leftovers_canceled: 0});
    expect((await till.api.ledger())[0]).to.include({status: 'requires_capture', confirms: 1});
    const [shown] = await till.run((one) => one.inspect([payment.local_id]));
    expect(shown).to.include({state: 'quarantined'});
    expect(shown?.reason).to.include({code: 'forgotten_sale'});
    expect(await till.forward()).to.include({leftovers_canceled: 0});
    const again = {names: [payment.local_id], all: false, dryRun: false, reason: null};
    const [taken] = await till.run((one) => one.retry(again));
    expect(taken?.payment).to.include({state: 'authorized'});
    clock.advance(60 * 60_000);
    await till.forward();
    expect((await till.api.ledger())[0]).to.include({status: 'requires_capture', confirms: 1});
    await till.close();
  });

  it('is tried again later when the network is gone', async () => {
    const till = await openTill();
    till.present({behavior: 'decline_by_card'});
    await till.collect().catch(() => null);
    till.network.set(false);
    expect(await till.forward()).to.include({total: 0, leftovers_canceled: 0});
    till.network.set(true);
    expect(await till.forward()).to.include({leftovers_canceled: 1});
    await till.close();
  });

  it('is cancelled a quarter of an hour after its collect died, and not before', async () => {
    const clock = testClock();
    const till = await openTill(clock);
    till.present({behavior: 'no_card'});
    const dying = await till.open();
    const controller = new AbortController();
    void dying
      .collect({
        amount: 1250,
        tip: 0,
        currency: 'usd',
        reference: 'gone',
        capture_method: 'manual',
        offline_behavior: 'prefer_online',
        metadata: {},
        description: null,
        timeout_s: 200,
        signal: controller.signal,
      })
      .catch(() => null);
    await new Promise((resolve) => setTimeout(resolve, 400));
    clock.advance(20 * 60_000);
    expect(await till.forward(), 'a collect that is running is left alone').to.include({
      leftovers_canceled: 0,
    });
    await dying.close();
    expect(await till.forward()).to.include({leftovers_canceled: 1});
    expect((await till.api.ledger())[0]).to.include({status: 'canceled'});
    await till.close();
  });
});
