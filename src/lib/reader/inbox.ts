import type {StowpayError} from '../core/errors.js';
import type {ResponseFrame} from './wire/frame.js';

/** What came for a waiter before its time was up. */
export type Received = {readonly kind: 'frame'; readonly frame: ResponseFrame} | {readonly kind: 'timeout'};

/** What a waiter makes of a frame: its answer, none of its business, or a sign to wait so many ms from now. */
export type Verdict = 'take' | 'ignore' | {readonly wait_ms: number};

export interface Waiting {
  /** Rejects when the line ends. */
  readonly received: Promise<Received>;
  /** Stops waiting; `received` resolves as a timeout unless it was settled before. */
  dismiss(): void;
}

interface Waiter {
  take(frame: ResponseFrame): boolean;
  fail(error: StowpayError): void;
}

/** Who waits for which response. A frame nobody waits for is dropped: boot messages, echoes, late answers. */
export class Inbox {
  readonly #waiters = new Set<Waiter>();
  #closed: StowpayError | undefined;

  /**
   * Waits for the frame that `judge` takes. Called before the command is written. It stays in place over interim
   * frames: the answer may be in the same chunk.
   */
  wait(judge: (frame: ResponseFrame) => Verdict, timeoutMs: number): Waiting {
    let settle: (received: Received) => void = () => {};
    let fail: (error: StowpayError) => void = () => {};
    const received = new Promise<Received>((resolve, reject) => {
      settle = resolve;
      fail = reject;
    });
    // A line may end while only another of several waiters is being awaited.
    received.catch(() => {});
    const leave = (): void => {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    };
    const dismiss = (): void => {
      leave();
      settle({kind: 'timeout'});
    };
    let timer = setTimeout(dismiss, timeoutMs);
    const waiter: Waiter = {
      take: (frame) => {
        const verdict = judge(frame);
        if (verdict === 'ignore') return false;
        leave();
        if (verdict === 'take') {
          settle({kind: 'frame', frame});
        } else {
          timer = setTimeout(dismiss, verdict.wait_ms);
          this.#waiters.add(waiter);
        }
        return true;
      },
      fail: (error) => {
        leave();
        fail(error);
      },
    };
    if (this.#closed === undefined) this.#waiters.add(waiter);
    else waiter.fail(this.#closed);
    return {received, dismiss};
  }

  deliver(frame: ResponseFrame): void {
    for (const waiter of [...this.#waiters]) {
      if (waiter.take(frame)) return;
    }
  }

  /** Every waiter, present and future, fails with this error. */
  close(error: StowpayError): void {
    this.#closed ??= error;
    for (const waiter of [...this.#waiters]) waiter.fail(this.#closed);
  }

  get closed(): StowpayError | undefined {
    return this.#closed;
  }
}
