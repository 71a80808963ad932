import {StowpayError} from '../../core/errors.js';
import type {Payment} from '../../core/payment.js';
import type {ApiError, Outcome, RemoteIntent} from '../../core/ports.js';
import {type AtApi, judge, type Looked, type Verdict} from '../../core/reconcile.js';
import {storyOf} from '../history.js';
import {decideOn, healthyState} from '../parts.js';
import {pause} from '../settle.js';
import type {Context} from './survey.js';

/** What a look at one payment, and at every intent that bears it, came to. */
export type LookedInto =
  | {
      readonly kind: 'judged';
      readonly verdict: Verdict;
      readonly adopted: boolean;
      /** The journal did not take what was to be adopted. */
      readonly failure: StowpayError | null;
    }
  /** Another process works on it, or settled it just now. */
  | {readonly kind: 'busy'}
  /** The API did not tell. */
  | {readonly kind: 'unchecked'; readonly outcome: Outcome<unknown> & {readonly error: ApiError}};

/** How long to wait for a process that is about to finish with a payment. */
const BUSY_WAIT_MS = 3_000;

/**
 * Looks at one payment by id (GET) and judges again: the list was read earlier, and a finding must not be a moment that
 * has passed. What can be proven is adopted, owning the payment and decided under the journal's lock. Moves no money.
 *
 * @param others ids of other intents that bear the payment
 */
export async function lookInto(
  context: Context,
  localId: string,
  others: ReadonlySet<string>,
): Promise<LookedInto> {
  const {journal, dryRun} = context;
  const {payment, isOpen} = await current(context, localId);
  if (dryRun || !isOpen) return lookOnly(context, payment, others);
  const claim = await journal.claim(payment.seq, BUSY_WAIT_MS);
  if (claim === null) return {kind: 'busy'};
  try {
    const owned = await current(context, localId);
    return owned.isOpen
      ? await lookAndAdopt(context, owned.payment, others)
      : await lookOnly(context, owned.payment, others);
  } finally {
    claim.release();
  }
}

async function current(
  {journal, open, named}: Context,
  localId: string,
): Promise<{readonly payment: Payment; readonly isOpen: boolean}> {
  const inState = (await healthyState(journal)).payments.get(localId);
  if (inState !== undefined) return {payment: inState, isOpen: true};
  const payment = (await storyOf(journal, localId))?.payment ?? open.get(localId) ?? named?.get(localId);
  if (payment === undefined) throw new RangeError(`no payment ${localId}`);
  return {payment, isOpen: false};
}

/** Without owning it: what another process did meanwhile makes the look worthless. */
async function lookOnly(
  context: Context,
  payment: Payment,
  others: ReadonlySet<string>,
): Promise<LookedInto> {
  const api = await lookAtApi(context, payment, others);
  if ('kind' in api) return {kind: 'unchecked', outcome: api};
  const now = await current(context, payment.local_id);
  const moved = now.payment.updated_at !== payment.updated_at || now.payment.state !== payment.state;
  if (moved || (now.isOpen && context.journal.owned(payment.seq))) return {kind: 'busy'};
  const verdict = judge(now.payment, api, isNamed(context, payment));
  return {kind: 'judged', verdict, adopted: false, failure: null};
}

async function lookAndAdopt(
  context: Context,
  payment: Payment,
  others: ReadonlySet<string>,
): Promise<LookedInto> {
  const api = await lookAtApi(context, payment, others);
  if ('kind' in api) return {kind: 'unchecked', outcome: api};
  const named = isNamed(context, payment);
  const verdict = judge(payment, api, named);
  if (verdict.adoption === null) return {kind: 'judged', verdict, adopted: false, failure: null};
  try {
    const {result} = await decideOn(context.journal, payment, (_, under) => {
      const result = judge(under, api, named);
      return {events: result.adoption?.events ?? [], result};
    });
    return {kind: 'judged', verdict: result, adopted: result.adoption !== null, failure: null};
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    if (error.code === 'payment_busy') return {kind: 'busy'};
    return {kind: 'judged', verdict, adopted: false, failure: error};
  }
}

/** What was set aside is taken over only for somebody who names it. */
function isNamed({named}: Context, {local_id}: Payment): boolean {
  return named?.has(local_id) === true;
}

type Untold = Exclude<Outcome<RemoteIntent>, {kind: 'delivered'}>;

async function lookAtApi(
  context: Context,
  payment: Payment,
  ids: ReadonlySet<string>,
): Promise<AtApi | Untold> {
  const own = payment.id === null ? null : await retrieve(context, payment.id);
  if (own !== null && own !== 'missing' && 'kind' in own) return own;
  const others: Looked[] = [];
  for (const id of ids) {
    if (id === payment.id) continue;
    const other = await retrieve(context, id);
    if (other !== 'missing' && 'kind' in other) return other;
    if (other !== 'missing') others.push(other);
  }
  return {own, others};
}

const TRIES = 3;

async function retrieve({parts, signal}: Context, id: string): Promise<Looked | 'missing' | Untold> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await parts.gateway.retrievePaymentIntent(id, signal);
    if (outcome.kind === 'delivered') return {intent: outcome.value, request_id: outcome.request_id};
    if (outcome.kind === 'refused' && isUnknown(outcome.error)) return 'missing';
    const mayRepeat = outcome.kind === 'retry' || outcome.kind === 'in_doubt';
    if (!mayRepeat || attempt === TRIES || signal?.aborted === true) return outcome;
    await pause(parts, attempt, outcome);
  }
}

/** Only this says that there is no such intent; any other refusal is about the question. */
function isUnknown({http_status, code}: ApiError): boolean {
  return http_status === 404 && code === 'resource_missing';
}
