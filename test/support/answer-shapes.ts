import fc from 'fast-check';
import type {Brand, CardholderVerificationMethod} from '../../src/lib/core/card.js';
import {dataRequestKey, encryptTag, TEST_BDK} from '../../src/lib/sandbox/dukpt.js';

/** What a card and its reader want to say, whatever way the reader writes it down. */
export interface Meant {
  readonly pan: string;
  readonly aid: string;
  readonly brand: Brand;
  /** `YYMMDD`. */
  readonly expiry: string;
  readonly name: string | null;
  readonly cryptogram: 'tc' | 'arqc';
  readonly verification: CardholderVerificationMethod;
  readonly amount: number;
  readonly contact: boolean;
  /** Of the key's counter. */
  readonly counter: number;
}

/** One of the ways to write it down. */
export interface Shape {
  /** Masked and encrypted lengths, both lengths plain, or ciphertext plain with the masked copy in a tag of its own. */
  readonly notation: 'new' | 'old' | 'strict';
  readonly aes: boolean;
  readonly accountTags: readonly ('57' | '5A' | '56')[];
  readonly masking: readonly [leading: number, trailing: number];
  readonly maskNibble: string;
  readonly maskSign: string;
  readonly ksnTags: readonly string[];
  /** Of the first byte, without the bits that say how the card was read. */
  readonly attribution: number;
  readonly entryMode: boolean;
  readonly ending: Ending;
  readonly quickChip: boolean;
  /** Seeds of the arrangement: order, lengths, fillers, doubles, containers. */
  readonly arrangement: readonly number[];
}

/** How the reader says that the card gave a cryptogram. */
export type Ending = readonly [status: number, tags: string];

export interface Written {
  readonly status: number;
  readonly data: Buffer;
  /** Ciphertext by tag, upper-case hex. */
  readonly sealed: Readonly<Record<string, string>>;
  readonly ksn: string;
  /** Plain tags, upper-case hex, that may leave the reader's room. */
  readonly plain: Readonly<Record<string, string>>;
}

/** Stripe's published test numbers, one of every length it has. */
const CARDS = [
  ['4242424242424242', 'A0000000031010', 'visa'],
  ['5555555555554444', 'A0000000041010', 'mastercard'],
  ['6759649826438453', 'A0000000043060', 'maestro'],
  ['378282246310005', 'A000000025010402', 'amex'],
  ['30569309025904', 'A0000001523010', 'discover'],
  ['3566002020360505', 'A0000000651010', 'jcb'],
  ['6205500000000000004', 'A000000333010101', 'unionpay'],
] as const satisfies readonly (readonly [string, string, Brand])[];

const VERIFICATIONS = [
  ['1F0302', 'none'],
  ['5E0300', 'signature'],
  ['420300', 'online_pin'],
  ['010301', 'failure'],
  ['030302', 'offline_pin_and_signature'],
  ['3F0000', 'none'],
] as const satisfies readonly (readonly [string, CardholderVerificationMethod])[];

const ENDINGS: readonly Ending[] = [
  [0x23, ''],
  [0x23, 'DFEE25020004'],
  [0x00, ''],
  [0x00, 'DFEE25020000'],
  [0x00, 'DFEE25020004'],
  [0x00, 'DFEE25020004FFEE1F0400000000'],
  [0x0a, 'DFEE25020004'],
  [0x0a, 'FFEE1F0423000000'],
];

export const anyMeant: fc.Arbitrary<Meant> = fc
  .record({
    card: fc.constantFrom(...CARDS),
    expiry: fc.constantFrom('341231', '270531', '491031'),
    name: fc.constantFrom(null, 'SANDBOX/TEST', 'O NEILL/ANNE MARIE'),
    cryptogram: fc.constantFrom('tc' as const, 'arqc' as const),
    verification: fc.constantFrom(...VERIFICATIONS),
    amount: fc.constantFrom(1, 1250, 999_999, 400_000_000_002),
    contact: fc.boolean(),
    counter: fc.integer({min: 1, max: 24}),
  })
  .map(({card: [pan, aid, brand], verification: [, verification], ...rest}) => ({
    pan,
    aid,
    brand,
    verification,
    ...rest,
  }));

export const anyShape: fc.Arbitrary<Shape> = fc.record({
  notation: fc.constantFrom('new', 'old', 'strict'),
  aes: fc.boolean(),
  accountTags: fc.subarray(['57', '5A', '56'] as ('57' | '5A' | '56')[], {minLength: 1}),
  masking: fc.tuple(fc.integer({min: 0, max: 8}), fc.constantFrom(0, 4)),
  maskNibble: fc.constantFrom('A', 'B', 'C', 'E'),
  maskSign: fc.constantFrom('*', '#', 'X'),
  ksnTags: fc.constantFrom(['DFEE12'], ['FFEE12'], ['DFEE12', 'FFEE12']),
  attribution: fc.constantFrom(0x00, 0x20, 0x40, 0x44, 0x80, 0xa0, 0xc0, 0xe0, 0xe4),
  entryMode: fc.boolean(),
  ending: fc.constantFrom(...ENDINGS),
  quickChip: fc.boolean(),
  arrangement: fc.array(fc.nat(0xffff), {minLength: 40, maxLength: 40}),
});

/** Something a reader should never send. */
export interface Planted {
  readonly tag: string;
  readonly value: Buffer;
}

/** The answer a reader of this shape gives. `planted`: one object more, among the others. */
export function write(meant: Meant, shape: Shape, planted: readonly Planted[] = []): Written {
  const key = keyOf(meant.counter, shape.aes);
  const plain = plainTags(meant, shape);
  const accounts = shape.accountTags.map((tag) => accountObjects(tag, meant, shape, key.key));
  const [status, ending] = shape.ending;
  const objects: Piece[] = [
    ...Object.entries(plain).map(([tag, value]) => ({tag, value: hex(value), kind: 'plain' as const})),
    ...NOT_KEPT.map(([tag, value]) => ({tag, value: hex(value), kind: 'plain' as const})),
    ...(meant.name === null ? [] : [{tag: '5F20', value: Buffer.from(meant.name), kind: 'plain' as const}]),
    ...shape.ksnTags.map((tag) => ({tag, value: hex(key.ksn), kind: 'plain' as const})),
    ...(shape.entryMode
      ? [{tag: '9F39', value: hex(meant.contact ? '05' : '07'), kind: 'plain' as const}]
      : []),
    ...accounts.flatMap(({pieces}) => pieces),
    ...planted.map(({tag, value}) => ({tag, value, kind: 'plain' as const})),
  ];
  const attribution =
    shape.attribution |
    (meant.contact ? 0 : 1) |
    (shape.aes && (shape.arrangement[0] ?? 0) % 2 === 0 ? 2 : 0);
  const body = arrange(objects, new Choices(shape.arrangement));
  return {
    status,
    data: Buffer.concat([Buffer.from([attribution]), hex(ending), body]),
    sealed: Object.fromEntries(accounts.map(({tag, cipher}) => [tag, upper(cipher)])),
    ksn: key.ksn,
    plain: {
      ...plain,
      ...(shape.entryMode ? {'9F39': meant.contact ? '05' : '07'} : {}),
    },
  };
}

/** Tags that readers send and that are nobody's business. */
const NOT_KEPT: readonly (readonly [string, string])[] = [
  ['DFEE26', 'C100'],
  ['DFEE76', '0440000001'],
  ['DFEF4C', '002700000000'],
  ['E300', '3132333435363738'],
  ['FFF4', '010203'],
  ['FF69', '5A0112'],
  ['9F1F', '0102030405'],
  ['DF8116', '161B0000000000'],
  ['5F2D', '656E'],
];

function plainTags(meant: Meant, shape: Shape): Record<string, string> {
  const [verification] =
    VERIFICATIONS.find(([, method]) => method === meant.verification) ?? VERIFICATIONS[0];
  return {
    '4F': meant.aid,
    '50': upper(Buffer.from('CARD LABEL')),
    '5F24': meant.expiry,
    '5F2A': '0840',
    '82': '1980',
    '84': meant.aid,
    ...(shape.quickChip && meant.cryptogram === 'arqc' ? {'8A': '5A33'} : {}),
    '95': '0000008001',
    '9A': '261126',
    '9C': '00',
    '9F02': String(meant.amount).padStart(12, '0'),
    '9F03': '000000000000',
    '9F10': '06010A03A00000',
    '9F1A': '0840',
    '9F26': 'E120C07356EA3DD8',
    '9F27': meant.cryptogram === 'tc' ? '40' : '80',
    '9F34': verification,
    '9F36': '36C3',
    '9F37': 'CF5F09A2',
  };
}

interface Piece {
  readonly tag: string;
  readonly value: Buffer;
  readonly kind: 'plain' | 'masked' | 'encrypted';
}

const COPIES = {'57': 'DFEF5D', '5A': 'DFEF5B', '56': 'DFEF5F'} as const;

function accountObjects(tag: '57' | '5A' | '56', meant: Meant, shape: Shape, key: Buffer | null) {
  const clear = accountValue(tag, meant.pan, meant);
  const shown = accountValue(tag, maskedPan(meant.pan, shape, tag === '56'), meant, shape);
  const whole = Buffer.concat([hex(tag), Buffer.from([clear.length]), clear]);
  // No sample of AES output is public, and stowpay opens neither: bytes of the right length stand for it.
  const cipher = key === null ? scrambled(whole) : encryptTag(key, whole);
  const pieces: Record<Shape['notation'], readonly Piece[]> = {
    new: [
      {tag, value: shown, kind: 'masked'},
      {tag, value: cipher, kind: 'encrypted'},
    ],
    old: [
      {tag, value: shown, kind: 'plain'},
      {tag, value: cipher, kind: 'plain'},
    ],
    strict: [
      {tag, value: cipher, kind: 'plain'},
      {tag: COPIES[tag], value: shown, kind: 'plain'},
    ],
  };
  return {tag, cipher, pieces: pieces[shape.notation]};
}

function accountValue(tag: '57' | '5A' | '56', pan: string, meant: Meant, shape?: Shape): Buffer {
  const yymm = meant.expiry.slice(0, 4);
  const hidden = (length: number, mask: string | undefined) => (mask ?? '0').repeat(length);
  switch (tag) {
    case '5A':
      return packed(pan);
    case '57':
      return packed(`${pan}D${yymm}${hidden(13, shape?.maskNibble)}`);
    case '56':
      return Buffer.from(`B${pan}^${meant.name ?? ' /'}^${yymm}${hidden(13, shape?.maskSign)}`);
  }
}

function maskedPan(
  pan: string,
  {masking: [leading, trailing], maskNibble, maskSign}: Shape,
  text: boolean,
): string {
  const hidden = pan.length - leading - trailing;
  return (
    pan.slice(0, leading) + (text ? maskSign : maskNibble).repeat(hidden) + pan.slice(pan.length - trailing)
  );
}

/** Plain, masked and encrypted pieces in any order, at any depth, with every legal length and filler. */
function arrange(pieces: readonly Piece[], choices: Choices): Buffer {
  const written = pieces.flatMap((piece) => {
    const one = writePiece(piece, choices);
    if (piece.kind !== 'plain') return [one];
    // Asked for and absent: an empty one of the same name, before it or after it; or the same once more.
    const empty = Buffer.concat([hex(piece.tag), Buffer.from([0])]);
    return (
      ([[one], [empty, one], [one, empty], [one, writePiece(piece, choices)]] as const)[choices.below(4)] ?? [
        one,
      ]
    );
  });
  return wrap(choices.shuffled(written), choices, 3);
}

const CONTAINERS = ['FF8105', 'FF8106', 'E1', '70', '77', '6F', 'A5', '61', 'BF0C', 'FFEE01', 'FFEE04'];
const FILLERS = ['', '', '', '00', 'FF', '0000', 'FF00', '00FFFF', 'FFFFFF'];

function wrap(parts: readonly Buffer[], choices: Choices, depth: number): Buffer {
  const out: Buffer[] = [];
  for (let at = 0; at < parts.length; ) {
    const count = 1 + choices.below(8);
    const some = parts.slice(at, at + count);
    at += count;
    out.push(hex(FILLERS[choices.below(FILLERS.length)] ?? ''));
    if (depth > 0 && choices.below(3) === 0) {
      const container = CONTAINERS[choices.below(CONTAINERS.length)] ?? '70';
      out.push(writePiece({tag: container, value: wrap(some, choices, depth - 1), kind: 'plain'}, choices));
    } else {
      for (const one of some) out.push(one, hex(FILLERS[choices.below(FILLERS.length)] ?? ''));
    }
  }
  return Buffer.concat(out);
}

const LONG = {plain: 0x80, masked: 0xa0, encrypted: 0xc0} as const;

function writePiece({tag, value, kind}: Piece, choices: Choices): Buffer {
  const short = kind === 'plain' && value.length < 0x80 && choices.below(2) === 0;
  if (short) return Buffer.concat([hex(tag), Buffer.from([value.length]), value]);
  const octets = Math.max(value.length > 0xff ? 2 : 1, 1 + choices.below(4));
  const length = Buffer.alloc(octets);
  length.writeUIntBE(value.length, 0, octets);
  return Buffer.concat([hex(tag), Buffer.from([LONG[kind] | octets]), length, value]);
}

/** Choices that a shrinking test can make smaller: numbers, used round and round. */
class Choices {
  readonly #numbers: readonly number[];
  #used = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  below(limit: number): number {
    const number = this.#numbers[this.#used % this.#numbers.length] ?? 0;
    // Each round differs from the one before.
    const round = Math.floor(this.#used / this.#numbers.length);
    this.#used += 1;
    return (number >> (round % 7)) % limit;
  }

  shuffled<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let at = out.length - 1; at > 0; at -= 1) {
      const other = this.below(at + 1);
      [out[at], out[other]] = [out[other] as T, out[at] as T];
    }
    return out;
  }
}

const keys = new Map<string, {readonly ksn: string; readonly key: Buffer | null}>();

/** Deriving a key takes longer than everything else here. */
function keyOf(counter: number, aes: boolean) {
  const ksn = aes
    ? `1234567890123456${counter.toString(16).padStart(8, '0')}`.toUpperCase()
    : (0xe00000 + counter).toString(16).toUpperCase().padStart(20, 'FFFF9876543210');
  const known = keys.get(ksn) ?? {ksn, key: aes ? null : dataRequestKey(TEST_BDK, hex(ksn))};
  keys.set(ksn, known);
  return known;
}

/** Sixteen-byte blocks that look like nothing. */
function scrambled(bytes: Buffer): Buffer {
  const out = Buffer.alloc(Math.ceil(bytes.length / 16) * 16);
  let state = 0xc0ffee;
  for (let at = 0; at < out.length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223 + (bytes[at] ?? 0)) >>> 0;
    out[at] = state >>> 24;
  }
  return out;
}

function packed(nibbles: string): Buffer {
  return hex(nibbles.length % 2 === 0 ? nibbles : `${nibbles}F`);
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

function upper(bytes: Buffer): string {
  return bytes.toString('hex').toUpperCase();
}
