import {captureEvents, captureLookEvents, decideCapture} from '../core/attempts.js';
import {StowpayError} from '../core/errors.js';
import {
  type Binding,
  type Payment,
  type PaymentIntent,
  type PaymentState,
  toPaymentIntent,
} from '../core/payment.js';
import type {ApiError, Journal, Outcome, RemoteIntent} from '../core/ports.js';
import {mayRepeat} from '../core/retry.js';
import {findPayments} from './find.js';
import {latestOf} from './history.js';
import {checkBinding, credentialsError, reachApi} from './network.js';
import {decideOn, healthyState, type Parts, record, statesNow} from './parts.js';
import {frozen, pause, recordAnswer} from './settle.js';

export interface CaptureRequest {
  readonly names: readonly string[];
  /** Everything that is authorised. */
  readonly all: boolean;
  /** Minor units; null for the whole amount. Only with one payment. */
  readonly amount: number | null;
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
}

export interface CaptureItem {
  readonly outcome: 'captured' | 'failed' | 'planned';
  /** What is, or would be, captured; minor units. */
  readonly amount: number;
  readonly payment: PaymentIntent;
  readonly error: StowpayError | null;
}

const TRIES = 4;

/**
 * Captures authorised payments, whole or in part (the rest is released). The amount is journalled before the
 * request leaves and stays fixed until the outcome is known. A payment captured elsewhere is folded in.
 *
 * @throws payment_intent_unexpected_state before anything is sent when a named payment cannot be captured
 */
export async function capture(parts: Parts, request: CaptureRequest): Promise<readonly CaptureItem[]> {
  const journal = parts.journals.open();
  const state = await healthyState(journal);
  const effective = statesNow(journal);
  const payments = request.all
    ? [...state.payments.values()]
        // One that no caller ever heard of is captured only by name: its goods may never have left.
        .filter((one) => isCapturable(effective(one)) && !one.unclaimed)
        .sort((a, b) => a.seq - b.seq)
    : await findPayments(journal, state, request.names);
  const plan = payments.map((payment) => planFor(payment, effective(payment), request.amount, parts));
  if (request.dryRun || plan.length === 0) return plan;
  parts.journals.prepare();
  const reach = await reachApi(parts, request.signal);
  if (reach.kind === 'offline') throw unreachable(reach.error);
  const items: CaptureItem[] = [];
  for (const payment of payments)
    items.push(await captureOne(parts, journal, payment, request.amount, reach.binding));
  return items;
}

function isCapturable(state: PaymentState): boolean {
  return state === 'authorized' || state === 'capturing';
}

function unreachable({message, http_status}: ApiError): StowpayError {
  const answered = http_status !== null;
  return new StowpayError(
    answered ? 'api_unavailable' : 'network_unavailable',
    `The payment API ${answered ? 'does not serve us now' : 'cannot be reached'}: ${message} Nothing was captured.`,
    {hint: `Run the command again when ${answered ? 'it works again' : 'the network is back'}.`},
  );
}

/** Pure: throws what a person must know when it cannot be captured. */
function planFor(payment: Payment, state: PaymentState, asked: number | null, parts: Parts): CaptureItem {
  const {amount} = decideCapture(payment, state, asked, parts.clock.now()).result;
  return {outcome: 'planned', amount, payment: toPaymentIntent(payment, state), error: null};
}

async function captureOne(
  parts: Parts,
  journal: Journal,
  seen: Payment,
  asked: number | null,
  binding: Binding,
): Promise<CaptureItem> {
  const claim = await journal.claim(seen.seq);
  if (claim === null) return failed(seen, 0, busy(seen));
  try {
    checkBinding(seen.binding, binding);
    return await settleCapture(parts, journal, seen, asked);
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    return failed(seen, 0, error);
  } finally {
    claim.release();
  }
}

async function settleCapture(
  parts: Parts,
  journal: Journal,
  seen: Payment,
  asked: number | null,
): Promise<CaptureItem> {
  let payment = await settledFirst(parts, journal, seen);
  let last: Outcome<RemoteIntent> | null = null;
  let amount = payment.capture_amount ?? asked ?? payment.amount_capturable;
  // Only what is known not to be captured yet is sent: while an answer is missing, a look has to tell first.
  for (let attempt = 1; payment.state === 'authorized' && attempt <= TRIES; attempt += 1) {
    const sent = await sendCapture(parts, journal, payment, asked);
    ({payment, last, amount} = sent);
    if (!isCapturable(payment.state) || !mayRepeat(last) || attempt === TRIES) break;
    await pause(parts, attempt, last);
    payment = await settledFirst(parts, journal, payment);
  }
  if (payment.state === 'captured') {
    return {
      outcome: 'captured',
      amount: payment.amount_received,
      payment: toPaymentIntent(payment),
      error: null,
    };
  }
  return failed(payment, amount, captureError(payment, last));
}

/** A capture whose answer was lost is settled by looking before anything is sent again. */
async function settledFirst(parts: Parts, journal: Journal, seen: Payment): Promise<Payment> {
  const payment = await latestOf(journal, seen);
  if (payment.state !== 'capturing') return payment;
  const look = await parts.gateway.retrievePaymentIntent(payment.id ?? '');
  if (look.kind === 'stop') throw credentialsError(look.error);
  if (look.kind !== 'delivered') return payment;
  return record(journal, payment, captureLookEvents(payment, look.value, look.request_id, true));
}

async function sendCapture(
  parts: Parts,
  journal: Journal,
  before: Payment,
  asked: number | null,
): Promise<{payment: Payment; last: Outcome<RemoteIntent>; amount: number}> {
  const {result, payment} = await decideOn(journal, before, (_, current) =>
    decideCapture(current, current.state, asked, parts.clock.now()),
  );
  const params = {amount_to_capture: result.amount, expand: ['latest_charge']};
  const last = await parts.gateway.capturePaymentIntent(
    payment.id ?? '',
    frozen(payment, result.key, params),
  );
  if (last.kind === 'refused')
    return {...(await settleRefused(parts, journal, payment, last)), amount: result.amount};
  const after = await recordAnswer(journal, payment, captureEvents(payment, last));
  if (last.kind === 'stop') throw credentialsError(last.error);
  return {payment: after, last, amount: result.amount};
}

/** The API says it cannot be captured: captured elsewhere, lapsed or cancelled. Look, and fold the real state. */
async function settleRefused(
  parts: Parts,
  journal: Journal,
  payment: Payment,
  refused: Extract<Outcome<RemoteIntent>, {kind: 'refused'}>,
): Promise<{payment: Payment; last: Outcome<RemoteIntent>}> {
  const look = await parts.gateway.retrievePaymentIntent(payment.id ?? '');
  const events =
    look.kind === 'delivered'
      ? captureLookEvents(payment, look.value, look.request_id, true)
      : captureEvents(payment, refused);
  return {payment: await recordAnswer(journal, payment, events), last: refused};
}

function captureError(payment: Payment, last: Outcome<RemoteIntent> | null): StowpayError {
  const said = last === null || last.kind === 'delivered' ? '' : last.error.message;
  const of = payment.local_id;
  switch (payment.state) {
    case 'canceled':
      return new StowpayError(
        'payment_intent_unexpected_state',
        `${of}: ${payment.reason?.message ?? said}`,
        {
          hint: `Nothing can be captured any more. See stowpay inspect ${of}.`,
        },
      );
    case 'capturing':
      return new StowpayError('api_unavailable', `It is not known yet whether ${of} was captured: ${said}`, {
        hint: `Run stowpay capture ${of} again: it looks before it sends.`,
      });
    default:
      return last?.kind === 'refused'
        ? new StowpayError('api_refused', `The payment API refused to capture ${of}: ${said}`, {
            hint: `See stowpay inspect ${of}.`,
          })
        : new StowpayError('api_unavailable', `${of} was not captured: ${said}`, {
            hint: 'Run the command again later.',
          });
  }
}

function busy(payment: Payment): StowpayError {
  return new StowpayError(
    'payment_busy',
    `Another process is working on ${payment.local_id}. Nothing was captured.`,
    {
      hint: 'Run the command again shortly.',
    },
  );
}

function failed(payment: Payment, amount: number, error: StowpayError): CaptureItem {
  return {outcome: 'failed', amount, payment: toPaymentIntent(payment), error};
}
