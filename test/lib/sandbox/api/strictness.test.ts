import {rmSync} from 'node:fs';
import {expect} from 'chai';
import {type SandboxApi, startSandboxApi} from '../../../../src/lib/sandbox/api/server.js';
import {type Answer, ask, confirmForm, freshDir} from './client.js';
import {sealCard, sealSwipe, VISA} from './sealing.js';

const CREATE = {amount: 1200, currency: 'usd', 'allowed_payment_method_types[]': 'card_present'};
const CARD = 'payment_method_data[card_present]';

describe('sandbox API: as strict as the real one', () => {
  const dir = freshDir();
  let api: SandboxApi;
  before(async () => {
    api = await startSandboxApi({dir});
  });
  after(async () => {
    await api.close();
    rmSync(dir, {recursive: true, force: true});
  });

  const post = (path: string, form = {}, headers = {}) => ask(api.url, 'POST', path, form, headers);
  const get = (path: string, form = {}, headers = {}) => ask(api.url, 'GET', path, form, headers);
  const newIntent = async (form = {}): Promise<string> =>
    (await post('/v1/payment_intents', {...CREATE, ...form})).body.id;
  const expectError = (answer: Answer, status: number, code: string | undefined, param?: string) => {
    expect(answer.status, JSON.stringify(answer.body)).to.equal(status);
    expect(answer.body.error.code).to.equal(code);
    expect(answer.body.error.message).to.be.a('string');
    if (param !== undefined) expect(answer.body.error.param).to.equal(param);
  };

  it('refuses unknown, missing and malformed parameters by name', async () => {
    expectError(
      await post('/v1/payment_intents', {...CREATE, colour: 'red'}),
      400,
      'parameter_unknown',
      'colour',
    );
    expectError(await post('/v1/payment_intents', {currency: 'usd'}), 400, 'parameter_missing', 'amount');
    expectError(await post('/v1/payment_intents', {amount: 100}), 400, 'parameter_missing', 'currency');
    const retired = {...CREATE, 'payment_method_types[]': 'card_present'};
    expectError(await post('/v1/payment_intents', retired), 400, 'parameter_unknown', 'payment_method_types');
    for (const amount of ['abc', '1.5', '0', '-5', '', '1e3', '100000000']) {
      expectError(
        await post('/v1/payment_intents', {...CREATE, amount}),
        400,
        'parameter_invalid_integer',
        'amount',
      );
    }
    expectError(await post('/v1/payment_intents', {...CREATE, currency: 'zzz'}), 400, undefined, 'currency');
    expectError(await post('/v1/payment_intents', {...CREATE, capture_method: 'later'}), 400, undefined);
    const nested = {...confirmForm(), [`${CARD}[pin]`]: '1234'};
    const id = await newIntent();
    expectError(
      await post(`/v1/payment_intents/${id}/confirm`, nested),
      400,
      'parameter_unknown',
      `${CARD}[pin]`,
    );
    expectError(
      await post(`/v1/payment_intents/${id}/confirm`),
      400,
      'parameter_missing',
      'payment_method_data',
    );
    expectError(
      await post('/v1/payment_intents', {...CREATE, 'expand[]': 'customer'}),
      400,
      undefined,
      'expand',
    );
    expectError(
      await post('/v1/payment_intents', {...CREATE, 'amount[x]': '1'}),
      400,
      undefined,
      'amount[x]',
    );
  });

  it('answers unknown addresses and objects like the real one', async () => {
    const unknown = await get('/v1/customers');
    expectError(unknown, 404, undefined);
    expect(unknown.body.error.message).to.include('Unrecognized request URL (GET: /v1/customers)');
    expectError(await post('/v1/payment_intents/pi_1/refund'), 404, undefined);
    expectError(await get('/v1/payment_intents/pi_1'), 404, 'resource_missing', 'intent');
    expectError(await get('/v1/charges/ch_1'), 404, 'resource_missing');
  });

  it('takes any test key and no other, and keeps accounts apart', async () => {
    const id = await newIntent();
    const as = (key: string) => ({Authorization: `Bearer ${key}`});
    for (const key of ['sk_live_abc12345', 'pk_test_abc12345', 'nonsense', '']) {
      const answer = await get('/v1/account', {}, as(key));
      expectError(answer, 401, undefined);
      expect(JSON.stringify(answer.body)).to.not.include('abc12345');
    }
    expectError(await get(`/v1/payment_intents/${id}`, {}, as('sk_test_other')), 404, 'resource_missing');
    const basic = `Basic ${Buffer.from('sk_test_stowpay_sandbox:').toString('base64')}`;
    expect((await get(`/v1/payment_intents/${id}`, {}, {Authorization: basic})).status).to.equal(200);
    expect((await get('/v1/account')).body).to.include({id: 'acct_sandbox', object: 'account'});
  });

  it('carries a request id, a date and the version', async () => {
    const {headers} = await get('/v1/account', {}, {'Stripe-Version': '2026-10-28.endive'});
    expect(headers.get('request-id')).to.match(/^req_/);
    expect(headers.get('stripe-version')).to.equal('2026-10-28.endive');
    expect(Date.parse(headers.get('date') ?? '')).to.be.closeTo(Date.now(), 5000);
  });

  it('merges and clears metadata', async () => {
    const id = await newIntent({'metadata[a]': '1', 'metadata[b]': '2'});
    const path = `/v1/payment_intents/${id}`;
    expect((await post(path, {'metadata[b]': '', 'metadata[c]': '3'})).body.metadata).to.deep.equal({
      a: '1',
      c: '3',
    });
    expect((await post(path, {description: 'Tea'})).body).to.include({description: 'Tea', amount: 1200});
    expect((await post(path, {metadata: ''})).body.metadata).to.deep.equal({});
    expectError(await post(path, {[`metadata[${'k'.repeat(41)}]`]: 'v'}), 400, undefined, 'metadata');
  });

  it('finds by metadata at once, and pages', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1)
      ids.push(await newIntent({'metadata[stowpay_id]': 'pay_search'}));
    const query = `metadata['stowpay_id']:'pay_search' AND status:"requires_payment_method" AND amount>=1200`;
    const first = (await get('/v1/payment_intents/search', {query, limit: 2})).body;
    expect(first).to.include({object: 'search_result', has_more: true, next_page: '2'});
    const second = (await get('/v1/payment_intents/search', {query, limit: 2, page: first.next_page})).body;
    expect(second).to.include({has_more: false, next_page: null});
    const found = [...first.data, ...second.data].map((intent: {id: string}) => intent.id);
    expect(found).to.deep.equal(ids.reverse());
    const none = await get('/v1/payment_intents/search', {
      query: `-status:"requires_payment_method" AND ${query}`,
    });
    expect(none.body.data).to.deep.equal([]);
    expectError(await get('/v1/payment_intents/search', {query: 'all of them'}), 400, undefined, 'query');
    const page = await get('/v1/payment_intents', {limit: 1, starting_after: ids[0] ?? ''});
    expect(page.body.data.map((intent: {id: string}) => intent.id)).to.deep.equal([ids[1]]);
    const back = await get('/v1/payment_intents', {limit: 1, ending_before: ids[1] ?? ''});
    expect(back.body.data.map((intent: {id: string}) => intent.id)).to.deep.equal([ids[0]]);
  });

  it('opens chip data and swipes, and nothing it cannot open', async () => {
    const confirm = async (form: Record<string, string>) =>
      post(`/v1/payment_intents/${await newIntent()}/confirm`, {...form, 'expand[]': 'latest_charge'});
    const chip = (await confirm(confirmForm('378282246310005'))).body.latest_charge;
    expect(chip.payment_method_details.card_present).to.deep.include({
      brand: 'amex',
      last4: '0005',
      exp_month: 12,
      exp_year: 2034,
      read_method: 'contactless_emv',
      offline: {stored_at: 1_790_000_000, type: 'deferred'},
    });
    expect(chip.payment_method_details.card_present.receipt).to.deep.include({
      application_preferred_name: 'VISA',
      application_cryptogram: '1122334455667788',
      dedicated_file_name: 'A0000000031010',
      terminal_verification_results: '0000008000',
      transaction_status_information: 'E800',
      cardholder_verification_method: 'none',
    });
    const swipe = (await confirm(confirmForm(VISA, sealSwipe(VISA)))).body.latest_charge;
    expect(swipe.payment_method_details.card_present).to.include({
      brand: 'visa',
      last4: '4242',
      exp_year: 2034,
    });

    const sealed = sealCard(VISA);
    const otherKsn = {...confirmForm(VISA, sealed), [`${CARD}[ksn]`]: sealCard(VISA).ksn};
    expectError(await confirm(otherKsn), 400, 'sealed_data_undecryptable');
    const flipped = {
      ...confirmForm(VISA, sealed),
      [`${CARD}[sealed][57]`]: sealed.tags['57']?.replace(/^./, '0') ?? '',
    };
    expectError(
      await confirm({...flipped, [`${CARD}[sealed][5A]`]: '00'.repeat(16)}),
      400,
      'sealed_data_undecryptable',
    );
    expectError(
      await confirm({...confirmForm(), [`${CARD}[sealed][5A]`]: 'ABCD'}),
      400,
      'sealed_data_undecryptable',
    );
    expectError(
      await confirm({...confirmForm(), [`${CARD}[encryption]`]: 'aes_dukpt'}),
      400,
      'sealed_encryption_unsupported',
    );
    const clear = {...confirmForm(), [`${CARD}[emv_data]`]: '5A084242424242424242'};
    expectError(await confirm(clear), 400, 'card_data_not_sealed');
  });

  it('notices a KSN used for two intents, and takes it', async () => {
    const form = confirmForm();
    const ids = [await newIntent(), await newIntent()];
    for (const id of ids)
      expect((await post(`/v1/payment_intents/${id}/confirm`, form)).status).to.equal(200);
    const lines = (await api.ledger()).filter((line) => ids.includes(line.id));
    expect(lines.map((line) => line.ksn_reused)).to.deep.equal([true, true]);
  });

  it('keeps answers for their keys: results, declines and 500s, but not parameter errors', async () => {
    const key = {'Idempotency-Key': 'k-strict'};
    expectError(await post('/v1/payment_intents', {amount: 1}, key), 400, 'parameter_missing');
    const first = await post('/v1/payment_intents', CREATE, key);
    expect(first.headers.get('idempotent-replayed')).to.equal(null);
    const second = await post('/v1/payment_intents', CREATE, key);
    expect(second.headers.get('idempotent-replayed')).to.equal('true');
    expect(second.body).to.deep.equal(first.body);
    const mismatch = await post('/v1/payment_intents', {...CREATE, amount: 1300}, key);
    expect(mismatch.status).to.equal(400);
    expect(mismatch.body.error.type).to.equal('idempotency_error');
    expect((await post(`/v1/payment_intents/${first.body.id}`, CREATE, key)).body.error.type).to.equal(
      'idempotency_error',
    );
    const other = await post('/v1/payment_intents', CREATE, {...key, Authorization: 'Bearer sk_test_other'});
    expect(other.body.id).to.not.equal(first.body.id);
    expectError(
      await post('/v1/payment_intents', CREATE, {'Idempotency-Key': 'k'.repeat(256)}),
      400,
      undefined,
    );
  });

  it('lets an authorisation lapse after its window, and forgets keys after a day', async () => {
    const own = freshDir();
    let now = Date.now();
    const clocked = await startSandboxApi({dir: own, now: () => now});
    const key = {'Idempotency-Key': 'k-1'};
    const create = () =>
      ask(clocked.url, 'POST', '/v1/payment_intents', {...CREATE, capture_method: 'manual'}, key);
    const {id} = (await create()).body;
    const confirmed = await ask(clocked.url, 'POST', `/v1/payment_intents/${id}/confirm`, confirmForm());
    expect(confirmed.body.status).to.equal('requires_capture');
    now += 24 * 3600 * 1000;
    expect((await create()).body.id).to.not.equal(id);
    now += 24 * 3600 * 1000;
    const late = await ask(clocked.url, 'POST', `/v1/payment_intents/${id}/capture`);
    expectError(late, 400, 'payment_intent_unexpected_state');
    const seen = await ask(clocked.url, 'GET', `/v1/payment_intents/${id}`);
    expect(seen.body).to.include({status: 'canceled', cancellation_reason: 'automatic'});
    await clocked.close();
    rmSync(own, {recursive: true, force: true});
  });

  it('tells what happened as events', async () => {
    const id = await newIntent({capture_method: 'manual'});
    await post(`/v1/payment_intents/${id}/confirm`, confirmForm());
    await post(`/v1/payment_intents/${id}/capture`, {amount_to_capture: 700});
    const {body} = await get('/v1/events', {limit: 100});
    const mine = body.data.filter((event: {data: {object: {id: string}}}) => event.data.object.id === id);
    expect(mine.map((event: {type: string}) => event.type)).to.deep.equal([
      'payment_intent.succeeded',
      'payment_intent.amount_capturable_updated',
      'payment_intent.created',
    ]);
    expect((await get(`/v1/events/${mine[0].id}`)).body).to.deep.equal(mine[0]);
    const charges = (await get('/v1/charges', {payment_intent: id, 'expand[]': 'data.payment_intent'})).body
      .data;
    expect(charges).to.have.length(1);
    expect(charges[0]).to.include({amount_captured: 700, amount_refunded: 500, captured: true});
    expect(charges[0].payment_intent.id).to.equal(id);
  });

  it('offers faults and the ledger to scripts', async () => {
    const faults = `${api.url}/_sandbox/faults`;
    const bad = await fetch(faults, {method: 'POST', body: '{"kind":"explode"}'});
    expect(bad.status).to.equal(400);
    const body = JSON.stringify({method: 'get', path: '/v1/account', kind: 'html_502'});
    expect((await fetch(faults, {method: 'POST', body})).status).to.equal(200);
    expect(((await (await fetch(faults)).json()) as {faults: unknown[]}).faults).to.have.length(1);
    expect(
      (await fetch(`${api.url}/v1/account`, {headers: {Authorization: 'Bearer sk_test_x'}})).status,
    ).to.equal(502);
    await fetch(faults, {method: 'POST', body});
    await fetch(faults, {method: 'DELETE'});
    expect(await api.faults()).to.deep.equal([]);
    const ledger = (await (await fetch(`${api.url}/_sandbox/ledger`)).json()) as {payment_intents: unknown[]};
    expect(ledger.payment_intents).to.deep.equal(JSON.parse(JSON.stringify(await api.ledger())));
  });

  it('has the small terminal resources', async () => {
    expect((await post('/v1/terminal/connection_tokens')).body.secret).to.match(/^pst_test_/);
    expect((await get('/v1/terminal/readers')).body.data[0]).to.include({
      object: 'terminal.reader',
      livemode: false,
    });
    expect((await get('/v1/terminal/readers/tmr_sandbox')).status).to.equal(200);
    expect((await get('/v1/terminal/locations')).body.data[0].id).to.equal('tml_sandbox');
  });
});
