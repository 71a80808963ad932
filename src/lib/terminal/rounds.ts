import type {Failure} from './forward/result.js';
import type {Schedule} from './forward/schedule.js';
import {sleep} from './forward/sleep.js';

/** How often one run visits a payment before it leaves it for the next. */
const TRIES = 4;

export interface RoundOutcome {
  /** Local ids of those that may succeed at another visit; the schedule knows when. */
  readonly again: ReadonlySet<string>;
  readonly lost: Failure | null;
}

/**
 * Has each payment visited, and those that may succeed later again a few times, while others go on. Ends early when
 * something stops all of them, or the signal is raised.
 *
 * @returns what stopped them; null when nothing did
 */
export async function inRounds<P extends {readonly local_id: string}>(
  payments: readonly P[],
  schedule: Schedule,
  signal: AbortSignal | undefined,
  round: (due: readonly P[]) => Promise<RoundOutcome>,
): Promise<Failure | null> {
  let waiting = payments;
  while (waiting.length > 0) {
    const due = waiting.filter(({local_id}) => schedule.isDue(local_id));
    const {again, lost} = await round(due);
    if (lost !== null) return lost;
    const visited = new Set(due.map(({local_id}) => local_id));
    const mayFollow = (id: string): boolean => again.has(id) && schedule.failures(id) < TRIES;
    waiting = waiting.filter(({local_id}) => !visited.has(local_id) || mayFollow(local_id));
    if (waiting.length === 0 || signal?.aborted === true) return null;
    await sleep(schedule.untilNext(waiting.map(({local_id}) => local_id)) ?? 0, signal);
  }
  return null;
}
