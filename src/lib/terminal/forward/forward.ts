import type {Payment} from '../../core/payment.js';
import type {Journal} from '../../core/ports.js';
import {IN_RUN} from '../../core/retry.js';
import {healthyState, type Parts, statesNow} from '../parts.js';
import {inRounds} from '../rounds.js';
import {leftoversOf, sweep} from '../sweep.js';
import {Forwarder} from './forwarder.js';
import {paced} from './pace.js';
import {
  type Ending,
  type Failure,
  type ForwardItem,
  type ForwardResult,
  isSettled,
  item,
  summary,
} from './result.js';
import {Schedule, timing} from './schedule.js';
import {duePayments, namedPayments} from './select.js';
import {timeLimit} from './sleep.js';
import {waitUntilForwarded} from './wait.js';

export interface ForwardRequest {
  /** Names of payments; empty for everything that is stored. */
  readonly names: readonly string[];
  /** Those named could be sent a moment ago: what somebody settled since is told as such, and refuses nothing. */
  readonly chosen?: boolean;
  readonly limit: number | null;
  readonly dryRun: boolean;
  /**
   * Wait until nothing is left to send, so long at most, ms. Null or absent: send what can be sent now. 0 does the same,
   * and says that the time is over when something is left.
   */
  readonly waitMs?: number | null;
  readonly onProgress?: (done: number, total: number, item: ForwardItem | null) => void;
  readonly signal?: AbortSignal;
}

/**
 * Sends what is stored, oldest first and a few at a time, and settles doubts by looking. One payment's fault never
 * holds up another. Every outcome is durable before it is reported.
 *
 * What stops the whole run (no network, no credentials, no journal) is in `forwarding_failure`, next to what became of
 * the payments before it. Payments of another account, mode or API stay stored and hold up nobody.
 *
 * @throws authentication_failed before anything was sent
 */
export async function forward(parts: Parts, request: ForwardRequest): Promise<ForwardResult> {
  const journal = parts.journals.open();
  const state = await healthyState(journal);
  const named = request.names.length > 0;
  const all = named ? await namedPayments(journal, state, request) : duePayments(parts, journal, state);
  const payments = all.slice(0, request.limit ?? all.length);
  if (request.dryRun) return summary(planned(journal, payments), {dry_run: true});
  const leftovers = named ? [] : leftoversOf(state, parts);
  if (payments.length === 0 && leftovers.length === 0) return summary([]);
  parts.journals.prepare();
  const {signal} = request;
  const waitMs = request.waitMs ?? null;
  const limit = waitMs === null || waitMs === 0 ? null : timeLimit(waitMs, signal);
  const slow = paced(parts, limit?.signal ?? signal);
  try {
    const {items, ending} =
      limit === null
        ? await sendNow(slow, journal, payments, request)
        : await waitUntilForwarded(slow, journal, payments, {...request, signal: limit.signal});
    const timedOut = ending.timed_out === true || (waitMs === 0 && items.some(isUnsettled));
    const goOn = ending.forwarding_failure == null && signal?.aborted !== true && !timedOut;
    const swept = goOn ? await sweep(slow, journal, leftovers, signal) : 0;
    return summary(items, {...ending, timed_out: timedOut, leftovers_canceled: swept});
  } finally {
    limit?.release();
  }
}

function isUnsettled({outcome}: ForwardItem): boolean {
  return !isSettled(outcome);
}

function planned(journal: Journal, payments: readonly Payment[]): readonly ForwardItem[] {
  const effective = statesNow(journal);
  return payments.map((payment) => item('planned', payment, null, effective(payment)));
}

export interface Sent {
  readonly items: readonly ForwardItem[];
  readonly ending: Ending;
}

/** What can be sent now is sent: a payment that fails is visited again a few times, while others go on. */
async function sendNow(
  parts: Parts,
  journal: Journal,
  payments: readonly Payment[],
  {names, signal, onProgress}: ForwardRequest,
): Promise<Sent> {
  const items = new Map<string, ForwardItem>();
  onProgress?.(0, payments.length, null);
  const onItem = (done: ForwardItem): void => {
    items.set(done.payment.local_id, done);
    onProgress?.(items.size, payments.length, done);
  };
  const schedule = new Schedule({...timing(parts), backoff: IN_RUN});
  const forwarder = new Forwarder(parts, journal, {schedule, named: names.length > 0, signal, onItem});
  let foreign: Failure | null = null;
  const lost = await inRounds(payments, schedule, signal, async (due) => {
    const pass = await forwarder.pass(due);
    foreign ??= pass.foreign;
    const again = new Set(
      pass.visits.filter(({mayFollow}) => mayFollow).map(({item}) => item.payment.local_id),
    );
    return {again, lost: pass.lost};
  });
  const told = payments.flatMap(({local_id}) => items.get(local_id) ?? []);
  return {items: told, ending: {forwarding_failure: lost ?? foreign}};
}
