// Decoding in a process of its own: short turns on demand, each of one contestant over one stream of answers.
import {createRequire} from 'node:module';
import TLV from 'node-tlv';
import {refuseAnswer, refuseOffline} from '../../dist/lib/core/rules.js';
import {decodeAnswer} from '../../dist/lib/reader/decode/answer.js';
import {crc16} from '../../dist/lib/reader/wire/crc.js';
import {ResponseDecoder} from '../../dist/lib/reader/wire/frame.js';
import {readTlv} from '../../dist/lib/reader/wire/tlv.js';
import {answersOf} from './answers.mjs';

/** What a serial port hands over at once, at most. */
const CHUNK = 4096;
const [each] = JSON.parse(process.argv[2]);
const kinds = await answersOf(each);
const all = {
  name: 'all',
  bytes: Buffer.concat(kinds.map(({bytes}) => bytes)),
  frames: kinds.reduce((sum, {frames}) => sum + frames, 0),
};
const streams = new Map([...kinds, all].map((kind) => [kind.name, kind]));

const QUESTION = {
  amount: 1250,
  currency: 'usd',
  livemode: false,
  country: 'US',
  reader: {serial: 'SANDBOX001', type: 'idtech_neo2', firmware: 'Sandbox NEO2 V1.00'},
  time: {ms: Date.now(), trusted: true},
  ksn: new Map(),
};

/** From bytes off the wire to the verdict of the rules. */
function stowpay({bytes}) {
  const decoder = new ResponseDecoder();
  let judged = 0;
  for (let at = 0; at < bytes.length; at += CHUNK) {
    for (const {status, data} of decoder.push(bytes.subarray(at, at + CHUNK))) {
      const answer = decodeAnswer({status, data});
      if (answer.kind === 'card') refuseOffline(answer.card, QUESTION);
      else refuseAnswer(answer);
      judged += 1;
    }
  }
  return judged;
}

/** Frames and nothing more. */
function frames({bytes}) {
  const decoder = new ResponseDecoder();
  let found = 0;
  for (let at = 0; at < bytes.length; at += CHUNK)
    found += decoder.push(bytes.subarray(at, at + CHUNK)).length;
  return found;
}

/** Every byte touched once, in JavaScript. */
function scan({bytes, frames: count}) {
  crc16(bytes);
  return count;
}

/** The TLV data of each answer in plain BER, which is all that the library reads. */
const plain = streams.get('contactless, strict BER');
const payloads = new ResponseDecoder().push(plain.bytes).map(({data}) => data.subarray(1));

function ownTlv() {
  for (const payload of payloads) readTlv(payload);
  return payloads.length;
}

function library() {
  for (const payload of payloads) TLV.parseList(payload);
  return payloads.length;
}

const CONTESTANTS = {stowpay, frames, scan, ownTlv, library};

process.on('message', ({contestant, stream, ms}) => {
  const {bytes, frames: expected} = streams.get(stream);
  const isBer = contestant === 'ownTlv' || contestant === 'library';
  const size = isBer ? payloads.reduce((sum, payload) => sum + payload.length, 0) : bytes.length;
  const count = isBer ? payloads.length : expected;
  const start = performance.now();
  const before = process.cpuUsage();
  let rounds = 0;
  do {
    const got = CONTESTANTS[contestant](streams.get(stream));
    if (got !== count) throw new Error(`${contestant} found ${got} answers of ${count}`);
    rounds += 1;
  } while (performance.now() - start < ms);
  // What other processes take of the core is not ours.
  const {user, system} = process.cpuUsage(before);
  const took = (user + system) / 1000;
  process.send({bytesPerS: (size * rounds * 1000) / took, answersPerS: (count * rounds * 1000) / took});
});
const {version} = createRequire(import.meta.url)('node-tlv/package.json');
process.send({
  library: version,
  streams: [...streams.values()].map(({name, bytes, frames: count}) => ({
    name,
    bytes: bytes.length,
    frames: count,
  })),
});
