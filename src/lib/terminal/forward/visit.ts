import {isForwardable, lookEvents} from '../../core/attempts.js';
import {StowpayError} from '../../core/errors.js';
import {mayBeForgotten} from '../../core/look-first.js';
import {abandonedState, awaitsCancel, type Payment} from '../../core/payment.js';
import type {Journal, PaymentClaim} from '../../core/ports.js';
import {finishCancel} from '../cancel.js';
import {latestOf} from '../history.js';
import {credentialsError} from '../network.js';
import {momentNow, type Parts, record} from '../parts.js';
import {
  confirmAtApi,
  createAtApi,
  heard,
  mayBeCanceledLate,
  recordSettling,
  recovered,
  releaseUnclaimed,
  type Settled,
  settleAbandoned,
} from '../settle.js';
import {type Failure, type ForwardItem, failureOf, item, itemOf, settledElsewhere, stays} from './result.js';
import {isDue, isUnheardCapture} from './select.js';

/** What one visit to a payment brought. */
export interface Visited {
  readonly done: ForwardItem;
  /** The last outcome of the API; null when nothing had to be asked. */
  readonly last: Settled['last'];
  /** Set when the rest must not be tried: no credentials, no journal. */
  readonly lost: Failure | null;
}

/**
 * Owns one payment, takes each step it needs once, and lets go of it. Whatever happens to it is in the answer.
 *
 * @param known intents the API already holds for payments that the journal says were never sent, by local id
 * @param named a person asked for this one by name
 */
export async function visit(
  parts: Parts,
  journal: Journal,
  seen: Payment,
  known: ReadonlyMap<string, string>,
  named: boolean,
): Promise<Visited> {
  let claim: PaymentClaim | null = null;
  let current: Payment | null = null;
  try {
    claim = await journal.claim(seen.seq);
    if (claim === null) return busy(seen, 'another process is working on it');
    current = await latestOf(journal, seen);
    if (!isDue(current)) return {done: settledElsewhere(current), last: null, lost: null};
    if (named && isUnheardCapture(current)) {
      return {done: itemOf(await heard(journal, current), null), last: null, lost: null};
    }
    const {payment, last} = await bringForward(parts, journal, current, known);
    // Whoever named it hears now how it stands, and may let the goods go for it: from here on it is not released any more.
    const told = named && isHeard(payment) ? await heard(journal, payment) : payment;
    return {done: itemOf(told, last), last, lost: lostBy(last)};
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    if (error.code === 'payment_busy') return busy(seen, error.message);
    // It could not even be looked at: nothing was done.
    if (current === null) {
      const lost = failureOf(error);
      return {done: stays(seen, lost, abandonedState(seen)), last: null, lost};
    }
    return await notRecorded(journal, seen, error);
  } finally {
    claim?.release();
  }
}

/** It is good, and no cancel of ours is on its way that could still undo it. */
function isHeard(payment: Payment): boolean {
  return (payment.state === 'authorized' || payment.state === 'captured') && !mayBeCanceledLate(payment);
}

function busy(seen: Payment, reason: string): Visited {
  return {done: item('busy', seen, reason, seen.state), last: null, lost: null};
}

/** Errors after which it is known that nothing was written. */
const KNOWN_UNWRITTEN: readonly string[] = ['journal_locked', 'journal_full', 'journal_read_only'];

/**
 * A step could not be journalled. Where it is known that it was not, the journal tells whether there is a doubt: every
 * request that moves money is journalled before it leaves. Else what was sent may have taken effect.
 */
async function notRecorded(journal: Journal, seen: Payment, error: StowpayError): Promise<Visited> {
  const lost = failureOf(error);
  if (KNOWN_UNWRITTEN.includes(error.code)) {
    const payment = await latestOf(journal, seen).catch(() => null);
    if (payment !== null) return {done: stays(payment, lost, abandonedState(payment)), last: null, lost};
  }
  return {done: item('in_doubt', seen, error.message, seen.state), last: null, lost: mended(error, lost)};
}

/** The answer came, and only the lock was in the way of writing it down: a look tells it again when the lock is free. */
function mended({code, details}: StowpayError, lost: Failure): Failure {
  return code === 'payment_in_doubt' && details?.cause === 'journal_locked'
    ? {...lost, code: 'journal_locked', condition: 'locked'}
    : lost;
}

function lostBy(last: Settled['last']): Failure | null {
  return last?.kind === 'stop' ? failureOf(credentialsError(last.error)) : null;
}

async function bringForward(
  parts: Parts,
  journal: Journal,
  start: Payment,
  known: ReadonlyMap<string, string>,
): Promise<Settled> {
  if (awaitsCancel(start)) return finishCancel(parts, journal, start, {tries: 1});
  const payment = await recovered(journal, start);
  if (payment.state === 'authorized' && payment.unclaimed) return releaseUnclaimed(parts, journal, payment);
  if (payment.stored_at === null) return settleAbandoned(parts, journal, payment);
  if (!isForwardable(payment.state)) return {payment, last: null};
  const found = payment.id === null ? known.get(payment.local_id) : undefined;
  const created =
    found === undefined
      ? await createAtApi(parts, journal, payment, {tries: 1, thenConfirm: true})
      : await adopt(parts, journal, payment, found);
  const ready = created.payment.id !== null && isForwardable(abandonedState(created.payment));
  if (!ready || created.last?.kind === 'stop') return stopIfRefused(journal, created);
  const lookFirst = payment.id !== null && mayBeForgotten(payment, momentNow(parts));
  return confirmAtApi(parts, journal, created.payment, {tries: 1, lookFirst});
}

/**
 * The API already has an intent for it (a journal restored from a backup): what that one shows is taken over instead of
 * making another. Its charge is of a confirm this journal has forgotten, so that a decline is news, and no reason to ask again.
 */
async function adopt(parts: Parts, journal: Journal, payment: Payment, id: string): Promise<Settled> {
  const last = await parts.gateway.retrievePaymentIntent(id);
  if (last.kind !== 'delivered') return {payment, last};
  const {value: intent, request_id} = last;
  const of = payment.local_id;
  const found = {operation: 'create', intent, request_id, looked: true} as const;
  const doubt = {operation: 'confirm', outcome: 'in_doubt', error: null} as const;
  const doubted: Payment = {
    ...payment,
    id,
    state: 'in_doubt',
    unresolved_confirms: payment.unresolved_confirms + 1,
  };
  const adopted = await recordSettling(parts, journal, payment, [
    {type: 'payment.delivered', payment: of, data: found},
    {type: 'payment.attempt_failed', payment: of, data: doubt},
    ...lookEvents(doubted, intent, request_id, false),
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
