import {StowpayError} from '../../core/errors.js';
import type {Condition} from '../../core/exit-codes.js';
import type {Finding} from '../../core/finding.js';
import {lookSince, type Moment} from '../../core/look-first.js';
import type {Payment, PaymentState} from '../../core/payment.js';
import {rfc3339} from '../../core/time.js';
import {findPayments} from '../find.js';
import {checkBinding, credentialsError, reachApi} from '../network.js';
import {healthyState, interrupted, momentNow, type Parts, throwIfInterrupted} from '../parts.js';
import {type LookedInto, lookInto} from './look-into.js';
import {type Context, isDone, type Survey, survey} from './survey.js';
import {unreachable} from './unreachable.js';

/** A moment, ms since the epoch, or so many ms before now. */
export type Since = {readonly at: number} | {readonly ago: number};

export interface ReconcileRequest {
  /** Names of payments; empty for all since `since`. */
  readonly names: readonly string[];
  /** Null: from the oldest open payment on, and 30 days at least. */
  readonly since: Since | null;
  /** Adopts nothing. */
  readonly dryRun: boolean;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** A difference that is none any more: the journal now says what the API says. */
export type Adopted = Finding & {
  readonly became: PaymentState;
  /** How it ended is something a person has to know. */
  readonly attention: boolean;
};

export interface ReconcileResult {
  /** RFC 3339. */
  readonly since: string;
  readonly dry_run: boolean;
  /** Payments of the journal that were held against the API. */
  readonly compared: number;
  readonly agreeing: number;
  readonly adopted: readonly Adopted[];
  /** Gravest first. */
  readonly findings: readonly Finding[];
  /** Unconfirmed intents nobody needs any more. They moved no money. */
  readonly leftovers: number;
  /** Intents of the account that are not this journal's: other devices', other programs'. */
  readonly others: number;
  /** Payments of another account, mode or API: this key cannot show them. */
  readonly not_compared: number;
  /** Payments another process was working on. */
  readonly busy: readonly string[];
  /** Payments the API did not tell of. */
  readonly unchecked: readonly {readonly local_id: string; readonly message: string}[];
  /** What kept it from adopting, or from looking any further. */
  readonly failure: {
    readonly code: string;
    readonly message: string;
    readonly condition: Condition;
  } | null;
}

/**
 * Holds the journal against the API: what is missing, double, or says something else about the money. Whatever differs
 * in the list is looked at by id before it is said. What the API proves is adopted, unless `dryRun`; nothing is sent
 * that moves money.
 *
 * @throws network_unavailable, api_unavailable, authentication_failed, account_mismatch and the like (for a payment
 *   named), journal_damaged, payment_not_found, payment_ambiguous, invalid_usage: nothing was adopted then
 */
export async function reconcile(parts: Parts, request: ReconcileRequest): Promise<ReconcileResult> {
  const context = await contextOf(parts, request);
  const found = await survey(context);
  const taken: Taken = {adopted: [], findings: found.findings, busy: [], unchecked: [], failure: null};
  let done = 0;
  for (const [localId, others] of found.doubtful) {
    request.onProgress?.(done, found.doubtful.size);
    done += 1;
    if (request.signal?.aborted === true) taken.failure ??= failureOf(interruptedBy(request.signal));
    if (isStopped(taken)) taken.unchecked.push({local_id: localId, message: taken.failure?.message ?? ''});
    else take(taken, localId, await lookInto(goingOn(context, taken), localId, others));
  }
  return resultOf(context, found, taken);
}

async function contextOf(parts: Parts, request: ReconcileRequest): Promise<Context> {
  const journal = parts.journals.open();
  const state = await healthyState(journal);
  const named = request.names.length === 0 ? null : await findPayments(journal, state, request.names);
  if (!request.dryRun) parts.journals.prepare();
  const reach = await reachApi(parts, request.signal);
  throwIfInterrupted(request.signal);
  if (reach.kind === 'offline') throw unreachable(reach.error);
  for (const {binding} of named ?? []) checkBinding(binding, reach.binding);
  const open = new Map(state.payments);
  // The API's clock, where it tells: a kiosk's own is often wrong, and the API's creates are what is listed.
  const ms = reach.account.server_time ?? parts.clock.now();
  return {
    parts,
    journal,
    binding: reach.binding,
    open,
    device: state.device,
    orphans: state.orphans,
    named: named === null ? null : new Map(named.map((payment) => [payment.local_id, payment])),
    since: sinceOf(request.since, {...momentNow(parts), ms}, named, open),
    everyOpen: request.since === null,
    dryRun: request.dryRun,
    signal: request.signal,
  };
}

const DAY_MS = 24 * 3600 * 1000;
const LOOK_BACK_MS = 30 * DAY_MS;
/** Nothing of this program is older. A kiosk that started without a clock made payments in 1970. */
const EARLIEST = Date.UTC(2026, 0, 1);

function sinceOf(
  asked: Since | null,
  now: Moment,
  named: readonly Payment[] | null,
  open: ReadonlyMap<string, Payment>,
): number {
  if (asked !== null) return askedSince(asked, now.ms);
  const payments = named ?? [...open.values()].filter((payment) => !isDone(payment));
  const oldest = payments.length === 0 ? now.ms : lookSince(payments, now) * 1000;
  return Math.max(EARLIEST, named === null ? Math.min(oldest, now.ms - LOOK_BACK_MS) : oldest);
}

function askedSince(asked: Since, now: number): number {
  const at = 'at' in asked ? asked.at : now - asked.ago;
  if (at <= now) return Math.max(0, at);
  throw new StowpayError('invalid_usage', `--since ${rfc3339(at)} lies ahead: it is ${rfc3339(now)}.`, {
    hint: 'Name a time that has passed. Nothing was compared.',
  });
}

/** What was adopted up to then is durable, and has to be told. */
function interruptedBy({reason}: AbortSignal): StowpayError {
  return reason instanceof StowpayError ? reason : interrupted();
}

const STOPPING: readonly Condition[] = ['temporary', 'credentials', 'interrupted', 'terminated'];

/** Nothing more can be asked. */
function isStopped({failure}: Taken): boolean {
  return failure !== null && STOPPING.includes(failure.condition);
}

interface Taken {
  readonly adopted: Adopted[];
  readonly findings: Finding[];
  readonly busy: string[];
  readonly unchecked: {local_id: string; message: string}[];
  failure: ReconcileResult['failure'];
}

/** A journal that took nothing once is only read from then on. */
function goingOn(context: Context, {failure}: Taken): Context {
  return failure === null ? context : {...context, dryRun: true};
}

function take(taken: Taken, local_id: string, looked: LookedInto): void {
  switch (looked.kind) {
    case 'busy':
      taken.busy.push(local_id);
      return;
    case 'unchecked': {
      const {kind, error} = looked.outcome;
      taken.unchecked.push({local_id, message: error.message});
      if (kind === 'stop') taken.failure = failureOf(credentialsError(error));
      if (kind === 'never_sent') taken.failure = failureOf(unreachable(error));
      return;
    }
    case 'judged': {
      const {verdict, adopted, failure} = looked;
      const {adoption, findings} = verdict;
      if (failure !== null) taken.failure = failureOf(failure);
      for (const finding of findings) {
        if (!adopted || finding !== adoption?.resolves) taken.findings.push(finding);
        else taken.adopted.push(adoptedOf(finding, adoption));
      }
    }
  }
}

function adoptedOf(
  finding: Finding,
  {becomes, attention}: {readonly becomes: PaymentState; readonly attention: boolean},
): Adopted {
  return {...finding, next: `stowpay inspect ${finding.local_id}`, became: becomes, attention};
}

function failureOf({code, message, condition}: StowpayError): ReconcileResult['failure'] {
  return {code, message, condition};
}

function resultOf(context: Context, found: Survey, taken: Taken): ReconcileResult {
  const {adopted, findings, busy, unchecked, failure} = taken;
  const known = [...adopted, ...findings].map(({local_id}) => local_id);
  const differing = new Set(
    [...known, ...busy, ...unchecked.map(({local_id}) => local_id)].filter((id) => found.compared.has(id)),
  );
  return {
    since: rfc3339(context.since),
    dry_run: context.dryRun,
    compared: found.compared.size,
    agreeing: found.compared.size - differing.size,
    adopted,
    findings: findings.toSorted((a, b) => gravity(a) - gravity(b)),
    leftovers: found.leftovers,
    others: found.others,
    not_compared: found.not_compared,
    busy,
    unchecked,
    failure,
  };
}

function gravity({severity}: Finding): number {
  return severity === 'critical' ? 0 : 1;
}
