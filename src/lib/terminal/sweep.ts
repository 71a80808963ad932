import type {Binding, Payment} from '../core/payment.js';
import type {Journal} from '../core/ports.js';
import type {State} from '../core/state.js';
import {latestOf} from './history.js';
import {type Parts, record} from './parts.js';
import {cancelFailed, sendCancel} from './settle.js';

/** A collect that has not read a card after this time is gone: its process died, or its reference was given up. */
const ABANDONED_MS = 15 * 60 * 1000;
/** At most so many in one run: they move no money, and stored payments come first. */
const MOST = 100;

/**
 * Payments that ended before any confirm and left an unconfirmed intent at the API, and collects that died before a
 * card was read. Neither moves money.
 */
export function leftoversOf(state: State, now: number): readonly Payment[] {
  return [...state.payments.values()]
    .filter((payment) => payment.leftover || isAbandoned(payment, now))
    .slice(0, MOST);
}

function isAbandoned(payment: Payment, now: number): boolean {
  return payment.state === 'created' && now - Date.parse(payment.updated_at) >= ABANDONED_MS;
}

/**
 * Closes them here and cancels their intents at the API. Best effort: what fails is tried again by the next forward.
 * @returns how many intents were cancelled
 */
export async function sweep(
  parts: Parts,
  journal: Journal,
  leftovers: readonly Payment[],
  binding: Binding,
): Promise<number> {
  let canceled = 0;
  for (const seen of leftovers) {
    const {account, livemode, origin} = seen.binding;
    const ours = account === binding.account && livemode === binding.livemode && origin === binding.origin;
    const claim = ours ? await journal.claim(seen.seq) : null;
    if (claim === null) continue;
    try {
      if (await sweepOne(parts, journal, await latestOf(journal, seen))) canceled += 1;
    } finally {
      claim.release();
    }
  }
  return canceled;
}

async function sweepOne(parts: Parts, journal: Journal, found: Payment): Promise<boolean> {
  const payment = found.state === 'created' ? await closeAbandoned(journal, found) : found;
  if (!payment.leftover) return false;
  const {attempted, last} = await sendCancel(parts, journal, payment);
  if (last.kind !== 'delivered') {
    await record(journal, attempted, [cancelFailed(attempted, last)]);
    return false;
  }
  const data = {operation: 'cancel', intent: last.value, request_id: last.request_id, looked: false} as const;
  await record(journal, attempted, [{type: 'payment.delivered', payment: payment.local_id, data}]);
  return true;
}

function closeAbandoned(journal: Journal, payment: Payment): Promise<Payment> {
  const message = 'Its collect ended before a card was read; no card was charged.';
  const data = {reason: 'interrupted', message};
  return record(journal, payment, [{type: 'payment.canceled', payment: payment.local_id, data}]);
}
