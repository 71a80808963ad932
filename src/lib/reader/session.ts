import {StowpayError} from '../core/errors.js';
import {Inbox, type Received, type Waiting} from './inbox.js';
import type {Line} from './line.js';
import {TIMING, type Timing} from './timing.js';
import {BOOT, COMMANDS, type Command} from './wire/commands.js';
import {encodeCommand, ResponseDecoder, type ResponseFrame} from './wire/frame.js';
import {statusOf} from './wire/status.js';

const NOTHING = Buffer.alloc(0);
const SAMPLE_BYTES = 256;

/** What came over a line, frames or not. */
export interface Heard {
  readonly bytes: number;
  /** The first of them. */
  readonly sample: Buffer;
}

/**
 * One conversation with one reader: one command at a time, answers matched by order and command byte.
 * After silence the reader is pinged twice before it is given up; then the session is over and says `reader_lost`.
 */
export class Session {
  readonly timing: Timing;
  readonly inbox = new Inbox();
  readonly #line: Line;
  readonly #decoder = new ResponseDecoder();
  #queue: Promise<unknown> = Promise.resolve();
  #probe: NodeJS.Timeout | undefined;
  #probing = true;
  #quiet: NodeJS.Timeout | undefined;
  #heard: Heard = {bytes: 0, sample: NOTHING};
  #restarts = 0;

  constructor(line: Line, timing: Partial<Timing> = {}) {
    this.timing = {...TIMING, ...timing};
    this.#line = line;
    line.onData((chunk) => this.#receive(chunk));
    line.onClose((reason) => {
      this.#end(lost(`the line ended (${reason})`));
      // A port that reported an error may still be open, and spin.
      line.close().catch(() => {});
    });
  }

  get heard(): Heard {
    return this.#heard;
  }

  /** How often the reader said that it had just started. Its settings may be gone each time. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Sends a command and returns its answer. Rejects with `reader_fault` when only that one stays away. */
  exchange(command: Command, data: Uint8Array = NOTHING, signal?: AbortSignal): Promise<ResponseFrame> {
    return this.exclusively(async () => {
      const received = await this.ask(command, data);
      if (received.kind === 'frame') return received.frame;
      await this.revive();
      const others = await this.rivals();
      throw new StowpayError(
        'reader_fault',
        `The reader did not answer "${command.name}", though it answers a ping${others}.`,
        {
          hint: others === '' ? 'Try again; if it persists, restart the reader.' : END_RIVALS,
          details: {command: command.name, answers_ping: true},
        },
      );
    }, signal);
  }

  /**
   * True when the reader answers a ping, or the second one after a pause. Rejects with `reader_lost` when the line ends
   * meanwhile, with `interrupted` when aborted.
   */
  answersPing(signal?: AbortSignal): Promise<boolean> {
    return this.exclusively(() => this.#pingTwice(), signal);
  }

  /** Runs `act` when every earlier command is done. An abort stops the waiting, not what already runs. */
  exclusively<T>(act: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const turn = this.#queue.then(async () => {
      refuseAborted(signal);
      if (this.inbox.closed !== undefined) throw this.inbox.closed;
      clearTimeout(this.#probe);
      try {
        return await act();
      } finally {
        this.#scheduleProbe();
      }
    });
    this.#queue = turn.catch(() => {});
    return untilAborted(turn, signal);
  }

  /** One command, one answer or a timeout. Only inside `exclusively`. */
  ask(command: Command, data: Uint8Array = NOTHING): Promise<Received> {
    const answer = this.expect(command);
    this.send(command, data);
    return answer.received;
  }

  /** Waits for the answer of a command about to be sent; what is not the answer yet does not prolong it. */
  expect(command: Command): Waiting {
    return this.inbox.wait(
      (frame) =>
        frame.command === command.command && statusOf(frame.status).kind !== 'interim' ? 'take' : 'ignore',
      command.timeout_ms * this.timing.scale,
    );
  }

  send(command: Command, data: Uint8Array = NOTHING): void {
    this.#line.write(encodeCommand({command: command.command, sub: command.sub, data: Buffer.from(data)}));
  }

  /** After a timeout: resolves when the reader is alive, else ends the session and rejects with `reader_lost`. */
  async revive(): Promise<void> {
    if (await this.#pingTwice()) return;
    const error = lost(`it answers neither its command nor two pings${await this.rivals()}`);
    this.#end(error);
    // A port whose far end died keeps the process spinning for as long as it is open.
    await this.#line.close();
    throw error;
  }

  /** Whether the line is pinged when idle. Not while a chip waits for its host: any command would end that. */
  probe(wanted: boolean): void {
    this.#probing = wanted;
    this.#scheduleProbe();
  }

  /** Who else has the line open, as the end of a sentence; '' when nobody is seen. */
  async rivals(): Promise<string> {
    const others = (await this.#line.rivals?.()) ?? [];
    return others.length === 0 ? '' : `; ${others.join(', ')} has the port open, too`;
  }

  /** Ends the session and releases the line. May be called twice. */
  async close(): Promise<void> {
    this.#end(new StowpayError('reader_not_connected', 'The reader was closed.'));
    await this.#line.close();
  }

  #receive(chunk: Uint8Array): void {
    const {bytes, sample} = this.#heard;
    const room = SAMPLE_BYTES - sample.length;
    this.#heard = {
      bytes: bytes + chunk.length,
      sample: room > 0 ? Buffer.concat([sample, chunk.subarray(0, room)]) : sample,
    };
    clearTimeout(this.#quiet);
    for (const frame of this.#decoder.push(chunk)) this.#deliver(frame);
    if (this.#decoder.pending > 0) {
      this.#quiet = setTimeout(() => this.#rescue(), this.timing.quiet).unref();
    }
  }

  /** Noise that looks like the beginning of a long frame must not hide a card that was read. */
  #rescue(): void {
    for (const frame of this.#decoder.rescue()) this.#deliver(frame);
  }

  #deliver(frame: ResponseFrame): void {
    if (frame.command === BOOT) this.#restarts += 1;
    this.inbox.deliver(frame);
  }

  async #pingTwice(): Promise<boolean> {
    if (await this.#ping()) return true;
    await new Promise((resolve) => setTimeout(resolve, this.timing.revival_pause));
    return this.#ping();
  }

  async #ping(): Promise<boolean> {
    // A frame whose length was garbled waits for bytes that never come and would swallow this answer.
    this.#rescue();
    this.#decoder.reset();
    return (await this.ask(COMMANDS.ping)).kind === 'frame';
  }

  #scheduleProbe(): void {
    clearTimeout(this.#probe);
    if (this.inbox.closed !== undefined || !this.#probing) return;
    this.#probe = setTimeout(() => {
      this.exclusively(async () => {
        if ((await this.ask(COMMANDS.ping)).kind === 'timeout') await this.revive();
      }).catch(() => {});
    }, this.timing.idle_probe).unref();
  }

  #end(error: StowpayError): void {
    clearTimeout(this.#probe);
    clearTimeout(this.#quiet);
    this.inbox.close(error);
  }
}

const END_RIVALS = 'End the other program: a port has one user at a time.';

function lost(why: string): StowpayError {
  return new StowpayError('reader_lost', `The reader is gone: ${why}.`, {
    hint: 'Check its cable and power, then try again.',
  });
}

export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw interrupted();
}

function interrupted(): StowpayError {
  return new StowpayError('interrupted', 'Talking to the reader was interrupted.');
}

/** The turn's result, or `interrupted` as soon as the signal says so; the turn itself runs to its end. */
function untilAborted<T>(turn: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return turn;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(interrupted());
    signal.addEventListener('abort', onAbort, {once: true});
    turn.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
  });
}
