import {type ChildProcessWithoutNullStreams, spawn} from 'node:child_process';
import {mkdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {Warning} from '../../src/lib/cli/envelope.js';
import type {PaymentIntent} from '../../src/lib/core/payment.js';

/** The program as it is installed: the entry point over the built `dist/`. */
export const BINARY = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'bin', 'run.js');

const TIMEOUT_MS = 30_000;

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly exit_code: number;
  readonly details: Readonly<Record<string, unknown>>;
}

interface Envelope {
  readonly ok: boolean;
  readonly result?: unknown;
  readonly error?: Failure;
  readonly warnings: readonly Warning[];
}

/** One run of the program that has ended. */
export class Ran {
  readonly words: readonly string[];
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(
    words: readonly string[],
    code: number | null,
    signal: NodeJS.Signals | null,
    stdout: string,
    stderr: string,
  ) {
    this.words = words;
    this.code = code;
    this.signal = signal;
    this.stdout = stdout;
    this.stderr = stderr;
  }

  /** The one object of `--json`. Throws when stdout is anything but one line with one object. */
  get json(): Envelope {
    if (!/^\{[^\n]*\}\n$/.test(this.stdout)) throw new Error(`not exactly one JSON line: ${this}`);
    return JSON.parse(this.stdout) as Envelope;
  }

  /** Throws when the run failed. */
  result<T = PaymentIntent>(): T {
    const {ok, result} = this.json;
    if (!ok || this.code !== 0) throw new Error(`it failed: ${this}`);
    return result as T;
  }

  /** Throws when the run did not report a failure. */
  get error(): Failure {
    const {error} = this.json;
    if (error === undefined) throw new Error(`it reported no error: ${this}`);
    return error;
  }

  /** Everything a person needs to see why a test failed. */
  toString(): string {
    return `stowpay ${this.words.join(' ')} → ${this.signal ?? this.code}\n${this.stdout}\n${this.stderr}`;
  }
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Pretends that the program was started at this time. Its clock runs from there. */
  readonly clock?: string;
  /** Called once, at the first output on stdout. */
  readonly onOutput?: (child: ChildProcessWithoutNullStreams) => void;
  readonly onStart?: (child: ChildProcessWithoutNullStreams) => void;
}

/** A command that runs until it is stopped, and has said that it is up. */
export interface Served {
  readonly first: Envelope;
  /** Ends it as a service manager would. Resolves when it is gone. */
  stop(): Promise<Ran>;
}

const running = new Set<ChildProcessWithoutNullStreams>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

/** The program on one data directory, in an environment that holds nothing of the developer's. */
export class Cli {
  readonly home: string;
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Everything any command printed, in the order in which they ended. */
  readonly transcript: Ran[] = [];

  constructor(directory: string, env: Readonly<Record<string, string>> = {}) {
    this.home = join(directory, 'home');
    this.dataDir = join(directory, 'data');
    mkdirSync(this.home, {recursive: true});
    this.env = {
      PATH: process.env.PATH ?? '',
      HOME: this.home,
      TZ: 'UTC',
      STOWPAY_DATA_DIR: this.dataDir,
      ...env,
    };
  }

  /** Runs one command to its end. Rejects when it does not end in time. */
  run(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const child = this.start(words, options);
    options.onStart?.(child);
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    return ended(child, words).then((ran) => {
      this.transcript.push(ran);
      return ran;
    });
  }

  /** Runs one command with `--json`; rejects unless it succeeds. */
  async ok<T = PaymentIntent>(...words: readonly string[]): Promise<T> {
    return (await this.run([...words, '--json'])).result<T>();
  }

  /** Starts a command that runs until it is stopped. Resolves at its first line, which must be its `--json` answer. */
  async serve(words: readonly string[], options: RunOptions = {}): Promise<Served> {
    const all = [...words, '--json'];
    const child = this.start(all, options);
    const end = ended(child, all, null);
    const first = await Promise.race([
      firstLine(child),
      end.then((ran) => {
        throw new Error(`it ended instead of serving: ${ran}`);
      }),
    ]);
    return {
      first: JSON.parse(first) as Envelope,
      stop: async () => {
        child.kill('SIGTERM');
        const ran = await end;
        this.transcript.push(ran);
        return ran;
      },
    };
  }

  /** Starts a command and leaves it to the caller. */
  start(words: readonly string[], options: RunOptions = {}): ChildProcessWithoutNullStreams {
    const clock = options.clock === undefined ? [] : ['--import', shiftedClock(options.clock)];
    const child = spawn(process.execPath, [...clock, BINARY, ...words], {env: {...this.env, ...options.env}});
    running.add(child);
    child.once('exit', () => running.delete(child));
    if (options.onOutput !== undefined)
      child.stdout.once('data', () => (options.onOutput as (one: typeof child) => void)(child));
    return child;
  }
}

/** Resolves when the process is gone and both streams are read. Null: waits for ever. */
export async function ended(
  child: ChildProcessWithoutNullStreams,
  words: readonly string[],
  timeoutMs: number | null = TIMEOUT_MS,
): Promise<Ran> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  let late = false;
  const timer =
    timeoutMs === null
      ? undefined
      : setTimeout(() => {
          late = true;
          child.kill('SIGKILL');
        }, timeoutMs);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (...how) => resolve(how));
  });
  clearTimeout(timer);
  const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString('utf8');
  const ran = new Ran(words, code, signal, text(out), text(err));
  if (late) throw new Error(`it did not end within ${timeoutMs} ms: ${ran}`);
  return ran;
}

function firstLine(child: ChildProcessWithoutNullStreams): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const listen = (chunk: Buffer): void => {
      text += chunk.toString('utf8');
      const end = text.indexOf('\n');
      if (end < 0) return;
      child.stdout.off('data', listen);
      resolve(text.slice(0, end));
    };
    child.stdout.on('data', listen);
  });
}

/** A module that sets the wall clock of the process that imports it; the monotonic clock stays. */
function shiftedClock(iso: string): string {
  const source = `
    const Real = Date;
    const shift = ${Date.parse(iso)} - Real.now();
    globalThis.Date = class Date extends Real {
      constructor(...parts) {
        if (parts.length === 0) super(Real.now() + shift);
        else super(...parts);
      }
      static now() {
        return Real.now() + shift;
      }
    };`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}
