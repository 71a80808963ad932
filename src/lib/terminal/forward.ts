import {attemptEvent, isAbandonedAuthorization, isForwardable, nextKey} from '../core/attempts.js';
import {StowpayError} from '../core/errors.js';
import {formatAmount} from '../core/money.js';
import {type Payment, type PaymentIntent, type PaymentState, toPaymentIntent} from '../core/payment.js';
import type {ApiError, Journal} from '../core/ports.js';
import {amountsByCurrency, type State} from '../core/state.js';
import {findPayments} from './find.js';
import {leftoverIntents} from './leftovers.js';
import {checkBinding, credentialsError, reachApi} from './network.js';
import {type Parts, record, statesNow, timeNow} from './parts.js';
import {
  confirmAtApi,
  createAtApi,
  frozen,
  lookAtApi,
  recovered,
  type Settled,
  voidUntouched,
} from './settle.js';

export interface ForwardRequest {
  /** Names of payments; empty for everything that is stored. */
  readonly names: readonly string[];
  readonly limit: number | null;
  readonly dryRun: boolean;
  readonly onProgress?: (done: number, total: number, item: ForwardItem | null) => void;
  readonly signal?: AbortSignal;
}

/** What became of one payment in this run. */
export type ForwardOutcome =
  | 'authorized'
  | 'captured'
  | 'declined'
  | 'canceled'
  | 'quarantined'
  | 'in_doubt'
  /** Still stored: no network, a soft decline, or the run was stopped. */
  | 'left'
  /** Owned by another process now. */
  | 'busy'
  /** `--dry-run`: it would be sent. */
  | 'planned';

export interface ForwardItem {
  readonly outcome: ForwardOutcome;
  readonly payment: PaymentIntent;
  /** Why it is where it is; null when it was delivered. */
  readonly reason: string | null;
}

export interface ForwardResult {
  readonly dry_run: boolean;
  readonly total: number;
  readonly outcomes: Readonly<
    Partial<Record<ForwardOutcome, {count: number; amounts: Record<string, number>}>>
  >;
  readonly payments: readonly ForwardItem[];
  /** What stopped or hampered the whole run and is no single payment's fault. */
  readonly forwarding_failure: {readonly code: string; readonly message: string} | null;
}

/**
 * Sends what is stored, oldest first, and settles doubts by looking. One payment's fault never holds up another.
 * Every outcome is durable before it is reported.
 *
 * @throws authentication_failed, account_mismatch, livemode_mismatch, origin_mismatch, forwarding_not_supported:
 *   the whole run stops; stored payments stay stored
 */
export async function forward(parts: Parts, request: ForwardRequest): Promise<ForwardResult> {
  const journal = parts.journals.open();
  const {state, health} = await journal.view();
  if (!health.ok) throw damaged(health.damage?.message ?? '');
  const payments = await chosen(parts, journal, state, request);
  if (request.dryRun)
    return summary(
      true,
      payments.map((one) => planned(journal, one)),
      null,
    );
  if (payments.length === 0) return summary(false, [], null);
  return drain(parts, journal, payments, request);
}

function damaged(message: string): StowpayError {
  return new StowpayError('journal_damaged', message, {
    hint: 'Nothing was sent. Copy the data directory and have a person look at it; do not wipe.',
  });
}

async function chosen(
  parts: Parts,
  journal: Journal,
  state: State,
  request: ForwardRequest,
): Promise<readonly Payment[]> {
  const effective = statesNow(journal);
  const now = timeNow(parts, state).ms;
  if (request.names.length > 0) {
    const named = await findPayments(journal, state, request.names);
    for (const payment of named) checkForwardable(payment, effective(payment));
    return named.slice(0, request.limit ?? named.length);
  }
  return [...state.payments.values()]
    .filter(
      (payment) =>
        isForwardable(effective(payment)) ||
        isInterrupted(payment, effective(payment)) ||
        isAbandonedAuthorization(payment, now),
    )
    .sort((a, b) => a.seq - b.seq)
    .slice(0, request.limit ?? state.payments.size);
}

/** An online payment whose collect died before anything was sent: closed here, nothing is sent for it. */
function isInterrupted(payment: Payment, state: PaymentState): boolean {
  return payment.state === 'authorizing' && state === 'canceled';
}

function checkForwardable(payment: Payment, state: PaymentState): void {
  if (isForwardable(state) || state === 'forwarding' || isInterrupted(payment, state)) return;
  throw new StowpayError(
    'payment_intent_unexpected_state',
    `${payment.local_id} (${formatAmount(payment.amount, payment.currency)}) is ${state}: there is nothing to forward. ` +
      'Nothing was sent.',
    {hint: `See stowpay inspect ${payment.local_id}.`, details: {local_id: payment.local_id, state}},
  );
}

function planned(journal: Journal, payment: Payment): ForwardItem {
  return item('planned', payment, null, statesNow(journal)(payment));
}

async function drain(
  parts: Parts,
  journal: Journal,
  payments: readonly Payment[],
  {signal, onProgress}: ForwardRequest,
): Promise<ForwardResult> {
  const reach = await reachApi(parts, signal);
  if (reach.kind === 'offline') {
    return summary(
      false,
      payments.map((one) => left(journal, one, reach.error.message)),
      failure(reach.error),
    );
  }
  for (const payment of payments) checkBinding(payment.binding, reach.binding);
  const known = await leftoverIntents(parts, payments, signal);
  if (known.kind === 'unavailable') {
    return summary(
      false,
      payments.map((one) => left(journal, one, known.error.message)),
      failure(known.error),
    );
  }
  const items: ForwardItem[] = [];
  let stopped: ApiError | null = null;
  for (const payment of payments) {
    onProgress?.(items.length, payments.length, null);
    if (signal?.aborted === true) items.push(left(journal, payment, 'interrupted before it was sent'));
    else if (stopped !== null) items.push(left(journal, payment, stopped.message));
    else {
      const {done, lost} = await forwardOne(parts, journal, payment, known.intents);
      stopped = lost;
      items.push(done);
    }
    onProgress?.(items.length, payments.length, items.at(-1) ?? null);
  }
  if (stopped !== null) parts.device.setNetwork('offline', new Date(parts.clock.now()).toISOString());
  return summary(false, items, stopped === null ? null : failure(stopped));
}

interface Forwarded {
  readonly done: ForwardItem;
  /** Set when nothing leaves this machine any more: the rest need not try. */
  readonly lost: ApiError | null;
}

/** Owns one payment, brings it as far as it goes, and lets go of it. */
async function forwardOne(
  parts: Parts,
  journal: Journal,
  seen: Payment,
  known: ReadonlyMap<string, string>,
): Promise<Forwarded> {
  const claim = await journal.claim(seen.seq);
  if (claim === null) {
    return {done: item('busy', seen, 'another process is working on it', seen.state), lost: null};
  }
  try {
    const {state} = await journal.view();
    const {payment, last} = await bringForward(
      parts,
      journal,
      state.payments.get(seen.local_id) ?? seen,
      known,
    );
    const lost = last?.kind === 'never_sent' ? last.error : null;
    return {done: itemOf(payment, last), lost};
  } finally {
    claim.release();
  }
}

async function bringForward(
  parts: Parts,
  journal: Journal,
  start: Payment,
  known: ReadonlyMap<string, string>,
): Promise<Settled> {
  const payment = await recovered(journal, start);
  if (payment.state === 'authorized') return releaseUnclaimed(parts, journal, payment);
  if (payment.stored_at === null) return settleOnline(parts, journal, payment);
  if (!isForwardable(payment.state)) return {payment, last: null};
  const found = payment.id === null ? known.get(payment.local_id) : undefined;
  const created =
    found === undefined
      ? await createAtApi(parts, journal, payment)
      : await adopt(parts, journal, payment, found);
  if (created.payment.id === null || !isForwardable(created.payment.state))
    return stopIfRefused(journal, created);
  return confirmAtApi(parts, journal, created.payment);
}

/** An online payment whose collect is gone: look; what was never confirmed is cancelled for good, never sent. */
async function settleOnline(parts: Parts, journal: Journal, payment: Payment): Promise<Settled> {
  let current: Settled = {payment, last: null};
  if (payment.state === 'in_doubt') current = await lookAtApi(parts, journal, payment);
  if (current.payment.state !== 'authorizing') return current;
  if (current.last !== null) return voidUntouched(parts, journal, current.payment);
  const message = 'The collect was interrupted before anything was sent; no card was charged.';
  const data = {reason: 'interrupted', message};
  return {
    payment: await record(journal, payment, [{type: 'payment.canceled', payment: payment.local_id, data}]),
    last: null,
  };
}

/** Nobody ever heard that it was authorised, so nobody can owe goods for it: the hold on the card is released. */
async function releaseUnclaimed(parts: Parts, journal: Journal, start: Payment): Promise<Settled> {
  if (!start.unclaimed) return {payment: start, last: null};
  const next = nextKey(start, 'cancel', parts.clock.now());
  const payment = await record(journal, start, [attemptEvent(start, 'cancel', next)]);
  const last = await parts.gateway.cancelPaymentIntent(payment.id ?? '', frozen(payment, next.key, {}));
  if (last.kind === 'delivered' && last.value.status === 'canceled') {
    const message =
      'It was authorised, but its collect died before it could tell anybody; the hold was released.';
    const data = {reason: 'unclaimed', message};
    const event = {type: 'payment.canceled', payment: payment.local_id, data} as const;
    return {payment: await record(journal, payment, [event]), last};
  }
  const outcome = last.kind === 'delivered' || last.kind === 'declined' ? 'in_doubt' : last.kind;
  const error = last.kind === 'delivered' ? null : last.error;
  const failed = {operation: 'cancel', outcome, error} as const;
  const kept = await record(journal, payment, [
    {type: 'payment.attempt_failed', payment: payment.local_id, data: failed},
  ]);
  if (last.kind === 'stop') throw credentialsError(last.error);
  return {payment: kept, last};
}

/** The API already has an intent for it (a journal restored from a backup): look at that one instead of making another. */
async function adopt(parts: Parts, journal: Journal, payment: Payment, id: string): Promise<Settled> {
  const last = await parts.gateway.retrievePaymentIntent(id);
  if (last.kind !== 'delivered') return {payment, last};
  const adopted = await record(journal, payment, [
    {
      type: 'payment.delivered',
      payment: payment.local_id,
      data: {operation: 'create', intent: last.value, request_id: last.request_id, looked: true},
    },
    {
      type: 'payment.attempt_failed',
      payment: payment.local_id,
      data: {operation: 'confirm', outcome: 'in_doubt', error: null},
    },
  ]);
  return {payment: adopted, last};
}

/** A create the API will never accept: set aside for a person, with what the API said. */
async function stopIfRefused(journal: Journal, {payment, last}: Settled): Promise<Settled> {
  if (last?.kind !== 'refused' || payment.state !== 'accepted_offline') return {payment, last};
  const message = `The payment API refused to create it: ${last.error.message}`;
  const data = {code: 'api_refused', message, error: last.error};
  const event = {type: 'payment.quarantined', payment: payment.local_id, data} as const;
  return {payment: await record(journal, payment, [event]), last};
}

function itemOf(payment: Payment, last: Settled['last']): ForwardItem {
  const said = last !== null && last.kind !== 'delivered' ? last.error.message : null;
  switch (payment.state) {
    case 'authorized':
    case 'captured':
      return item(payment.state, payment, null, payment.state);
    case 'declined':
      return item('declined', payment, payment.last_error?.message ?? null, 'declined');
    case 'canceled':
    case 'refused':
      return item('canceled', payment, payment.reason?.message ?? null, payment.state);
    case 'quarantined':
      return item('quarantined', payment, payment.reason?.message ?? null, 'quarantined');
    case 'in_doubt':
      return item('in_doubt', payment, said ?? 'the payment API did not tell what became of it', 'in_doubt');
    default:
      return item('left', payment, said, payment.state);
  }
}

function item(
  outcome: ForwardOutcome,
  payment: Payment,
  reason: string | null,
  state: PaymentState,
): ForwardItem {
  return {outcome, payment: toPaymentIntent(payment, state), reason};
}

function left(journal: Journal, payment: Payment, reason: string): ForwardItem {
  const state = statesNow(journal)(payment);
  return item(state === 'in_doubt' ? 'in_doubt' : 'left', payment, reason, state);
}

function failure(error: ApiError): ForwardResult['forwarding_failure'] {
  return {code: error.code ?? error.type, message: error.message};
}

function summary(
  dryRun: boolean,
  items: readonly ForwardItem[],
  forwarding_failure: ForwardResult['forwarding_failure'],
): ForwardResult {
  const kinds = [...new Set(items.map(({outcome}) => outcome))];
  const outcomes = Object.fromEntries(
    kinds.map((kind) => {
      const of = items.filter(({outcome}) => outcome === kind).map(({payment}) => payment);
      return [kind, {count: of.length, amounts: amountsByCurrency(of)}];
    }),
  );
  return {dry_run: dryRun, total: items.length, outcomes, payments: items, forwarding_failure};
}
