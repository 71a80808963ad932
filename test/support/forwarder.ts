import type {ChildProcessWithoutNullStreams} from 'node:child_process';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import type {ForwarderEvent} from '../../src/lib/terminal/forward/watch.js';
import {type Cli, ended, type Ran, type RunOptions} from './cli.js';

export type PrintedEvent =
  | ForwarderEvent
  | {readonly event: 'stopped'; readonly at: string; readonly outcomes: Readonly<Record<string, number>>}
  | {readonly event: 'events_lost'; readonly at: string; readonly count: number};

/** `stowpay forward --watch --json` as a process of its own. */
export class ForwarderProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ran>;
  stderr = '';
  #text = '';
  #over = false;

  constructor(cli: Cli, options: RunOptions = {}) {
    const words = ['forward', '--watch', '--json'];
    this.child = cli.start(words, options);
    this.child.stdout.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('utf8');
    });
    this.child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString('utf8');
    });
    this.ended = ended(this.child, words, null).then((ran) => {
      this.#over = true;
      return ran;
    });
  }

  /** What it printed up to now. Throws when a line is no JSON object. */
  get events(): readonly PrintedEvent[] {
    const whole = this.#text.slice(0, this.#text.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as PrintedEvent);
  }

  /** Local ids of the payments it told of. */
  get told(): readonly string[] {
    return this.events.flatMap((one) =>
      one.event === 'payment_intent_forwarded' ? [one.payment.local_id] : [],
    );
  }

  /** Resolves when it is up: its first line says what is stored. */
  async up(): Promise<this> {
    await this.until('it is up', () => this.events.length > 0);
    return this;
  }

  async until(what: string, so: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
    const deadline = performance.now() + ms;
    while (!(await so())) {
      const text = `never: ${what}\n${this.#text}\n${this.stderr}`;
      if (this.#over) throw new Error(`it ended; ${text}`);
      if (performance.now() > deadline) throw new Error(text);
      await sleep(10);
    }
  }

  /** Asks it to stop and gives how it ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ran> {
    this.child.kill(signal);
    return this.ended;
  }

  /** Ends it without asking, whatever it does. */
  async kill(): Promise<void> {
    if (this.#over) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }

  /** Milliseconds of processor time it has used. */
  cpuMs(): number {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /** Bytes of memory it holds now. */
  rss(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'latin1');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  }
}
