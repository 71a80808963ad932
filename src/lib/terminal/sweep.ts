import {stateOf} from '../core/apply-payment.js';
import {setAside} from '../core/attempts.js';
import {StowpayError} from '../core/errors.js';
import type {EventBody} from '../core/events.js';
import {formatAmount} from '../core/money.js';
import type {Payment} from '../core/payment.js';
import type {Journal, Outcome, RemoteIntent} from '../core/ports.js';
import type {State} from '../core/state.js';
import {latestOf} from './history.js';
import {intentsOf} from './leftovers.js';
import {isBoundTo, reachApi} from './network.js';
import {momentNow, type Parts, record} from './parts.js';
import {cancelFailed, interruptedEvent, sendCancel} from './settle.js';

/** A collect that has not read a card after this time is gone: its process died, or its reference was given up. */
const ABANDONED_MS = 15 * 60 * 1000;
/** At most so many in one run: they move no money, and stored payments come first. */
const MOST = 100;

/**
 * Payments that ended before any confirm and left an unconfirmed intent at the API, or may have left one that nobody here
 * can name, and collects that died before a card was read. None of them moves money. Those of another account are left
 * to its own credentials.
 */
export function leftoversOf(state: State, parts: Pick<Parts, 'clock' | 'gateway'>): readonly Payment[] {
  const {origin} = parts.gateway;
  // Wall clock against wall clock: one that was set back only makes this wait longer.
  const now = parts.clock.now();
  return [...state.payments.values()]
    .filter(
      (payment) =>
        payment.binding.origin === origin && payment.binding.account === state.paired?.binding.account,
    )
    .filter((payment) => payment.leftover || payment.stray || isAbandoned(payment, now))
    .slice(0, MOST);
}

function isAbandoned(payment: Payment, now: number): boolean {
  return payment.state === 'created' && now - Date.parse(payment.updated_at) >= ABANDONED_MS;
}

/**
 * Closes them here and cancels their intents at the API. Best effort: it never fails, and what it could not do is
 * done by the next forward.
 * @returns how many intents were cancelled
 */
export async function sweep(
  parts: Parts,
  journal: Journal,
  leftovers: readonly Payment[],
  signal: AbortSignal | undefined,
): Promise<number> {
  let canceled = 0;
  try {
    const ours = await ofThisKey(parts, leftovers, signal);
    const strays = await straysOf(parts, ours, signal);
    for (const seen of ours) {
      if (signal?.aborted === true) break;
      const last = await sweepOwned(parts, journal, seen, strays);
      if (last === 'delivered') canceled += 1;
      if (last === 'never_sent' || last === 'stop') break;
    }
  } catch (error) {
    // What was forwarded before is told by the journal and by the answer; tidying up must not take that away.
    if (!(error instanceof StowpayError)) throw error;
  }
  return canceled;
}

/**
 * Those that can be settled with this key: another account's API says "there is none" of an intent that stands, and may
 * hold money. What has nothing at the API needs none.
 */
async function ofThisKey(
  parts: Parts,
  leftovers: readonly Payment[],
  signal: AbortSignal | undefined,
): Promise<readonly Payment[]> {
  const asks = ({id, stray}: Payment): boolean => id !== null || stray;
  if (!leftovers.some(asks)) return leftovers;
  const reach = await reachApi(parts, signal);
  const isOurs = (one: Payment): boolean => reach.kind === 'online' && isBoundTo(one, reach.binding);
  return leftovers.filter((payment) => !asks(payment) || isOurs(payment));
}

/** Intents of payments that were voided without knowing them, by local id; null when the API did not tell. */
async function straysOf(
  parts: Parts,
  leftovers: readonly Payment[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, string> | null> {
  const strays = leftovers.filter(({stray}) => stray);
  if (strays.length === 0) return new Map();
  const listed = await intentsOf(parts, strays, momentNow(parts), signal);
  return listed.kind === 'delivered' ? listed.value : null;
}

async function sweepOwned(
  parts: Parts,
  journal: Journal,
  seen: Payment,
  strays: ReadonlyMap<string, string> | null,
): Promise<Outcome<unknown>['kind'] | null> {
  const claim = await journal.claim(seen.seq);
  if (claim === null) return null;
  try {
    const payment = await latestOf(journal, seen);
    if (payment.stray)
      return strays === null ? null : await sweepStray(parts, journal, payment, strays.get(payment.local_id));
    // A collect may have gone on with it since it was seen, and what that one brought about is nobody's leftover.
    const stillThere = payment.leftover || payment.state === 'created';
    return stillThere ? await sweepOne(parts, journal, payment) : null;
  } finally {
    claim.release();
  }
}

/** Afterwards it is known that there is none; or it is cancelled; or it moved money, and a person is told. */
async function sweepStray(
  parts: Parts,
  journal: Journal,
  payment: Payment,
  id: string | undefined,
): Promise<Outcome<unknown>['kind'] | null> {
  const of = payment.local_id;
  if (id === undefined) {
    const data = {operation: 'cancel', outcome: 'untouched', error: null} as const;
    await record(journal, payment, [{type: 'payment.attempt_failed', payment: of, data}]);
    return null;
  }
  const look = await parts.gateway.retrievePaymentIntent(id);
  if (look.kind !== 'delivered') return look.kind;
  const {value: intent, request_id} = look;
  if (intent.status === 'succeeded') {
    const data = {intent, request_id, looked: true} as const;
    await record(journal, payment, [{type: 'payment.captured', payment: of, data}]);
    return null;
  }
  const data = {operation: 'create', intent, request_id, looked: true} as const;
  const found = await record(journal, payment, [{type: 'payment.delivered', payment: of, data}]);
  return sweepOne(parts, journal, found);
}

/**
 * Closes it here and cancels its unconfirmed intent at the API. Looks before: a journal restored from an old backup may
 * know a sale only as begun, and what was authorised since must not be undone by tidying up.
 */
async function sweepOne(
  parts: Parts,
  journal: Journal,
  found: Payment,
): Promise<Outcome<unknown>['kind'] | null> {
  if (found.id !== null) {
    const look = await parts.gateway.retrievePaymentIntent(found.id);
    // Not known there: nothing is to be cancelled, and the cancel says so.
    if (look.kind !== 'delivered' && look.kind !== 'refused') return look.kind;
    if (look.kind === 'delivered' && movedMoney(look.value) && !isVoided(found, look.value)) {
      await record(journal, found, [forgotten(found, look.value, look.request_id)]);
      return null;
    }
  }
  const payment = found.state === 'created' ? await closeAbandoned(journal, found) : found;
  if (!payment.leftover) return null;
  const {attempted, last} = await sendCancel(parts, journal, payment);
  if (last.kind === 'refused') return settleRefused(parts, journal, attempted, last);
  if (last.kind !== 'delivered') {
    await record(journal, attempted, [cancelFailed(attempted, last)]);
    return last.kind;
  }
  const data = {operation: 'cancel', intent: last.value, request_id: last.request_id, looked: false} as const;
  await record(journal, attempted, [{type: 'payment.delivered', payment: payment.local_id, data}]);
  return 'delivered';
}

/** It cannot be cancelled: gone already, or money moved since it was looked at. That is told, never dropped. */
async function settleRefused(
  parts: Parts,
  journal: Journal,
  payment: Payment,
  refused: Extract<Outcome<RemoteIntent>, {kind: 'refused'}>,
): Promise<Outcome<unknown>['kind']> {
  const look = await parts.gateway.retrievePaymentIntent(payment.id ?? '');
  const known = look.kind === 'delivered' || look.kind === 'refused';
  let event = cancelFailed(payment, known ? refused : look);
  if (look.kind === 'delivered' && movedMoney(look.value)) {
    // A void stays one: it is tried again.
    event = isVoided(payment, look.value)
      ? cancelFailed(payment, look)
      : forgotten(payment, look.value, look.request_id);
  }
  await record(journal, payment, [event]);
  return known ? refused.kind : look.kind;
}

/** An operator wanted it cancelled, and it still can be: that means an authorisation that came to light later, too. */
function isVoided({cancel_requested}: Payment, {status}: RemoteIntent): boolean {
  return cancel_requested !== null && status !== 'succeeded';
}

/** It holds money, took some, or may be about to. */
function movedMoney(intent: RemoteIntent): boolean {
  return !['declined', 'canceled'].includes(stateOf(intent)) && intent.status !== 'requires_confirmation';
}

/** What becomes of a payment of which this journal knows less than the API: nothing is undone, a person decides. */
function forgotten(payment: Payment, intent: RemoteIntent, requestId: string | null): EventBody {
  const of = payment.local_id;
  if (payment.cancel_requested !== null && intent.status === 'succeeded') {
    return {type: 'payment.captured', payment: of, data: {intent, request_id: requestId, looked: true}};
  }
  const money = formatAmount(payment.amount, payment.currency);
  const message =
    `The payment API holds ${intent.id} over ${money} as ${intent.status}, but this journal knows no card read for it: ` +
    'it was restored from a backup, or somebody else confirmed it. Find out whether the goods left; retry takes it on, ' +
    'cancel releases it.';
  return setAside(payment, 'forgotten_sale', message);
}

function closeAbandoned(journal: Journal, payment: Payment): Promise<Payment> {
  const message = 'Its collect ended before a card was read; no card was charged.';
  return record(journal, payment, [interruptedEvent(payment, message)]);
}
