import {cpSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {StowpayError} from '../../../src/lib/core/errors.js';
import {testClock} from '../../support/clock.js';
import {temporaryDirectory} from '../../support/directories.js';
import type {Fate} from '../../support/proxy.js';
import {openTill, SALE, type Till} from '../../support/till.js';
import {ask, confirmForm} from '../sandbox/api/client.js';

const EVERYTHING = {names: [], states: [], buckets: [], limit: null};

async function voidOne(till: Till, name: string): Promise<string | undefined> {
  const request = {names: [name], all: false, confirm: null, reason: null, dryRun: false};
  return (await till.run((terminal) => terminal.cancel(request)))[0]?.outcome;
}

/** A sale whose collect died when its card was asked for. Its intent stands at the API, unconfirmed. */
async function dieAsking(till: Till, reference: string): Promise<string> {
  const onInput = (): never => {
    throw new Error('killed');
  };
  await till.collect({reference, onInput}).catch(() => null);
  const listed = await till.run((terminal) => terminal.list({...EVERYTHING, states: ['created']}));
  const found = listed.find((payment) => payment.reference === reference);
  expect(found, 'it is begun').not.to.equal(undefined);
  return found?.local_id ?? '';
}

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

describe('what may be left of a void', () => {
  let till: Till;
  let local_id: string;
  beforeEach(async () => {
    // Voided on a journal that has forgotten that it was authorised.
    const clock = testClock();
    till = await openTill(clock);
    till.network.set(false);
    ({local_id} = (await till.collect({reference: 's1'})).payment);
    till.network.set(true);
    const backup = temporaryDirectory();
    cpSync(join(till.directory, 'journal'), backup, {recursive: true});
    await till.forward();
    rmSync(join(till.directory, 'journal'), {recursive: true});
    cpSync(backup, join(till.directory, 'journal'), {recursive: true});
    clock.reboot();
    clock.advance(25 * 3600_000);
    expect(await voidOne(till, local_id)).to.equal('canceled');
  });
  afterEach(() => till.close());

  it('keeps the device from being wiped until it was looked for', async () => {
    const check = async () => (await till.run((terminal) => terminal.checkSafeToWipe(false))).error;
    expect(await check()).to.include({code: 'payments_pending', exitCode: 3});
    expect((await check())?.hint).to.match(/stowpay forward/);
    expect(await till.forward()).to.include({leftovers_canceled: 1});
    expect(await check()).to.equal(null);
    expect((await till.api.ledger())[0]).to.include({status: 'canceled', captures: 0});
  });

  it('is not believed to be nothing because the API of another account knows nothing of it', async () => {
    const key = join(till.directory, 'other-key');
    const config = join(till.directory, 'config.json');
    writeFileSync(key, 'sk_test_of_another_account');
    writeFileSync(config, JSON.stringify({profiles: {sandbox: {gateway: 'sandbox', api_key_file: key}}}));
    expect(await till.forward()).to.include({leftovers_canceled: 0});
    rmSync(config);
    expect(await till.forward()).to.include({leftovers_canceled: 1});
    expect((await till.api.ledger())[0]).to.include({status: 'canceled'});
  });
});

describe('an unconfirmed intent that somebody confirms after all', () => {
  /** Confirmed and captured by hand. */
  async function takeMoney(till: Till): Promise<void> {
    const {url} = till.api;
    const [entry] = await till.api.ledger();
    await ask(url, 'POST', `/v1/payment_intents/${entry?.id}/confirm`, confirmForm());
    await ask(url, 'POST', `/v1/payment_intents/${entry?.id}/capture`);
  }

  async function expectTold(till: Till, name: string): Promise<void> {
    const [shown] = await till.run((terminal) => terminal.inspect([name]));
    expect(shown).to.include({state: 'captured', bucket: 'attention', amount_received: 1250});
    const {journal} = await till.run((terminal) => terminal.status());
    await till.forward();
    expect((await till.run((terminal) => terminal.status())).journal.seq, 'told once').to.equal(journal.seq);
  }

  it('is told once, before a person has taken note and after', async () => {
    const till = await openTill();
    const id = await dieAsking(till, 'gone');
    expect(await voidOne(till, id)).to.equal('canceled');
    await takeMoney(till);
    await till.forward();
    await expectTold(till, id);
    await till.close();
  });

  it('is told, not dropped, when that happens between the look and the cancel', async () => {
    let till: Till | null = null;
    till = await openTill(undefined, ({path}): Fate => {
      if (!path.endsWith('/cancel') || till === null) return 'pass';
      void takeMoney(till);
      return {slow_ms: 300};
    });
    const id = await dieAsking(till, 'gone');
    expect(await voidOne(till, id)).to.equal('canceled');
    expect(await till.forward()).to.include({leftovers_canceled: 0});
    await expectTold(till, id);
    await till.close();
  });
});

describe('a sale that goes on while others are tidied up', () => {
  it('is not taken for one that was forgotten', async () => {
    const clock = testClock();
    let till: Till | null = null;
    const going: Promise<{payment: {local_id: string; state: string}}>[] = [];
    till = await openTill(clock, ({path}): Fate => {
      if (!path.endsWith('/cancel') || till === null || going.length > 0) return 'pass';
      going.push(till.collect({reference: 'second'}));
      return {slow_ms: 500};
    });
    till.present({behavior: 'decline_by_card'});
    await till.collect({reference: 'first'}).catch(() => null);
    till.present({});
    const id = await dieAsking(till, 'second');
    clock.advance(20 * 60_000);
    expect(await till.forward()).to.include({leftovers_canceled: 1});
    const [sold] = await Promise.all(going);
    expect(sold?.payment).to.include({local_id: id, state: 'authorized'});
    const [shown] = await till.run((terminal) => terminal.inspect([id]));
    expect(shown?.state).to.equal('authorized');
    await till.close();
  });
});
