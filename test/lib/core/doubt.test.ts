import {expect} from 'chai';
import {lookEvents} from '../../../src/lib/core/attempts.js';
import type {EventBody} from '../../../src/lib/core/events.js';
import type {ApiError, RemoteIntent} from '../../../src/lib/core/ports.js';
import {judge} from '../../../src/lib/core/reconcile.js';
import {createdEvent, storedEvent} from '../../support/events.js';
import {paymentAfter} from '../../support/payments.js';

const OF = 'pay_A';

function declineOf(code: string): ApiError {
  return {
    type: 'card_error',
    code,
    decline_code: null,
    message: code,
    http_status: 402,
    request_id: null,
  };
}

/** The payment's intent, declined last with this charge and code. */
function declined(charge: string, code: string): RemoteIntent {
  return {
    id: 'pi_1',
    status: 'requires_payment_method',
    amount: 1250,
    amount_capturable: 0,
    amount_received: 0,
    currency: 'usd',
    capture_method: 'manual',
    livemode: false,
    created: 1,
    metadata: {stowpay_id: OF},
    cancellation_reason: null,
    last_payment_error: declineOf(code),
    charge: {
      id: charge,
      authorization_code: null,
      authorization_response_code: null,
      account_type: null,
      capture_before: null,
      offline_stored_at: null,
    },
  };
}

const attempted = (operation: 'create' | 'confirm' | 'cancel', generation = 0): EventBody => ({
  type: 'payment.attempted',
  payment: OF,
  data: {operation, key: `stowpay-${OF}-${operation}-${generation}`, generation},
});

const failed = (
  operation: 'confirm' | 'cancel',
  outcome: Extract<EventBody, {type: 'payment.attempt_failed'}>['data']['outcome'],
  more: {error?: ApiError; charge?: string} = {},
): EventBody => ({
  type: 'payment.attempt_failed',
  payment: OF,
  data: {operation, outcome, error: null, ...more},
});

const created: EventBody = {
  type: 'payment.delivered',
  payment: OF,
  data: {
    operation: 'create',
    intent: {...declined('ch_0', 'none'), last_payment_error: null, charge: null},
    request_id: null,
    looked: false,
  },
};

/** Stored and sent once, and the answer was lost; the confirm may still arrive. */
const LOST_CONFIRM: readonly EventBody[] = [
  createdEvent(OF),
  storedEvent(OF),
  attempted('create'),
  created,
  attempted('confirm'),
  failed('confirm', 'in_doubt'),
];

describe('a look while a cancel that was to make a decline final is on its way', () => {
  it('never has the card asked again, although the issuer says "later" to what arrived late', () => {
    const payment = paymentAfter(OF, [
      ...LOST_CONFIRM,
      failed('confirm', 'untouched'),
      attempted('confirm', 1),
      failed('confirm', 'declined_in_doubt', {error: declineOf('call_issuer'), charge: 'ch_2'}),
      attempted('cancel'),
      failed('cancel', 'in_doubt'),
    ]);
    expect(payment).to.include({state: 'in_doubt', cancel_unsure: true});
    const [event] = lookEvents(payment, declined('ch_1', 'processing_error'), null, false);
    expect(event).to.deep.include({type: 'payment.attempt_failed'});
    expect(event?.data).to.include({outcome: 'declined_in_doubt'});
    expect(event?.data).to.deep.include({error: declineOf('call_issuer')});
  });
});

describe('what is held back', () => {
  const ACT = {operator: 'op', reason: null};

  it('stays so when a comparison finds out that the issuer said "later" to what was sent before', () => {
    const held = paymentAfter(OF, [
      ...LOST_CONFIRM.slice(0, -1),
      failed('confirm', 'retry'),
      {type: 'payment.held', payment: OF, data: ACT},
    ]);
    const own = {intent: declined('ch_1', 'processing_error'), request_id: null};
    const {adoption} = judge(held, {own, others: []}, false);
    expect(adoption).to.include({becomes: 'held', attention: false});
  });

  it('stays so when an intent is found for it that an old backup has forgotten', () => {
    const held = paymentAfter(OF, [
      createdEvent(OF),
      storedEvent(OF),
      {type: 'payment.held', payment: OF, data: ACT},
      created,
    ]);
    expect(held).to.include({state: 'held', id: 'pi_1'});
  });
});
