/**
 * A line that carries bytes both ways, in whatever chunks. The session above it is the only one to use it.
 */
export interface Line {
  /** Hands bytes to the operating system. Delivery is proven only by an answer. Never throws. */
  write(bytes: Uint8Array): void;
  /** One listener; bytes that arrive before it is set are lost. */
  onData(listener: (chunk: Uint8Array) => void): void;
  /** One listener, called at most once when the line ends by itself; `reason` is for the technician. */
  onClose(listener: (reason: string) => void): void;
  /** Resolves when every handle is released. May be called twice. */
  close(): Promise<void>;
  /** Other programs that have the line open and may read its bytes away, as far as this user may see. Never rejects. */
  rivals?(): Promise<readonly string[]>;
}

/**
 * How a line ended by itself, told at most once: also to a listener that comes when it has happened, and never when the
 * line was closed on purpose.
 */
export class Ending {
  #reason: string | undefined;
  #listener: ((reason: string) => void) | undefined;
  #told = false;

  /** The line ended. Only the first reason counts. */
  ended(reason: string): void {
    this.#reason ??= reason;
    this.#tell();
  }

  /** The line is being closed on purpose: nothing is told from here on. */
  silence(): void {
    this.#told = true;
  }

  onClose(listener: (reason: string) => void): void {
    this.#listener = listener;
    this.#tell();
  }

  #tell(): void {
    if (this.#told || this.#reason === undefined || this.#listener === undefined) return;
    this.#told = true;
    this.#listener(this.#reason);
  }
}
