import {CRC_START, crc16, crcPowers, crcProduct, crcStep} from './crc.js';

/** `ViVOtech2` and a NUL: every frame begins with it. */
export const HEADER = Buffer.from('ViVOtech2\0', 'latin1');

/** Data longer than this does not exist: a LEN above it is a false header. */
export const MAX_DATA = 4096;

const PREFIX = HEADER.length + 4;
const CRC_SIZE = 2;
const MAX_FRAME = PREFIX + MAX_DATA + CRC_SIZE;
/** Room for a whole frame and what follows it: more is never held. */
const CAPACITY = 4 * MAX_FRAME;

/** What the host sends. */
export interface CommandFrame {
  readonly command: number;
  readonly sub: number;
  readonly data: Buffer;
}

/** What the reader answers: it echoes the command, not the sub-command. */
export interface ResponseFrame {
  readonly command: number;
  readonly status: number;
  readonly data: Buffer;
}

/** The bytes of a command. Its CRC goes out least significant byte first. */
export function encodeCommand(frame: CommandFrame): Buffer {
  const body = encodeBody(frame.command, frame.sub, frame.data);
  const crc = Buffer.alloc(CRC_SIZE);
  crc.writeUInt16LE(crc16(body));
  return Buffer.concat([body, crc]);
}

/** The bytes of a response. Its CRC goes out most significant byte first. */
export function encodeResponse(frame: ResponseFrame): Buffer {
  const body = encodeBody(frame.command, frame.status, frame.data);
  const crc = Buffer.alloc(CRC_SIZE);
  crc.writeUInt16BE(crc16(body));
  return Buffer.concat([body, crc]);
}

function encodeBody(command: number, second: number, data: Uint8Array): Buffer {
  if (data.length > MAX_DATA) throw new RangeError(`a frame carries at most ${MAX_DATA} bytes`);
  const prefix = Buffer.alloc(PREFIX);
  HEADER.copy(prefix);
  prefix.writeUInt8(command, HEADER.length);
  prefix.writeUInt8(second, HEADER.length + 1);
  prefix.writeUInt16BE(data.length, HEADER.length + 2);
  return Buffer.concat([prefix, data]);
}

/**
 * Turns a stream of bytes, however it is cut, into the responses it holds. Never throws, holds at most a few frames'
 * worth of bytes, and its work is linear in the bytes whatever they are: the check sum of any stretch is the difference
 * of two running ones, so that a thousand false headers over the same bytes cost no more than one.
 */
export class ResponseDecoder {
  readonly #buffer = Buffer.alloc(CAPACITY);
  /** The running check sum before each byte of the buffer. */
  readonly #sums = new Uint16Array(CAPACITY + 1);
  #start = 0;
  #end = 0;

  /** Takes the next bytes; returns the responses they complete, oldest first. */
  push(chunk: Uint8Array): ResponseFrame[] {
    const frames: ResponseFrame[] = [];
    for (let taken = 0; taken < chunk.length; ) {
      // Compacting always frees room: what `drain` leaves behind is less than one frame.
      if (this.#end === CAPACITY) this.#compact();
      const piece = chunk.subarray(taken, taken + CAPACITY - this.#end);
      this.#append(piece);
      taken += piece.length;
      this.#drain(frames);
    }
    return frames;
  }

  /**
   * After silence: the responses that hide behind a header whose length was garbled, so that it waits for bytes that
   * never come. A frame that is only half here stays as it is.
   */
  rescue(): ResponseFrame[] {
    const frames: ResponseFrame[] = [];
    for (let at = this.#start + 1; ; at += 1) {
      at = this.#buffer.subarray(0, this.#end).indexOf(HEADER, at);
      if (at === -1) return frames;
      if (this.#frameAt(at).kind !== 'whole') continue;
      this.#start = at;
      this.#drain(frames);
      at = this.#start;
    }
  }

  /** Gives up what is half received: after a timeout, a frame whose length was garbled would swallow the next. */
  reset(): void {
    this.#start = 0;
    this.#end = 0;
  }

  /** Bytes kept for later; never more than one frame between calls. */
  get pending(): number {
    return this.#end - this.#start;
  }

  #append(piece: Uint8Array): void {
    this.#buffer.set(piece, this.#end);
    let sum = this.#sums[this.#end] as number;
    for (let index = 0; index < piece.length; index += 1) {
      sum = crcStep(sum, piece[index] as number);
      this.#sums[this.#end + index + 1] = sum;
    }
    this.#end += piece.length;
  }

  #drain(frames: ResponseFrame[]): void {
    while (this.#skipToHeader()) {
      const found = this.#frameAt(this.#start);
      if (found.kind === 'incomplete') return;
      // One byte only: the data behind a damaged header may hold the next good one.
      this.#start += found.kind === 'whole' ? found.total : 1;
      if (found.kind === 'whole') frames.push(found.frame);
    }
  }

  /** Drops junk. True when a header and its length field are there. */
  #skipToHeader(): boolean {
    const held = this.#buffer.subarray(this.#start, this.#end);
    const at = held.indexOf(HEADER);
    this.#start += at === -1 ? held.length - partialHeader(held) : at;
    if (this.#start === this.#end) this.reset();
    return at !== -1 && this.pending >= PREFIX;
  }

  /** What begins with the header at this place. */
  #frameAt(at: number): Found {
    if (this.#end - at < PREFIX) return INCOMPLETE;
    const length = this.#buffer.readUInt16BE(at + HEADER.length + 2);
    if (length > MAX_DATA) return DAMAGED;
    const total = PREFIX + length + CRC_SIZE;
    if (this.#end - at < total) return INCOMPLETE;
    const crcAt = at + total - CRC_SIZE;
    if (this.#crcOf(at, crcAt) !== this.#buffer.readUInt16BE(crcAt)) return DAMAGED;
    const frame = {
      command: this.#buffer.readUInt8(at + HEADER.length),
      status: this.#buffer.readUInt8(at + HEADER.length + 1),
      data: Buffer.from(this.#buffer.subarray(at + PREFIX, crcAt)),
    };
    return {kind: 'whole', frame, total};
  }

  /** The check sum of a stretch: what the running sum before it became on the way is taken out of the one after it. */
  #crcOf(from: number, to: number): number {
    const before = (this.#sums[from] as number) ^ CRC_START;
    return (this.#sums[to] as number) ^ crcProduct(before, POWERS[to - from] as number);
  }

  #compact(): void {
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#sums.copyWithin(0, this.#start, this.#end + 1);
    this.#end -= this.#start;
    this.#start = 0;
  }
}

type Found =
  | {readonly kind: 'whole'; readonly frame: ResponseFrame; readonly total: number}
  | {readonly kind: 'incomplete'}
  | {readonly kind: 'damaged'};

const INCOMPLETE: Found = {kind: 'incomplete'};
const DAMAGED: Found = {kind: 'damaged'};
const POWERS = crcPowers(MAX_FRAME);

/** How many bytes at the end may be the beginning of a header. */
function partialHeader(held: Buffer): number {
  for (let size = Math.min(HEADER.length - 1, held.length); size > 0; size -= 1) {
    if (held.subarray(held.length - size).equals(HEADER.subarray(0, size))) return size;
  }
  return 0;
}
