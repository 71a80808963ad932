import {setTimeout as sleep} from 'node:timers/promises';
import type {OpenOptions} from '../../src/lib/index.js';
import type {Doing} from '../../src/lib/terminal/forward/keep-forwarding.js';
import type {ForwarderEvent, Watched} from '../../src/lib/terminal/forward/watch.js';
import type {Queue} from './queue.js';

type Named<E extends ForwarderEvent['event']> = Extract<ForwarderEvent, {event: E}>;

/** A forwarder that runs in this process. */
export interface Watching {
  readonly events: readonly ForwarderEvent[];
  /** What it did, each change once. */
  readonly doing: readonly Doing[];
  of<E extends ForwarderEvent['event']>(name: E): readonly Named<E>[];
  /** Resolves when so many payments were told of. */
  told(count: number): Promise<void>;
  /** Resolves when it is so; rejects after ten seconds, or when the forwarder ended first. */
  until(what: string, so: () => boolean): Promise<void>;
  /** Asks it to stop, and gives how it ended. */
  stop(): Promise<Watched>;
  /** What asks it to stop. */
  readonly signal: AbortSignal;
  /** How it ended, or what it threw. */
  readonly ended: Promise<Watched>;
}

export function startWatch(queue: Queue, options: OpenOptions = {}): Watching {
  const controller = new AbortController();
  const events: ForwarderEvent[] = [];
  const doing: Doing[] = [];
  let over = false;
  const ended = queue
    .run(
      (terminal) =>
        terminal.watch({
          signal: controller.signal,
          onEvent: (event) => events.push(event),
          onBeat: (now) => {
            if (doing.at(-1) !== now) doing.push(now);
          },
        }),
      options,
    )
    .finally(() => {
      over = true;
    });
  ended.catch(() => {});
  const of = <E extends ForwarderEvent['event']>(name: E): readonly Named<E>[] =>
    events.filter((event): event is Named<E> => event.event === name);
  const until = async (what: string, so: () => boolean): Promise<void> => {
    const deadline = performance.now() + 10_000;
    while (!so()) {
      if (over) await ended;
      if (over || performance.now() > deadline)
        throw new Error(`never: ${what}; ${JSON.stringify({doing, events})}`);
      await sleep(10);
    }
  };
  return {
    events,
    doing,
    of,
    until,
    told: (count) => until(`${count} payments told`, () => of('payment_intent_forwarded').length >= count),
    stop: () => {
      controller.abort();
      return ended;
    },
    ended,
    signal: controller.signal,
  };
}
