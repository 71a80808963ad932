import {expect} from 'chai';
import fc from 'fast-check';
import {crc16} from '../../../../src/lib/reader/wire/crc.js';
import {
  encodeCommand,
  encodeResponse,
  HEADER,
  MAX_DATA,
  ResponseDecoder,
  type ResponseFrame,
} from '../../../../src/lib/reader/wire/frame.js';
import {CommandParser} from '../../../../src/lib/sandbox/reader/command-parser.js';
import vectors from '../../../fixtures/reader-vectors.json' with {type: 'json'};

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

function decode(...chunks: readonly Uint8Array[]): ResponseFrame[] {
  const decoder = new ResponseDecoder();
  return chunks.flatMap((chunk) => decoder.push(chunk));
}

function frame(data: Buffer, command = 0x02, status = 0x00): Buffer {
  return encodeResponse({command, status, data});
}

describe('frames of the public vectors', () => {
  for (const vector of vectors.frames) {
    const bytes = hex(vector.hex);
    const data = bytes.subarray(14, bytes.length - 2);
    const [command, second] = [bytes.readUInt8(10), bytes.readUInt8(11)];

    if (vector.dir === 'command') {
      it(`encodes "${vector.name}"`, () => {
        expect(encodeCommand({command, sub: second, data})).to.deep.equal(bytes);
        expect(new CommandParser().push(bytes)).to.deep.equal([
          {kind: 'command', command, sub: second, data},
        ]);
        // Its check sum stands the wrong way round: an echo is no answer.
        expect(decode(bytes)).to.deep.equal([]);
      });
      continue;
    }
    const expected = [{command, status: second, data: Buffer.from(data)}];

    it(`encodes "${vector.name}" and decodes it, cut at every byte`, () => {
      expect(encodeResponse({command, status: second, data})).to.deep.equal(bytes);
      for (let at = 0; at <= bytes.length; at += 1) {
        expect(decode(bytes.subarray(0, at), bytes.subarray(at)), `cut at ${at}`).to.deep.equal(expected);
      }
      expect(decode(...[...bytes].map((byte) => Buffer.from([byte])))).to.deep.equal(expected);
    });

    it(`takes no prefix and no damaged copy of "${vector.name}" for it`, () => {
      for (let at = 0; at < bytes.length; at += 1) {
        expect(decode(bytes.subarray(0, at))).to.deep.equal([]);
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] as number) ^ 0x01;
        expect(decode(damaged)).to.deep.equal([]);
      }
    });
  }
});

describe('ResponseDecoder', () => {
  const good = frame(hex('E1DFEE2502'));
  const one = [{command: 2, status: 0, data: hex('E1DFEE2502')}];

  it('finds two frames in one chunk', () => {
    expect(decode(Buffer.concat([good, good]))).to.deep.equal([...one, ...one]);
  });

  it('finds a frame behind bursts without header, half headers and a doubled beginning', () => {
    for (const junk of [
      '45005500',
      '0100',
      HEADER.toString('hex'),
      Buffer.from('ViViVOtec').toString('hex'),
    ]) {
      expect(decode(Buffer.concat([hex(junk), good])), junk).to.deep.equal(one);
    }
    expect(decode(Buffer.concat([Buffer.from('Vi'), good]))).to.deep.equal(one);
  });

  it('is not stopped by an impossible length', () => {
    expect(decode(Buffer.concat([HEADER, hex('0200FFFF'), good]))).to.deep.equal(one);
  });

  it('finds a frame inside a damaged one', () => {
    const outer = frame(Buffer.concat([Buffer.alloc(3), good]));
    outer[outer.length - 1] = (outer[outer.length - 1] as number) ^ 0xff;
    expect(decode(outer)).to.deep.equal(one);
  });

  it('keeps a header that is part of the data', () => {
    const inside = Buffer.concat([HEADER, hex('18000000FA83')]);
    expect(decode(frame(inside))).to.deep.equal([{command: 2, status: 0, data: inside}]);
  });

  it('decodes the longest frame, and holds no more than one', () => {
    const longest = frame(Buffer.alloc(MAX_DATA, 0x56));
    const decoder = new ResponseDecoder();
    for (const byte of longest.subarray(0, -1)) decoder.push(Uint8Array.of(byte));
    expect(decoder.pending).to.equal(longest.length - 1);
    expect(decoder.push(longest.subarray(-1))).to.have.length(1);
    expect(decoder.pending).to.equal(0);
  });

  it('forgets a half frame when told, so that the next is found', () => {
    const decoder = new ResponseDecoder();
    decoder.push(Buffer.concat([HEADER, hex('02001000')]));
    expect(decoder.push(good)).to.deep.equal([]);
    decoder.reset();
    expect(decoder.push(good)).to.deep.equal(one);
  });

  it('finds every frame in any noise, however it is cut', () => {
    const noise = fc.uint8Array({maxLength: 40}).filter((bytes) => !bytes.includes(0x56));
    const parts = fc.array(fc.tuple(noise, fc.uint8Array({maxLength: 60})), {maxLength: 8});
    fc.assert(
      fc.property(parts, fc.array(fc.integer({min: 1, max: 50}), {minLength: 1}), (pieces, sizes) => {
        const stream = Buffer.concat(pieces.flatMap(([junk, data]) => [junk, frame(Buffer.from(data))]));
        const chunks = cut(stream, sizes);
        expect(decode(...chunks).map(({data}) => data.toString('hex'))).to.deep.equal(
          pieces.map(([, data]) => Buffer.from(data).toString('hex')),
        );
      }),
    );
  });

  it('survives anything, in bounded memory', () => {
    const piece = fc.oneof(fc.uint8Array({maxLength: 200}), fc.constant(HEADER), fc.constant(good));
    fc.assert(
      fc.property(fc.array(piece, {maxLength: 40}), (pieces) => {
        const decoder = new ResponseDecoder();
        for (const chunk of pieces) decoder.push(chunk);
        expect(decoder.pending).to.be.at.most(MAX_DATA + 16);
      }),
    );
  });

  it('looks at each byte a bounded number of times, whatever the bytes are', () => {
    for (const {name, chunk} of STORMS) {
      const decoder = new ResponseDecoder();
      const {looks, read} = counted(() => {
        for (let count = 0; count < 16; count += 1) decoder.push(chunk);
      });
      const bytes = 16 * chunk.length;
      // A header takes thirteen bytes at least; each look at one is a constant amount of work.
      expect(looks, `${name}: looks at a frame`).to.be.at.most(2 * (bytes / 13) + 16 * 8);
      expect(read, `${name}: bytes searched for a header`).to.be.at.most(2 * bytes);
      expect(decoder.pending, `${name}: bytes held`).to.be.at.most(MAX_DATA + 16);
      decoder.reset();
      expect(decoder.push(good), name).to.deep.equal(one);
    }
  });

  it('finds what hides behind a garbled length when told that nothing more comes', () => {
    const lure = Buffer.concat([HEADER, hex('02000FFF')]);
    const decoder = new ResponseDecoder();
    expect(decoder.push(Buffer.concat([lure, good, lure, good, good.subarray(0, 9)]))).to.deep.equal([]);
    expect(decoder.rescue()).to.deep.equal([...one, ...one]);
    // What was only half here goes on.
    expect(decoder.push(good.subarray(9))).to.deep.equal(one);
    expect(decoder.rescue()).to.deep.equal([]);
  });

  it('leaves a frame that is half here as it is when nothing hides in it', () => {
    const long = frame(Buffer.concat([Buffer.alloc(30), HEADER, Buffer.alloc(500, 7)]));
    fc.assert(
      fc.property(fc.integer({min: 0, max: long.length - 1}), (at) => {
        const decoder = new ResponseDecoder();
        decoder.push(long.subarray(0, at));
        expect(decoder.rescue()).to.deep.equal([]);
        expect(decoder.push(long.subarray(at))).to.have.length(1);
      }),
    );
  });

  it('finds what a decoder that reads the whole stream anew finds, however it is cut', () => {
    const piece = fc.oneof(
      fc.uint8Array({maxLength: 60}),
      fc.constant(HEADER),
      fc.constant(good),
      fc.uint8Array({maxLength: 200}).map((data) => frame(Buffer.from(data))),
      fc.tuple(fc.integer({min: 0, max: 20}), fc.nat(255)).map(([at, byte]) => {
        const damaged = Buffer.from(good);
        damaged[at] = byte;
        return damaged;
      }),
      fc.integer({min: 0, max: 0x1100}).map((length) => {
        const lure = Buffer.concat([HEADER, hex('02000000')]);
        lure.writeUInt16BE(length, 12);
        return lure;
      }),
    );
    const sizes = fc.array(fc.integer({min: 1, max: 70}), {minLength: 1});
    fc.assert(
      fc.property(fc.array(piece, {maxLength: 20}), sizes, (pieces, cuts) => {
        const stream = Buffer.concat(pieces);
        expect(decode(...cut(stream, cuts))).to.deep.equal(readAnew(stream));
      }),
    );
  });

  it('goes on over the end of its room, with frames of every length', () => {
    const frames = Array.from({length: 40}, (_, turn) =>
      frame(Buffer.alloc((turn * 577) % (MAX_DATA + 1), turn)),
    );
    const stream = Buffer.concat(frames);
    for (const size of [1000, 16_447, stream.length]) {
      expect(decode(...cut(stream, [size])), `chunks of ${size}`).to.have.length(40);
    }
  });
});

describe('the fuzz list of the line', () => {
  const vector = hex(vectors.frames.find(({name}) => name.includes('393 B'))?.hex ?? '');
  const whole = [
    {command: vector[10], status: vector[11], data: Buffer.from(vector.subarray(14, vector.length - 2))},
  ];

  it('one frame in 393 chunks, two in one', () => {
    expect(decode(...[...vector].map((byte) => Uint8Array.of(byte)))).to.deep.equal(whole);
    expect(decode(Buffer.concat([vector, vector]))).to.deep.equal([...whole, ...whole]);
  });

  it('every byte changed to anything is no frame, and the next one is found', () => {
    fc.assert(
      fc.property(fc.nat(vector.length - 1), fc.integer({min: 1, max: 255}), (at, change) => {
        const damaged = Buffer.from(vector);
        damaged[at] = (damaged[at] as number) ^ change;
        const decoder = new ResponseDecoder();
        expect(decoder.push(damaged)).to.deep.equal([]);
        const after = [...decoder.push(vector), ...decoder.rescue()];
        expect(after).to.deep.equal(whole);
      }),
      {numRuns: 300},
    );
  });

  it('ViViVOtech2, a burst between, a header inside data, LEN FFFF and silence', () => {
    const burst = hex('450055000100');
    expect(decode(Buffer.from('Vi'), vector, burst, vector, burst)).to.deep.equal([...whole, ...whole]);
    const decoder = new ResponseDecoder();
    expect(decoder.push(Buffer.concat([HEADER, hex('0200FFFF')]))).to.deep.equal([]);
    expect(decoder.pending).to.be.at.most(HEADER.length);
    expect(decoder.push(vector)).to.deep.equal(whole);
  });
});

/** Streams made to cost as much as can be, 64 kB each. */
const STORMS = (() => {
  const filled = (text: string | Buffer): Buffer => Buffer.alloc(64 * 1024, text);
  const lure = (length: string): Buffer => Buffer.concat([HEADER, hex(`0200${length}`)]);
  return [
    {name: 'noise without a header', chunk: filled('Vi5669564F746563683200')},
    {name: 'headers cut short', chunk: filled('ViVOtech2')},
    {name: 'lengths that are impossible', chunk: filled(lure('FFFF'))},
    {name: 'lengths as long as can be', chunk: filled(lure('1000'))},
    {name: 'lengths that overlap the next header', chunk: filled(Buffer.concat([HEADER, hex('020009')]))},
    {
      name: 'frames whose check sum is wrong',
      chunk: filled(Buffer.concat([lure('0004'), hex('010203040000')])),
    },
  ];
})();

/** How often the decoder looks at a length or a check sum, and how many bytes it lets search for a header. */
function counted(act: () => void): {readonly looks: number; readonly read: number} {
  const {readUInt16BE, indexOf} = Buffer.prototype;
  let [looks, read] = [0, 0];
  Buffer.prototype.readUInt16BE = function (this: Buffer, offset?: number) {
    looks += 1;
    return readUInt16BE.call(this, offset);
  };
  Buffer.prototype.indexOf = function (this: Buffer, ...what: [never]) {
    const at = indexOf.apply(this, what);
    read += at === -1 ? this.length : at + HEADER.length;
    return at;
  };
  try {
    act();
  } finally {
    Object.assign(Buffer.prototype, {readUInt16BE, indexOf});
  }
  return {looks, read};
}

/** The responses of a whole stream by the book: at each place, a frame whose check sum holds, else on by one byte. */
function readAnew(stream: Buffer): ResponseFrame[] {
  const found: ResponseFrame[] = [];
  for (let at = 0; at + 16 <= stream.length; ) {
    const length = stream.readUInt16BE(at + 12);
    const end = at + 14 + length;
    const begins = stream.subarray(at, at + 10).equals(HEADER) && length <= MAX_DATA;
    // A frame that is not whole yet is waited for.
    if (begins && end + 2 > stream.length) break;
    if (begins && crc16(stream.subarray(at, end)) === stream.readUInt16BE(end)) {
      const [command, status] = [stream.readUInt8(at + 10), stream.readUInt8(at + 11)];
      found.push({command, status, data: Buffer.from(stream.subarray(at + 14, end))});
      at = end + 2;
    } else at += 1;
  }
  return found;
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] as number;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}
