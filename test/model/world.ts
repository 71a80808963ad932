import {cpSync, existsSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {StowpayError} from '../../src/lib/core/errors.js';
import type {PaymentIntent} from '../../src/lib/core/payment.js';
import type {Clock} from '../../src/lib/core/ports.js';
import {sandboxDirectory} from '../../src/lib/index.js';
import type {FaultRequest} from '../../src/lib/sandbox/api/faults.js';
import type {LedgerEntry} from '../../src/lib/sandbox/api/ledger.js';
import {type SandboxApi, startSandboxApi} from '../../src/lib/sandbox/api/server.js';
import {type NextCard, presentNext} from '../../src/lib/sandbox/reader/directory-world.js';
import type {SafetyCheck} from '../../src/lib/terminal/status.js';
import type {Terminal} from '../../src/lib/terminal/terminal.js';
import {temporaryDirectory} from '../support/directories.js';
import {type Fate, type Hit, type Line, openProxy} from '../support/proxy.js';
import {type Death, Life} from './life.js';
import type {Mutant} from './mutants.js';
import {API_KEY, type Machine, openProcess} from './process.js';

/** How a process ended: what it told, the error it told, or nothing at all. */
export type Ended<T> =
  | {readonly kind: 'told'; readonly value: T}
  | {readonly kind: 'failed'; readonly error: StowpayError}
  | {readonly kind: 'died'};

/** Requests of one kind. */
export const STEPS = {
  reach: {method: 'GET', path: '/v1/account'},
  create: {method: 'POST', path: '/v1/payment_intents'},
  confirm: {method: 'POST', path: '/v1/payment_intents/*/confirm'},
  capture: {method: 'POST', path: '/v1/payment_intents/*/capture'},
  cancel: {method: 'POST', path: '/v1/payment_intents/*/cancel'},
  look: {method: 'GET', path: '/v1/payment_intents/*'},
  list: {method: 'GET', path: '/v1/payment_intents'},
  any: {method: '*', path: '*'},
} as const;
export type Step = keyof typeof STEPS;

/** What the API does to a request, or `late`: the client is cut off, `silent`: it hears nothing; both arrive later. */
export interface Trouble {
  readonly at: Step;
  readonly count: number;
  readonly fault: FaultRequest['fault'] | {readonly kind: 'late'} | {readonly kind: 'silent'};
}

/** `early` and `late`: as a clock that was set by hand, or is stepped right by the network. */
export type ClockSetting = 'right' | 'early' | 'late' | 'ahead' | 'behind' | 'epoch';

export interface Sight {
  readonly payments: readonly PaymentIntent[];
  readonly ledger: readonly LedgerEntry[];
  readonly check: SafetyCheck;
}

/** Short where something never answers; long enough for any answer on a busy machine where all do. */
const IMPATIENT_MS = 250;
const PATIENT_MS = 10_000;
const START = Date.parse('2026-11-23T10:00:00.000Z');
const DAY_MS = 24 * 3600_000;
const SKEWS: Readonly<Record<ClockSetting, (time: number) => number>> = {
  right: () => 0,
  early: () => 3 * 3600_000,
  late: () => -5 * 60_000,
  ahead: () => 2 * DAY_MS,
  behind: () => -2 * DAY_MS,
  epoch: (time) => 1000 - time,
};

/**
 * A kiosk and its surroundings, in this process: a directory that processes are opened on and die on, a reader, a
 * payment API with a ledger, a bad network between them, true time and a clock that need not show it.
 */
export class World {
  readonly directory = temporaryDirectory();
  /** What the journal, the wipe guard and the ledger said at the last look. */
  seen: Sight | null = null;
  readonly #backups = temporaryDirectory();
  #kept = 0;
  readonly #mutant: Mutant;
  #api: SandboxApi | null = null;
  #line: Line | null = null;
  #machine: Machine | null = null;
  #time = START;
  #skew = 0;
  #bootedAt = START;
  #boots = 1;
  #networkUp = true;
  #held: (() => void)[] = [];
  #troubles: {step: Step; left: number; silent: boolean}[] = [];
  /** The processes that are running, each with its own death to die. */
  readonly #running = new Set<Life>();

  private constructor(mutant: Mutant) {
    this.#mutant = mutant;
  }

  /** A kiosk with its reader connected, online, that sold nothing yet. */
  static async open(mutant: Mutant = {}): Promise<World> {
    const world = new World(mutant);
    const api = await startSandboxApi({
      dir: join(sandboxDirectory(world.directory), 'api'),
      now: () => world.#time,
    });
    const line = await openProxy(api.url, (hit) => world.#fateOf(hit));
    world.#api = api;
    world.#line = line;
    world.#machine = {
      directory: world.directory,
      clock: world.#clock(),
      random: smallBytes(1),
      url: line.url,
      isNetworkUp: () => world.#networkUp,
      patience: () => (world.#troubles.length === 0 ? PATIENT_MS : IMPATIENT_MS),
    };
    const connected = await world.run((terminal) =>
      terminal.connect({address: 'sim:', location: null, offline: false}),
    );
    if (connected.kind !== 'told') throw new Error('not connected');
    return world;
  }

  async close(): Promise<void> {
    await this.arrivals();
    this.#line?.close();
    await this.#api?.close();
    rmSync(this.directory, {recursive: true, force: true});
    rmSync(this.#backups, {recursive: true, force: true});
  }

  /** Milliseconds since the epoch, really. */
  get time(): number {
    return this.#time;
  }

  /** What the machine's clock shows. */
  get shown(): number {
    return this.#time + this.#skew;
  }

  get networkUp(): boolean {
    return this.#networkUp;
  }

  /** One process from its start to its end. Throws what no process may throw. */
  async run<T>(
    act: (terminal: Terminal, life: Life) => Promise<T>,
    death: Death | null = null,
  ): Promise<Ended<T>> {
    if (this.#machine === null) throw new Error('not open');
    const life = new Life(death);
    this.#running.add(life);
    const terminal = openProcess(this.#machine, life, this.#mutant);
    try {
      const value = await act(terminal, life);
      return life.dead ? {kind: 'died'} : {kind: 'told', value};
    } catch (error) {
      if (life.dead) return {kind: 'died'};
      if (error instanceof StowpayError) return {kind: 'failed', error};
      throw error;
    } finally {
      this.#running.delete(life);
      await terminal.close();
    }
  }

  present(card: NextCard): void {
    presentNext(join(sandboxDirectory(this.directory), 'reader'), card);
  }

  setNetwork(up: boolean): void {
    this.#networkUp = up;
  }

  /** True time goes on, and the machine's clock with it. */
  pass(ms: number): void {
    this.#time += ms;
  }

  setClock(setting: ClockSetting): void {
    this.#skew = SKEWS[setting](this.#time);
    if (setting !== 'epoch') return;
    // A board without a battery: it shows 1970 because it was switched off and on.
    this.#boots += 1;
    this.#bootedAt = this.#time;
  }

  /** Requests fail from now on. */
  async trouble({at, count, fault}: Trouble): Promise<void> {
    if (fault.kind === 'late' || fault.kind === 'silent')
      this.#troubles.push({step: at, left: count, silent: fault.kind === 'silent'});
    else await this.#judge.addFault({...STEPS[at], count, fault});
  }

  async mend(): Promise<void> {
    this.#troubles = [];
    await this.#judge.clearFaults();
  }

  /** Every request that was lost on the way arrives now. */
  async arrivals(): Promise<void> {
    for (const release of this.#held.splice(0)) release();
    await this.#line?.settle();
  }

  /** The API forgets every idempotency key, at once. */
  forgetKeys(): Promise<void> {
    return this.#undisturbed(async () => {
      const path = '/v1/nothing';
      await this.#judge.addFault({path, fault: {kind: 'forget_keys'}});
      await fetch(`${this.#judge.url}${path}`, {headers: AUTHORIZED});
    });
  }

  /** A request somebody else makes with a plain client and a good network. */
  elsewhere(
    method: string,
    path: string,
    form: Readonly<Record<string, string>> = {},
  ): Promise<{readonly status: number; readonly body: Record<string, unknown>}> {
    return this.#undisturbed(async () => {
      const body = method === 'POST' ? {body: new URLSearchParams(form)} : {};
      const answer = await fetch(`${this.#judge.url}${path}`, {method, headers: AUTHORIZED, ...body});
      return {status: answer.status, body: (await answer.json()) as Record<string, unknown>};
    });
  }

  ledger(): Promise<LedgerEntry[]> {
    return this.#judge.ledger();
  }

  /** What the journal, the wipe guard and the ledger say now. */
  async look(): Promise<Sight> {
    const ended = await this.run(async (terminal) => ({
      payments: await terminal.list({names: [], states: [], buckets: [], limit: null}),
      check: await terminal.checkSafeToWipe(false),
    }));
    if (ended.kind !== 'told') throw new Error('the journal cannot be read', {cause: ended});
    this.seen = {...ended.value, ledger: await this.ledger()};
    return this.seen;
  }

  /** What the device remembers is copied while no process runs, as the next of the backups. */
  keepBackup(): void {
    for (const part of REMEMBERED)
      copy(join(this.directory, part), join(this.#backups, `${this.#kept}`, part));
    this.#kept += 1;
  }

  /** The device remembers what it did then. The reader and the API are other machines and go on. */
  restoreBackup(index: number): void {
    for (const part of REMEMBERED) copy(join(this.#backups, `${index}`, part), join(this.directory, part));
  }

  /** Faults meet nobody but the device. */
  async #undisturbed<T>(act: () => Promise<T>): Promise<T> {
    const faults = await this.#judge.faults();
    await this.#judge.clearFaults();
    try {
      return await act();
    } finally {
      for (const fault of faults) await this.#judge.addFault(fault);
    }
  }

  get #judge(): SandboxApi {
    if (this.#api === null) throw new Error('not open');
    return this.#api;
  }

  #fateOf(hit: Hit): Fate {
    // A death on the network belongs to a process that runs alone: a request does not tell whose it is.
    for (const life of this.#running) {
      const when = life.call();
      if (when !== null) return when === 'before' ? 'cut_before' : 'cut_after';
    }
    const trouble = this.#troubles.find(({step}) => meets(hit, step));
    if (trouble === undefined) return 'pass';
    trouble.left -= 1;
    if (trouble.left === 0) this.#troubles.splice(this.#troubles.indexOf(trouble), 1);
    const late = new Promise<void>((resolve) => this.#held.push(resolve));
    return trouble.silent ? {late, client: 'waits'} : {late};
  }

  #clock(): Clock {
    const world = this;
    return {
      now: () => world.shown,
      mono: () => 1000 + world.#time - world.#bootedAt,
      get boot() {
        return `boot-${world.#boots}`;
      },
    };
  }
}

const AUTHORIZED = {Authorization: `Bearer ${API_KEY}`};
const REMEMBERED = ['journal', 'device.json'];

function copy(from: string, to: string): void {
  rmSync(to, {recursive: true, force: true});
  if (existsSync(from)) cpSync(from, to, {recursive: true});
}

function meets({method, path}: Hit, step: Step): boolean {
  const {method: wanted, path: pattern} = STEPS[step];
  if (wanted !== '*' && wanted !== method) return false;
  const [head = '', tail] = pattern.split('*');
  if (tail === undefined) return path === head;
  const middle = path.slice(head.length, path.length - tail.length);
  return path.startsWith(head) && path.endsWith(tail) && (pattern === '*' || !middle.includes('/'));
}

/** The same bytes in every run of a seed. Small ones, so that pauses, which are a share of 255, are short. */
function smallBytes(seed: number): (count: number) => Uint8Array {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 27;
  };
  return (count) => Uint8Array.from({length: count}, next);
}
