import {spawn, spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {BINARY, type Cli, ended, type Ran} from './cli.js';
import {temporaryDirectory} from './directories.js';

/** One system call of the program that touches its data directory or a socket. */
export interface Call {
  readonly name: string;
  readonly touches: 'data' | 'socket';
  /** The how-manieth call of this name this is, among those that strace is told to count. From 1. */
  readonly nth: number;
  /** Whether anything outside the process can be different after it. */
  readonly effect: boolean;
  readonly text: string;
}

/** One run that was traced. */
export interface Traced {
  readonly ran: Ran;
  readonly calls: readonly Call[];
  /** The files it named, `$$` standing for its process id. */
  readonly paths: readonly string[];
  /** The last line of the log: the call it died at, if it was killed. */
  readonly last: Call | null;
  /** The calls whose outcome strace made up. */
  readonly injected: readonly string[];
}

const FILES = '%file,%desc';
const EVERYTHING = `${FILES},%network`;
const CHANGES =
  /^(p?writev?(64)?|f?datasync|fsync|ftruncate|truncate|fallocate|rename(at2?)?|unlink(at)?|link(at)?|symlink(at)?|f?chmod(at)?|mkdir(at)?|rmdir)$/;

/** Whether strace works here at all; in some containers tracing is forbidden. */
export function canTrace(): boolean {
  return spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
}

/** Runs a command and writes down what it asks of the kernel. */
export function record(cli: Cli, words: readonly string[]): Promise<Traced> {
  return trace(cli, words, {paths: [], options: ['--seccomp-bpf', `-e trace=${EVERYTHING}`]});
}

/**
 * Runs a command and kills it as it enters a call. Calls on files are counted by name among those on `paths`, calls on
 * sockets among all calls of that name, because strace cannot select by socket.
 */
export function killAt(
  cli: Cli,
  words: readonly string[],
  call: Pick<Call, 'name' | 'touches' | 'nth'>,
  paths: readonly string[],
): Promise<Traced> {
  // No --seccomp-bpf: with it, strace 6.1 loses the signal and the call goes through.
  const inject = `-e inject=${call.name}:signal=KILL:when=${call.nth}`;
  return trace(
    cli,
    words,
    call.touches === 'data'
      ? {paths, options: [`-e trace=${FILES}`, inject]}
      : {paths: [], options: [`-e trace=${call.name}`, inject]},
  );
}

/** Runs a command while strace answers for the kernel, as `-e inject=…` says, on these paths. */
export function withInjected(
  cli: Cli,
  words: readonly string[],
  paths: readonly string[],
  inject: string,
): Promise<Traced> {
  return trace(cli, words, {
    paths,
    options: ['--seccomp-bpf', `-e trace=${FILES}`, `-e inject=${inject}`],
  });
}

/** How strace is started so that the program keeps the process id the shell had: `$$` in a path is right. */
export function straceCommand(
  log: string,
  words: readonly string[],
  {paths, options}: {readonly paths: readonly string[]; readonly options: readonly string[]},
): readonly [string, readonly string[]] {
  const selected = paths.map((path) => `-P "${path}"`);
  const script = ['exec strace -D -f -yy -s 0 -o', `"${log}"`, ...selected, ...options, '"$@"'].join(' ');
  return ['sh', ['-c', script, 'sh', process.execPath, BINARY, ...words]];
}

async function trace(
  cli: Cli,
  words: readonly string[],
  how: {readonly paths: readonly string[]; readonly options: readonly string[]},
): Promise<Traced> {
  const log = join(temporaryDirectory(), 'log');
  const [program, all] = straceCommand(log, words, how);
  const child = spawn(program, all, {env: cli.env});
  child.stdin.end();
  const ran = await ended(child, words);
  const lines = linesOf(await finished(log, child.pid ?? 0), child.pid ?? 0);
  return {ran, ...read(lines, cli.dataDir, child.pid ?? 0, how.paths.length > 0)};
}

/** strace writes on for a moment after the program is gone. */
async function finished(log: string, pid: number): Promise<string> {
  const end = new RegExp(`^${pid} +\\+\\+\\+ `, 'm');
  const deadline = performance.now() + 5000;
  for (;;) {
    const text = readFileSync(log, 'latin1');
    if (end.test(text)) return text;
    if (performance.now() > deadline) throw new Error(`strace did not finish its log:\n${text.slice(-500)}`);
    await sleep(5);
  }
}

/** What the main thread asked, one call a line; the other threads only load modules. */
function linesOf(log: string, pid: number): readonly string[] {
  return log
    .split('\n')
    .filter((line) => Number.parseInt(line, 10) === pid)
    .map((line) => line.replace(/^\d+ +/, ''))
    .filter((line) => /^\w+\(/.test(line));
}

function read(
  lines: readonly string[],
  dataDir: string,
  pid: number,
  selected: boolean,
): Omit<Traced, 'ran'> {
  const calls: Call[] = [];
  const paths = new Set<string>();
  const onData = new Map<string, number>();
  const ofAll = new Map<string, number>();
  let last: Call | null = null;
  for (const text of lines) {
    const name = /^\w+/.exec(text)?.[0] ?? '';
    count(ofAll, name);
    const named = pathsIn(text, dataDir);
    for (const path of named) paths.add(path.replaceAll(`.${pid}.`, () => '.$$.'));
    last = null;
    if (named.length > 0 || selected) {
      last = {name, touches: 'data', nth: count(onData, name), effect: changesFiles(name, text), text};
    } else if (onSocket(name, text)) {
      last = {name, touches: 'socket', nth: ofAll.get(name) ?? 0, effect: true, text};
    }
    if (last !== null) calls.push(last);
  }
  return {calls, paths: [...paths], last, injected: lines.filter((line) => line.includes('(INJECTED)'))};
}

/** The API's socket, and the stream on which the program tells what it did. */
function onSocket(name: string, text: string): boolean {
  if (/^\w+\(\d+<TCP/.test(text)) return true;
  return name === 'socket' ? text.includes('AF_INET') : /^writev?\(1</.test(text);
}

function count(counts: Map<string, number>, name: string): number {
  const now = (counts.get(name) ?? 0) + 1;
  counts.set(name, now);
  return now;
}

/** The files of the data directory that a line names, as strings or as what a descriptor stands for. */
function pathsIn(line: string, dataDir: string): readonly string[] {
  return [...line.matchAll(/["<](\/[^">]*)[">]/g)]
    .map(([, path = '']) => path)
    .filter((path) => path === dataDir || path.startsWith(`${dataDir}/`));
}

function changesFiles(name: string, text: string): boolean {
  if (CHANGES.test(name)) return true;
  if (name === 'openat' || name === 'open') return /O_CREAT|O_TRUNC/.test(text);
  if (name === 'fcntl') return text.includes('SETLK');
  return name === 'close' && /lock>|attempts>/.test(text);
}
