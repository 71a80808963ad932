// One look at a journal in a process of its own, cold as a command is. Prints one JSON object.
import {readdirSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {openTerminal} from '../../dist/lib/index.js';
import {deviceCounters, deviceWork, median, syncsSoFar} from './machine.mjs';
import {lifeOf, paymentId, saleRecord} from './records.mjs';
import {countingDisk, openJournal, prepareJournal, saleLines} from './stowpay.mjs';

const [task, directory, count] = JSON.parse(process.argv[2]);
const AGAIN = 5;

async function timed(act) {
  const start = performance.now();
  const result = await act();
  return {ms: performance.now() - start, result};
}

async function prepare() {
  const {ms} = await timed(() => prepareJournal(directory, count));
  return {ms};
}

/** What `status` costs in process: the journal is opened and looked at. */
async function open() {
  const look = async () => {
    const journal = openJournal(directory);
    const {state, health} = await journal.view();
    if (!health.ok) throw new Error('the journal is damaged');
    return {journal, kept: state.payments.size};
  };
  gc();
  const before = process.memoryUsage();
  const first = await timed(look);
  gc();
  const after = process.memoryUsage();
  first.result.journal.close();
  const warm = [];
  for (let n = 0; n < AGAIN; n += 1) {
    const {ms, result} = await timed(look);
    warm.push(ms);
    result.journal.close();
  }
  return {
    first: first.ms,
    warm: median(warm),
    rss: after.rss,
    heap: after.heapUsed - before.heapUsed,
    kept: first.result.kept,
  };
}

/** A closed payment from the middle of the history, by its full id, as `inspect` finds it. */
async function find() {
  const terminal = await openTerminal({
    dataDirectory: {value: directory, from: 'the benchmark'},
    profile: {value: 'sandbox', from: 'the benchmark'},
    env: {},
  });
  const look = (number) => timed(() => terminal.inspect([paymentId(number)]));
  const first = await look(Math.floor(count / 2));
  if (first.result[0]?.status === undefined) throw new Error('it was not found');
  const again = await look(Math.floor(count / 3));
  await terminal.close();
  return {first: first.ms, again: again.ms};
}

async function verify() {
  const journal = openJournal(directory);
  const {ms, result} = await timed(() => journal.verify());
  journal.close();
  if (!result.ok) throw new Error('the journal is damaged');
  const folder = join(directory, 'journal');
  const segments = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  const bytes = segments.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  return {ms, bytes, rss: process.resourceUsage().maxRSS * 1024};
}

/** Counts the syncs of so many commits in three ways that know nothing of each other. */
async function syncs() {
  await prepareJournal(directory, 0);
  const {storage, counts} = countingDisk();
  const journal = openJournal(directory, storage);
  await journal.transact(() => ({events: [], result: null}));
  const commit = (events) => journal.transact(() => ({events, result: null}));
  const counters = () => ({...counts, preloaded: syncsSoFar(), device: deviceCounters(directory)});
  const before = counters();
  for (let n = 0; n < count; n += 1) await commit([saleRecord(n)]);
  const after = counters();
  const barriers = await barriersOf(commit, count);
  journal.close();
  return {
    commits: count,
    segment: after.segment - before.segment,
    other: after.other - before.other,
    preloaded: after.preloaded - before.preloaded,
    flushes: deviceWork(before.device, after.device).flushes,
    barriers,
  };
}

/** The syncs before each step of a payment's life is told: the most usual number, and the most. */
async function barriersOf(commit, first) {
  const seen = new Map();
  for (let life = 0; life < 40; life += 1) {
    for (const [step, event] of lifeOf(first + life)) {
      const before = syncsSoFar();
      await commit([event]);
      seen.set(step, [...(seen.get(step) ?? []), syncsSoFar() - before]);
    }
  }
  return [...seen].map(([step, counts]) => ({step, usual: median(counts), most: Math.max(...counts)}));
}

const lines = async () => ({lines: await saleLines(directory)});

const TASKS = {lines, prepare, open, find, verify, syncs};
process.stdout.write(`${JSON.stringify(await TASKS[task]())}\n`);
