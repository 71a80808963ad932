// What `stowpay forward` costs and how fast it is, beside a plain loop with the stripe client and a bare HTTP loop.
//
//   npm run bench:forward -- [--quick] [--update] [--directory <on a real disk>]
import {execFileSync, fork} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
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

const CONCURRENCY = 8;
/** A pace that never makes anybody wait. */
const UNLIMITED = 1e6;
/** What stowpay takes as its share of a live account's 100 requests a second. */
const LIVE = 80;
const NAMES = ['stowpay', 'gateway', 'stripe', 'bare'];

/** How many payments each brings in one round, by how long they take: a loop waits for each answer in turn. */
const PLAN = flags.quick
  ? {
      rounds: 2,
      warm: 150,
      latencies: [
        {ms: 0, stowpay: 500, loop: 500},
        {ms: 20, stowpay: 240, loop: 24},
        {ms: 100, stowpay: 64, loop: 6},
      ],
      limited: {ms: 20, payments: 80},
      queues: [150, 1500],
    }
  : {
      rounds: 5,
      warm: 300,
      latencies: [
        {ms: 0, stowpay: 2000, loop: 2000},
        {ms: 20, stowpay: 1600, loop: 200},
        {ms: 100, stowpay: 400, loop: 40},
      ],
      limited: {ms: 20, payments: 400},
      queues: [1000, 10_000],
    };

function say(text) {
  process.stderr.write(`${text}\n`);
}

function answerOf(child) {
  return new Promise((resolve, reject) => {
    const answered = (message) => {
      child.off('exit', ended);
      resolve(message);
    };
    const ended = (code, signal) => {
      child.off('message', answered);
      reject(new Error(`a child ended (${signal ?? code})`));
    };
    child.once('message', answered);
    child.once('exit', ended);
  });
}

function start(program, words = []) {
  return fork(join(here, program), words, {stdio: ['ignore', 'inherit', 'inherit', 'ipc']});
}

async function startServer() {
  const child = start('server.mjs');
  const {port} = await answerOf(child);
  const ask = (message) => {
    const answered = answerOf(child);
    child.send(message);
    return answered;
  };
  return {
    origin: `http://127.0.0.1:${port}`,
    reset: () => ask({task: 'reset'}),
    latency: (ms) => ask({task: 'latency', ms}),
    judge: () => ask({task: 'judge'}),
    stop: () => child.disconnect(),
  };
}

/** A worker does its task; between its warm-up and what is measured `whenWarm` is done. */
async function work(task, whenWarm = async () => {}) {
  const child = start('worker.mjs', [JSON.stringify(task)]);
  let result = await answerOf(child);
  if (result.warm === true) {
    await whenWarm();
    const measured = answerOf(child);
    child.send({});
    result = await measured;
  }
  if (result.error !== undefined) throw new Error(`${task.name}: ${result.error}`);
  return result;
}

/** One forwarder brings so many payments, and the API says whether it brought each exactly once. */
async function turn(server, directory, {name, latencyMs, payments, pace}) {
  const {warm} = PLAN;
  const task = {
    name,
    directory: mkdtempSync(join(directory, `${name}-`)),
    origin: server.origin,
    pace,
    warm,
    payments,
  };
  await server.reset();
  if (name === 'stowpay') await work({...task, task: 'prepare'});
  // What the preparation left in memory is written before anybody is measured.
  execFileSync('sync', ['-f', task.directory]);
  const result = await work({...task, task: 'measure'}, () => server.latency(latencyMs));
  rmSync(task.directory, {recursive: true, force: true});
  const ledger = await server.judge();
  const all = warm + payments;
  if (ledger.once !== all || ledger.intents !== all || ledger.payments !== all)
    throw new Error(`${name} did not bring each payment once: ${JSON.stringify({all, ledger})}`);
  return {
    rate: (payments * 1000) / result.ms,
    cpu: result.cpu / 1000 / payments,
    ms: result.ms / payments,
    rss: result.rss,
    rssAtThousand: result.rssAtThousand,
  };
}

/** Everybody at one latency, in turns: whatever else the machine does falls on all alike. */
async function compare(server, directory, {ms, stowpay, loop}) {
  const rows = new Map(NAMES.map((name) => [name, []]));
  for (let round = 0; round < PLAN.rounds; round += 1) {
    say(`  ${ms} ms latency, round ${round + 1} of ${PLAN.rounds} …`);
    for (let n = 0; n < NAMES.length; n += 1) {
      const name = NAMES[(n + round) % NAMES.length];
      const pace = {requests_per_s: UNLIMITED, concurrency: CONCURRENCY};
      const payments = name === 'stowpay' ? stowpay : loop;
      rows.get(name).push(await turn(server, directory, {name, latencyMs: ms, payments, pace}));
    }
  }
  return {latencyMs: ms, rows: [...rows].map(([name, turns]) => ({name, turns}))};
}

async function run(server, directory) {
  const started = Date.now();
  const background = await backgroundLoad(directory, 1000);
  const compared = [];
  for (const at of PLAN.latencies) compared.push(await compare(server, directory, at));
  const stowpay = (latencyMs, payments, requests_per_s) =>
    turn(server, directory, {
      name: 'stowpay',
      latencyMs,
      payments,
      pace: {requests_per_s, concurrency: CONCURRENCY},
    });
  say('Under a rate limit …');
  const limited = [];
  for (let round = 0; round < PLAN.rounds; round += 1)
    limited.push(await stowpay(PLAN.limited.ms, PLAN.limited.payments, LIVE));
  const queues = [];
  for (const payments of PLAN.queues) {
    say(`A queue of ${payments} …`);
    queues.push({payments, ...(await stowpay(0, payments, UNLIMITED))});
  }
  return {
    date: new Date(started).toISOString().slice(0, 10),
    seconds: Math.round((Date.now() - started) / 1000),
    words: flags.quick ? ['--quick'] : [],
    plan: PLAN,
    concurrency: CONCURRENCY,
    requestsPerS: LIVE,
    machine: machineFacts(directory),
    background,
    stripe: JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).dependencies.stripe,
    compared,
    limited: {...PLAN.limited, turns: limited},
    queues,
  };
}

execFileSync('npm', ['run', 'build'], {cwd: root, stdio: ['ignore', 'ignore', 'inherit']});
const directory = workDirectory(flags.directory);
const server = await startServer();
const text = report(await run(server, directory));
server.stop();
publish(text, flags.update);
