import {type Diagnosis, diagnose} from '../core/diagnosis.js';
import {StowpayError} from '../core/errors.js';
import {type JournalRecord, whoAndWhy} from '../core/events.js';
import {formatAmount} from '../core/money.js';
import {
  type Bucket,
  bucketOf,
  type Payment,
  type PaymentIntent,
  type PaymentState,
  toPaymentIntent,
} from '../core/payment.js';
import type {ApiError, Journal} from '../core/ports.js';
import {damageOf} from './damage.js';
import {findPayments} from './find.js';
import {closedPayments, storyOf} from './history.js';
import {type Parts, statesNow, timeNow} from './parts.js';

export interface InspectRequest {
  readonly names: readonly string[];
  readonly states: readonly PaymentState[];
  readonly buckets: readonly Bucket[];
  /** Newest first; null for all. */
  readonly limit: number | null;
}

export interface TimelineEntry {
  readonly seq: number;
  readonly at: string;
  readonly type: string;
  /** One line for a person. */
  readonly text: string;
}

export interface Attempt {
  readonly at: string;
  readonly operation: string;
  readonly idempotency_key: string;
  /** `open` while no outcome is journalled. */
  readonly outcome: string;
  readonly settled_at: string | null;
  readonly request_id: string | null;
  readonly error: Pick<ApiError, 'type' | 'code' | 'decline_code' | 'message' | 'http_status'> | null;
}

export interface Inspected extends PaymentIntent {
  readonly account: string;
  readonly origin: string;
  readonly reader: Payment['reader'];
  readonly updated: string;
  readonly reason: Payment['reason'];
  readonly timeline: readonly TimelineEntry[];
  readonly attempts: readonly Attempt[];
  readonly diagnosis: Diagnosis;
}

/** Every payment that fits, newest first. Of a damaged journal, those whose records come before the damage. */
export async function list(parts: Parts, request: InspectRequest): Promise<readonly PaymentIntent[]> {
  const journal = parts.journals.open();
  const {state} = await journal.view();
  const effective = statesNow(journal);
  const onlyOpen = request.buckets.length > 0 && !request.buckets.includes('done');
  const limit = request.limit ?? Number.POSITIVE_INFINITY;
  const fits = ({payment, now}: Shown): boolean =>
    (request.states.length === 0 || request.states.includes(now)) &&
    (request.buckets.length === 0 || request.buckets.includes(bucketOf(payment, now)));
  const shown = [...state.payments.values()]
    .map((payment) => ({payment, now: effective(payment)}))
    .filter(fits);
  const closed: Shown[] = [];
  if (!onlyOpen) {
    for await (const payment of closedPayments(journal)) {
      const one = {payment, now: payment.state};
      if (fits(one)) closed.push(one);
      if (closed.length >= limit) break;
    }
  }
  return [...shown, ...closed]
    .sort((a, b) => b.payment.seq - a.payment.seq)
    .slice(0, request.limit ?? undefined)
    .map(({payment, now}) => toPaymentIntent(payment, now));
}

interface Shown {
  readonly payment: Payment;
  readonly now: PaymentState;
}

/**
 * The whole story of the payments named. Throws `payment_not_found` or `payment_ambiguous`; of a damaged journal
 * `journal_damaged` instead of the first: it may have stood where nothing verifies.
 */
export async function inspect(parts: Parts, names: readonly string[]): Promise<readonly Inspected[]> {
  const journal = parts.journals.open();
  const {state, health} = await journal.view();
  const payments = await findPayments(journal, state, names).catch((error) => {
    const lost =
      error instanceof StowpayError && error.code === 'payment_not_found' ? damageOf(health) : null;
    throw lost ?? error;
  });
  const now = timeNow(parts, state).ms;
  const inspected: Inspected[] = [];
  for (const payment of payments) {
    const records = (await storyOf(journal, payment.local_id))?.records ?? [];
    inspected.push(await inspectOne(journal, payment, records, now));
  }
  return inspected;
}

async function inspectOne(
  journal: Journal,
  payment: Payment,
  records: readonly JournalRecord[],
  now: number,
): Promise<Inspected> {
  const state = statesNow(journal)(payment);
  const name = (await journal.privateData(payment.local_id).catch(() => null))?.cardholder_name ?? null;
  return {
    ...toPaymentIntent(payment, state, name),
    account: payment.binding.account,
    origin: payment.binding.origin,
    reader: payment.reader,
    updated: payment.updated_at,
    reason: payment.reason,
    timeline: records.map((entry) => timelineEntry(entry, payment.currency)),
    attempts: attemptsOf(records),
    diagnosis: diagnose(payment, state, now),
  };
}

function timelineEntry(record: JournalRecord, currency: string): TimelineEntry {
  return {seq: record.seq, at: record.at, type: record.type, text: textOf(record, currency)};
}

function textOf(record: JournalRecord, currency: string): string {
  switch (record.type) {
    case 'payment.created':
      return 'created';
    case 'payment.authorizing':
      return 'card read; about to be authorised online';
    case 'payment.accepted_offline':
      return 'card read; accepted offline and stored';
    case 'payment.refused':
      return `refused (${record.data.code})`;
    case 'payment.attempted':
      return `${record.data.operation} sent`;
    case 'payment.delivered':
      return `${record.data.operation} ${record.data.looked ? 'found at' : 'answered by'} the API: ${record.data.intent.id} is ${record.data.intent.status}`;
    case 'payment.declined':
      return `declined: ${record.data.error.decline_code ?? record.data.error.code ?? record.data.error.message}`;
    case 'payment.attempt_failed':
      return `${record.data.operation}: ${record.data.outcome.replaceAll('_', ' ')}${record.data.error === null ? '' : ` (${record.data.error.message})`}`;
    case 'payment.capture_attempted':
      return `capture of ${formatAmount(record.data.amount, currency)} sent`;
    case 'payment.captured':
      return `captured ${formatAmount(record.data.intent.amount_received, currency)}${record.data.looked ? ' (found at the API)' : ''}`;
    case 'payment.canceled':
      return `canceled (${record.data.reason})`;
    case 'payment.quarantined':
      return `set aside for a person (${record.data.code})`;
    case 'payment.claimed':
      return 'its outcome was told to the caller';
    case 'payment.held':
      return `held back ${whoAndWhy(record.data)}`;
    case 'payment.released':
      return `released ${whoAndWhy(record.data)}`;
    case 'payment.cancel_requested':
      return `cancel requested ${whoAndWhy(record.data)}`;
    case 'payment.restored': {
      const {abandons} = record.data;
      const without = abandons === undefined ? '' : `, without ${abandons}, which can never move money`;
      return `taken out of quarantine ${whoAndWhy(record.data)}${without}`;
    }
    case 'payment.acknowledged':
      return `acknowledged ${whoAndWhy(record.data)}`;
    case 'journal.opened':
    case 'journal.recovered':
    case 'journal.lost':
    case 'journal.repaired':
    case 'journal.adopted':
    case 'journal.acknowledged':
    case 'reader.paired':
      return record.type;
  }
}

function attemptsOf(records: readonly JournalRecord[]): readonly Attempt[] {
  const attempts: Attempt[] = [];
  for (const record of records) {
    if (record.type === 'payment.attempted' || record.type === 'payment.capture_attempted') {
      const operation = record.type === 'payment.attempted' ? record.data.operation : 'capture';
      attempts.push({
        at: record.at,
        operation,
        idempotency_key: record.data.key,
        outcome: 'open',
        settled_at: null,
        request_id: null,
        error: null,
      });
      continue;
    }
    const settled = settlement(record);
    const last = attempts.at(-1);
    if (settled !== null && last?.outcome === 'open') attempts[attempts.length - 1] = {...last, ...settled};
  }
  return attempts;
}

function settlement(
  record: JournalRecord,
): Pick<Attempt, 'outcome' | 'settled_at' | 'request_id' | 'error'> | null {
  switch (record.type) {
    case 'payment.delivered':
    case 'payment.captured':
      return {outcome: 'delivered', settled_at: record.at, request_id: record.data.request_id, error: null};
    case 'payment.declined':
      return {outcome: 'declined', settled_at: record.at, ...errorOf(record.data.error)};
    case 'payment.attempt_failed':
      return {outcome: record.data.outcome, settled_at: record.at, ...errorOf(record.data.error)};
    case 'payment.canceled':
      return {outcome: 'canceled', settled_at: record.at, request_id: null, error: null};
    case 'payment.quarantined':
      return {outcome: 'quarantined', settled_at: record.at, ...errorOf(record.data.error)};
    default:
      return null;
  }
}

function errorOf(error: ApiError | null): Pick<Attempt, 'request_id' | 'error'> {
  if (error === null) return {request_id: null, error: null};
  const {request_id, ...shown} = error;
  return {request_id, error: shown};
}
