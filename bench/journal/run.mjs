// What the journal costs, beside the disk's own floor and beside other stores, in one run.
//
//   npm run bench:journal -- [--quick] [--million | --no-million] [--update] [--directory <on a real disk>]
import {execFileSync, fork, spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, rmSync, statfsSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {publish} from '../section.mjs';
import {backgroundLoad, deviceCounters, deviceWork, machineFacts, median, workDirectory} from './machine.mjs';
import {report} from './report.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));
const build = join(here, 'build');

const {values: flags} = parseArgs({
  options: {
    quick: {type: 'boolean', default: false},
    million: {type: 'boolean', default: false},
    'no-million': {type: 'boolean', default: false},
    update: {type: 'boolean', default: false},
    directory: {type: 'string', default: build},
  },
});

const PLAN = flags.quick
  ? {sizes: [0, 1000], rounds: 4, turnMs: 100, floorMs: 40, looks: 3, commits: 300}
  : {sizes: [0, 1000, 10_000, 100_000], rounds: 7, turnMs: 120, floorMs: 60, looks: 5, commits: 1000};
const MILLION = 1_000_000;
/** The million is left out where preparing it would take longer than this. */
const MILLION_PREPARE_MS = 120_000;
const MILLION_BYTES = 4e9;
const LOOK_TIMEOUT_MS = 30_000;
const PREPARE_TIMEOUT_MS = 300_000;
/** A store that needs longer than this for a record is not asked for a hundred at once, nor in every round. */
const SLOW_RECORD_MS = 100;
const SLOW_ROUNDS = 2;
const WAITING = 100;
/**
 * Stores of one group take turns. Those that leave their writing to the kernel, or write everything each time, have
 * a group of their own: what they leave behind would slow the syncs of the others.
 */
const GROUPS = [
  ['stowpay', 'bare Node', 'better-sqlite3', 'level', 'jsonl-db'],
  ['nedb', 'lowdb-durable', 'lowdb'],
];

function say(text) {
  process.stderr.write(`${text}\n`);
}

function needs(program, words, what, cwd = here) {
  try {
    execFileSync(program, words, {cwd, stdio: ['ignore', 'ignore', 'pipe']});
    return true;
  } catch (error) {
    say(
      `${what}: ${String(error.stderr ?? error.message)
        .trim()
        .split('\n')
        .at(-1)}`,
    );
    return false;
  }
}

/** A peer that cannot be compiled here is said to be missing in the table; the others are still measured. */
function installPeers() {
  if (existsSync(join(here, 'node_modules', '.package-lock.json'))) return;
  say('Installing the stores to compare with …');
  const words = ['ci', '--no-audit', '--no-fund'];
  if (needs('npm', words, 'npm ci failed')) return;
  needs('npm', [...words, '--ignore-scripts'], 'npm ci failed also without install scripts');
}

function compile() {
  mkdirSync(build, {recursive: true});
  const flags = ['-O2', '-Wall', '-o'];
  const done =
    needs('gcc', [...flags, join(build, 'floor'), 'floor.c'], 'the floor was not compiled') &&
    needs('gcc', [...flags, join(build, 'syncs.so'), '-shared', '-fPIC', 'syncs.c'], 'nor the counter');
  if (!done) throw new Error('The floor and the counter of syncs need gcc (apt-get install gcc libc6-dev).');
}

function environment(directory) {
  return {
    ...process.env,
    LD_PRELOAD: join(build, 'syncs.so'),
    STOWPAY_BENCH_SYNCS: join(directory, 'syncs'),
    // Syncs through io_uring would pass the counter by.
    UV_USE_IO_URING: '0',
  };
}

/** What the disk allows right now. */
function floorTurn(place, milliseconds) {
  const words = [place.file, String(milliseconds), ...place.lengths.map(String)];
  const before = deviceCounters(place.directory);
  const done = spawnSync(join(build, 'floor'), words, {encoding: 'utf8'});
  const [records, nanoseconds] = done.stdout.trim().split(' ').map(Number);
  if (!(records > 0)) throw new Error(`the floor could not be measured: ${done.stderr}`);
  const {bytes, flushes} = deviceWork(before, deviceCounters(place.directory));
  const turn = {rate: (records * 1e9) / nanoseconds, bytes: bytes / records, flushes: flushes / records};
  place.turns.push(turn);
  return turn;
}

/** A store in its own process, ready with so many payments, or the reason why it is not. */
function startStore(name, directory, history, lines) {
  mkdirSync(directory, {recursive: true});
  const words = [JSON.stringify([name, directory, history, lines])];
  const child = fork(join(here, 'worker.mjs'), words, {
    env: environment(directory),
    execArgv: ['--max-old-space-size=4096'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const answer = () =>
    new Promise((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), PREPARE_TIMEOUT_MS);
      const settle = (message) => {
        clearTimeout(timer);
        child.off('message', settle);
        child.off('exit', exited);
        resolve(message);
      };
      const exited = (code, signal) => settle({error: `it ended (${signal ?? code})`});
      child.on('message', settle);
      child.on('exit', exited);
    });
  const ask = (message) => {
    if (!child.connected) return Promise.resolve({error: 'it ended'});
    const answered = answer();
    child.send(message);
    return answered;
  };
  const end = () =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null || !child.connected) return resolve();
      const timer = setTimeout(() => child.kill('SIGKILL'), LOOK_TIMEOUT_MS);
      child.on('exit', () => {
        clearTimeout(timer);
        resolve();
      });
      child.send({end: true});
    });
  return {name, ready: answer(), ask, end};
}

/** One turn of a store between two of the floor: their ratio holds also while the machine is busy. */
async function turn(store, floor, waiting) {
  const warm = await store.ask({warm: true});
  if (warm.error !== undefined) return warm;
  const first = floorTurn(floor, PLAN.floorMs);
  const before = deviceCounters(floor.directory);
  const {error, records, ms, syncs} = await store.ask({milliseconds: PLAN.turnMs, waiting});
  if (error !== undefined) return {error};
  const device = deviceWork(before, deviceCounters(floor.directory));
  const second = floorTurn(floor, PLAN.floorMs);
  const rate = (records * 1000) / ms;
  return {
    rate,
    ratio: (rate * 2) / (first.rate + second.rate),
    syncs: syncs / records,
    flushes: device.flushes / records,
    bytes: device.bytes / records,
  };
}

function medians(turns) {
  const keys = ['rate', 'ratio', 'syncs', 'flushes', 'bytes'];
  return Object.fromEntries(keys.map((key) => [key, median(turns.map((one) => one[key] ?? Number.NaN))]));
}

/** Every store at one length of history. */
async function compare(work, history, lines) {
  const floor = {
    directory: work,
    file: join(work, `floor-${history}`),
    lengths: lines.map((line) => Buffer.byteLength(line) + 1),
    turns: [],
  };
  const rows = [];
  for (const names of GROUPS) rows.push(...(await takeTurns(work, history, lines, names, floor)));
  rmSync(floor.file, {force: true});
  const rates = floor.turns.map(({rate}) => rate);
  return {history, floor: {...medians(floor.turns), range: [Math.min(...rates), Math.max(...rates)]}, rows};
}

async function takeTurns(work, history, lines, names, floor) {
  const stores = [];
  for (const name of names) {
    const store = startStore(name, join(work, `${name}-${history}`), history, lines);
    const {error} = await store.ready;
    stores.push({store, error, single: [], many: []});
    if (error !== undefined) say(`  ${name}: ${error}`);
  }
  // What the preparation left in memory is written before anybody is measured.
  execFileSync('sync', ['-f', work]);
  for (let round = 0; round < PLAN.rounds; round += 1) {
    // A different order in each round, so that nobody always follows the same neighbour.
    for (let n = 0; n < stores.length; n += 1)
      await roundOf(stores[(n + round) % stores.length], floor, round);
  }
  for (const {store} of stores) await store.end();
  for (const name of names) rmSync(join(work, `${name}-${history}`), {recursive: true, force: true});
  return stores.map(({store, error, single, many}) => ({
    name: store.name,
    error: error ?? null,
    turns: single.length,
    single: medians(single),
    many: medians(many),
  }));
}

async function roundOf(entry, floor, round) {
  if (entry.error !== undefined || (isSlow(entry) && round >= SLOW_ROUNDS)) return;
  const single = await turn(entry.store, floor, 1);
  entry.error = single.error;
  if (entry.error !== undefined) return;
  entry.single.push(single);
  if (isSlow(entry)) return;
  const many = await turn(entry.store, floor, WAITING);
  entry.error = many.error;
  if (entry.error === undefined) entry.many.push(many);
}

function isSlow({single}) {
  return single.length > 0 && single[0].rate < 1000 / SLOW_RECORD_MS;
}

/** One task on a journal in a fresh process; an error says why there is no result. */
function once(task, directory, count, timeout = LOOK_TIMEOUT_MS) {
  mkdirSync(directory, {recursive: true});
  const words = ['--expose-gc', join(here, 'once.mjs'), JSON.stringify([task, directory, count])];
  const done = spawnSync(process.execPath, words, {
    env: environment(dirname(directory)),
    encoding: 'utf8',
    timeout,
    killSignal: 'SIGKILL',
  });
  if (done.error?.code === 'ETIMEDOUT') return {error: `stopped after ${timeout / 1000} s`};
  if (done.status === 0) return JSON.parse(done.stdout.trim().split('\n').at(-1));
  if (/heap out of memory/.test(done.stderr)) return {error: 'out of memory'};
  const said = done.stderr.split('\n').find((line) => /Error/.test(line));
  return {error: said?.trim() ?? `it ended (${done.signal ?? done.status})`};
}

/** Opening, finding and verifying at one length of history, each in fresh processes. */
function look(work, payments) {
  const directory = join(work, `look-${payments}`);
  const prepared = once('prepare', directory, payments, PREPARE_TIMEOUT_MS);
  if (prepared.error !== undefined) return {payments, error: prepared.error};
  const opened = Array.from({length: PLAN.looks}, () => once('open', directory, payments));
  const error = opened.find((one) => one.error !== undefined)?.error;
  const of = (key) => median(opened.map((one) => one[key] ?? Number.NaN));
  const result = {
    payments,
    prepareMs: prepared.ms,
    open:
      error === undefined
        ? {first: of('first'), warm: of('warm'), rss: of('rss'), heap: of('heap')}
        : {error},
    find: payments === 0 ? {error: 'none to find'} : once('find', directory, payments),
    verify: once('verify', directory, payments),
  };
  rmSync(directory, {recursive: true, force: true});
  return result;
}

/** The million is worth its time only where it can be prepared quickly, or where it is asked for. */
function millionIn(work, looks) {
  if (!flags.million && (flags.quick || flags['no-million'])) return null;
  const last = looks.at(-1);
  const expected = (last.prepareMs ?? Number.POSITIVE_INFINITY) * (MILLION / Math.max(1, last.payments));
  if (!flags.million && expected > MILLION_PREPARE_MS) {
    const error = `left out: preparing it would take ${Math.round(expected / 1000)} s here (ask with --million)`;
    return {payments: MILLION, error};
  }
  const {bavail, bsize} = statfsSync(work);
  if (bavail * bsize < MILLION_BYTES)
    return {payments: MILLION, error: 'left out: not enough room on the disk'};
  say('The same with a million …');
  return look(work, MILLION);
}

function saleLines(work) {
  const directory = join(work, 'lines');
  const {lines, error} = once('lines', directory, 0);
  if (error !== undefined) throw new Error(`the journal could not be written: ${error}`);
  return lines;
}

async function run(work) {
  const started = Date.now();
  const lines = saleLines(work);
  const background = await backgroundLoad(work, 1500);
  say('Counting the syncs of a commit …');
  const syncs = once('syncs', join(work, 'syncs-counted', 'journal-data'), PLAN.commits);
  const looks = [];
  for (const size of PLAN.sizes) {
    say(`Opening, finding and verifying with ${size} payments …`);
    looks.push(look(work, size));
  }
  const million = millionIn(work, looks);
  if (million !== null) looks.push(million);
  const compared = [];
  for (const size of PLAN.sizes) {
    say(`Comparing the stores with ${size} payments in each …`);
    compared.push(await compare(work, size, lines));
  }
  return {
    date: new Date(started).toISOString().slice(0, 10),
    seconds: Math.round((Date.now() - started) / 1000),
    words: process.argv.slice(2).filter((word) => /^--(quick|million|no-million)$/.test(word)),
    plan: PLAN,
    waiting: WAITING,
    lengths: lines.map((line) => Buffer.byteLength(line) + 1),
    machine: machineFacts(work),
    background,
    versions: versionsOfPeers(),
    syncs,
    looks,
    compared,
  };
}

function versionsOfPeers() {
  const {dependencies} = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
  return dependencies;
}

installPeers();
compile();
if (!needs('npm', ['run', 'build'], 'the build failed', root)) process.exit(1);
const work = workDirectory(flags.directory);
const text = report(await run(work));
publish(text, flags.update);
