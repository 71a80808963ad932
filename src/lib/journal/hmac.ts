import {createHmac, hash} from 'node:crypto';

/** The block of SHA-256, to which RFC 2104 pads a key. */
const BLOCK = 64;
const DIGEST = 32;
/** Longer messages are rare, and copying them would cost more than it saves. */
const LONGEST = 16 * 1024;

/** Both paddings of a key, each with room behind it for what is hashed with it. */
interface Padded {
  readonly inner: Buffer;
  readonly outer: Buffer;
}

const padded = new WeakMap<Buffer, Padded>();

/**
 * base64url HMAC-SHA-256. By the one-shot hash: for messages as short as a
 * line that takes half the time of `createHmac`, and leaves nothing for the collector.
 */
export function hmac(key: Buffer, message: Uint8Array): string {
  if (message.length > LONGEST || key.length > BLOCK) {
    return createHmac('sha256', key).update(message).digest('base64url');
  }
  const {inner, outer} = paddedFor(key);
  inner.set(message, BLOCK);
  const end = BLOCK + message.length;
  outer.write(hash('sha256', inner.subarray(0, end), 'binary'), BLOCK, 'latin1');
  return hash('sha256', outer, 'base64url');
}

function paddedFor(key: Buffer): Padded {
  const known = padded.get(key);
  if (known !== undefined) return known;
  const made = {inner: pad(key, 0x36, LONGEST), outer: pad(key, 0x5c, DIGEST)};
  padded.set(key, made);
  return made;
}

function pad(key: Buffer, byte: number, room: number): Buffer {
  const bytes = Buffer.alloc(BLOCK + room, byte);
  for (const [at, part] of key.entries()) bytes[at] = part ^ byte;
  return bytes;
}
