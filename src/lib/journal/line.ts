import {hmac} from './hmac.js';

/**
 * A journal line, written so that everything needed to verify it is a slice at a known place:
 *
 *   {"mac":"<43 base64url>","private":"<base64>","rec":{…}}\n
 *
 * `mac` covers the bytes of `rec`, so no canonical form and no parsing is needed; `private` may be absent,
 * and stands outside the MAC so that it can be blanked in place. Its salted digest stands inside `rec`.
 */
const MAC_START = Buffer.from('{"mac":"');
const MAC_LENGTH = 43;
const AFTER_MAC = MAC_START.length + MAC_LENGTH;
const PRIVATE_START = Buffer.from('","private":"');
const REC_START = Buffer.from('","rec":');
const QUOTE = 0x22;
const SPACE = 0x20;
const CLOSING_BRACE = 0x7d;
/** Ends a line. */
export const NEWLINE = 0x0a;

export interface LineSlices {
  readonly mac: string;
  /** Position and length of the base64 of the private part within the line; null when there is none. */
  readonly private: {readonly start: number; readonly length: number} | null;
  readonly rec: Buffer;
}

/** base64url HMAC-SHA-256. */
export function macOf(key: Buffer, rec: Uint8Array): string {
  return hmac(key, rec);
}

/** Salted by the key and the place, so that equal data gives different digests and none can be guessed without the key. */
export function privateDigest(key: Buffer, seq: number, base64: string): string {
  return hmac(key, Buffer.from(`private ${seq} ${base64}`, 'latin1'));
}

/** One line with its newline, and the MAC the next record names as `prev`. */
export function encodeLine(
  key: Buffer,
  rec: string,
  privateBase64: string | null,
): {bytes: Buffer; mac: string} {
  const lines = new Lines(key, 1);
  const {mac} = lines.add(rec, privateBase64);
  return {bytes: lines.bytes(), mac};
}

/** A guess of what a line takes; more is found when it is needed. */
const LINE_BYTES = 2048;
/** A UTF-16 unit is at most so many bytes of UTF-8. */
const WIDEST_UNIT = 3;

/** Lines in a row, each written once, at its place. */
export class Lines {
  readonly #key: Buffer;
  #room: Buffer;
  #length = 0;

  constructor(key: Buffer, expected: number) {
    this.#key = key;
    this.#room = Buffer.allocUnsafe(expected * LINE_BYTES);
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Adds a line. Returns the MAC the next record names as `prev`, and the byte at which the private part stands. */
  add(rec: string, privateBase64: string | null): {readonly mac: string; readonly private: number} {
    const start = this.#length;
    const privateStart = start + AFTER_MAC + PRIVATE_START.length;
    const recStart =
      (privateBase64 === null ? start + AFTER_MAC : privateStart + privateBase64.length) + REC_START.length;
    this.#grow(recStart + rec.length * WIDEST_UNIT + LINE_TAIL.length);
    const room = this.#room;
    const recEnd = recStart + room.write(rec, recStart, 'utf8');
    const mac = macOf(this.#key, room.subarray(recStart, recEnd));
    const middle = privateBase64 === null ? '' : `","private":"${privateBase64}`;
    room.write(`{"mac":"${mac}${middle}","rec":`, start, 'latin1');
    room.set(LINE_TAIL, recEnd);
    this.#length = recEnd + LINE_TAIL.length;
    return {mac, private: privateStart};
  }

  bytes(): Buffer {
    return this.#room.subarray(0, this.#length);
  }

  #grow(needed: number): void {
    if (needed <= this.#room.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#room.length * 2));
    larger.set(this.bytes());
    this.#room = larger;
  }
}

const LINE_TAIL = Buffer.from('}\n');

/** Cuts a line (without its newline) into its parts; null when it has not the form of one. */
export function sliceLine(line: Buffer): LineSlices | null {
  if (line.length < AFTER_MAC + REC_START.length + 3) return null;
  if (!startsWith(line, MAC_START, 0) || line[line.length - 1] !== CLOSING_BRACE) return null;
  const mac = line.toString('latin1', MAC_START.length, AFTER_MAC);
  if (startsWith(line, REC_START, AFTER_MAC)) {
    return {mac, private: null, rec: line.subarray(AFTER_MAC + REC_START.length, line.length - 1)};
  }
  if (!startsWith(line, PRIVATE_START, AFTER_MAC)) return null;
  const start = AFTER_MAC + PRIVATE_START.length;
  const end = line.indexOf(QUOTE, start);
  if (end < 0 || !startsWith(line, REC_START, end)) return null;
  return {
    mac,
    private: {start, length: end - start},
    rec: line.subarray(end + REC_START.length, line.length - 1),
  };
}

function startsWith(line: Buffer, part: Buffer, at: number): boolean {
  return line.length >= at + part.length && line.compare(part, 0, part.length, at, at + part.length) === 0;
}

/** True when a private part was blanked. */
export function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === SPACE);
}

export function blank(length: number): Buffer {
  return Buffer.alloc(length, SPACE);
}

const BASE64_RUN = /[A-Za-z0-9+/=]+/g;
/** Longer than any text of a record but digests. */
const LONG_RUN = 40;

/**
 * A copy of journal bytes without sealed card data: every private part is blank. Where a line is not whole, its
 * private part may have lost its beginning, so everything there that could be one is blank.
 */
export function withoutPrivates(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let start = 0; start < copy.length; ) {
    const newline = copy.indexOf(NEWLINE, start);
    const end = newline < 0 ? copy.length : newline;
    const line = copy.subarray(start, end);
    const sliced = newline < 0 || line.includes(0) ? null : sliceLine(line);
    if (sliced === null) blankRuns(line);
    else if (sliced.private !== null) {
      line.fill(SPACE, sliced.private.start, sliced.private.start + sliced.private.length);
    }
    start = end + 1;
  }
  return copy;
}

function blankRuns(line: Buffer): void {
  const text = line.toString('latin1');
  for (const {0: run, index} of text.matchAll(BASE64_RUN)) {
    const end = index + run.length;
    if (run.length >= LONG_RUN || isPiece(text, index, end)) line.fill(SPACE, index, end);
  }
}

/** True for what stands in the place of a private part, and for what was torn off there: it may be a short piece of one. */
function isPiece(text: string, start: number, end: number): boolean {
  const named = text.endsWith('"private":"', start) || text.startsWith('","rec":', end);
  return named || text[start - 1] === '\0' || end === text.length || text[end] === '\0';
}
