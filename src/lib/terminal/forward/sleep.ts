/** Timers hold no longer times: they would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Resolves after `ms` milliseconds, or at once when the signal is raised. Keeps no timer and no listener behind. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS));
    signal?.addEventListener('abort', done, {once: true});
  });
}

/** Why a time limit was raised, as opposed to an interruption. */
export const TIME_IS_OVER = Symbol('the time is over');

export interface TimeLimit {
  /** Raised when the time is over (its reason is `TIME_IS_OVER`), or with the caller's signal and its reason. */
  readonly signal: AbortSignal;
  /** Lets go of timer and listener. */
  release(): void;
}

/** A time limit of `ms` milliseconds from now that also ends when the caller's signal is raised. */
export function timeLimit(ms: number, signal: AbortSignal | undefined): TimeLimit {
  const controller = new AbortController();
  const endsAt = performance.now() + ms;
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    const left = endsAt - performance.now();
    if (left <= 0) controller.abort(TIME_IS_OVER);
    else timer = setTimeout(wait, Math.min(Math.ceil(left), LONGEST_TIMER_MS));
  };
  const passOn = (): void => controller.abort(signal?.reason);
  if (signal?.aborted === true) passOn();
  else {
    signal?.addEventListener('abort', passOn, {once: true});
    wait();
  }
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', passOn);
    },
  };
}
