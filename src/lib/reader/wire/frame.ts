import {crc16} from './crc.js';

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
 * Turns a stream of bytes, however it is cut, into the responses it holds. Never throws, holds at most a few
 * frames' worth of bytes, and reads every byte a bounded number of times.
 */
export class ResponseDecoder {
  readonly #buffer = Buffer.alloc(CAPACITY);
  #start = 0;
  #end = 0;

  /** Takes the next bytes; returns the responses they complete, oldest first. */
  push(chunk: Uint8Array): ResponseFrame[] {
    const frames: ResponseFrame[] = [];
    for (let taken = 0; taken < chunk.length; ) {
      // Compacting always frees room: what `drain` leaves behind is less than one frame.
      if (this.#end === CAPACITY) this.#compact();
      const piece = chunk.subarray(taken, taken + CAPACITY - this.#end);
      this.#buffer.set(piece, this.#end);
      this.#end += piece.length;
      taken += piece.length;
      this.#drain(frames);
    }
    return frames;
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

  #drain(frames: ResponseFrame[]): void {
    while (this.#skipToHeader()) {
      const length = this.#buffer.readUInt16BE(this.#start + HEADER.length + 2);
      if (length > MAX_DATA) {
        this.#start += 1;
        continue;
      }
      const total = PREFIX + length + CRC_SIZE;
      if (this.pending < total) return;
      const frame = this.#frame(total);
      // One byte only: the data behind a damaged header may hold the next good one.
      this.#start += frame === undefined ? 1 : total;
      if (frame !== undefined) frames.push(frame);
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

  #frame(total: number): ResponseFrame | undefined {
    const bytes = this.#buffer.subarray(this.#start, this.#start + total);
    const body = bytes.subarray(0, total - CRC_SIZE);
    if (crc16(body) !== bytes.readUInt16BE(total - CRC_SIZE)) return undefined;
    return {
      command: bytes.readUInt8(HEADER.length),
      status: bytes.readUInt8(HEADER.length + 1),
      data: Buffer.from(body.subarray(PREFIX)),
    };
  }

  #compact(): void {
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }
}

/** How many bytes at the end may be the beginning of a header. */
function partialHeader(held: Buffer): number {
  for (let size = Math.min(HEADER.length - 1, held.length); size > 0; size -= 1) {
    if (held.subarray(held.length - size).equals(HEADER.subarray(0, size))) return size;
  }
  return 0;
}
