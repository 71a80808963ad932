import {encodeResponse, type ResponseFrame} from '../../reader/wire/frame.js';
import {readTlv, type TlvObject} from '../../reader/wire/tlv.js';
import type {CableEnd} from './cable.js';
import type {Presentation} from './card-data.js';
import {CommandParser, type Incoming} from './command-parser.js';
import {type KeyUse, keyStateOf, nextKey, sameKey} from './key-counter.js';
import {outcomeOf, sendsCardData} from './outcome.js';
import {answerPlain, readerNow} from './plain-commands.js';
import type {EmulatorWorld, PresentedCard} from './world.js';

export interface EmulatorOptions {
  /** Milliseconds until the card is there. */
  readonly card_delay_ms?: number;
  /** Milliseconds between the frames of one card. */
  readonly frame_delay_ms?: number;
  /** When a canceled read's own answer comes: before the cancel's, after it, or not at all. */
  readonly late_answer?: 'before' | 'after' | 'never';
  /** Sends no faster than 115200 baud would. */
  readonly paced?: boolean;
}

export interface AttachedEmulator {
  /** Stops answering; the line stays open. */
  detach(): void;
}

const ACTIVATE = 0x02;
const CANCEL = 0x05;
const CONTACT = 0x60;
const BYTES_PER_TICK = 115;
const TICK_MS = 10;

/** Puts an emulated reader on the far end of a line: from now on it answers there as a real one would. */
export function attachEmulator(
  line: CableEnd,
  world: EmulatorWorld,
  options: EmulatorOptions = {},
): AttachedEmulator {
  const reader = new EmulatedReader(line, world, options);
  line.onData((chunk) => reader.receive(chunk));
  return {detach: () => reader.stop()};
}

type Read =
  | {readonly kind: 'idle'}
  | {readonly kind: 'waiting'; readonly timers: readonly NodeJS.Timeout[]}
  /** A chip is started: its data waits for the host to have it authenticated. */
  | {readonly kind: 'started'; readonly frames: readonly ResponseFrame[]};

class EmulatedReader {
  readonly #line: CableEnd;
  readonly #world: EmulatorWorld;
  readonly #options: EmulatorOptions;
  readonly #parser = new CommandParser();
  #read: Read = {kind: 'idle'};
  #output = Buffer.alloc(0);
  #pacing: NodeJS.Timeout | undefined;

  constructor(line: CableEnd, world: EmulatorWorld, options: EmulatorOptions) {
    this.#line = line;
    this.#world = world;
    this.#options = options;
  }

  receive(chunk: Uint8Array): void {
    for (const incoming of this.#parser.push(chunk)) {
      this.#orFail(incoming.command, () => this.#handle(incoming));
    }
  }

  /** Whatever goes wrong inside (a full disk) is, to the host, a reader that failed. */
  #orFail(command: number, act: () => void): void {
    try {
      act();
    } catch {
      this.#read = {kind: 'idle'};
      this.#reply(command, 0x0a);
    }
  }

  stop(): void {
    this.#endRead();
    clearInterval(this.#pacing);
  }

  #handle(incoming: Incoming): void {
    if (incoming.kind === 'bad_crc') this.#reply(incoming.command, 0x04);
    else if (incoming.command === CANCEL && incoming.sub === 0x01) this.#cancel();
    else this.#obey(incoming);
  }

  /** While a card is awaited every command but the cancel ends the wait, too. */
  #obey(incoming: Extract<Incoming, {kind: 'command'}>): void {
    const started = this.#read.kind === 'started' ? this.#read.frames : undefined;
    this.#endRead();
    switch (incoming.command) {
      case ACTIVATE:
        this.#activate(incoming.sub, incoming.data);
        break;
      case CONTACT:
        this.#authenticate(incoming.sub, started);
        break;
      default: {
        const {status, data} = answerPlain(incoming, this.#world);
        this.#reply(incoming.command, status, data);
      }
    }
  }

  #activate(sub: number, data: Buffer): void {
    const request = readTlv(data.subarray(1));
    const refusal = this.#refusal(sub, data.length === 0, request.truncated);
    if (refusal === undefined) this.#await(this.#world.nextCard(), request.objects, data[0] as number);
    else this.#reply(ACTIVATE, refusal);
  }

  /** The status with which a card read is refused at once, in the order a reader looks. */
  #refusal(sub: number, empty: boolean, malformed: boolean): number | undefined {
    if (sub !== 0x40) return 0x03;
    if (empty) return 0x05;
    if (malformed) return 0x07;
    const settings = this.#world.settings();
    if (!this.#world.memory.load().poll_on_demand) return 0x0b;
    if (settings.tampered === true) return 0x1d;
    return {valid: undefined, missing: 0x90, exhausted: 0x91}[keyStateOf(this.#world.memory, settings)];
  }

  #await(next: PresentedCard, request: readonly TlvObject[], timeoutS: number): void {
    if (next.behavior === 'no_card') {
      this.#sendLater([{command: ACTIVATE, status: 0x08, data: Buffer.alloc(0)}], timeoutS * 1000);
      return;
    }
    const {card_delay_ms = 150} = this.#options;
    const timer = setTimeout(() => this.#orFail(ACTIVATE, () => this.#present(next, request)), card_delay_ms);
    this.#read = {kind: 'waiting', timers: [timer]};
  }

  #present({card, behavior}: PresentedCard, request: readonly TlvObject[]): void {
    const {masking, first_response} = this.#world.memory.load();
    const use = sendsCardData(behavior) ? this.#key(behavior) : null;
    if (use === undefined) {
      this.#read = {kind: 'idle'};
      this.#reply(ACTIVATE, 0x91);
      return;
    }
    const presentation: Presentation = {
      card,
      behavior,
      use,
      masking,
      amount: requested(request, '9F02') ?? Buffer.alloc(6),
      currency: requested(request, '5F2A') ?? Buffer.from('0840', 'hex'),
      now: readerNow(this.#world),
    };
    const outcome = outcomeOf(presentation, first_response);
    const {afterAuthentication} = outcome;
    this.#sendLater(outcome.frames, 0, afterAuthentication);
  }

  /** Null when this reader, or this card, sends readable data; undefined when the keys are used up. */
  #key(behavior: PresentedCard['behavior']): KeyUse | null | undefined {
    if (this.#world.settings().encryption_off === true || behavior === 'unencrypted') return null;
    return behavior === 'repeated_ksn' ? sameKey(this.#world.memory) : nextKey(this.#world.memory);
  }

  #authenticate(sub: number, started: readonly ResponseFrame[] | undefined): void {
    if (sub !== 0x11) this.#reply(CONTACT, 0x03);
    else if (started === undefined) this.#reply(CONTACT, 0x0b);
    else this.#sendLater(started, 0);
  }

  #cancel(): void {
    const late = this.#read.kind === 'waiting' ? (this.#options.late_answer ?? 'after') : 'never';
    this.#endRead();
    if (late === 'before') this.#reply(ACTIVATE, 0x0a);
    this.#reply(CANCEL, 0x00);
    if (late === 'after') setTimeout(() => this.#reply(ACTIVATE, 0x0a), 20).unref();
  }

  /** Sends frames one after the other, beginning in `wait` milliseconds. */
  #sendLater(frames: readonly ResponseFrame[], wait: number, started?: readonly ResponseFrame[]): void {
    const {frame_delay_ms = 30} = this.#options;
    const timers = frames.map((frame, index) =>
      setTimeout(
        () => {
          if (index === frames.length - 1) {
            this.#read = started === undefined ? {kind: 'idle'} : {kind: 'started', frames: started};
          }
          this.#reply(frame.command, frame.status, frame.data);
        },
        wait + index * frame_delay_ms,
      ),
    );
    this.#read = {kind: 'waiting', timers};
  }

  #endRead(): void {
    if (this.#read.kind === 'waiting') for (const timer of this.#read.timers) clearTimeout(timer);
    this.#read = {kind: 'idle'};
  }

  #reply(command: number, status: number, data: Buffer = Buffer.alloc(0)): void {
    const bytes = encodeResponse({command, status, data});
    if (this.#options.paced !== true) {
      this.#line.write(bytes);
      return;
    }
    this.#output = Buffer.concat([this.#output, bytes]);
    this.#pacing ??= setInterval(() => this.#sendPiece(), TICK_MS);
  }

  #sendPiece(): void {
    this.#line.write(this.#output.subarray(0, BYTES_PER_TICK));
    this.#output = this.#output.subarray(BYTES_PER_TICK);
    if (this.#output.length > 0) return;
    clearInterval(this.#pacing);
    this.#pacing = undefined;
  }
}

function requested(objects: readonly TlvObject[], tag: string): Buffer | undefined {
  return objects.find((object) => object.tag === tag)?.value;
}
