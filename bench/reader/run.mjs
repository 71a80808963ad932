// How fast answers of the reader are decoded and judged, and what the host adds to a sale.
//
//   npm run bench:reader -- [--quick] [--update] [--directory <on a real disk>]
import {execFileSync, fork} from 'node:child_process';
import {closeSync, existsSync, fdatasyncSync, openSync, writeSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {backgroundLoad, machineFacts, workDirectory} from '../journal/machine.mjs';
import {publish} from '../section.mjs';
import {report} from './report.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));

const {values: flags} = parseArgs({
  options: {
    quick: {type: 'boolean', default: false},
    update: {type: 'boolean', default: false},
    directory: {type: 'string', default: join(here, 'build')},
  },
});

const PLAN = flags.quick
  ? {rounds: 3, each: 60, turnMs: 120, warmMs: 400, sales: 60, warmSales: 40, cold: 3, floor: 40}
  : {rounds: 9, each: 200, turnMs: 250, warmMs: 1500, sales: 400, warmSales: 150, cold: 11, floor: 400};
/** As much as a sale's accepted record. */
const RECORD_BYTES = 1410;
const ALL = 'all';
/** Who decodes what: every kind by us, all of them by the peers too, plain BER by us and by a library. */
const PEERS = ['frames', 'scan'];
const BER = ['ownTlv', 'library'];

function say(text) {
  process.stderr.write(`${text}\n`);
}

function messageOf(child) {
  return new Promise((resolve, reject) => {
    const ended = (code) => reject(new Error(`a child ended (${code})`));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message);
    });
  });
}

function start(program, words) {
  return fork(join(here, program), [JSON.stringify(words)], {stdio: ['ignore', 'ignore', 'inherit', 'ipc']});
}

/** In turns, each of them short: whatever else the machine does falls on all alike. */
async function decoding() {
  const child = start('decode-worker.mjs', [PLAN.each]);
  const {streams, library} = await messageOf(child);
  const ask = (contestant, stream, ms) => {
    const answered = messageOf(child);
    child.send({contestant, stream, ms});
    return answered;
  };
  const tasks = [
    ...streams.map(({name}) => ({contestant: 'stowpay', stream: name})),
    ...PEERS.map((contestant) => ({contestant, stream: ALL})),
    ...BER.map((contestant) => ({contestant, stream: ALL})),
  ];
  const rows = tasks.map((task) => ({...task, turns: []}));
  for (const {contestant, stream} of tasks) await ask(contestant, stream, PLAN.warmMs);
  for (let round = 0; round < PLAN.rounds; round += 1) {
    say(`  decoding, round ${round + 1} of ${PLAN.rounds} …`);
    for (const row of rows) row.turns.push(await ask(row.contestant, row.stream, PLAN.turnMs));
  }
  child.disconnect();
  return {streams, rows, library};
}

/** What the disk itself needs for as many bytes, in the same minute. */
function floor(directory) {
  const fd = openSync(join(directory, 'floor'), 'w');
  const bytes = Buffer.alloc(RECORD_BYTES, 0x2e);
  const turns = [];
  for (let n = 0; n < PLAN.floor; n += 1) {
    const began = performance.now();
    writeSync(fd, bytes);
    fdatasyncSync(fd);
    turns.push(performance.now() - began);
  }
  closeSync(fd);
  return turns;
}

async function selling(directory) {
  say('  sales in a running process …');
  const child = start('sale-worker.mjs', [join(directory, 'running'), PLAN.sales, PLAN.warmSales]);
  const running = await messageOf(child);
  say('  sales in processes of their own …');
  const {coldSales} = await import('./cold.mjs');
  return {running, cold: await coldSales(join(directory, 'cold'), PLAN.cold), floor: floor(directory)};
}

function installPeers() {
  if (existsSync(join(here, 'node_modules', '.package-lock.json'))) return;
  say('Installing the library to compare with …');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], {cwd: here, stdio: ['ignore', 'ignore', 'inherit']});
}

execFileSync('npm', ['run', 'build'], {cwd: root, stdio: ['ignore', 'ignore', 'inherit']});
installPeers();
const directory = workDirectory(flags.directory);
const started = Date.now();
const background = await backgroundLoad(directory, 1000);
const decoded = await decoding();
const sold = await selling(directory);
const text = report({
  date: new Date(started).toISOString().slice(0, 10),
  seconds: Math.round((Date.now() - started) / 1000),
  words: flags.quick ? ['--quick'] : [],
  plan: PLAN,
  machine: machineFacts(directory),
  background,
  decoded,
  sold,
});
publish(text, flags.update);
