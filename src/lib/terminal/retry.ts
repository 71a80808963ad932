import {StowpayError} from '../core/errors.js';
import {decideRetry, type Known} from '../core/operate.js';
import {awaitsCancel, type Payment} from '../core/payment.js';
import type {ApiError, Journal} from '../core/ports.js';
import {forward} from './forward/forward.js';
import {paced} from './forward/pace.js';
import type {ForwardItem, ForwardOutcome, ForwardResult} from './forward/result.js';
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
} from './operate.js';
import {healthyState, type Parts} from './parts.js';

export interface RetryRequest extends OperateRequest {
  readonly dryRun: boolean;
}

/** What a forward of it brought; `planned` only in a dry run. */
export type RetryItem = OperateItem<ForwardOutcome | 'failed'>;

/**
 * Tries payments again now, those in quarantine too: they leave it because a person names them. What may have been sent
 * for one before is looked up before anything is sent. If the cause still stands, it is set aside again.
 */
export async function retry(parts: Parts, request: RetryRequest): Promise<readonly RetryItem[]> {
  const journal = parts.journals.open();
  const payments = await chosenPayments(
    journal,
    await healthyState(journal),
    request,
    (payment) => payment.state === 'quarantined' && !awaitsCancel(payment),
  );
  if (request.dryRun) {
    const items: RetryItem[] = [];
    for (const payment of payments) items.push(await planned(parts, journal, payment, request));
    return items;
  }
  parts.journals.prepare();
  const act = actOf(parts, request);
  const slow = paced(parts);
  const reach = new OneReach(slow, request.signal);
  const ready = await eachOwned(
    journal,
    payments,
    async (owned): Promise<RetryItem> => {
      const known = await knownOf(slow, journal, owned, reach);
      const {payment} = await decideOwned(journal, owned, (current) => decideRetry(current, act, known));
      return answer<ForwardOutcome>('left', payment, null);
    },
    request.signal,
  );
  return sendReady(parts, ready, request.signal);
}

async function planned(
  parts: Parts,
  journal: Journal,
  payment: Payment,
  request: RetryRequest,
): Promise<RetryItem> {
  try {
    const known = {sealed: await isSealed(journal, payment), canceled: null};
    const {result} = decideRetry(payment, actOf(parts, request), known);
    const note = result === 'restored' ? 'taken out of quarantine and sent' : 'sent';
    return answer<ForwardOutcome>('planned', payment, note);
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    return failed(payment, error);
  }
}

/** What decides whether trying again can help. Throws when the API must be asked and does not tell. */
async function knownOf(parts: Parts, journal: Journal, payment: Payment, reach: OneReach): Promise<Known> {
  const sealed = await isSealed(journal, payment);
  const gone = payment.state === 'quarantined' && payment.reason?.code === 'canceled_at_api';
  if (!gone || payment.id === null) return {sealed, canceled: null};
  const reached = await reach.ask();
  if (reached.kind === 'offline') throw notLooked(payment, reached.error);
  checkBinding(payment.binding, reached.binding);
  const look = await parts.gateway.retrievePaymentIntent(payment.id);
  if (look.kind === 'stop') throw credentialsError(look.error);
  if (look.kind !== 'delivered') throw notLooked(payment, look.error);
  const {status, charge} = look.value;
  if (status !== 'canceled') return {sealed, canceled: null};
  return {sealed, canceled: charge === null ? 'never_confirmed' : 'confirmed'};
}

async function isSealed(journal: Journal, payment: Payment): Promise<boolean> {
  try {
    return (await journal.privateData(payment.local_id)) !== null;
  } catch (error) {
    if (error instanceof StowpayError && error.code === 'journal_damaged') return false;
    throw error;
  }
}

function notLooked(payment: Payment, {message, http_status}: ApiError): StowpayError {
  return new StowpayError(
    http_status === null ? 'network_unavailable' : 'api_unavailable',
    `${payment.local_id} was cancelled at the payment API, and whether it was charged before is only known there: ` +
      `${message} It stays set aside.`,
    {hint: 'Run the command again when there is network.', details: {local_id: payment.local_id}},
  );
}

/** Forwards what may be sent, and says of each what became of it. */
async function sendReady(
  parts: Parts,
  ready: readonly RetryItem[],
  signal: AbortSignal | undefined,
): Promise<readonly RetryItem[]> {
  const names = ready.filter(({outcome}) => outcome !== 'failed').map(({payment}) => payment.local_id);
  if (names.length === 0) return ready;
  const request = {
    names,
    chosen: true,
    limit: null,
    dryRun: false,
    ...(signal === undefined ? {} : {signal}),
  };
  try {
    const result = await forward(parts, request);
    return ready.map((item) => (item.outcome === 'failed' ? item : afterForward(item, result)));
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    return ready.map((item) => (item.outcome === 'failed' ? item : {...item, note: STORED, error}));
  }
}

const STORED = 'not sent yet; forward sends it';

function afterForward(item: RetryItem, result: ForwardResult): RetryItem {
  const forwarded = result.payments.find(({payment}) => payment.local_id === item.payment.local_id);
  if (forwarded === undefined) return item;
  const {outcome, payment, reason} = forwarded;
  return {outcome, payment, note: reason, error: errorOf(forwarded, result)};
}

function errorOf({outcome, payment, reason}: ForwardItem, result: ForwardResult): StowpayError | null {
  const of = payment.local_id;
  const why = reason ?? '';
  const hint = `See stowpay inspect ${of}.`;
  const details = {local_id: of, state: payment.state};
  switch (outcome) {
    case 'authorized':
    case 'captured':
    case 'canceled':
    case 'planned':
      return null;
    case 'declined':
      return new StowpayError('payment_declined_after_acceptance', `${of} was declined: ${why}`, {
        hint,
        details,
      });
    case 'quarantined':
      return new StowpayError('payment_quarantined', `${of} was set aside again: ${why}`, {hint, details});
    case 'elsewhere':
      if (payment.bucket !== 'attention' && payment.state !== 'declined') return null;
      return new StowpayError('payments_need_attention', `${of}: ${why}.`, {hint, details});
    case 'unclaimed':
    case 'too_late':
      return new StowpayError('payments_need_attention', `${of}: ${why}.`, {hint, details});
    case 'in_doubt':
      return new StowpayError('payment_in_doubt', `It is not known yet what became of ${of}: ${why}`, {
        hint: `stowpay forward ${of} finds out when there is network.`,
        details,
      });
    case 'busy':
      return new StowpayError('payment_busy', `Another process is working on ${of}.`, {
        hint: 'Run the command again shortly.',
        details,
      });
    case 'left': {
      const code =
        result.forwarding_failure?.condition === 'credentials' ? 'authentication_failed' : 'payments_left';
      return new StowpayError(code, `${of} was not sent and stays stored: ${why}`, {
        hint: `stowpay forward ${of} sends it when there is network.`,
        details,
      });
    }
  }
}
