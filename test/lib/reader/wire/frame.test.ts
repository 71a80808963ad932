import {expect} from 'chai';
import fc from 'fast-check';
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

  it('reads 20 MB of noise and 2 MB of false headers in seconds', () => {
    const decoder = new ResponseDecoder();
    const noise = Buffer.alloc(64 * 1024, 'Vi5669564F746563683200');
    for (let count = 0; count < 320; count += 1) decoder.push(noise);
    const lies = Buffer.concat(Array.from({length: 1000}, () => Buffer.concat([HEADER, hex('02000FFF')])));
    for (let count = 0; count < 140; count += 1) decoder.push(lies);
    decoder.reset();
    expect(decoder.push(good)).to.deep.equal(one);
  }).timeout(20_000);
});

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] as number;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}
