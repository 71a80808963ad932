import {mismatch, setAside} from './attempts.js';
import type {Decision} from './decide.js';
import {type EventBody, type OperatorAct, whoAndWhy} from './events.js';
import {interrupted, notNow} from './operate.js';
import {
  abandonedState,
  awaitsCancel,
  mayHaveBeenConfirmed,
  type Payment,
  type PaymentState,
} from './payment.js';
import type {RemoteIntent} from './ports.js';

/** `voided`: it is over, and nothing has to be asked. `requested`: the API has to be told. */
export type CancelDecision = 'unchanged' | 'voided' | 'requested';

/**
 * What a person's cancel does to a payment this process owns. One that surely was never confirmed is void at once, without
 * asking anybody; of any other only the request is journalled, and the API is told afterwards.
 *
 * @throws payment_intent_unexpected_state when there is nothing to cancel any more
 */
export function decideCancel(payment: Payment, act: OperatorAct): Decision<CancelDecision> {
  const state = abandonedState(payment);
  switch (state) {
    case 'canceled':
      return payment.state === 'canceled' ? {events: [], result: 'unchanged'} : voided(payment, act, state);
    case 'captured':
    case 'declined':
    case 'refused':
    case 'transferred':
    case 'authorizing':
    case 'forwarding':
      throw notNow(payment, state, 'cancelled');
    case 'created':
    case 'accepted_offline':
    case 'held':
    case 'quarantined':
      return mayHaveBeenConfirmed(payment) ? requested(payment, act) : voided(payment, act, state);
    case 'in_doubt':
    case 'authorized':
    case 'capturing':
      return requested(payment, act);
  }
}

function requested(payment: Payment, act: OperatorAct): Decision<CancelDecision> {
  if (awaitsCancel(payment)) return {events: [], result: 'requested'};
  return {events: [...interrupted(payment), request(payment, act)], result: 'requested'};
}

function voided(payment: Payment, act: OperatorAct, state: PaymentState): Decision<CancelDecision> {
  const message = `Voided ${whoAndWhy(act)}. It was never confirmed at the payment API.`;
  // What its dead collect left without effect was free to be collected again before anybody cancelled it.
  const reason = state === 'canceled' ? 'interrupted' : 'requested';
  const end: EventBody = {type: 'payment.canceled', payment: payment.local_id, data: {reason, message}};
  return {events: [...interrupted(payment), request(payment, act), end], result: 'voided'};
}

function request(payment: Payment, act: OperatorAct): EventBody {
  return {type: 'payment.cancel_requested', payment: payment.local_id, data: act};
}

/** The end of a payment whose cancel was asked for and took effect at the API. */
export function canceledByRequest(payment: Payment, how = 'Cancelled at the payment API'): EventBody {
  const by = payment.cancel_requested;
  const message = `${how}${by === null ? '' : ` ${whoAndWhy(by)}`}.`;
  return {type: 'payment.canceled', payment: payment.local_id, data: {reason: 'requested', message}};
}

/**
 * What a look tells after the API refused a cancel: captured, and the cancel came too late; cancelled already; or
 * neither, and it may be tried again.
 */
export function cancelLookEvents(
  payment: Payment,
  intent: RemoteIntent,
  requestId: string | null,
): readonly EventBody[] {
  const of = payment.local_id;
  const wrong = mismatch(payment, intent);
  if (wrong !== null) return [setAside(payment, 'api_mismatch', wrong)];
  switch (intent.status) {
    case 'succeeded':
      return [{type: 'payment.captured', payment: of, data: {intent, request_id: requestId, looked: true}}];
    case 'canceled':
      return [canceledByRequest(payment)];
    default:
      return [];
  }
}
