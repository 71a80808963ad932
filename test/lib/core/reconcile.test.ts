import {expect} from 'chai';
import fc from 'fast-check';
import {createdPayment} from '../../../src/lib/core/apply-payment.js';
import type {EventBody} from '../../../src/lib/core/events.js';
import {abandonedState, type Payment} from '../../../src/lib/core/payment.js';
import type {ApiError, RemoteIntent} from '../../../src/lib/core/ports.js';
import {
  type AtApi,
  isLeftover,
  judge,
  judgeUnknown,
  type Looked,
  paymentAfter,
  standingOf,
} from '../../../src/lib/core/reconcile.js';
import {CARD, createdEvent, PRIVATE, READER, storedEvent} from '../../support/events.js';

const ID = 'pay_A';
const STORED = 1_795_428_000;
const HARD: ApiError = error('generic_decline');
const SOFT: ApiError = error('processing_error');

function error(code: string): ApiError {
  const message = 'declined';
  return {type: 'card_error', code, decline_code: code, message, http_status: null, request_id: null};
}

function intentOf(change: Partial<RemoteIntent> = {}): RemoteIntent {
  const status = change.status ?? 'requires_payment_method';
  const received = status === 'succeeded' ? 1250 : 0;
  return {
    id: 'pi_own',
    status,
    amount: 1250,
    amount_capturable: status === 'requires_capture' ? 1250 : 0,
    amount_received: received,
    currency: 'usd',
    capture_method: 'manual',
    livemode: false,
    created: 1_795_428_100,
    metadata: {stowpay_id: ID, stowpay_device: 'dev_1'},
    cancellation_reason: null,
    last_payment_error: null,
    charge: null,
    ...change,
  };
}

function chargeOf(id: string, offline_stored_at: number | null = STORED): RemoteIntent['charge'] {
  const codes = {authorization_code: '1', authorization_response_code: null, account_type: null};
  return {id, ...codes, capture_before: null, offline_stored_at};
}

// ---------------------------------------------------------------- Payments, by the records that make them

const NEW = createdPayment({
  ...(createdEvent(ID) as EventBody & {type: 'payment.created'}),
  ...{v: 1, seq: 7, commit: 7, at: '2026-11-23T10:00:00.000Z', boot: 'b', mono: 0},
});

function made(...events: readonly EventBody[]): Payment {
  return paymentAfter(NEW, events);
}

const payment = ID;
const CREATED: EventBody = {
  type: 'payment.delivered',
  payment,
  data: {operation: 'create', intent: intentOf(), request_id: null, looked: false},
};
const STORED_EVENT: EventBody = withStoredAt(storedEvent(ID));
const AUTHORIZING: EventBody = {
  type: 'payment.authorizing',
  payment,
  data: {card: CARD, reader: READER, request: {confirm: {payment_method_data: {type: 'card_present'}}}},
  private: PRIVATE,
};

function withStoredAt(event: EventBody): EventBody {
  if (event.type !== 'payment.accepted_offline') throw new Error('not stored');
  const card_present = {offline: {stored_at: STORED}};
  const confirm = {payment_method_data: {type: 'card_present', card_present}};
  return {...event, data: {...event.data, request: {confirm}}};
}

function attempted(operation: 'create' | 'confirm'): EventBody {
  return {type: 'payment.attempted', payment, data: {operation, key: 'k', generation: 0}};
}

function failed(outcome: 'in_doubt' | 'soft_decline' | 'retry', charge: string | null = null): EventBody {
  const data = {
    operation: 'confirm',
    outcome,
    error: outcome === 'soft_decline' ? SOFT : null,
    charge,
  } as const;
  return {type: 'payment.attempt_failed', payment, data};
}

function confirmed(status: string, unclaimed = false): EventBody {
  const intent = intentOf({status, charge: chargeOf('ch_1')});
  const data = {operation: 'confirm', intent, request_id: null, looked: unclaimed, unclaimed} as const;
  return {type: 'payment.delivered', payment, data};
}

const CAPTURING: EventBody = {
  type: 'payment.capture_attempted',
  payment,
  data: {amount: 1250, key: 'k', generation: 0},
};
const DECLINED: EventBody = {
  type: 'payment.declined',
  payment,
  data: {operation: 'confirm', error: HARD, id: 'pi_own', looked: false, charge: 'ch_1'},
};
const CANCELED: EventBody = {
  type: 'payment.canceled',
  payment,
  data: {reason: 'interrupted', message: 'It was interrupted.'},
};
const SET_ASIDE: EventBody = {
  type: 'payment.quarantined',
  payment,
  data: {code: 'journal_repaired', message: 'set aside', error: null},
};
const REFUSED: EventBody = {
  type: 'payment.refused',
  payment,
  data: {code: 'policy_refused', message: 'refused', card: null, policy: null},
};

const BY_HAND = {operator: 'op', reason: null};
const HELD: EventBody = {type: 'payment.held', payment, data: BY_HAND};
const TO_BE_CANCELED: EventBody = {type: 'payment.cancel_requested', payment, data: BY_HAND};

function received(amount: number): EventBody {
  const intent = intentOf({status: 'succeeded', amount_received: amount, charge: chargeOf('ch_1')});
  return {type: 'payment.captured', payment, data: {intent, request_id: null, looked: false}};
}

const SENT = [STORED_EVENT, CREATED, attempted('confirm')];
const ONLINE = [CREATED, AUTHORIZING, attempted('confirm')];

const PAYMENTS: Readonly<Record<string, Payment>> = {
  'created, no id': made(),
  created: made(CREATED),
  'refused, no id': made(REFUSED),
  refused: made(CREATED, REFUSED),
  'stored, no id': made(STORED_EVENT),
  stored: made(STORED_EVENT, CREATED),
  'stored, declined softly': made(...SENT, failed('soft_decline', 'ch_1')),
  'stored, told to come back': made(...SENT, failed('retry')),
  'forwarding a create': made(STORED_EVENT, attempted('create')),
  'forwarding a confirm': made(...SENT),
  'in doubt': made(...SENT, failed('in_doubt')),
  'in doubt twice': made(...SENT, failed('in_doubt'), attempted('confirm'), failed('in_doubt')),
  'in doubt online': made(...ONLINE, failed('in_doubt')),
  'authorizing, dead': made(...ONLINE),
  'authorizing, nothing sent': made(CREATED, AUTHORIZING),
  held: made(STORED_EVENT, CREATED, HELD),
  'held, no id': made(STORED_EVENT, HELD),
  'to be canceled': made(...SENT, confirmed('requires_capture'), TO_BE_CANCELED),
  'in doubt, to be canceled': made(...SENT, failed('in_doubt'), TO_BE_CANCELED),
  'set aside, to be canceled': made(STORED_EVENT, CREATED, SET_ASIDE, TO_BE_CANCELED),
  'voided, perhaps sent': made(STORED_EVENT, attempted('create'), TO_BE_CANCELED, CANCELED),
  'set aside': made(STORED_EVENT, CREATED, SET_ASIDE),
  'set aside, no id': made(STORED_EVENT, SET_ASIDE),
  authorized: made(...SENT, confirmed('requires_capture')),
  'authorized online': made(...ONLINE, confirmed('requires_capture')),
  'authorized unheard': made(...ONLINE, failed('in_doubt'), confirmed('requires_capture', true)),
  capturing: made(...SENT, confirmed('requires_capture'), CAPTURING),
  captured: made(...SENT, confirmed('succeeded')),
  'captured in part': made(...SENT, confirmed('requires_capture'), CAPTURING, received(700)),
  declined: made(...SENT, DECLINED),
  'declined online': made(...ONLINE, DECLINED),
  canceled: made(CREATED, CANCELED),
  'canceled, no id': made(CANCELED),
  'canceled after it was authorized': made(...SENT, confirmed('requires_capture'), CANCELED),
  transferred: {...made(STORED_EVENT), state: 'transferred'},
};

/** What the API holds when nothing went wrong. */
function consistent(one: Payment): AtApi {
  if (one.id === null) return {own: null, others: []};
  const charge = one.charge === null ? null : chargeOf(one.charge);
  const as = (change: Partial<RemoteIntent>): AtApi => ({own: looked(intentOf(change)), others: []});
  switch (one.state) {
    case 'authorized':
      return as({status: 'requires_capture', charge});
    case 'captured':
      return as({status: 'succeeded', amount_received: one.amount_received, charge});
    case 'canceled':
      return as({status: 'canceled', charge});
    case 'declined':
      return as({charge, last_payment_error: HARD});
    default:
      return as({charge, last_payment_error: charge === null ? null : SOFT});
  }
}

function looked(intent: RemoteIntent): Looked {
  return {intent, request_id: 'req_look'};
}

// ---------------------------------------------------------------- Any payment beside anything

const anyPayment = fc.constantFrom(...Object.entries(PAYMENTS)).map(([name, one]) => ({name, one}));

const anyCharge = fc.record({
  id: fc.constantFrom('ch_1', 'ch_2'),
  stored: fc.constantFrom(STORED, STORED + 1, null),
});

function anyIntent(id: string, own: boolean): fc.Arbitrary<RemoteIntent> {
  return fc
    .record({
      status: fc.constantFrom(
        'requires_payment_method',
        'requires_confirmation',
        'requires_action',
        'processing',
        'requires_capture',
        'succeeded',
        'canceled',
        'a_new_one',
      ),
      amount: fc.constantFrom(1250, 1250, 1250, 999),
      part: fc.constantFrom(1250, 1250, 700, 0),
      currency: fc.constantFrom('usd', 'usd', 'usd', 'eur'),
      livemode: fc.constantFrom(false, false, false, true),
      bears: fc.constantFrom(ID, ID, ID, ...(own ? ['pay_B', null] : [])),
      charge: fc.option(anyCharge),
      error: fc.constantFrom(null, HARD, SOFT),
      reason: fc.constantFrom(null, 'requested_by_customer', 'automatic', 'expired'),
      created: fc.integer({min: 1_795_000_000, max: 1_796_000_000}),
    })
    .map(({status, amount, part, currency, livemode, bears, charge, error: last, reason, created}) =>
      intentOf({
        id,
        status,
        amount,
        amount_capturable: status === 'requires_capture' ? part : 0,
        amount_received: status === 'succeeded' ? part : 0,
        currency,
        livemode,
        created,
        metadata: bears === null ? {} : {stowpay_id: bears},
        charge: charge === null ? null : chargeOf(charge.id, charge.stored),
        last_payment_error: last,
        cancellation_reason: status === 'canceled' ? reason : null,
      }),
    );
}

const anyWorld = fc
  .record({
    payment: anyPayment,
    own: fc.option(anyIntent('pi_own', true), {freq: 8}),
    others: fc.tuple(...['pi_2', 'pi_3'].map((id) => fc.option(anyIntent(id, false), {freq: 1}))),
    named: fc.boolean(),
  })
  .map(({payment: {name, one}, own, others, named}) => {
    const mine: AtApi['own'] = one.id === null ? null : own === null ? 'missing' : looked(own);
    // Without an id the intent may bear the payment all the same.
    const bearing = one.id === null && own?.metadata.stowpay_id === ID ? [own] : [];
    const api: AtApi = {own: mine, others: [...bearing, ...others.filter((o) => o !== null)].map(looked)};
    return {name, one, api, named};
  });

const RUNS = {numRuns: 20_000, seed: Number(process.env.STOWPAY_TEST_SEED ?? Date.now() % 100_000)};

function intents({own, others}: AtApi): readonly RemoteIntent[] {
  const mine = own === null || own === 'missing' ? [] : [own];
  return [...mine, ...others].map(({intent}) => intent);
}

const hasMoney = (intent: RemoteIntent): boolean => ['held', 'taken', 'moving'].includes(standingOf(intent));

/** Once adopted the payment has its id, and the look sees it as the payment's own. */
function seenAgain(api: AtApi, now: Payment): AtApi {
  const all = [...(api.own === null || api.own === 'missing' ? [] : [api.own]), ...api.others];
  if (now.id === null) return api;
  const own = all.find(({intent}) => intent.id === now.id) ?? 'missing';
  return {own, others: all.filter(({intent}) => intent.id !== now.id)};
}

describe('reconcile: one payment held against the API', () => {
  for (const [name, one] of Object.entries(PAYMENTS)) {
    it(`finds nothing in a consistent world: ${name}`, () => {
      const {findings, adoption} = judge(one, consistent(one), true);
      // What is in doubt stays a finding until the API has decided.
      const doubted = abandonedState(one) === 'in_doubt' ? ['unsettled'] : [];
      const capturing = one.state === 'capturing' ? ['state_mismatch'] : [];
      expect(findings.map(({kind}) => kind)).to.deep.equal([...doubted, ...capturing]);
      expect(adoption).to.equal(null);
    });
  }

  it('has one verdict for every payment beside anything the API may hold', () => {
    fc.assert(
      fc.property(anyWorld, ({one, api, named}) => {
        const {findings, adoption} = judge(one, api, named);
        expect(findings.length).to.be.at.most(2);
        for (const {local_id, id, message} of findings) {
          expect(local_id).to.equal(ID);
          expect(id).to.match(/^pi_/);
          expect(message).to.match(/pi_.*\.$/);
        }
        if (adoption !== null) expect(findings).to.include(adoption.resolves);
      }),
      RUNS,
    );
  });

  it('loses no money: without a finding, journal and API count on the same', () => {
    fc.assert(
      fc.property(anyWorld, ({one, api, named}) => {
        if (judge(one, api, named).findings.length > 0) return;
        const state = abandonedState(one);
        const paid = intents(api).filter(hasMoney);
        if (state === 'transferred') return void expect(paid.length).to.be.at.most(1);
        const counted = {authorized: ['held'], captured: ['taken']}[state as string] ?? [];
        expect(paid.map(standingOf)).to.deep.equal(counted);
        if (paid.length > 0) {
          expect(paid[0]).to.include({
            id: one.id,
            amount: one.amount,
            currency: one.currency,
            livemode: false,
          });
          expect(paid[0]?.amount_received).to.equal(one.amount_received);
          expect(paid[0]?.amount_capturable).to.equal(one.amount_capturable);
        }
      }),
      RUNS,
    );
  });

  it('adopts only what is proven, and a second run finds it level', () => {
    let adopted = 0;
    fc.assert(
      fc.property(anyWorld, ({one, api, named}) => {
        const {findings, adoption} = judge(one, api, named);
        if (adoption === null) return;
        adopted += 1;
        const now = paymentAfter(one, adoption.events);
        const own = intents(api).find(({id}) => id === now.id);
        expect(own).to.include({amount: 1250, currency: 'usd', livemode: false});
        expect(own?.metadata.stowpay_id ?? ID).to.equal(ID);
        if (one.id === null) expect(own?.charge?.offline_stored_at).to.equal(STORED);
        else expect(now.id).to.equal(one.id);
        if (one.state === 'quarantined') expect(named).to.equal(true);
        expect(['declined', 'canceled', 'refused', 'captured', 'transferred']).not.to.include(one.state);
        expect(adoption.becomes).to.equal(abandonedState(now));
        const again = judge(now, seenAgain(api, now), named);
        expect(again.adoption).to.equal(null);
        // Whatever lies beside it is still said, and nothing else.
        expect(again.findings).to.have.length(findings.length - 1);
        for (const {kind} of again.findings) expect(kind).to.be.oneOf(['duplicate', 'state_mismatch']);
      }),
      RUNS,
    );
    expect(adopted).to.be.greaterThan(500);
  });

  it('never calls money that nobody counts on settled by itself', () => {
    for (const name of ['declined', 'declined online', 'canceled', 'refused']) {
      for (const status of ['requires_capture', 'succeeded']) {
        const one = PAYMENTS[name] as Payment;
        const {findings, adoption} = judge(one, {own: looked(intentOf({status})), others: []}, true);
        expect(findings).to.have.length(1);
        expect(findings[0], name).to.include({
          kind: 'state_mismatch',
          direction: 'unexpected_money',
          severity: 'critical',
        });
        expect(adoption).to.equal(null);
      }
    }
  });

  it('calls an intent ours by the mark of the device, or by a record that a repair lost', () => {
    const intent = intentOf({status: 'succeeded'});
    expect(judgeUnknown(intent, 'dev_1', [])).to.include({kind: 'missing_here', severity: 'critical'});
    expect(judgeUnknown(intentOf(), 'dev_1', [])).to.include({kind: 'missing_here', severity: 'warning'});
    expect(judgeUnknown(intent, 'dev_2', [])).to.equal(null);
    expect(judgeUnknown(intent, null, [])).to.equal(null);
    expect(judgeUnknown(intent, 'dev_2', [ID])).to.include({kind: 'missing_here'});
    expect(judgeUnknown(intentOf({metadata: {stowpay_device: 'dev_1'}}), 'dev_1', [ID])).to.equal(null);
  });

  it('calls left over what moved no money and is nobody’s', () => {
    const other = intentOf({id: 'pi_2'});
    for (const [name, one] of Object.entries(PAYMENTS)) expect(isLeftover(one, other), name).to.equal(true);
    expect(isLeftover(PAYMENTS.refused as Payment, intentOf())).to.equal(true);
    expect(isLeftover(PAYMENTS.stored as Payment, intentOf())).to.equal(false);
    const declined = intentOf({id: 'pi_2', charge: chargeOf('ch_9'), last_payment_error: HARD});
    expect(isLeftover(PAYMENTS['stored, no id'] as Payment, declined)).to.equal(false);
    for (const status of ['requires_capture', 'succeeded', 'processing', 'canceled'])
      expect(isLeftover(PAYMENTS.stored as Payment, {...other, status})).to.equal(false);
  });

  it('says when a person must know how it ended', () => {
    const attention = (name: string, change: Partial<RemoteIntent>): boolean | undefined => {
      const own = looked(intentOf({charge: chargeOf('ch_new'), ...change}));
      return judge(PAYMENTS[name] as Payment, {own, others: []}, true).adoption?.attention;
    };
    expect(attention('in doubt', {status: 'requires_capture'})).to.equal(false);
    expect(attention('in doubt', {last_payment_error: HARD})).to.equal(true);
    expect(attention('in doubt online', {last_payment_error: HARD})).to.equal(false);
    expect(attention('in doubt online', {status: 'succeeded', amount_received: 1250})).to.equal(true);
    expect(attention('authorized', {status: 'canceled', cancellation_reason: 'automatic'})).to.equal(true);
    expect(attention('authorized', {status: 'canceled', cancellation_reason: 'duplicate'})).to.equal(false);
    expect(attention('authorized', {status: 'succeeded', amount_received: 1250})).to.equal(false);
    expect(attention('to be canceled', {status: 'succeeded', amount_received: 1250})).to.equal(true);
    expect(attention('to be canceled', {status: 'canceled', cancellation_reason: 'automatic'})).to.equal(
      false,
    );
    expect(attention('in doubt, to be canceled', {status: 'canceled'})).to.equal(false);
    expect(attention('stored', {status: 'canceled'})).to.equal(true);
    expect(attention('created', {status: 'requires_capture'})).to.equal(true);
    expect(attention('authorizing, nothing sent', {status: 'requires_capture'})).to.equal(true);
    expect(attention('set aside', {status: 'requires_capture'})).to.equal(false);
  });

  it('knows its own among several by the card, and settles nothing where that cannot tell', () => {
    const ours = intentOf({id: 'pi_2', status: 'requires_capture', charge: chargeOf('ch_2')});
    const byHand = intentOf({id: 'pi_3', status: 'succeeded', charge: chargeOf('ch_3', null)});
    const judged = (...all: readonly RemoteIntent[]) =>
      judge(PAYMENTS['stored, no id'] as Payment, {own: null, others: all.map(looked)}, false);
    const {findings, adoption} = judged(byHand, ours);
    expect(adoption).to.include({becomes: 'authorized'});
    expect(findings.map(({kind}) => kind)).to.deep.equal(['state_mismatch', 'duplicate']);
    expect(findings[1]).to.have.property('ids').with.members(['pi_2', 'pi_3']);
    for (const second of [
      {...ours, id: 'pi_4'},
      {...byHand, id: 'pi_4'},
    ]) {
      const first = second.charge?.offline_stored_at === null ? byHand : ours;
      const unclear = judged(first, second);
      expect(unclear.adoption).to.equal(null);
      expect(unclear.findings.map(({kind}) => kind)).to.deep.equal(['duplicate']);
    }
    const declined = {...ours, status: 'requires_payment_method', last_payment_error: HARD};
    const stray = judged(declined, byHand);
    expect(stray.adoption).to.include({becomes: 'declined'});
    expect(stray.findings[1]).to.include({kind: 'duplicate', id: 'pi_2'});
  });

  it('frees the order of a sale nobody heard of when its hold is gone', () => {
    const own = looked(intentOf({status: 'canceled'}));
    const {adoption} = judge(PAYMENTS['authorized unheard'] as Payment, {own, others: []}, false);
    expect(adoption?.events[0]).to.have.nested.property('data.reason', 'interrupted');
  });
});
