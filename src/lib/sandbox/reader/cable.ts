import type {Socket} from 'node:net';

/**
 * One end of a cable: the same shape as the driver's `Line`, declared here because the two rooms meet only in
 * bytes.
 */
export interface CableEnd {
  write(bytes: Uint8Array): void;
  /** One listener; bytes that arrive before it is set are lost. */
  onData(listener: (chunk: Uint8Array) => void): void;
  /** One listener, called at most once when the cable ends by itself. */
  onClose(listener: (reason: string) => void): void;
  /** Resolves when every handle is released. May be called twice. */
  close(): Promise<void>;
}

/** A cable in memory: what is written to one end arrives at the other, in order, a turn later. */
export function memoryCable(): readonly [CableEnd, CableEnd] {
  const left = new MemoryEnd();
  const right = new MemoryEnd();
  left.peer = right;
  right.peer = left;
  return [left, right];
}

/** The server's end of a TCP connection. */
export function socketEnd(socket: Socket): CableEnd {
  let closing = false;
  return {
    write: (bytes) => {
      if (socket.writable) socket.write(bytes);
    },
    onData: (listener) => {
      socket.on('data', listener);
    },
    onClose: (listener) => {
      socket.once('close', () => {
        if (!closing) listener('the client hung up');
      });
    },
    close: () => {
      closing = true;
      if (socket.closed) return Promise.resolve();
      return new Promise((resolve) => {
        socket.once('close', () => resolve());
        socket.destroy();
      });
    },
  };
}

class MemoryEnd implements CableEnd {
  peer: MemoryEnd | undefined;
  #data: (chunk: Uint8Array) => void = () => {};
  #ended: (reason: string) => void = () => {};
  #open = true;

  write(bytes: Uint8Array): void {
    const copy = Uint8Array.from(bytes);
    setImmediate(() => this.peer?.deliver(copy));
  }

  onData(listener: (chunk: Uint8Array) => void): void {
    this.#data = listener;
  }

  onClose(listener: (reason: string) => void): void {
    this.#ended = listener;
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.peer?.hangUp();
  }

  deliver(chunk: Uint8Array): void {
    if (this.#open) this.#data(chunk);
  }

  hangUp(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#ended('the other end hung up');
  }
}
