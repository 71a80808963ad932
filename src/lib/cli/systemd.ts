import {spawn} from 'node:child_process';

/**
 * A forwarder that has shown no life for so long is stuck, and must not be kept alive, ms. Longer than anything it may
 * rightly wait for between two signs of life: a pause that the API asks for, and the deadlines of a payment's calls.
 */
const STUCK_MS = 180_000;

export interface ServiceManager {
  /** The service is up. */
  ready(status: string): void;
  /** What it does now, in a line for a person. Says nothing when it is what was said last. */
  status(text: string): void;
  /** It is alive. */
  beat(): void;
  /** It stops. Resolves when everything was told, after two seconds at the latest. */
  stopping(): Promise<void>;
}

const NOBODY: ServiceManager = {
  ready: () => {},
  status: () => {},
  beat: () => {},
  stopping: async () => {},
};

/**
 * The service manager that started us, told through `systemd-notify` (the unit needs `Type=notify` and
 * `NotifyAccess=all`): readiness, status, and its watchdog for as long as there are beats. Does nothing where nobody
 * listens, and is never the reason why a payment is not forwarded.
 *
 * @param complain is told once when the manager listens and cannot be told anything
 */
export function serviceManager(env: NodeJS.ProcessEnv, complain: (text: string) => void): ServiceManager {
  if (env.NOTIFY_SOCKET === undefined || env.NOTIFY_SOCKET === '') return NOBODY;
  return new Systemd(env, complain);
}

class Systemd implements ServiceManager {
  readonly #env: NodeJS.ProcessEnv;
  readonly #complain: (text: string) => void;
  readonly #watchdog: NodeJS.Timeout | null;
  /** What is to be told, by name: only the latest counts, however slow the manager is. */
  #untold = new Map<string, string>();
  #telling: Promise<void> | null = null;
  #said = '';
  #beatAt = performance.now();
  #complained = false;

  constructor(env: NodeJS.ProcessEnv, complain: (text: string) => void) {
    this.#env = env;
    this.#complain = complain;
    const everyMs = watchdogMs(env);
    this.#watchdog = everyMs === null ? null : setInterval(() => this.#alive(), everyMs / 2);
    this.#watchdog?.unref();
  }

  ready(status: string): void {
    this.#said = status;
    this.#tell({READY: '1', STATUS: status});
  }

  status(text: string): void {
    if (text === this.#said) return;
    this.#said = text;
    this.#tell({STATUS: text});
  }

  beat(): void {
    this.#beatAt = performance.now();
  }

  async stopping(): Promise<void> {
    if (this.#watchdog !== null) clearInterval(this.#watchdog);
    this.#tell({STOPPING: '1', STATUS: 'Stopping.'});
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, 2_000);
    });
    await Promise.race([this.#telling, late]);
    clearTimeout(timer);
  }

  #alive(): void {
    if (performance.now() - this.#beatAt < STUCK_MS) this.#tell({WATCHDOG: '1'});
  }

  #tell(what: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(what)) this.#untold.set(name, value);
    this.#telling ??= this.#tellAll();
  }

  /** One message after the other: a later status must not be overtaken by an earlier one. */
  async #tellAll(): Promise<void> {
    while (this.#untold.size > 0) {
      const now = [...this.#untold].map(([name, value]) => `${name}=${value}`);
      this.#untold = new Map();
      await this.#notify(now);
    }
    this.#telling = null;
  }

  #notify(assignments: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const child = spawn('systemd-notify', [...assignments], {
        env: this.#env,
        stdio: 'ignore',
        // It waits up to five seconds for the manager to have read it.
        timeout: 10_000,
      });
      child.once('error', (error: NodeJS.ErrnoException) => {
        this.#fail(error.code ?? 'unknown');
        resolve();
      });
      child.once('exit', (code) => {
        if (code !== 0) this.#fail(`exit ${code}`);
        resolve();
      });
    });
  }

  #fail(why: string): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#complain(
      `The service manager could not be told that the forwarder runs: systemd-notify failed (${why}).`,
    );
  }
}

/** How often the service manager wants a sign of life of this process, ms; null when it does not. */
function watchdogMs({WATCHDOG_USEC, WATCHDOG_PID}: NodeJS.ProcessEnv): number | null {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== '' && Number(WATCHDOG_PID) !== process.pid) return null;
  const usec = Number(WATCHDOG_USEC);
  return Number.isSafeInteger(usec) && usec > 0 ? Math.min(usec / 1000, 2 ** 30) : null;
}
