import {captureLookEvents} from '../core/attempts.js';
import {canceledByRequest, cancelLookEvents, decideCancel} from '../core/cancel.js';
import {StowpayError} from '../core/errors.js';
import type {EventBody} from '../core/events.js';
import {formatAmount} from '../core/money.js';
import {awaitsCancel, mayBeOwned, type Payment, STATES} from '../core/payment.js';
import type {ApiError, Journal, Outcome, RemoteIntent} from '../core/ports.js';
import {mayRepeat} from '../core/retry.js';
import {paced} from './forward/pace.js';
import {intentsOf} from './leftovers.js';
import {checkBinding, credentialsError} from './network.js';
import {
  actOf,
  answer,
  chosenPayments,
  decideOwned,
  eachOwned,
  failed,
  OneReach,
  type OperateItem,
  type OperateRequest,
  type Otherwise,
  requireDevice,
} from './operate.js';
import {healthyState, momentNow, type Parts, record, statesNow} from './parts.js';
import {cancelFailed, pause, recordAnswer, recovered, type Settled, sendCancel} from './settle.js';

export interface CancelRequest extends OperateRequest {
  /** The name of the device, which `all` needs. */
  readonly confirm: string | null;
  readonly dryRun: boolean;
}

/** `requested`: it is recorded, and the next forward finishes it. `too_late`: the money was received before. */
export type CancelItem = OperateItem<'canceled' | 'requested' | 'too_late' | 'planned' | Otherwise>;

/**
 * Cancels payments. What was never confirmed is void at once, without network. For anything else the request is durable
 * first, and then the API is told; what cannot be told now is finished by the next forward. From the request on such a
 * payment is never confirmed and never captured any more.
 */
export async function cancel(parts: Parts, request: CancelRequest): Promise<readonly CancelItem[]> {
  const journal = parts.journals.open();
  const state = await healthyState(journal);
  if (request.all) requireDevice(state, request.confirm, 'Cancelling everything');
  const payments = await chosenPayments(journal, state, request, (payment, effective) => {
    const {bucket, blocksWipe} = STATES[effective(payment)];
    return bucket !== 'done' && blocksWipe && payment.state !== 'transferred';
  });
  if (request.dryRun) return payments.map((payment) => planned(parts, journal, payment, request));
  parts.journals.prepare();
  const act = actOf(parts, request);
  const slow = paced(parts);
  const reach = new OneReach(slow, request.signal);
  return eachOwned(
    journal,
    payments,
    async (owned): Promise<CancelItem> => {
      const {result, payment} = await decideOwned(journal, owned, (current) => decideCancel(current, act));
      switch (result) {
        case 'unchanged':
          return answer('unchanged', payment, 'it was canceled before');
        case 'voided':
          return answer('canceled', payment, 'voided before it was confirmed; the API was not asked');
        case 'requested':
          return cancelNow(slow, journal, payment, reach, request.signal);
      }
    },
    request.signal,
  );
}

function planned(parts: Parts, journal: Journal, payment: Payment, request: CancelRequest): CancelItem {
  const state = statesNow(journal)(payment);
  try {
    // Owned by somebody now: whether it can be cancelled depends on what that one brings about.
    if (mayBeOwned(payment) && state === payment.state)
      return answer('planned', payment, 'once the process that works on it is done');
    const {result} = decideCancel(payment, actOf(parts, request));
    if (result === 'unchanged') return answer('unchanged', payment, 'it was canceled before');
    const how = result === 'voided' ? 'void, without asking the API' : 'cancelled at the payment API';
    return answer('planned', payment, how);
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    return failed(payment, error);
  }
}

/** Its request is durable: whatever goes wrong from here on, it is recorded. */
async function cancelNow(
  parts: Parts,
  journal: Journal,
  payment: Payment,
  reach: OneReach,
  signal: AbortSignal | undefined,
): Promise<CancelItem> {
  try {
    const reached = await reach.ask();
    if (reached.kind === 'offline') return unfinished(payment, null, reached.error);
    checkBinding(payment.binding, reached.binding);
    const settled = await finishCancel(parts, journal, payment, {signal});
    if (settled.last?.kind === 'never_sent') reach.lose(settled.last.error);
    return itemOf(settled);
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    return answer('requested', payment, RECORDED, error);
  }
}

const RECORDED = 'recorded; the next forward finishes it';

function itemOf({payment, last}: Settled): CancelItem {
  if (payment.state === 'canceled') return answer('canceled', payment, payment.reason?.message ?? null);
  if (payment.state === 'captured') return answer('too_late', payment, null, tooLate(payment));
  if (payment.state === 'quarantined') return failed(payment, setAside(payment));
  const error = last !== null && last.kind !== 'delivered' ? last.error : null;
  return unfinished(payment, last, error);
}

function tooLate(payment: Payment): StowpayError {
  const received = formatAmount(payment.amount_received, payment.currency);
  return new StowpayError(
    'payment_intent_unexpected_state',
    `${payment.local_id} cannot be cancelled any more: ${received} was received for it before.`,
    {
      hint: `Refund it at Stripe (${payment.id}), then run stowpay acknowledge ${payment.local_id}.`,
      details: {local_id: payment.local_id, state: payment.state},
    },
  );
}

function setAside(payment: Payment): StowpayError {
  return new StowpayError('payment_quarantined', `${payment.local_id}: ${payment.reason?.message ?? ''}`, {
    hint: `Have a technician look: stowpay inspect ${payment.local_id}.`,
  });
}

function unfinished(
  payment: Payment,
  last: Outcome<RemoteIntent> | null,
  error: ApiError | null,
): CancelItem {
  return answer('requested', payment, RECORDED, whyUnfinished(payment, last, error));
}

function whyUnfinished(
  payment: Payment,
  last: Outcome<RemoteIntent> | null,
  error: ApiError | null,
): StowpayError {
  if (last?.kind === 'stop') return credentialsError(last.error);
  const of = payment.local_id;
  const money = formatAmount(payment.amount, payment.currency);
  const now =
    payment.state === 'authorized' || payment.state === 'capturing'
      ? `${money} is still authorised`
      : `whether ${money} was charged is not known yet`;
  const said = error === null ? '' : `: ${error.message}`;
  const message = `The cancel of ${of} is recorded, but the payment API has not confirmed it, so ${now}${said}`;
  const details = {local_id: of, state: payment.state};
  if (last?.kind === 'refused')
    return new StowpayError('api_refused', message, {hint: `See stowpay inspect ${of}.`, details});
  const answered = error !== null && error.http_status !== null;
  const hint = `It is never confirmed and never captured any more. stowpay forward ${of} finishes the cancel.`;
  return new StowpayError(answered ? 'api_unavailable' : 'network_unavailable', message, {hint, details});
}

const TRIES = 4;

interface Finish {
  readonly tries?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Brings a requested cancel to its end at the API. Afterwards the payment is `canceled`; or `captured`, because the
 * money was received before; or it still awaits its cancel, and the next forward goes on. It is never confirmed and
 * never captured. The caller owns the payment, and its `cancel_requested` is durable.
 */
export async function finishCancel(
  parts: Parts,
  journal: Journal,
  start: Payment,
  {tries = TRIES, signal}: Finish = {},
): Promise<Settled> {
  let settled: Settled = {payment: await recovered(journal, start), last: null};
  if (settled.payment.id === null) settled = await findIntent(parts, journal, settled.payment, signal);
  if (settled.payment.id === null) return settled;
  for (let attempt = 1; awaitsCancel(settled.payment); attempt += 1) {
    settled = await cancelOnce(parts, journal, settled.payment);
    const {payment, last} = settled;
    if (!awaitsCancel(payment) || last === null || attempt >= tries || signal?.aborted === true) break;
    if (!mayRepeat(last) && last.kind !== 'delivered') break;
    await pause(parts, attempt, last);
  }
  return settled;
}

async function cancelOnce(parts: Parts, journal: Journal, start: Payment): Promise<Settled> {
  let payment = start;
  // An undecided capture: it may be done, and then nobody needs to be asked to undo it.
  if (payment.state === 'capturing') {
    const look = await parts.gateway.retrievePaymentIntent(payment.id ?? '');
    if (look.kind !== 'delivered') return {payment, last: look};
    const events = captureLookEvents(payment, look.value, look.request_id, true);
    payment = await recordAnswer(journal, payment, events);
    if (!awaitsCancel(payment)) return {payment, last: look};
  }
  const {attempted, last} = await sendCancel(parts, journal, payment);
  if (last.kind === 'delivered' && last.value.status === 'canceled')
    return {payment: await recordAnswer(journal, attempted, [canceledByRequest(attempted)]), last};
  if (last.kind !== 'refused')
    return {payment: await recordAnswer(journal, attempted, [cancelFailed(attempted, last)]), last};
  return settleRefused(parts, journal, attempted, last);
}

/** The API refused the cancel as such: captured, cancelled already, or not known there. Look before believing it. */
async function settleRefused(
  parts: Parts,
  journal: Journal,
  payment: Payment,
  refused: Extract<Outcome<RemoteIntent>, {kind: 'refused'}>,
): Promise<Settled> {
  const look = await parts.gateway.retrievePaymentIntent(payment.id ?? '');
  const settling =
    look.kind === 'delivered'
      ? cancelLookEvents(payment, look.value, look.request_id)
      : look.kind === 'refused' && look.error.code === 'resource_missing'
        ? [canceledByRequest(payment, `The payment API does not know ${payment.id}. Closed`)]
        : [];
  const events = [cancelFailed(payment, refused), ...settling];
  const last = settling.length > 0 ? refused : look;
  return {payment: await recordAnswer(journal, payment, events), last};
}

/**
 * The journal knows no intent, but one may stand at the API all the same. Afterwards it is known, and in doubt; or there
 * is none, and the payment is `canceled`; or the API did not tell.
 */
async function findIntent(
  parts: Parts,
  journal: Journal,
  payment: Payment,
  signal: AbortSignal | undefined,
): Promise<Settled> {
  const known = await intentsOf(parts, [payment], momentNow(parts), signal);
  if (known.kind !== 'delivered') return {payment, last: known};
  const id = known.value.get(payment.local_id);
  if (id === undefined) {
    const end = canceledByRequest(payment, 'The payment API holds nothing for it. Closed');
    return {payment: await record(journal, payment, [end]), last: null};
  }
  const last = await parts.gateway.retrievePaymentIntent(id);
  if (last.kind !== 'delivered') return {payment, last};
  return {payment: await record(journal, payment, found(payment, last)), last};
}

function found(
  {local_id}: Payment,
  {value, request_id}: Extract<Outcome<RemoteIntent>, {kind: 'delivered'}>,
): readonly EventBody[] {
  const data = {operation: 'create', intent: value, request_id, looked: true} as const;
  const doubt = {operation: 'confirm', outcome: 'in_doubt', error: null} as const;
  return [
    {type: 'payment.delivered', payment: local_id, data},
    {type: 'payment.attempt_failed', payment: local_id, data: doubt},
  ];
}
