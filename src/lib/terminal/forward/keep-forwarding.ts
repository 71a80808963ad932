import type {Payment} from '../../core/payment.js';
import type {Journal} from '../../core/ports.js';
import {type Backoff, backoffMs} from '../../core/retry.js';
import type {Parts} from '../parts.js';
import {Forwarder} from './forwarder.js';
import {untilReachable} from './reachable.js';
import type {Failure, ForwardItem} from './result.js';
import type {Schedule} from './schedule.js';
import {sleep} from './sleep.js';

/** How soon a payment that another process stored is seen. Looking costs no network and no write. */
const LOOK_MS = 500;
/** A pass is cut into pieces, so that what comes meanwhile is seen. */
const BATCH = 200;

export interface KeepForwarding {
  readonly schedule: Schedule;
  readonly named: boolean;
  readonly signal: AbortSignal | undefined;
  /** When it gives up, on the clock of `performance.now()`; null for never. */
  readonly endsAt: number | null;
  /** What there is to send now, oldest first. */
  select(): Promise<readonly Payment[]>;
  /** Asked when nothing of these is due: the work is done. */
  isOver(payments: readonly Payment[]): boolean;
  onItem(item: ForwardItem): void;
  /** It is alive, and this is what it does. Called at least every few seconds. */
  onBeat(doing: 'sending' | 'idle' | 'offline', lost: Failure | null): void;
  /** The API answered again after it did not. */
  onReturn?(): Promise<void>;
  /** Nothing is due; must not throw for what the API does. */
  onIdle?(): Promise<void>;
}

export interface Kept {
  /** What ended it for good: credentials, the journal. */
  readonly lost: Failure | null;
  readonly foreign: Failure | null;
  readonly timedOut: boolean;
}

/**
 * Forwards whenever it can, until the work is over, the time is, the signal is raised, or something fails that no
 * waiting mends. Without network it waits for its return, and then starts anew with what failed because of it.
 */
export async function keepForwarding(parts: Parts, journal: Journal, work: KeepForwarding): Promise<Kept> {
  const {schedule, named, signal, endsAt} = work;
  const onItem = (item: ForwardItem): void => {
    work.onBeat('sending', null);
    work.onItem(item);
  };
  const forwarder = new Forwarder(parts, journal, {schedule, named, signal, onItem});
  let foreign: Failure | null = null;
  /** So often in a row something stopped a pass although the API answers. */
  let vain = 0;
  for (;;) {
    if (signal?.aborted === true) return {lost: null, foreign, timedOut: false};
    if (endsAt !== null && performance.now() >= endsAt) return {lost: null, foreign, timedOut: true};
    const payments = await work.select();
    const due = payments.filter(({local_id}) => schedule.isDue(local_id)).slice(0, BATCH);
    if (due.length === 0) {
      if (work.isOver(payments)) return {lost: null, foreign, timedOut: false};
      work.onBeat('idle', null);
      await work.onIdle?.();
      const next = schedule.untilNext(payments.map(({local_id}) => local_id)) ?? LOOK_MS;
      const left = endsAt === null ? LOOK_MS : endsAt - performance.now();
      await sleep(Math.min(next, LOOK_MS, left), signal);
      continue;
    }
    work.onBeat('sending', null);
    const pass = await forwarder.pass(due);
    foreign ??= pass.foreign;
    if (pass.lost === null) {
      vain = 0;
      continue;
    }
    switch (pass.lost.condition) {
      case 'temporary': {
        const lost = pass.lost;
        work.onBeat('offline', lost);
        const back = await untilReachable(parts, signal, endsAt, () => work.onBeat('offline', lost));
        if (back === null) continue;
        forwarder.reached(back.reach);
        if (back.was_away) {
          vain = 0;
          parts.gateway.renew();
          schedule.reset();
          await work.onReturn?.();
        } else {
          // It answers when it is asked whether it works, and does not work: the same again would only be a burden.
          vain += 1;
          await restAfter(parts, vain, work, lost);
        }
        break;
      }
      case 'locked':
        await sleep(LOOK_MS, signal);
        break;
      default:
        return {lost: pass.lost, foreign, timedOut: false};
    }
  }
}

const IN_VAIN: Backoff = {first_ms: 2_000, cap_ms: 60_000};
/** Somebody may be watching for a sign of life. */
const BEAT_MS = 5_000;

async function restAfter(parts: Parts, vain: number, work: KeepForwarding, lost: Failure): Promise<void> {
  const [byte = 128] = parts.random(1);
  const pause = backoffMs(IN_VAIN, vain, byte / 255, null);
  const until = Math.min(performance.now() + pause, work.endsAt ?? Number.POSITIVE_INFINITY);
  while (performance.now() < until && work.signal?.aborted !== true) {
    work.onBeat('offline', lost);
    await sleep(Math.min(BEAT_MS, until - performance.now()), work.signal);
  }
}
