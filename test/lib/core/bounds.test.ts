import {expect} from 'chai';
import {
  MAX_SOFT_DECLINES,
  MAX_UNDECIDED,
  outcomeEvents,
  tooManyAttempts,
} from '../../../src/lib/core/attempts.js';
import type {EventBody} from '../../../src/lib/core/events.js';
import type {ApiError} from '../../../src/lib/core/ports.js';
import {createdEvent, storedEvent} from '../../support/events.js';
import {paymentAfter} from '../../support/payments.js';

const ID = 'pay_A';
const STORED: readonly EventBody[] = [createdEvent(ID), storedEvent(ID)];
const HOUR_MS = 3600 * 1000;

function apiError(code: string, status: number | null): ApiError {
  return {type: 'api_error', code, decline_code: null, message: code, http_status: status, request_id: null};
}

function attempted(operation: 'create' | 'confirm', generation = 0): EventBody {
  return {type: 'payment.attempted', payment: ID, data: {operation, key: `k${generation}`, generation}};
}

type Failed = Extract<EventBody, {type: 'payment.attempt_failed'}>['data'];

function failed(operation: 'create' | 'confirm', outcome: Failed['outcome'], error: ApiError): EventBody {
  return {type: 'payment.attempt_failed', payment: ID, data: {operation, outcome, error}};
}

describe('a payment that is never decided', () => {
  const answered = [attempted('create'), failed('create', 'in_doubt', apiError('oops', 500))];
  const unanswered = [attempted('create'), failed('create', 'in_doubt', apiError('reset', null))];
  const busy = [attempted('create'), failed('create', 'retry', apiError('unavailable', 503))];
  const times = (count: number, events: readonly EventBody[]): readonly EventBody[] =>
    Array.from({length: count}, () => events).flat();

  it('is set aside after so many answers, and kept until then', () => {
    const before = paymentAfter(ID, [...STORED, ...times(MAX_UNDECIDED - 1, answered)]);
    expect(tooManyAttempts(before)).to.equal(null);
    const after = paymentAfter(ID, [...STORED, ...times(MAX_UNDECIDED, answered)]);
    expect(tooManyAttempts(after)).to.deep.include({type: 'payment.quarantined', payment: ID});
  });

  it('is not blamed for what the network or a busy API did', () => {
    const patient = paymentAfter(ID, [...STORED, ...times(MAX_UNDECIDED + 5, [...unanswered, ...busy])]);
    expect(tooManyAttempts(patient)).to.equal(null);
  });

  it('begins anew when a person lets it go on', () => {
    const [setAside] = [tooManyAttempts(paymentAfter(ID, [...STORED, ...times(MAX_UNDECIDED, answered)]))];
    const restored: EventBody = {
      type: 'payment.restored',
      payment: ID,
      data: {operator: 'root', reason: null},
    };
    const again = paymentAfter(ID, [
      ...STORED,
      ...times(MAX_UNDECIDED, answered),
      setAside as EventBody,
      restored,
    ]);
    expect(again.undecided).to.equal(0);
    expect(tooManyAttempts(again)).to.equal(null);
  });
});

describe('a soft decline', () => {
  const error = apiError('processing_error', 402);
  const declined = {kind: 'declined', error, intent: null, soft: true} as const;

  function afterSoft(count: number, hours: number): readonly EventBody[] {
    const payment = paymentAfter(
      ID,
      [...STORED, ...Array.from({length: count}, () => softly()).flat(), attempted('confirm', count)],
      (index, events) => (index === events.length - 1 ? hours * HOUR_MS : 0),
    );
    return outcomeEvents(payment, 'confirm', declined);
  }

  function softly(): readonly EventBody[] {
    return [attempted('confirm'), failed('confirm', 'soft_decline', error)];
  }

  it('is asked again a bounded number of times', () => {
    expect(afterSoft(0, 0)[0]?.type).to.equal('payment.attempt_failed');
    expect(afterSoft(MAX_SOFT_DECLINES - 1, 1)[0]?.type).to.equal('payment.attempt_failed');
    expect(afterSoft(MAX_SOFT_DECLINES, 1)[0]?.type).to.equal('payment.declined');
  });

  it('is asked again for a bounded number of hours', () => {
    expect(afterSoft(1, 71)[0]?.type).to.equal('payment.attempt_failed');
    expect(afterSoft(1, 73)[0]?.type).to.equal('payment.declined');
  });
});
