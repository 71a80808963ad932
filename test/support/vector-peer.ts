import {encodeResponse} from '../../src/lib/reader/wire/frame.js';
import {CommandParser} from '../../src/lib/sandbox/reader/command-parser.js';

/** Anything that carries bytes both ways: a `Line`, or a stream dressed up as one. */
export interface ByteEnd {
  write(bytes: Uint8Array): void;
  onData(listener: (chunk: Uint8Array) => void): void;
}

export interface VectorPeerOptions {
  /** Answer to 02-40: status byte and data, attribution byte included. */
  readonly status: number;
  readonly data: Buffer;
  /** Hex; what 81-0B tells. */
  readonly ksn: string;
  readonly serial?: string;
  readonly firmware?: string;
}

/** Commands seen, oldest first, as `CCSS` hex and their data. */
export interface VectorPeer {
  readonly seen: {readonly code: string; readonly data: Buffer}[];
}

/** Answers like a reader that knows everything `connect` asks, and answers a card read with the given capture. */
export function attachVectorPeer(end: ByteEnd, options: VectorPeerOptions): VectorPeer {
  const parser = new CommandParser();
  const seen: {code: string; data: Buffer}[] = [];
  const replies = cannedReplies(options);
  end.onData((chunk) => {
    for (const incoming of parser.push(chunk)) {
      if (incoming.kind === 'bad_crc') continue;
      const code = Buffer.from([incoming.command, incoming.sub]).toString('hex').toUpperCase();
      seen.push({code, data: incoming.data});
      const reply = replies[code] ?? {status: 0x02, data: Buffer.alloc(0)};
      end.write(encodeResponse({command: incoming.command, ...reply}));
    }
  });
  return {seen};
}

function cannedReplies(
  options: VectorPeerOptions,
): Record<string, {status: number; data: Buffer} | undefined> {
  const ksn = Buffer.from(options.ksn, 'hex');
  const done = {status: 0, data: Buffer.alloc(0)};
  const serial = Buffer.alloc(15);
  serial.write(options.serial ?? '630Z000001', 'latin1');
  return {
    '1801': done,
    '2900': {status: 0, data: Buffer.from(options.firmware ?? 'VP5300 FW v1.00.S')},
    '1201': {status: 0, data: serial},
    C737: {status: 0, data: Buffer.from([0x03])},
    '810B': {status: 0, data: Buffer.concat([Buffer.from([0x01, ksn.length]), ksn])},
    '0101': done,
    '2501': done,
    '2503': done,
    '0400': done,
    '0303': done,
    '0501': done,
    '0240': {status: options.status, data: options.data},
  };
}
