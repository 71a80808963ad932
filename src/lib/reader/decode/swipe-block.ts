/** What a swipe block (DFEE23) holds, as far as stowpay needs it. */
export interface SwipeBlock {
  /** Tracks 1 to 3 as the reader shows them: masked, or clear when it does not encrypt. Empty when absent. */
  readonly shown: readonly Buffer[];
  /** Ciphertext of tracks 1 to 3, null when there is none. */
  readonly sealed: readonly (Buffer | null)[];
  /** Null when the block carries none. */
  readonly ksn: Buffer | null;
}

const START = 0x02;
const END = 0x03;
/** Start and length before, check bytes and end after what the length counts. */
const ENVELOPE_BEFORE = 3;
const ENVELOPE_AFTER = 3;
/** Encode type, track status, three lengths, two fields of flags. */
const FIXED = 7;
const HASH_SIZE = 20;
const SESSION_SIZE = 8;
const SERIAL_SIZE = 10;
const KSN_SIZE = 10;

/** Reads a swipe block; null when it does not check out in every length and both check bytes. */
export function readSwipeBlock(block: Buffer): SwipeBlock | null {
  const body = openEnvelope(block);
  if (body === null || body.length < FIXED) return null;
  const lengths = [...body.subarray(2, 5)];
  const [shownFlags = 0, sealedFlags = 0] = body.subarray(5, FIXED);
  const shownSizes = lengths.map((length, track) => (bit(shownFlags, track) ? length : 0));
  // TDES ciphertext comes in whole blocks of eight. Another cipher would not add up below.
  const sealedSizes = lengths.map((length, track) =>
    bit(sealedFlags, track) ? Math.ceil(length / 8) * 8 : 0,
  );
  const tail = tailSize(shownFlags, sealedFlags);
  if (FIXED + sum(shownSizes) + sum(sealedSizes) + tail !== body.length) return null;
  const shown = cut(body, FIXED, shownSizes);
  const sealed = cut(body, FIXED + sum(shownSizes), sealedSizes);
  return {
    shown,
    sealed: sealed.map((track) => (track.length === 0 ? null : track)),
    ksn: bit(sealedFlags, 7) ? body.subarray(body.length - KSN_SIZE) : null,
  };
}

/** What the envelope holds; null unless its length, XOR, sum and end byte are right. */
function openEnvelope(block: Buffer): Buffer | null {
  if (block.length < ENVELOPE_BEFORE + ENVELOPE_AFTER || block[0] !== START) return null;
  const length = block.readUInt16LE(1);
  if (block.length !== ENVELOPE_BEFORE + length + ENVELOPE_AFTER) return null;
  const body = block.subarray(ENVELOPE_BEFORE, ENVELOPE_BEFORE + length);
  const xor = body.reduce((check, byte) => check ^ byte, 0);
  const [lrc, checkSum, end] = block.subarray(ENVELOPE_BEFORE + length);
  return lrc === xor && checkSum === (sum([...body]) & 0xff) && end === END ? body : null;
}

/** Hashes, session, serial number and KSN, each there when its flag says so. */
function tailSize(shownFlags: number, sealedFlags: number): number {
  const hashes = [3, 4, 5].filter((flag) => bit(sealedFlags, flag)).length;
  return (
    hashes * HASH_SIZE +
    (bit(sealedFlags, 6) ? SESSION_SIZE : 0) +
    (bit(shownFlags, 7) ? SERIAL_SIZE : 0) +
    (bit(sealedFlags, 7) ? KSN_SIZE : 0)
  );
}

function cut(body: Buffer, start: number, sizes: readonly number[]): Buffer[] {
  let at = start;
  return sizes.map((size) => {
    at += size;
    return body.subarray(at - size, at);
  });
}

function bit(flags: number, position: number): boolean {
  return (flags & (1 << position)) !== 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
