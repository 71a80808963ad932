/**
 * The reader's TLV: BER tags, but a length octet of its own. 81–84 announce a plain length, A1–A4 a masked value,
 * C1–C4 an encrypted one; the same tag may come more than once, so an answer is a list and never a map.
 */

/** What the length octet says about the value. `plain` proves nothing: older firmware marks all three alike. */
export type TlvForm = 'plain' | 'masked' | 'encrypted';

export interface TlvObject {
  /** Upper-case hex. */
  readonly tag: string;
  readonly form: TlvForm;
  readonly value: Buffer;
  /** The innermost container it was found in, null at the top. */
  readonly container: string | null;
}

/** What could be read, in the order it was sent; containers are opened and not listed themselves. */
export interface TlvReading {
  readonly objects: readonly TlvObject[];
  /** Something could not be read: a length beyond the end, an impossible length octet or tag, nesting too deep. */
  readonly truncated: boolean;
  /** The bytes of it. Whoever must be sure that something is nowhere has to look here, too. */
  readonly unread: readonly Buffer[];
}

/**
 * The only tags opened. FFEE12, FFEE1F, E300 and FFFx have the constructed bit set and yet hold plain values.
 */
const CONTAINERS: ReadonlySet<string> = new Set([
  '6F',
  '70',
  '77',
  'A5',
  '61',
  'BF0C',
  'E1',
  'FF8105',
  'FF8106',
  'FFEE01',
  'FFEE04',
]);

const MAX_DEPTH = 8;
const MAX_TAG_BYTES = 4;
const CODE_SIZE = 8;

/** Reads everything that can be read. Never throws; time is linear in the bytes. */
export function readTlv(bytes: Uint8Array): TlvReading {
  const objects: TlvObject[] = [];
  const unread: Buffer[] = [];
  readLevel(Buffer.from(bytes), null, 0, {objects, unread});
  return {objects, truncated: unread.length > 0, unread};
}

/** Plain BER of one object, as issuers expect it. */
export function writeTlv(tag: string, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(tag, 'hex'), berLength(value.length), value]);
}

interface Found {
  readonly objects: TlvObject[];
  readonly unread: Buffer[];
}

function readLevel(bytes: Buffer, container: string | null, depth: number, found: Found): void {
  let at = 0;
  while (at < bytes.length) {
    if (isFiller(bytes, at)) {
      at += 1;
      continue;
    }
    const header = readHeader(bytes, at);
    if (header === undefined) {
      // Nothing behind an unreadable length can be trusted to be an object.
      found.unread.push(bytes.subarray(at));
      return;
    }
    const {size, form, start, end} = header;
    const tag = tagName(bytes, at, size);
    readObject({tag, form, value: bytes.subarray(start, end), container}, end <= bytes.length, depth, found);
    at = end;
  }
}

/** A container cut short is still opened as far as it goes; a value cut short is worth nothing. */
function readObject(object: TlvObject, complete: boolean, depth: number, found: Found): void {
  const opened = object.form === 'plain' && CONTAINERS.has(object.tag);
  if (opened && depth < MAX_DEPTH) {
    readLevel(object.value, object.tag, depth + 1, found);
    // What is missing of it has no bytes to show.
    if (!complete) found.unread.push(Buffer.alloc(0));
  } else if (opened || !complete) {
    found.unread.push(object.value);
  } else {
    found.objects.push(object);
  }
}

/** 00 between objects is filler; FF is filler unless one of the reader's own FF tags begins there. */
function isFiller(bytes: Buffer, at: number): boolean {
  if (bytes[at] === 0x00) return true;
  return bytes[at] === 0xff && vendorTagSize(bytes, at) === undefined;
}

/** So many names are remembered: more tags than any reader sends. */
const MAX_NAMES = 1024;
const names = new Map<number, string>();

/** Upper-case hex. The same tags come with every card: their names are made once. */
function tagName(bytes: Buffer, at: number, size: number): string {
  const code = bytes.readUIntBE(at, size);
  const known = names.get(code);
  if (known !== undefined) return known;
  const name = bytes.toString('hex', at, at + size).toUpperCase();
  if (names.size < MAX_NAMES) names.set(code, name);
  return name;
}

interface Header {
  /** Bytes of the tag. */
  readonly size: number;
  readonly form: TlvForm;
  /** Where the value begins, and where it should end. */
  readonly start: number;
  readonly end: number;
}

function readHeader(bytes: Buffer, at: number): Header | undefined {
  const size = tagSize(bytes, at);
  const length = size === undefined ? undefined : readLength(bytes, at + size);
  if (size === undefined || length === undefined) return undefined;
  return {size, form: length.form, start: length.next, end: length.next + length.value};
}

/** Bytes of the tag at this place; undefined when it does not end where a tag must. */
function tagSize(bytes: Buffer, at: number): number | undefined {
  const own = vendorTagSize(bytes, at);
  if (own !== undefined) return own;
  if (((bytes[at] as number) & 0x1f) !== 0x1f) return 1;
  for (let size = 2; size <= MAX_TAG_BYTES; size += 1) {
    const byte = bytes[at + size - 1];
    if (byte === undefined) return undefined;
    if ((byte & 0x80) === 0) return size;
  }
  return undefined;
}

/**
 * Tags that BER's rules would cut elsewhere or that must not be taken for filler:
 * FF81 0x (kernel 2 containers) and FFEE xx have three bytes, FFEx, FFFx, FF69 and E300 two.
 */
function vendorTagSize(bytes: Buffer, at: number): number | undefined {
  const first = bytes[at];
  const second = bytes[at + 1];
  const third = bytes[at + 2];
  if (second === undefined) return undefined;
  if (first === 0xe3) return second === 0x00 ? 2 : undefined;
  if (first !== 0xff) return undefined;
  if (second === 0xee) return third === undefined ? undefined : 3;
  if (second === 0x81) return third !== undefined && third >= 0x01 && third <= 0x0f ? 3 : undefined;
  // FFE1 is a switch of one byte; with more than that it is filler before the container E1.
  if (second === 0xe1) return third !== undefined && third <= 0x01 ? 2 : undefined;
  // So is FF before E300, an authorization code of eight bytes.
  if (second === 0xe3 && third === 0x00 && readLength(bytes, at + 3)?.value === CODE_SIZE) return undefined;
  return (second >= 0xe0 && second <= 0xfe) || second === 0x69 ? 2 : undefined;
}

interface Length {
  readonly form: TlvForm;
  readonly value: number;
  /** Where the value begins. */
  readonly next: number;
}

function readLength(bytes: Buffer, at: number): Length | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  if (first < 0x80) return {form: 'plain', value: first, next: at + 1};
  const form = longForm(first >> 5);
  const octets = first & 0x1f;
  if (form === undefined || octets < 1 || octets > 4 || at + octets >= bytes.length) return undefined;
  return {form, value: bytes.readUIntBE(at + 1, octets), next: at + 1 + octets};
}

/** The high three bits of a long length octet. */
function longForm(bits: number): TlvForm | undefined {
  switch (bits) {
    case 0b100:
      return 'plain';
    case 0b101:
      return 'masked';
    case 0b110:
      return 'encrypted';
    default:
      return undefined;
  }
}

function berLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  if (length < 0x100) return Buffer.from([0x81, length]);
  return Buffer.from([0x82, length >> 8, length & 0xff]);
}
