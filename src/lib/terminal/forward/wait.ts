import type {Payment} from '../../core/payment.js';
import type {Journal} from '../../core/ports.js';
import {WAITING} from '../../core/retry.js';
import {latestOf} from '../history.js';
import {healthyState, type Parts, statesNow} from '../parts.js';
import type {ForwardRequest, Sent} from './forward.js';
import {keepForwarding} from './keep-forwarding.js';
import {type ForwardItem, isSettled, left, settledElsewhere} from './result.js';
import {Schedule, timing} from './schedule.js';
import {duePayments, isPending} from './select.js';

/**
 * Waits until nothing is stored or in doubt any more (of the payments named, else of all, later ones included), until
 * the time is over, or until something fails that no waiting mends. Payments that another process sends are waited
 * for, too. Those of another account, mode or API are not: nothing that happens here could settle them.
 */
export async function waitUntilForwarded(
  parts: Parts,
  journal: Journal,
  first: readonly Payment[],
  request: ForwardRequest & {readonly waitMs: number},
): Promise<Sent> {
  const {names, signal, waitMs, onProgress} = request;
  const awaited = new Map(first.map((payment) => [payment.local_id, payment]));
  const items = new Map<string, ForwardItem>();
  let settled = 0;
  const schedule = new Schedule({...timing(parts), backoff: WAITING});
  onProgress?.(0, awaited.size, null);
  const {lost, foreign, timedOut} = await keepForwarding(parts, journal, {
    schedule,
    named: names.length > 0,
    signal,
    endsAt: performance.now() + waitMs,
    select: async () => {
      const due = duePayments(parts, journal, await healthyState(journal));
      if (names.length > 0) return due.filter(({local_id}) => awaited.has(local_id));
      for (const payment of due) awaited.set(payment.local_id, payment);
      return due;
    },
    isOver: (due) => due.every(({local_id}) => schedule.isFinished(local_id)),
    onItem: (item) => {
      items.set(item.payment.local_id, item);
      if (isSettled(item.outcome)) settled += 1;
      onProgress?.(settled, awaited.size, item);
    },
    onBeat: () => {},
  });
  const told = [...awaited.values()].sort((a, b) => a.seq - b.seq);
  const final: ForwardItem[] = [];
  for (const payment of told) final.push(await itemNow(journal, payment, items.get(payment.local_id)));
  const unsettled = final.some(({outcome}) => !isSettled(outcome));
  return {items: final, ending: {forwarding_failure: lost ?? foreign, timed_out: timedOut && unsettled}};
}

/** What became of a payment, also when another process settled it meanwhile. */
async function itemNow(journal: Journal, seen: Payment, told: ForwardItem | undefined): Promise<ForwardItem> {
  if (told !== undefined && isSettled(told.outcome)) return told;
  const payment = await latestOf(journal, seen);
  if (isPending(payment, statesNow(journal)(payment))) {
    return told ?? left(journal, payment, 'it was not its turn yet');
  }
  return settledElsewhere(payment);
}
