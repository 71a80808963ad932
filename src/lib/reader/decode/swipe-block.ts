/** What a swipe block (DFEE23) holds: the vendor's enhanced format, field by field. */
export interface SwipeBlock {
  /** What kind of card: 80 bank card, 81 driver's licence, 83 other, 84 raw. */
  readonly encoding: number;
  /** Bits 0–2: track decoded; bits 3–5: track has data. */
  readonly track_status: number;
  /** Tracks 1 to 3 as the reader shows them: masked, or clear when it does not encrypt. Empty when absent. */
  readonly shown: readonly Buffer[];
  /** Ciphertext of tracks 1 to 3, null when there is none. */
  readonly sealed: readonly (Buffer | null)[];
  /** `unknown`: not one that stowpay could say anything about (fixed key, PIN key, RSA). */
  readonly cipher: 'tdes' | 'aes' | 'unknown';
  /** Digests of tracks 1 to 3, null when there is none. They identify a card and go nowhere. */
  readonly hashes: readonly (Buffer | null)[];
  readonly session: Buffer | null;
  /** The reader's serial number as it writes it, NUL-padded; null when the block carries none. */
  readonly serial: Buffer | null;
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
const SESSION_SIZE = 8;
const SERIAL_SIZE = 10;
const KSN_SIZE = 10;
/** ANSI X9.24-3 numbers its AES keys in twelve bytes; which of both an AES reader sends is not published. */
const AES_KSN_SIZE = 12;
const TRACKS = [0, 1, 2] as const;

/** Reads a swipe block; null when it does not check out in every length and both check bytes. */
export function readSwipeBlock(block: Buffer): SwipeBlock | null {
  const body = openEnvelope(block);
  const flags = body === null ? null : readFlags(body);
  if (body === null || flags === null) return null;
  for (const ksnSize of flags.cipher === 'aes' ? [AES_KSN_SIZE, KSN_SIZE] : [KSN_SIZE]) {
    const fields = cutFields(body, flags, ksnSize);
    if (fields !== null) return fields;
  }
  return null;
}

interface Flags {
  readonly encoding: number;
  readonly track_status: number;
  readonly lengths: readonly number[];
  /** What is shown, and by which kind of key it is sealed. */
  readonly shown: number;
  /** What is sealed or hashed, and what follows. */
  readonly sealed: number;
  readonly cipher: SwipeBlock['cipher'];
  readonly hashSize: number;
  /** A check value with a key number of its own follows. */
  readonly mac: boolean;
  /** Bytes of all this. */
  readonly size: number;
}

function readFlags(body: Buffer): Flags | null {
  if (body.length < FIXED) return null;
  const [encoding = 0, track_status = 0, ...rest] = body.subarray(0, FIXED);
  // The older format has neither flags nor check of what it holds.
  if (!bit(encoding, 7)) return null;
  const [shown = 0, sealed = 0] = rest.slice(3);
  const optional = bit(track_status, 6) ? body[FIXED] : 0;
  if (optional === undefined) return null;
  const options = optional === 0 ? 0 : (body[FIXED + 1] ?? 0);
  // A fixed key, a PIN key, or what the optional bytes name (RSA and others).
  const unknown = bit(shown, 3) || bit(shown, 6) || bit(options, 1);
  return {
    encoding,
    track_status,
    lengths: rest.slice(0, 3),
    shown,
    sealed,
    cipher: unknown ? 'unknown' : bit(shown, 4) ? 'aes' : 'tdes',
    hashSize: bit(options, 0) ? 32 : 20,
    mac: bit(options, 5),
    size: FIXED + (bit(track_status, 6) ? 1 + optional : 0),
  };
}

/** Null unless the fields add up to the very length. */
function cutFields(body: Buffer, flags: Flags, ksnSize: number): SwipeBlock | null {
  let at = flags.size;
  const take = (size: number): Buffer => {
    at += size;
    return body.subarray(at - size, at);
  };
  const takeIf = (there: boolean, size: number): Buffer | null => (there ? take(size) : null);
  const {encoding, track_status, lengths, cipher} = flags;
  const block = cipher === 'aes' ? 16 : 8;
  const shown = TRACKS.map((track) => take(bit(flags.shown, track) ? (lengths[track] ?? 0) : 0));
  const sealed = TRACKS.map((track) => {
    const length = bit(flags.sealed, track) ? (lengths[track] ?? 0) : 0;
    return takeIf(length > 0, Math.ceil(length / block) * block);
  });
  const session = takeIf(bit(flags.sealed, 6), SESSION_SIZE);
  const hashes = TRACKS.map((track) => takeIf(bit(flags.sealed, 3 + track), flags.hashSize));
  const serial = takeIf(bit(flags.shown, 7), SERIAL_SIZE);
  const ksn = takeIf(bit(flags.sealed, 7), ksnSize);
  if (flags.mac) take((take(1)[0] ?? 0) + KSN_SIZE);
  if (at !== body.length) return null;
  return {encoding, track_status, shown, sealed, cipher, hashes, session, serial, ksn};
}

/** What the envelope holds; null unless its length, XOR, sum and end byte are right. */
function openEnvelope(block: Buffer): Buffer | null {
  if (block.length < ENVELOPE_BEFORE + ENVELOPE_AFTER || block[0] !== START) return null;
  const length = block.readUInt16LE(1);
  if (block.length !== ENVELOPE_BEFORE + length + ENVELOPE_AFTER) return null;
  const body = block.subarray(ENVELOPE_BEFORE, ENVELOPE_BEFORE + length);
  let xor = 0;
  let sum = 0;
  for (const byte of body) {
    xor ^= byte;
    sum = (sum + byte) & 0xff;
  }
  const [lrc, checkSum, end] = block.subarray(ENVELOPE_BEFORE + length);
  return lrc === xor && checkSum === sum && end === END ? body : null;
}

function bit(flags: number, position: number): boolean {
  return (flags & (1 << position)) !== 0;
}
