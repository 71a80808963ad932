import {crc16} from '../../reader/wire/crc.js';

/** What the reader makes of the host's bytes. */
export type Incoming =
  | {readonly kind: 'command'; readonly command: number; readonly sub: number; readonly data: Buffer}
  | {readonly kind: 'bad_crc'; readonly command: number};

const HEADER = Buffer.from('5669564F746563683200', 'hex');
const PREFIX = 14;

/**
 * The reader's side of the frames, as strict as the real one: the check sum comes least significant byte first,
 * and a half-sent command is waited for without end.
 */
export class CommandParser {
  #held = Buffer.alloc(0);

  push(chunk: Uint8Array): Incoming[] {
    this.#held = Buffer.concat([this.#held, chunk]);
    const incoming: Incoming[] = [];
    for (let next = this.#next(); next !== undefined; next = this.#next()) incoming.push(next);
    return incoming;
  }

  #next(): Incoming | undefined {
    const at = this.#held.indexOf(HEADER);
    if (at === -1) {
      this.#held = this.#held.subarray(-HEADER.length);
      return undefined;
    }
    const frame = this.#held.subarray(at);
    if (frame.length < PREFIX) return undefined;
    const length = frame.readUInt16BE(12);
    const total = PREFIX + length + 2;
    if (frame.length < total) return undefined;
    this.#held = Buffer.from(frame.subarray(total));
    const command = frame.readUInt8(10);
    const crc = crc16(frame.subarray(0, total - 2));
    if (crc !== frame.readUInt16LE(total - 2)) return {kind: 'bad_crc', command};
    const data = Buffer.from(frame.subarray(PREFIX, total - 2));
    return {kind: 'command', command, sub: frame.readUInt8(11), data};
  }
}
