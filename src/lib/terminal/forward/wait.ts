import type {Payment} from '../../core/payment.js';
import type {Journal} from '../../core/ports.js';
import {WAITING} from '../../core/retry.js';
import {latestOf} from '../history.js';
import {type Parts, statesNow} from '../parts.js';
import type {ForwardRequest, Sent} from './forward.js';
import {keepForwarding} from './keep-forwarding.js';
import {type Failure, type ForwardItem, isSettled, left, settledElsewhere} from './result.js';
import {Schedule, timing} from './schedule.js';
import {duePayments, isPending, stateStillThere} from './select.js';
import {TIME_IS_OVER} from './sleep.js';

/**
 * Waits until nothing is stored or in doubt any more (of the payments named, else of all, later ones included), until
 * the signal is raised, or until something fails that no waiting mends. Payments that another process sends are waited
 * for, too. Those of another account, mode or API are not: nothing that happens here could settle them.
 */
export async function waitUntilForwarded(
  parts: Parts,
  journal: Journal,
  first: readonly Payment[],
  request: ForwardRequest & {readonly signal: AbortSignal},
): Promise<Sent> {
  const {names, signal, onProgress} = request;
  const awaited = new Map(first.map((payment) => [payment.local_id, payment]));
  const items = new Map<string, ForwardItem>();
  let settled = 0;
  const schedule = new Schedule({...timing(parts), backoff: WAITING});
  onProgress?.(0, awaited.size, null);
  const {lost, foreign, hindered} = await keepForwarding(parts, journal, {
    schedule,
    named: names.length > 0,
    signal,
    select: async () => {
      const due = duePayments(parts, journal, await stateStillThere(parts, journal));
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
  const why = lost ?? hindered;
  const told = [...awaited.values()].sort((a, b) => a.seq - b.seq);
  const final: ForwardItem[] = [];
  for (const payment of told) final.push(await itemNow(journal, payment, items.get(payment.local_id), why));
  const unsettled = final.some(({outcome}) => !isSettled(outcome));
  const timedOut = unsettled && signal.reason === TIME_IS_OVER;
  return {items: final, ending: {forwarding_failure: why ?? foreign, timed_out: timedOut}};
}

/** What became of a payment, also when another process settled it meanwhile. */
async function itemNow(
  journal: Journal,
  seen: Payment,
  told: ForwardItem | undefined,
  why: Failure | null,
): Promise<ForwardItem> {
  if (told !== undefined && isSettled(told.outcome)) return told;
  const payment = await latestOf(journal, seen);
  if (isPending(payment, statesNow(journal)(payment))) {
    // What stopped everything says more than what a payment was last left for.
    const own = why === null || told?.outcome === 'busy' ? told : undefined;
    return own ?? left(journal, payment, why?.message ?? 'it was not its turn yet');
  }
  return settledElsewhere(payment);
}
