import type {Line} from '../line.js';

/** Two ends of a line in memory: what is written to one arrives at the other, in order, a turn later. */
export function memoryLinePair(): readonly [Line, Line] {
  const left = new MemoryEnd();
  const right = new MemoryEnd();
  left.peer = right;
  right.peer = left;
  return [left, right];
}

class MemoryEnd implements Line {
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
