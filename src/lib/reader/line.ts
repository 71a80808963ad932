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
}
