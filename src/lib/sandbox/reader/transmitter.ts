import {encodeResponse, type ResponseFrame} from '../../reader/wire/frame.js';
import type {CableEnd} from './cable.js';
import {BURST, endsEverything, type Fault, noise} from './faults.js';

/** Ten bits a byte, start and stop bit included. */
const BITS_PER_BYTE = 10;
const FOREIGN: ResponseFrame = {command: 0xf2, status: 0x00, data: Buffer.from([0x01, 0x02])};
const DEFAULT_NOISE = 64;
/** Bytes that come one by one, each followed by nothing for a moment now and then. */
const DRIBBLE_PAUSE = {every: 16, ms: 1};

/** The reader's way to the host: frames become bytes, at the pace of the wire and with what goes wrong on it. */
export class Transmitter {
  readonly #line: CableEnd;
  readonly #bytesPerMs: number | null;
  /** What waits for its turn on the wire: bytes, or something to be done when they are out. */
  #queue: (Buffer | (() => void))[] = [];
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #sent = 0;
  #running = false;

  /** @param baud null: as fast as the line takes it */
  constructor(line: CableEnd, baud: number | null) {
    this.#line = line;
    this.#bytesPerMs = baud === null ? null : baud / BITS_PER_BYTE / 1000;
  }

  /** Sends a frame, damaged as the faults say. */
  send(frame: ResponseFrame, faults: readonly Fault[] = []): void {
    const late = faults.find(({kind}) => kind === 'delay')?.for_ms ?? 0;
    // A line keeps the order: what is said later waits behind it.
    if (late > 0) this.#enqueue(() => this.#pause(late));
    this.disturb(faults);
    const bytes = damaged(encodeResponse(frame), faults);
    if (faults.some(({kind}) => kind === 'dribble')) this.#dribble(bytes);
    else this.#enqueue(bytes);
  }

  /** Sends what is no answer to anything. */
  disturb(faults: readonly Fault[]): void {
    for (const {kind, bytes = DEFAULT_NOISE} of faults) {
      if (kind === 'garbage') this.#enqueue(noise(bytes));
      else if (kind === 'burst') this.#enqueue(BURST);
      else if (kind === 'foreign') this.#enqueue(encodeResponse(FOREIGN));
    }
  }

  /** Calls back when everything written so far is out. */
  whenSent(act: () => void): void {
    this.#enqueue(act);
  }

  /** Nothing of what waits is sent any more. */
  stop(): void {
    this.#queue = [];
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #dribble(bytes: Buffer): void {
    for (const [at, byte] of bytes.entries()) {
      this.#enqueue(Buffer.from([byte]));
      if (at % DRIBBLE_PAUSE.every === 0) this.#enqueue(() => this.#pause(DRIBBLE_PAUSE.ms));
    }
  }

  #pause(ms: number): void {
    this.#timer = setTimeout(() => this.#resume(), ms);
  }

  #enqueue(item: Buffer | (() => void)): void {
    this.#queue.push(item);
    if (this.#timer === undefined && !this.#running) this.#resume();
  }

  #resume(): void {
    this.#timer = undefined;
    this.#startedAt = performance.now();
    this.#sent = 0;
    this.#run();
  }

  /** Sends until the queue is empty, the wire is full, or something in the queue asks for a pause. */
  #run(): void {
    this.#timer = undefined;
    this.#running = true;
    while (this.#timer === undefined) {
      const item = this.#queue[0];
      if (item === undefined) break;
      const room = Buffer.isBuffer(item) ? this.#room() : 1;
      if (room < 1) this.#timer = setTimeout(() => this.#run(), 1);
      else this.#take(item, room);
    }
    this.#running = false;
  }

  #take(item: Buffer | (() => void), room: number): void {
    if (!Buffer.isBuffer(item)) {
      this.#queue.shift();
      item();
      return;
    }
    const piece = item.subarray(0, room);
    this.#sent += piece.length;
    if (piece.length === item.length) this.#queue.shift();
    else this.#queue[0] = item.subarray(piece.length);
    this.#line.write(piece);
  }

  /** Bytes the wire can have carried by now and has not. */
  #room(): number {
    if (this.#bytesPerMs === null) return Number.POSITIVE_INFINITY;
    return Math.floor((performance.now() - this.#startedAt) * this.#bytesPerMs) - this.#sent;
  }
}

/** The bytes of a frame after what the wire did to them. */
function damaged(frame: Buffer, faults: readonly Fault[]): Buffer {
  const kinds = new Set(faults.map(({kind}) => kind));
  let bytes = frame;
  if (kinds.has('corrupt')) {
    bytes = Buffer.from(bytes);
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] as number) ^ 0x01;
  }
  if (kinds.has('duplicate')) bytes = Buffer.concat([bytes, bytes]);
  if (kinds.has('truncate') || faults.some(endsEverything)) bytes = bytes.subarray(0, bytes.length >> 1);
  return bytes;
}
