// The results of one run as a section of docs/BENCHMARKS.md. Nothing is rounded up to meet a goal.
import {median} from '../journal/machine.mjs';

/** 115200 baud, ten bits a byte. */
const WIRE_BYTES_PER_S = 11_520;
const GOALS = {wire: 1000, hostMs: 10};

function number(value, digits = value < 10 ? 2 : value < 100 ? 1 : 0) {
  if (value === undefined || value === null || Number.isNaN(value)) return 'n/a';
  return value.toLocaleString('en-US', {minimumFractionDigits: digits, maximumFractionDigits: digits});
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

function quantile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

const spread = (numbers, digits) =>
  `${number(median(numbers), digits)} (${number(Math.min(...numbers), digits)} … ${number(Math.max(...numbers), digits)})`;
const verdict = (met) => (met ? 'met' : '**not met**');

function rowOf({decoded}, contestant, stream) {
  return decoded.rows.find((row) => row.contestant === contestant && row.stream === stream);
}

const of = (row, key) => row.turns.map((turn) => turn[key]);
/** Within a round, between neighbours. */
const ratio = (row, other) =>
  median(row.turns.map(({bytesPerS}, round) => bytesPerS / other.turns[round].bytesPerS));
const megabytes = (row) => spread(of(row, 'bytesPerS').map((rate) => rate / 1e6));
const timesWire = (row) => median(of(row, 'bytesPerS')) / WIRE_BYTES_PER_S;
const rest = (turns) => turns.map(({whole, synced}) => whole - synced);

function goals(results) {
  const all = rowOf(results, 'stowpay', 'all');
  const {running} = results.sold;
  const late = quantile(rest(running), 0.95);
  return table(
    ['goal', 'measured', ''],
    [
      [
        `answers decoded and judged ${number(GOALS.wire, 0)} times as fast as 115200 baud brings them, on one core`,
        `${number(timesWire(all), 0)} ×`,
        verdict(timesWire(all) >= GOALS.wire),
      ],
      [
        `from the last byte of the answer to "accepted", without the synced write: ≤ ${GOALS.hostMs} ms in 95 of 100 sales`,
        `${number(late)} ms`,
        verdict(late <= GOALS.hostMs),
      ],
    ],
  );
}

const NAMES = {
  frames: 'frames and check sums only',
  scan: 'a bare pass over the bytes (CRC in JavaScript)',
};

function decoding(results) {
  const {streams} = results.decoded;
  const all = rowOf(results, 'stowpay', 'all');
  const rows = [
    ...streams.map(({name, bytes, frames}) => ({
      name: name === 'all' ? '**all of them**' : name,
      row: rowOf(results, 'stowpay', name),
      size: bytes / frames,
    })),
    ...Object.entries(NAMES).map(([contestant, name]) => ({
      name: `*${name}*`,
      row: rowOf(results, contestant, 'all'),
      size: null,
    })),
  ];
  return table(
    ['answers', 'bytes each', 'MB/s', 'answers/s', '× wire', '÷ all of them'],
    rows.map(({name, row, size}) => [
      name,
      size === null ? '' : number(size, 0),
      megabytes(row),
      number(median(of(row, 'answersPerS')), 0),
      number(timesWire(row), 0),
      number(ratio(row, all)),
    ]),
  );
}

function ber(results) {
  const own = rowOf(results, 'ownTlv', 'all');
  return table(
    ['plain BER of one card read', 'MB/s', '÷ library'],
    [
      ['stowpay’s TLV reader', megabytes(own), number(ratio(own, rowOf(results, 'library', 'all')))],
      [`node-tlv ${results.decoded.library}`, megabytes(rowOf(results, 'library', 'all')), '1.00'],
    ],
  );
}

function selling({sold}) {
  const ms = (values) => `${spread(values, 2)}`;
  const p95 = (values) => number(quantile(values, 0.95), 2);
  const row = (name, values) => [name, ms(values), p95(values)];
  const {running, cold, floor} = sold;
  return table(
    ['ms', 'median (lowest … highest)', '95 of 100 within'],
    [
      row(
        '**running process**: last byte of the answer → "accepted" printed',
        running.map(({whole}) => whole),
      ),
      row(
        '· of it the synced write',
        running.map(({synced}) => synced),
      ),
      row('· the rest', rest(running)),
      row(
        '**cold `stowpay collect`**: last byte of the answer → "accepted" printed',
        cold.map(({whole}) => whole),
      ),
      row(
        '· of it the synced write',
        cold.map(({synced}) => synced),
      ),
      row('· the rest', rest(cold)),
      row(
        '· start of the process → last byte of the answer',
        cold.map(({start}) => start),
      ),
      row(
        '· start → end of the process',
        cold.map(({all}) => all),
      ),
      row('*a bare synced write of as many bytes*', floor),
    ],
  );
}

export function report(results) {
  const {machine, plan, words, background, sold} = results;
  const command = ['npm run bench:reader', ...(words.length === 0 ? [] : ['--', ...words])].join(' ');
  const syncs = sold.running.map((turn) => turn.syncs);
  return `# Benchmarks of the reader

Made by \`${command}\` on ${results.date}, in ${results.seconds} s: ${machine.cores} cores, ${machine.fileSystem}, ${machine.kernel}, Node ${machine.node}. Before the run the load was ${number(background.load, 1)}: others compete for the cores, which the spread shows.

## Goals

${goals(results)}

## Decoding

One process, one core. ${number(plan.each, 0)} answers of each kind as the emulated reader sends them, every one sealed under a key of its own, in pieces of 4,096 bytes: frames, check sums, TLV, seal, meaning, and every rule of an offline sale. Medians of ${plan.rounds} rounds of ${plan.turnMs} ms in turns, by the processor time of the process; ratios are taken within a round. The wire brings ${number(WIRE_BYTES_PER_S, 0)} bytes a second.

${decoding(results)}

A plain BER library cannot read masked and encrypted length octets; over an answer in strict BER:

${ber(results)}

## The host's share of a sale

From the last byte of the reader's answer to "accepted" on standard output: decoding, the rules, the journal's record with its one sync (${number(median(syncs), 0)} a sale), the result on the reader's display. ${number(plan.sales, 0)} sales after ${number(plan.warmSales, 0)} in a running process with \`sim:\`, ${number(plan.cold, 0)} processes of their own at a reader behind TCP.

${selling(results)}
`;
}
