import {expect} from 'chai';
import {createdPayment, foldPayment} from '../../../src/lib/core/apply-payment.js';
import {nextKey} from '../../../src/lib/core/attempts.js';
import type {EventBody, JournalRecord, PaymentEvent} from '../../../src/lib/core/events.js';
import type {Operation, Payment} from '../../../src/lib/core/payment.js';
import {recordOf} from '../../../src/lib/journal/encode.js';
import {createdEvent, storedEvent} from '../../support/events.js';

const AT = '2026-11-24T12:00:00.000Z';
const STAMP = {at: AT, boot: 'boot', mono: 1};
const NOW = Date.parse(AT) + 1000;

type Failed = Extract<EventBody, {type: 'payment.attempt_failed'}>['data'];

/** A stored payment whose attempt with this operation ended so, and the generation the next attempt has. */
function generationAfter(
  operation: Operation,
  outcome: Failed['outcome'],
  httpStatus: number | null,
  {type = 'api_error', now = NOW} = {},
): number {
  const error = {
    type,
    code: null,
    decline_code: null,
    message: 'No.',
    http_status: httpStatus,
    request_id: null,
  };
  const events: readonly EventBody[] = [
    storedEvent('pay_1'),
    {type: 'payment.attempted', payment: 'pay_1', data: {operation, key: 'k', generation: 0}},
    {type: 'payment.attempt_failed', payment: 'pay_1', data: {operation, outcome, error}},
  ];
  const first = recordOf(createdEvent('pay_1'), 1, 1, STAMP) as JournalRecord & {type: 'payment.created'};
  const payment = events.reduce<Payment>(
    (before, event, n) =>
      foldPayment(before, recordOf(event, n + 2, 1, STAMP) as JournalRecord & PaymentEvent),
    createdPayment(first),
  );
  return nextKey(payment, operation, now).generation;
}

/**
 * The same key for what the API may have got and not decided: it answers the same. A new one where the old one could
 * only ever bring back a stored answer.
 */
const CASES: readonly (readonly [outcome: Failed['outcome'], status: number | null, generation: number])[] = [
  ['never_sent', null, 0],
  ['interrupted', null, 0],
  ['in_doubt', null, 0],
  ['retry', 409, 0],
  ['retry', 429, 0],
  ['retry', 503, 0],
  ['stop', 401, 0],
  ['in_doubt', 500, 1],
  ['refused', 400, 1],
  ['untouched', null, 1],
  ['soft_decline', 402, 1],
  ['declined_in_doubt', 402, 1],
];

describe('the idempotency key of the next attempt', () => {
  for (const operation of ['create', 'confirm', 'cancel'] as const) {
    for (const [outcome, status, generation] of CASES) {
      it(`${operation}, ${outcome} (${status ?? 'no answer'}): ${generation === 0 ? 'the same' : 'a new one'}`, () => {
        expect(generationAfter(operation, outcome, status)).to.equal(generation);
      });
    }
  }

  for (const operation of ['create', 'confirm', 'cancel'] as const) {
    it(`${operation}: the same after an answer that was not the API’s`, () => {
      expect(generationAfter(operation, 'in_doubt', 502, {type: 'stowpay'})).to.equal(0);
    });
  }

  for (const [what, now] of [
    ['a day later', NOW + 24 * 3600_000],
    ['when the clock was set back', NOW - 60_000],
  ] as const) {
    it(`create: the same ${what}, so that there is one intent`, () => {
      expect(generationAfter('create', 'in_doubt', null, {now})).to.equal(0);
    });

    it(`confirm: a new one ${what}`, () => {
      expect(generationAfter('confirm', 'in_doubt', null, {now})).to.equal(1);
    });
  }
});
