import type {StowpayError} from '../core/errors.js';
import type {ResponseFrame} from './wire/frame.js';

/** What came for a waiter before its time was up. */
export type Received = {readonly kind: 'frame'; readonly frame: ResponseFrame} | {readonly kind: 'timeout'};

interface Waiter {
  readonly accepts: (frame: ResponseFrame) => boolean;
  readonly settle: (received: Received) => void;
  readonly fail: (error: StowpayError) => void;
}

/** Who waits for which response. A frame nobody waits for is dropped: boot messages, echoes, late answers. */
export class Inbox {
  readonly #waiters = new Set<Waiter>();
  #closed: StowpayError | undefined;

  /** The next frame that `accepts` takes. Register before the command is written. Rejects when the line ends. */
  next(accepts: (frame: ResponseFrame) => boolean, timeoutMs: number): Promise<Received> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        accepts,
        settle: (received) => {
          leave();
          resolve(received);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const timer = setTimeout(() => waiter.settle({kind: 'timeout'}), timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  deliver(frame: ResponseFrame): void {
    for (const waiter of this.#waiters) {
      if (!waiter.accepts(frame)) continue;
      waiter.settle({kind: 'frame', frame});
      return;
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
