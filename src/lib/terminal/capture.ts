import {captureEvents, captureLookEvents, decideCapture} from '../core/attempts.js';
import {StowpayError} from '../core/errors.js';
import {formatAmount} from '../core/money.js';
import {
  awaitsCancel,
  type Binding,
  type Payment,
  type PaymentIntent,
  type PaymentState,
  toPaymentIntent,
} from '../core/payment.js';
import type {ApiError, Journal, Outcome, RemoteIntent} from '../core/ports.js';
import {askedPause, IN_RUN, mayRepeat} from '../core/retry.js';
import {type Acted, workThrough} from './crew.js';
import {findPayments} from './find.js';
import {paced} from './forward/pace.js';
import {type Failure, failureOf} from './forward/result.js';
import {Schedule, timing} from './forward/schedule.js';
import {latestOf} from './history.js';
import {checkBinding, credentialsError, reachApi} from './network.js';
import {decideOn, healthyState, interrupted, type Parts, record, statesNow} from './parts.js';
import {inRounds} from './rounds.js';
import {frozen, recordAnswer} from './settle.js';

export interface CaptureRequest {
  readonly names: readonly string[];
  /** Everything that is authorised. */
  readonly all: boolean;
  /** Minor units; null for the whole amount. Only with one payment. */
  readonly amount: number | null;
  readonly dryRun: boolean;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface CaptureItem {
  readonly outcome: 'captured' | 'failed' | 'planned';
  /** What is, or would be, captured; minor units. */
  readonly amount: number;
  readonly payment: PaymentIntent;
  /** It was captured already when ours came: by the merchant's backend, or by hand. */
  readonly captured_elsewhere: boolean;
  readonly error: StowpayError | null;
}

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
        .filter((one) => isCapturable(effective(one)) && !one.unclaimed && !awaitsCancel(one))
        .sort((a, b) => a.seq - b.seq)
    : await findPayments(journal, state, request.names);
  const plan = payments.map((payment) => planFor(payment, effective(payment), request.amount, parts));
  if (request.dryRun || plan.length === 0) return plan;
  parts.journals.prepare();
  const slow = paced(parts);
  const reach = await reachApi(slow, request.signal);
  if (reach.kind === 'offline') throw unreachable(reach.error);
  return captureAll(slow, journal, payments, reach.binding, request);
}

/** Each of them, a few at a time; one that fails is visited again a few times, while others go on. */
async function captureAll(
  parts: Parts,
  journal: Journal,
  payments: readonly Payment[],
  binding: Binding,
  {amount, signal, onProgress}: CaptureRequest,
): Promise<readonly CaptureItem[]> {
  const items = new Map<string, CaptureItem>();
  const schedule = new Schedule({...timing(parts), backoff: IN_RUN});
  onProgress?.(0, payments.length);
  await inRounds(payments, schedule, signal, async (due) => {
    const {results, lost} = await workThrough<Payment, Visit>(parts, due, {
      signal,
      act: (payment) => captureOnce(parts, journal, payment, amount, binding),
      skip: (payment) => (signal?.aborted === true ? untried(payment, interruptedBy(signal)) : null),
      left: (payment, lost) => untried(payment, untriedError(payment, lost)),
      onResult: ({item}) => {
        items.set(item.payment.local_id, item);
        onProgress?.(items.size, payments.length);
      },
    });
    for (const {item, again, asked} of results) if (again) schedule.failed(item.payment.local_id, asked);
    return {again: new Set(results.filter(({again}) => again).map(({item}) => item.payment.local_id)), lost};
  });
  return payments.flatMap(({local_id}) => items.get(local_id) ?? []);
}

interface Visit {
  readonly item: CaptureItem;
  /** It may succeed at another visit, after so many ms where the API asked for them. */
  readonly again: boolean;
  readonly asked: number | null;
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
  const shown = toPaymentIntent(payment, state);
  return {outcome: 'planned', amount, payment: shown, captured_elsewhere: false, error: null};
}

async function captureOnce(
  parts: Parts,
  journal: Journal,
  seen: Payment,
  asked: number | null,
  binding: Binding,
): Promise<Acted<Visit>> {
  const claim = await journal.claim(seen.seq);
  if (claim === null) return failedVisit(seen, busy(seen), null);
  try {
    checkBinding(seen.binding, binding);
    return await settleCapture(parts, journal, seen, asked);
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    const everywhere = error.condition === 'credentials' && error.code === 'authentication_failed';
    return failedVisit(seen, error, everywhere || error.condition === 'journal' ? failureOf(error) : null);
  } finally {
    claim.release();
  }
}

function failedVisit(seen: Payment, error: StowpayError, lost: Failure | null): Acted<Visit> {
  return {result: untried(seen, error), last: null, lost};
}

/** Looks where an answer is missing, and sends the capture once where that is known to take nothing twice. */
async function settleCapture(
  parts: Parts,
  journal: Journal,
  seen: Payment,
  asked: number | null,
): Promise<Acted<Visit>> {
  const found = await settledFirst(parts, journal, seen);
  // Only what is known not to be captured yet is sent: while an answer is missing, a look has to tell first.
  const sent =
    found.payment.state === 'authorized' ? await sendCapture(parts, journal, found.payment, asked) : found;
  const {payment, last} = sent;
  const again = isCapturable(payment.state) && last !== null && mayRepeat(last);
  const item = captureItem(payment, last, asked, sent.elsewhere);
  return {result: {item, again, asked: askedPause(last)}, last, lost: null};
}

interface Settled {
  readonly payment: Payment;
  readonly last: Outcome<RemoteIntent> | null;
  /** Ours was refused, and a look showed that it is captured all the same. */
  readonly elsewhere: boolean;
}

function captureItem(
  payment: Payment,
  last: Outcome<RemoteIntent> | null,
  asked: number | null,
  elsewhere: boolean,
): CaptureItem {
  if (payment.state !== 'captured') return failed(payment, captureError(payment, last));
  const {amount_received: amount} = payment;
  const error = asked !== null && asked !== amount ? otherAmount(payment, asked) : null;
  return {
    outcome: 'captured',
    amount,
    payment: toPaymentIntent(payment),
    captured_elsewhere: elsewhere,
    error,
  };
}

function otherAmount({local_id, amount_received, currency}: Payment, asked: number): StowpayError {
  return new StowpayError(
    'payment_intent_unexpected_state',
    `${local_id} was captured over ${formatAmount(amount_received, currency)}, not over the ` +
      `${formatAmount(asked, currency)} asked for: somebody captured it before. Nothing more was taken.`,
    {hint: `See stowpay inspect ${local_id}. What was taken too much is refunded at the payment API.`},
  );
}

/** A capture whose answer was lost is settled by looking before anything is sent again. */
async function settledFirst(parts: Parts, journal: Journal, seen: Payment): Promise<Settled> {
  const payment = await latestOf(journal, seen);
  if (payment.state !== 'capturing') return {payment, last: null, elsewhere: false};
  const look = await parts.gateway.retrievePaymentIntent(payment.id ?? '');
  if (look.kind === 'stop') throw credentialsError(look.error);
  if (look.kind !== 'delivered') return {payment, last: look, elsewhere: false};
  const events = captureLookEvents(payment, look.value, look.request_id, true);
  return {payment: await record(journal, payment, events), last: look, elsewhere: false};
}

async function sendCapture(
  parts: Parts,
  journal: Journal,
  before: Payment,
  asked: number | null,
): Promise<Settled> {
  const {result, payment} = await decideOn(journal, before, (_, current) =>
    decideCapture(current, current.state, asked, parts.clock.now()),
  );
  const params = {amount_to_capture: result.amount, expand: ['latest_charge']};
  const last = await parts.gateway.capturePaymentIntent(
    payment.id ?? '',
    frozen(payment, result.key, params),
  );
  if (last.kind === 'refused') return settleRefused(parts, journal, payment, last);
  const after = await recordAnswer(journal, payment, captureEvents(payment, last));
  if (last.kind === 'stop') throw credentialsError(last.error);
  return {payment: after, last, elsewhere: false};
}

/** The API says it cannot be captured: captured elsewhere, lapsed or cancelled. Look, and fold the real state. */
async function settleRefused(
  parts: Parts,
  journal: Journal,
  payment: Payment,
  refused: Extract<Outcome<RemoteIntent>, {kind: 'refused'}>,
): Promise<Settled> {
  const look = await parts.gateway.retrievePaymentIntent(payment.id ?? '');
  const answered = {...payment, attempt: null};
  const events =
    look.kind === 'delivered'
      ? captureLookEvents(answered, look.value, look.request_id, true)
      : captureEvents(payment, refused);
  // One of ours whose answer was lost may have been the one that took it.
  const elsewhere = !payment.capture_fixed;
  return {payment: await recordAnswer(journal, payment, events), last: refused, elsewhere};
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

function failed(payment: Payment, error: StowpayError): CaptureItem {
  return {
    outcome: 'failed',
    amount: 0,
    payment: toPaymentIntent(payment),
    captured_elsewhere: false,
    error,
  };
}

function untried(payment: Payment, error: StowpayError): Visit {
  return {item: failed(payment, error), again: false, asked: null};
}

/** What stopped the work before it came to this payment. */
function untriedError({local_id}: Payment, {condition, message}: Failure): StowpayError {
  const code = condition === 'temporary' ? 'api_unavailable' : 'payments_left';
  return new StowpayError(code, `${local_id} was not captured: ${message}`, {
    hint: 'Nothing was sent for it. Run the command again when the cause is gone.',
  });
}

function interruptedBy({reason}: AbortSignal): StowpayError {
  return reason instanceof StowpayError ? reason : interrupted();
}
