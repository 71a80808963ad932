import {isAbandonedAuthorization, isForwardable} from '../core/attempts.js';
import {StowpayError} from '../core/errors.js';
import type {Condition} from '../core/exit-codes.js';
import {formatAmount} from '../core/money.js';
import {
  abandonedState,
  type Binding,
  type Payment,
  type PaymentIntent,
  type PaymentState,
  toPaymentIntent,
} from '../core/payment.js';
import type {ApiError, Journal} from '../core/ports.js';
import {amountsByCurrency, type State} from '../core/state.js';
import {findPayments} from './find.js';
import {latestOf} from './history.js';
import {leftoverIntents} from './leftovers.js';
import {checkBinding, credentialsError, reachApi} from './network.js';
import {healthyState, type Parts, record, statesNow, timeNow} from './parts.js';
import {
  confirmAtApi,
  createAtApi,
  heard,
  recovered,
  releaseUnclaimed,
  type Settled,
  settleAbandoned,
} from './settle.js';
import {leftoversOf, sweep} from './sweep.js';

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
  /** Captured online, and no caller ever heard of it: a person must find out about the goods. */
  | 'unclaimed'
  | 'in_doubt'
  /** Still stored: no network, a soft decline, or the run was stopped. */
  | 'left'
  /** Owned by another process now, or the whole journal is. */
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
  readonly forwarding_failure: {
    readonly code: string;
    readonly message: string;
    readonly condition: Condition;
  } | null;
  /** Unconfirmed intents of sales that never were, cancelled at the API. They moved no money. */
  readonly leftovers_canceled: number;
}

/**
 * Sends what is stored, oldest first, and settles doubts by looking. One payment's fault never holds up another.
 * Every outcome is durable before it is reported.
 *
 * What stops the whole run (no network, no credentials, no journal) is in `forwarding_failure`, next to what became of
 * the payments before it. Payments of another account, mode or API stay stored and hold up nobody.
 *
 * @throws authentication_failed before anything was sent
 */
export async function forward(parts: Parts, request: ForwardRequest): Promise<ForwardResult> {
  const journal = parts.journals.open();
  const state = await healthyState(journal);
  const payments = await chosen(parts, journal, state, request);
  if (request.dryRun)
    return summary(
      true,
      payments.map((one) => planned(journal, one)),
      null,
    );
  const leftovers = request.names.length > 0 ? [] : leftoversOf(state, parts);
  if (payments.length === 0 && leftovers.length === 0) return summary(false, [], null);
  parts.journals.prepare();
  return drain(parts, journal, payments, leftovers, request);
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
        // Owned by a running sender: named as busy, so that nobody reads an empty list as an empty queue.
        payment.state === 'forwarding' ||
        isInterrupted(payment, effective(payment)) ||
        isAbandonedAuthorization(payment, now) ||
        isUnheardCapture(payment),
    )
    .sort((a, b) => a.seq - b.seq)
    .slice(0, request.limit ?? state.payments.size);
}

/** An online payment whose collect died before anything was sent: closed here, nothing is sent for it. */
function isInterrupted(payment: Payment, state: PaymentState): boolean {
  return payment.state === 'authorizing' && state === 'canceled';
}

/** Money was received and nobody knows: named by every forward until its reference, or a person by name, takes note. */
function isUnheardCapture(payment: Payment): boolean {
  return payment.state === 'captured' && payment.unclaimed;
}

function checkForwardable(payment: Payment, state: PaymentState): void {
  if (isForwardable(state) || state === 'forwarding' || isInterrupted(payment, state)) return;
  if (isUnheardCapture(payment)) return;
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
  leftovers: readonly Payment[],
  request: ForwardRequest,
): Promise<ForwardResult> {
  const reach = await reachApi(parts, request.signal);
  const stay = (error: ApiError): ForwardResult =>
    summary(
      false,
      payments.map((one) => left(journal, one, error.message)),
      failure(error, 'temporary'),
    );
  if (reach.kind === 'offline') return stay(reach.error);
  const known = await leftoverIntents(parts, payments, request.signal);
  if (known.kind === 'unavailable') return stay(known.error);
  const items: ForwardItem[] = [];
  let stopped: ForwardResult['forwarding_failure'] = null;
  let foreign: ForwardResult['forwarding_failure'] = null;
  for (const payment of payments) {
    request.onProgress?.(items.length, payments.length, null);
    const elsewhere = misfit(payment, reach.binding);
    if (elsewhere !== null) {
      foreign ??= elsewhere;
      items.push(left(journal, payment, elsewhere.message));
    } else if (stopped !== null) items.push(untried(journal, payment, stopped));
    else if (request.signal?.aborted === true)
      items.push(left(journal, payment, 'interrupted before it was sent'));
    else {
      const named = request.names.length > 0;
      const {done, lost} = await forwardOne(parts, journal, payment, known.intents, named);
      stopped = lost;
      items.push(done);
    }
    request.onProgress?.(items.length, payments.length, items.at(-1) ?? null);
  }
  if (stopped?.condition === 'temporary') {
    parts.device.setNetwork('offline', new Date(parts.clock.now()).toISOString());
  }
  const goOn = stopped === null && request.signal?.aborted !== true;
  const swept = goOn ? await sweep(parts, journal, leftovers, request.signal) : 0;
  return summary(false, items, stopped ?? foreign, swept);
}

/** Why this payment must not be sent with these credentials; null when it may. It holds up no other payment. */
function misfit(payment: Payment, binding: Binding): ForwardResult['forwarding_failure'] {
  try {
    checkBinding(payment.binding, binding);
    return null;
  } catch (error) {
    return failureOf(error as StowpayError);
  }
}

/** Errors after which it is known that nothing was written. */
const KNOWN_UNWRITTEN: readonly string[] = ['journal_locked', 'journal_full', 'journal_read_only'];

type Failure = NonNullable<ForwardResult['forwarding_failure']>;

interface Forwarded {
  readonly done: ForwardItem;
  /** Set when the rest need not or must not be tried: no network, no credentials, no journal. */
  readonly lost: ForwardResult['forwarding_failure'];
}

/** Owns one payment, brings it as far as it goes, and lets go of it. Whatever happens to it is in the answer. */
async function forwardOne(
  parts: Parts,
  journal: Journal,
  seen: Payment,
  known: ReadonlyMap<string, string>,
  named: boolean,
): Promise<Forwarded> {
  const claim = await journal.claim(seen.seq);
  if (claim === null) {
    return {done: item('busy', seen, 'another process is working on it', seen.state), lost: null};
  }
  try {
    const current = await latestOf(journal, seen);
    if (named && isUnheardCapture(current)) {
      return {done: itemOf(await heard(journal, current), null), lost: null};
    }
    const {payment, last} = await bringForward(parts, journal, current, known);
    return {done: itemOf(payment, last), lost: lostBy(last)};
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    if (error.code === 'payment_busy')
      return {done: item('busy', seen, error.message, seen.state), lost: null};
    if (KNOWN_UNWRITTEN.includes(error.code)) return notRecorded(journal, seen, error);
    // The journal itself failed: what was sent may have taken effect, and nothing more can be recorded.
    return {done: item('in_doubt', seen, error.message, seen.state), lost: failureOf(error)};
  } finally {
    claim.release();
  }
}

/**
 * A step could not be journalled, and it is known that it was not. Every request that moves money is journalled before
 * it leaves, so the journal tells whether there is a doubt.
 */
async function notRecorded(journal: Journal, seen: Payment, error: StowpayError): Promise<Forwarded> {
  const payment = await latestOf(journal, seen);
  const lost = failureOf(error);
  return {done: stays(payment, lost, abandonedState(payment)), lost};
}

/** What stopped the run before it says why this payment is where it was. */
function untried(journal: Journal, payment: Payment, stopped: Failure): ForwardItem {
  return stays(payment, stopped, statesNow(journal)(payment));
}

function stays(payment: Payment, {condition, message}: Failure, state: PaymentState): ForwardItem {
  const outcome = condition === 'locked' ? 'busy' : 'left';
  return item(state === 'in_doubt' ? 'in_doubt' : outcome, payment, message, state);
}

function lostBy(last: Settled['last']): ForwardResult['forwarding_failure'] {
  if (last?.kind === 'never_sent') return failure(last.error, 'temporary');
  return last?.kind === 'stop' ? failureOf(credentialsError(last.error)) : null;
}

async function bringForward(
  parts: Parts,
  journal: Journal,
  start: Payment,
  known: ReadonlyMap<string, string>,
): Promise<Settled> {
  const payment = await recovered(journal, start);
  if (payment.state === 'authorized' && payment.unclaimed) return releaseUnclaimed(parts, journal, payment);
  if (payment.stored_at === null) return settleAbandoned(parts, journal, payment);
  if (!isForwardable(payment.state)) return {payment, last: null};
  const found = payment.id === null ? known.get(payment.local_id) : undefined;
  const created =
    found === undefined
      ? await createAtApi(parts, journal, payment)
      : await adopt(parts, journal, payment, found);
  const ready = created.payment.id !== null && isForwardable(created.payment.state);
  if (!ready || created.last?.kind === 'stop') return stopIfRefused(journal, created);
  return confirmAtApi(parts, journal, created.payment);
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
  // Ours until we let go of it: whatever it says of a running sender means us.
  const state = abandonedState(payment);
  switch (state) {
    case 'captured':
      return payment.unclaimed
        ? item(
            'unclaimed',
            payment,
            'captured, but its collect died before it could tell anybody',
            'captured',
          )
        : item('captured', payment, null, 'captured');
    case 'authorized':
      return item('authorized', payment, null, 'authorized');
    case 'declined':
      return item('declined', payment, payment.last_error?.message ?? null, 'declined');
    case 'canceled':
    case 'refused':
      return item('canceled', payment, payment.reason?.message ?? null, state);
    case 'quarantined':
      return item('quarantined', payment, payment.reason?.message ?? null, 'quarantined');
    case 'in_doubt':
      return item('in_doubt', payment, said ?? 'the payment API did not tell what became of it', 'in_doubt');
    default:
      return item('left', payment, said, state);
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

function failure(error: ApiError, condition: Condition): ForwardResult['forwarding_failure'] {
  return {code: error.code ?? error.type, message: error.message, condition};
}

function failureOf({code, message, condition}: StowpayError): Failure {
  return {code, message, condition};
}

function summary(
  dryRun: boolean,
  items: readonly ForwardItem[],
  forwarding_failure: ForwardResult['forwarding_failure'],
  leftovers_canceled = 0,
): ForwardResult {
  const kinds = [...new Set(items.map(({outcome}) => outcome))];
  const outcomes = Object.fromEntries(
    kinds.map((kind) => {
      const of = items.filter(({outcome}) => outcome === kind).map(({payment}) => payment);
      return [kind, {count: of.length, amounts: amountsByCurrency(of)}];
    }),
  );
  return {
    dry_run: dryRun,
    total: items.length,
    outcomes,
    payments: items,
    forwarding_failure,
    leftovers_canceled,
  };
}
