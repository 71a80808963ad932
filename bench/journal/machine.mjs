// What is known of the machine and its disk, and the arithmetic of measuring.
import {mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, statSync} from 'node:fs';
import {cpus, release, type} from 'node:os';
import {join, resolve} from 'node:path';

/** Syncs this process has made, as the preloaded counter saw them; NaN without it. */
export function syncsSoFar(path = process.env.STOWPAY_BENCH_SYNCS) {
  if (path === undefined) return Number.NaN;
  try {
    return Number(readFileSync(path).readBigUInt64LE(0));
  } catch {
    return Number.NaN;
  }
}

const SECTOR_BYTES = 512;

/** What the kernel counted for the device below a directory, all processes together; null where it does not tell. */
export function deviceCounters(directory) {
  const {dev} = statSync(directory);
  const major = (dev >> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
  try {
    const fields = readFileSync(`/sys/dev/block/${major}:${minor}/stat`, 'utf8').trim().split(/\s+/);
    return {bytes: Number(fields[6]) * SECTOR_BYTES, flushes: Number(fields[15] ?? Number.NaN)};
  } catch {
    return null;
  }
}

/** What the device did while something ran. */
export function deviceWork(before, after) {
  if (before === null || after === null) return {bytes: Number.NaN, flushes: Number.NaN};
  return {bytes: after.bytes - before.bytes, flushes: after.flushes - before.flushes};
}

/** What everybody else does to the device, per second: the counters of the kernel do not tell processes apart. */
export async function backgroundLoad(directory, milliseconds) {
  const before = deviceCounters(directory);
  await new Promise((done) => setTimeout(done, milliseconds));
  const {bytes, flushes} = deviceWork(before, deviceCounters(directory));
  const load = Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]);
  return {load, bytes: (bytes * 1000) / milliseconds, flushes: (flushes * 1000) / milliseconds};
}

const MEMORY_FILE_SYSTEMS = [0x01021994, 0x858458f6];

/** True on a file system where a sync costs nothing and nothing survives. */
function inMemory(directory) {
  return MEMORY_FILE_SYSTEMS.includes(statfsSync(directory).type);
}

/** A directory of its own on a real disk, removed when the process ends. */
export function workDirectory(parent) {
  mkdirSync(parent, {recursive: true});
  if (inMemory(parent)) throw new Error('Give a --directory on a real disk: in memory a sync costs nothing.');
  const directory = mkdtempSync(join(parent, 'data-'));
  process.on('exit', () => rmSync(directory, {recursive: true, force: true}));
  process.on('SIGINT', () => process.exit(130));
  process.on('SIGTERM', () => process.exit(143));
  return directory;
}

export function machineFacts(directory) {
  return {
    cores: cpus().length,
    fileSystem: fileSystemOf(resolve(directory)),
    kernel: `${type()} ${release().match(/^\d+\.\d+/)?.[0] ?? ''}`,
    node: process.version,
  };
}

function fileSystemOf(directory) {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .trim()
    .split('\n')
    .map((line) => ({at: line.split(' ')[4], type: line.split(' - ')[1]?.split(' ')[0] ?? '?'}))
    .filter(({at}) => at === '/' || directory === at || directory.startsWith(`${at}/`));
  return mounts.sort((a, b) => b.at.length - a.at.length)[0]?.type ?? '?';
}

export function median(numbers) {
  const sorted = numbers.filter((number) => !Number.isNaN(number)).sort((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
