import {appendFileSync, readFileSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import Stripe from 'stripe';
import {startSandboxApi} from '../../../../src/lib/sandbox/api/server.js';
import {TEST_CARDS} from '../../../../src/lib/sandbox/cards.js';
import {ask, type Child, confirmForm, freshDir, startChild} from './client.js';
import {sealSwipe} from './sealing.js';

const CREATE = {amount: 1200, currency: 'usd', capture_method: 'manual'};

describe('sandbox API: one memory for every server and process', () => {
  let dir: string;
  let child: Child | undefined;
  beforeEach(() => {
    dir = freshDir();
  });
  afterEach(async () => {
    await child?.kill();
    child = undefined;
    rmSync(dir, {recursive: true, force: true});
  });

  it('two servers on one directory are one API: objects, keys, faults', async () => {
    const [one, two] = [await startSandboxApi({dir}), await startSandboxApi({dir})];
    const key = {'Idempotency-Key': 'shared'};
    const first = await ask(one.url, 'POST', '/v1/payment_intents', CREATE, key);
    const second = await ask(two.url, 'POST', '/v1/payment_intents', CREATE, key);
    expect(second.body).to.deep.equal(first.body);
    expect(second.headers.get('idempotent-replayed')).to.equal('true');
    await one.addFault({path: '/v1/account', fault: {kind: 'unavailable_503'}});
    expect((await ask(two.url, 'GET', '/v1/account')).status).to.equal(503);
    expect((await ask(one.url, 'GET', '/v1/account')).status).to.equal(200);
    await one.addFault({path: '*/confirm', fault: {kind: 'hang', ms: 600}});
    const confirm = (url: string) =>
      ask(url, 'POST', `/v1/payment_intents/${first.body.id}/confirm`, form, {'Idempotency-Key': 'in-use'});
    const form = confirmForm();
    const hanging = confirm(one.url);
    await new Promise((resolve) => setTimeout(resolve, 80));
    const meanwhile = await confirm(two.url);
    expect([meanwhile.status, meanwhile.body.error.code]).to.deep.equal([409, 'idempotency_key_in_use']);
    expect((await hanging).status).to.equal(200);
    await one.close();
    await two.close();
  });

  it('two processes race for one intent: one confirm wins, nothing is lost', async () => {
    const mine = await startSandboxApi({dir});
    const theirs = await startChild(dir);
    child = theirs;
    const ids: string[] = [];
    for (let index = 0; index < 8; index += 1) {
      const url = index % 2 === 0 ? mine.url : theirs.url;
      ids.push((await ask(url, 'POST', '/v1/payment_intents', CREATE)).body.id);
    }
    const racers = ids.flatMap((id) =>
      [mine.url, theirs.url, mine.url, theirs.url].map((url) =>
        ask(url, 'POST', `/v1/payment_intents/${id}/confirm`, confirmForm()),
      ),
    );
    const statuses = (await Promise.all(racers)).map((answer) => answer.status).sort();
    expect(statuses).to.deep.equal([...Array(8).fill(200), ...Array(24).fill(400)]);
    const seen = await ask(theirs.url, 'GET', '/_sandbox/ledger');
    expect(seen.body.payment_intents).to.have.length(8);
    for (const line of seen.body.payment_intents) expect(line).to.include({confirms: 1, attempts: 1});
    await mine.close();
  });

  it('two processes write at the same time: no line is overwritten', async () => {
    const mine = await startSandboxApi({dir});
    child = await startChild(dir);
    const {url} = child;
    const ids: string[] = [];
    const writer = async (to: string) => {
      for (let index = 0; index < 60; index += 1) {
        ids.push((await ask(to, 'POST', '/v1/payment_intents', CREATE)).body.id);
      }
    };
    await Promise.all([mine.url, url, mine.url, url].map(writer));
    expect(new Set(ids)).to.have.property('size', 240);
    expect((await mine.ledger()).map((line) => line.id)).to.have.members(ids);
    await mine.close();
    const fresh = await startSandboxApi({dir});
    expect((await fresh.ledger()).map((line) => line.id)).to.have.members(ids);
    await fresh.close();
  });

  it('survives kill -9 in the middle of requests, and cuts a torn line', async () => {
    const victim = await startChild(dir);
    child = victim;
    const answered: string[] = [];
    const flood = Promise.all(
      Array.from({length: 8}, async () => {
        for (let index = 0; index < 200; index += 1) {
          answered.push((await ask(victim.url, 'POST', '/v1/payment_intents', CREATE)).body.id);
        }
      }),
    ).catch(() => {});
    while (answered.length < 20) await new Promise((resolve) => setTimeout(resolve, 5));
    await victim.kill();
    await flood;
    const file = join(dir, 'api.jsonl');
    appendFileSync(file, '{"v":1,"changes":[{"kind":"intent","account":"acct_');
    const torn = statSync(file).size;
    const api = await startSandboxApi({dir});
    const kept = (await api.ledger()).map((line) => line.id);
    expect(kept).to.include.members(answered);
    expect(statSync(file).size).to.be.lessThan(torn);
    const next = (await ask(api.url, 'POST', '/v1/payment_intents', CREATE)).body.id;
    await api.close();
    const again = await startSandboxApi({dir});
    expect((await again.ledger()).map((line) => line.id)).to.deep.equal([...kept, next]);
    await again.close();
  });

  it('writes no card number and no track, whatever was sent', async () => {
    const api = await startSandboxApi({dir});
    for (const {pan} of TEST_CARDS) {
      for (const form of [confirmForm(pan), confirmForm(pan, sealSwipe(pan))]) {
        const {id} = (await ask(api.url, 'POST', '/v1/payment_intents', CREATE)).body;
        const confirm = await ask(api.url, 'POST', `/v1/payment_intents/${id}/confirm`, form, {
          'Idempotency-Key': id,
        });
        expect(confirm.status).to.be.oneOf([200, 402]);
        expect(JSON.stringify(confirm.body)).to.not.include(pan);
      }
    }
    await api.close();
    const text = readFileSync(join(dir, 'api.jsonl'), 'utf8');
    expect(text).to.include('"last4":"0005"');
    for (const {pan} of TEST_CARDS) expect(text).to.not.include(pan);
    expect(text).to.not.match(/SANDBOX\/TEST/);
  });

  it('closes at once, with connections open and requests hanging', async () => {
    const api = await startSandboxApi({dir});
    await api.addFault({path: '/v1/account', fault: {kind: 'hang', ms: 60_000}});
    const hanging = ask(api.url, 'GET', '/v1/account').then(
      () => 'answered',
      () => 'cut',
    );
    await ask(api.url, 'GET', '/v1/terminal/locations');
    const began = performance.now();
    await Promise.all([api.close(), api.close()]);
    expect(performance.now() - began).to.be.lessThan(1000);
    expect(await hanging).to.equal('cut');
  });

  it('serves the official client with nothing of ours around it', async () => {
    const api = await startSandboxApi({dir});
    const client = new Stripe('sk_test_stowpay_sandbox', {
      host: '127.0.0.1',
      port: api.port,
      protocol: 'http',
      telemetry: false,
    });
    const intent = await client.paymentIntents.create({
      ...CREATE,
      capture_method: 'manual',
      metadata: {stowpay_id: 'pay_x'},
    });
    expect(intent.status).to.equal('requires_payment_method');
    await client.rawRequest('POST', `/v1/payment_intents/${intent.id}/confirm`, nestedConfirm());
    const captured = await client.paymentIntents.capture(intent.id, {
      amount_to_capture: 900,
      expand: ['latest_charge'],
    });
    expect(captured).to.include({status: 'succeeded', amount_received: 900});
    const listed: string[] = [];
    for await (const one of client.paymentIntents.list({limit: 1})) listed.push(one.id);
    expect(listed).to.deep.equal([intent.id]);
    const missing = await client.paymentIntents.retrieve('pi_none').catch((error: unknown) => error);
    expect(missing).to.be.instanceOf(Stripe.errors.StripeInvalidRequestError);
    const declined = await client.paymentIntents.create({...CREATE, amount: 1201, capture_method: 'manual'});
    const refusal = await client
      .rawRequest('POST', `/v1/payment_intents/${declined.id}/confirm`, nestedConfirm())
      .catch((error: unknown) => error);
    expect(refusal)
      .to.be.instanceOf(Stripe.errors.StripeCardError)
      .that.includes({decline_code: 'call_issuer'});
    await api.close();
  });
});

/** The bracketed form as the nested object the client encodes. */
function nestedConfirm(): Record<string, unknown> {
  const card: Record<string, unknown> = {};
  const sealed: Record<string, string> = {};
  for (const [name, value] of Object.entries(confirmForm())) {
    const field = /^payment_method_data\[card_present\]\[(\w+)\](?:\[(\w+)\])?$/.exec(name);
    if (field?.[1] === 'sealed') sealed[field[2] ?? ''] = value;
    else if (field?.[1] === 'offline') card.offline = {stored_at: value};
    else if (field?.[1] !== undefined) card[field[1]] = value;
  }
  return {payment_method_data: {type: 'card_present', card_present: {...card, sealed}}};
}
