import {StowpayError} from '../../core/errors.js';
import type {ApiError} from '../../core/ports.js';
import {askedPause, type Backoff, backoffMs, jitterOf} from '../../core/retry.js';
import {type Online, reachOf} from '../network.js';
import type {Parts} from '../parts.js';
import {type Failure, failure, failureOf} from './result.js';
import {sleep} from './sleep.js';

/** What a probe found out. `asked_ms`: the API asked to be left alone so long; null when it did not. */
type Probe =
  | {readonly kind: 'reachable'; readonly reach: Online}
  | {readonly kind: 'unreachable'; readonly error: ApiError; readonly asked_ms: number | null};

/** The API answers. */
export interface Return {
  readonly reach: Online;
  /** It really was away: a probe before this one was not answered, or not well. */
  readonly was_away: boolean;
}

/** Asks the API whether it works at all. Bounded; touches no payment. Throws `authentication_failed`. */
async function probe(parts: Parts, signal: AbortSignal | undefined): Promise<Probe> {
  const outcome = await parts.gateway.probe(signal);
  const reach = reachOf(parts, outcome, signal);
  if (reach.kind === 'online') return {kind: 'reachable', reach};
  return {kind: 'unreachable', error: reach.error, asked_ms: askedPause(outcome)};
}

/** Why nothing more should be sent now; null when the API answers. */
export async function reachableFailure(
  parts: Parts,
  signal: AbortSignal | undefined,
): Promise<Failure | null> {
  try {
    const found = await probe(parts, signal);
    // Given up: nothing was found out, and nothing is sent any more.
    if (signal?.aborted === true) return null;
    return found.kind === 'reachable' || isBusy(found.error) ? null : failure(found.error, 'temporary');
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    return failureOf(error);
  }
}

/** It asks us to go slower: it works. */
function isBusy({http_status}: ApiError): boolean {
  return http_status === 429;
}

/** A probe that opens no connection harms nobody: often enough to be back within two seconds. */
const INTERVAL_MS = 900;
/** A hanging link answers none of them; a slow one must be given the time to. */
const MOST_UNANSWERED = 6;
/** An API that answers that it is out of order is asked less and less often. */
const OUT_OF_ORDER: Backoff = {first_ms: 2_000, cap_ms: 60_000};

/**
 * Waits until the API answers, at most until the signal is raised. No probe hangs behind another: a new one is begun
 * while earlier ones are still unanswered.
 *
 * @param onBeat called at each look
 * @returns null when the wait ended first
 * @throws authentication_failed
 */
export async function untilReachable(
  parts: Parts,
  signal: AbortSignal | undefined,
  onBeat: () => void,
): Promise<Return | null> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  // Not AbortSignal.any: a signal that lives for weeks would remember every outage.
  if (signal?.aborted === true) end();
  else signal?.addEventListener('abort', end, {once: true});
  const probes = new Set<Promise<void>>();
  let found: Online | null = null;
  let failed: unknown = null;
  let [begun, failures] = [0, 0];
  let interval = INTERVAL_MS;
  const begin = (): void => {
    begun += 1;
    const one = probe(parts, ended.signal)
      .then((answer) => {
        if (answer.kind === 'reachable') {
          found ??= answer.reach;
          end();
          return;
        }
        failures += 1;
        interval = pauseAfter(parts, answer, failures);
      })
      .catch((error) => {
        failed ??= error;
        end();
      })
      .finally(() => probes.delete(one));
    probes.add(one);
  };
  while (!ended.signal.aborted) {
    onBeat();
    if (probes.size < MOST_UNANSWERED) begin();
    await sleep(interval, ended.signal);
  }
  await Promise.all(probes);
  signal?.removeEventListener('abort', end);
  if (failed !== null && found === null) throw failed;
  if (found === null || signal?.aborted === true) return null;
  return {reach: found, was_away: failures > 0 || begun > 1};
}

function pauseAfter(
  parts: Parts,
  {error, asked_ms}: Extract<Probe, {kind: 'unreachable'}>,
  failures: number,
): number {
  if (error.http_status === null) return INTERVAL_MS;
  return Math.max(INTERVAL_MS, backoffMs(OUT_OF_ORDER, failures, jitterOf(parts.random), asked_ms));
}
