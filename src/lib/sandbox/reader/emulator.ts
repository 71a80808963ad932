import type {ResponseFrame} from '../../reader/wire/frame.js';
import {readTlv, type TlvObject} from '../../reader/wire/tlv.js';
import type {Behavior} from './behaviors.js';
import type {CableEnd} from './cable.js';
import type {Presentation} from './card-data.js';
import {CommandParser, type Incoming} from './command-parser.js';
import {CONTACT, contactUnstarted, readContactStart} from './contact.js';
import {endsEverything, type Fault, type Moment} from './faults.js';
import {type Interface, openBy, wayOf} from './interfaces.js';
import {type KeyUse, keyStateOf, nextKey, sameKey} from './key-counter.js';
import {type Outcome, outcomeOf, sendsCardData} from './outcome.js';
import {answerPlain, readerNow} from './plain-commands.js';
import {Transmitter} from './transmitter.js';
import type {EmulatorWorld, LateAnswer, Output, PresentedCard, ReaderSettings} from './world.js';

export interface EmulatorOptions {
  /** Milliseconds until the card is there. */
  readonly card_delay_ms?: number;
  /** Milliseconds between the frames of one card. */
  readonly frame_delay_ms?: number;
  /** What else a canceled read says. The reader's settings go before this. */
  readonly late_answer?: LateAnswer;
  /** Sends no faster than 115200 baud would. */
  readonly paced?: boolean;
  /** Takes the line away and gives it back after so many ms; without it the line is closed for good. */
  readonly pull?: (forMs: number) => void;
}

export interface AttachedEmulator {
  /** Stops answering; the line stays open. */
  detach(): void;
}

const ACTIVATE = 0x02;
const CANCEL = 0x05;
/** All ways, where a read does not say which. */
const EVERY_WAY = 0x07;
/** How long a started chip waits for a host that does not go on, where the read does not say. */
const PATIENCE_MS = 60_000;
/** A user interface event: a card was seen. */
const SEEN = 0x0e;
const BOOT: ResponseFrame = {command: 0x14, status: 0x01, data: Buffer.alloc(0)};
const WIRE_BAUD = 115_200;
const CARD_DELAY_MS = 150;
const FRAME_DELAY_MS = 30;
const LATE_ANSWER_MS = 20;
/** Long enough for the host to notice, short enough for a person to wait. */
const OUTAGE_MS = 2000;

/** Puts an emulated reader on the far end of a line: from now on it answers there as a real one would. */
export function attachEmulator(
  line: CableEnd,
  world: EmulatorWorld,
  options: EmulatorOptions = {},
): AttachedEmulator {
  const reader = new EmulatedReader(line, world, options);
  line.onData((chunk) => reader.receive(chunk));
  reader.watchSilence();
  return {detach: () => reader.stop()};
}

type Command = Extract<Incoming, {kind: 'command'}>;

type Read =
  | {readonly kind: 'idle'}
  /** For a card, or for the next frame of one. */
  | {readonly kind: 'waiting'; readonly card: PresentedCard; readonly asked: Asked}
  /** A chip is started: it goes on with the host's next contact command. */
  | {readonly kind: 'started'; readonly next: NonNullable<Outcome['next']>};

/** One read as the host asked for it. */
interface Asked {
  readonly command: number;
  readonly objects: readonly TlvObject[];
  readonly open: ReadonlySet<Interface>;
  readonly timeout_s: number;
  readonly patience_ms: number;
}

/** A read that can begin, or the status that refuses it. */
type Request = Asked | number;

class EmulatedReader {
  readonly #line: CableEnd;
  readonly #world: EmulatorWorld;
  readonly #options: EmulatorOptions;
  readonly #transmitter: Transmitter;
  #parser = new CommandParser();
  #read: Read = {kind: 'idle'};
  /** Of the read in progress: all of them end with it. */
  #timers: NodeJS.Timeout[] = [];
  /** What is still said although nobody asks for it any more: late answers, that of a canceled read. */
  #late: NodeJS.Timeout[] = [];
  #idle: NodeJS.Timeout | undefined;
  /** Set while the reader hears and says nothing: without power, or hung. */
  #outage: NodeJS.Timeout | undefined;
  /** As it was set up when the command at hand came: a card it reads later is read like that. */
  #settings: ReaderSettings = {};
  /** What goes wrong with the answer to the command at hand. */
  #faults: readonly Fault[] = [];

  constructor(line: CableEnd, world: EmulatorWorld, options: EmulatorOptions) {
    this.#line = line;
    this.#world = world;
    this.#options = options;
    const paced = options.paced ?? world.settings().paced ?? false;
    this.#transmitter = new Transmitter(line, paced ? WIRE_BAUD : null);
  }

  receive(chunk: Uint8Array): void {
    if (this.#outage !== undefined) return;
    for (const incoming of this.#parser.push(chunk)) {
      this.#orFail(incoming.command, () => this.#handle(incoming));
    }
    this.watchSilence();
  }

  /** From here on silence is counted, if something comes of it. */
  watchSilence(): void {
    clearTimeout(this.#idle);
    const coming = this.#outage === undefined ? this.#world.idleFaults() : null;
    if (coming === null) return;
    this.#idle = setTimeout(() => {
      if (this.#read.kind !== 'idle') return;
      this.#world.takeIdleFaults();
      if (!this.#strike(coming.faults)) this.watchSilence();
    }, coming.idle_ms);
  }

  /** Whatever goes wrong inside (a full disk) is, to the host, a reader that failed. */
  #orFail(command: number, act: () => void): void {
    try {
      act();
    } catch {
      this.#endRead();
      this.#reply(command, 0x0a);
    }
  }

  stop(): void {
    this.#endRead();
    for (const timer of [...this.#late, this.#idle, this.#outage]) clearTimeout(timer);
    this.#late = [];
    this.#transmitter.stop();
  }

  #handle(incoming: Incoming): void {
    this.#faults = [];
    this.#settings = this.#world.settings();
    if (incoming.kind === 'bad_crc') {
      this.#reply(incoming.command, 0x04);
      return;
    }
    const faults = this.#world.commandFaults(incoming.command, incoming.sub);
    this.#faults = faults.filter((fault) => atOf(fault) === 'answer');
    if (this.#strike(faults.filter((fault) => atOf(fault) !== 'answer'))) return;
    const status = this.#faults.find((fault) => fault.kind === 'status')?.status;
    if (status !== undefined) this.#reply(incoming.command, status);
    else if (incoming.command === CANCEL && incoming.sub === 0x01) this.#cancel();
    else this.#obey(incoming);
  }

  /** While a card is awaited every command but the cancel ends the wait, too. */
  #obey(incoming: Command): void {
    const next = this.#read.kind === 'started' ? this.#read.next : undefined;
    this.#endRead();
    switch (incoming.command) {
      case ACTIVATE:
        this.#begin(ACTIVATE, this.#activation(incoming.sub, incoming.data));
        break;
      case CONTACT.command:
        this.#contact(incoming, next);
        break;
      default: {
        const {status, data} = answerPlain(incoming, this.#world);
        this.#reply(incoming.command, status, data);
      }
    }
  }

  #contact(incoming: Command, next: Outcome['next']): void {
    const {command} = CONTACT;
    if (this.#settings.without_contact === true) this.#reply(command, 0x02);
    else if (incoming.sub === CONTACT.start) this.#begin(command, contactStart(incoming.data));
    else this.#play(next === undefined ? contactUnstarted(incoming.sub) : next(incoming), this.#faults);
  }

  #begin(command: number, request: Request): void {
    const refusal = typeof request === 'number' ? request : this.#refusal();
    if (refusal !== undefined) this.#reply(command, refusal);
    else this.#await(this.#world.nextCard(), request as Asked);
  }

  #activation(sub: number, data: Buffer): Request {
    if (sub !== 0x40) return 0x03;
    if (data.length === 0) return 0x05;
    const {objects, truncated} = readTlv(data.subarray(1));
    if (truncated) return 0x07;
    const open = openBy(requested(objects, 'DFEF37')?.[0] ?? EVERY_WAY);
    const absent = open.has('contact') && this.#settings.without_contact === true;
    if (open.size === 0 || absent) return 0x06;
    const next = requested(objects, 'DFEF3C');
    const patience_ms = next?.length === 3 ? next.readUInt16BE(1) * 1000 : PATIENCE_MS;
    return {command: ACTIVATE, objects, open, timeout_s: data[0] as number, patience_ms};
  }

  /** The status with which a reader in this state refuses every card read, in the order it looks. */
  #refusal(): number | undefined {
    if (!this.#world.memory.load().poll_on_demand) return 0x0b;
    if (this.#settings.tampered === true) return 0x1d;
    return {valid: undefined, missing: 0x90, exhausted: 0x91}[keyStateOf(this.#world.memory, this.#settings)];
  }

  #await(presented: PresentedCard, asked: Asked): void {
    const {command, open, timeout_s} = asked;
    // A card that cannot come by any open way does not come.
    const card = {
      ...presented,
      behavior: wayOf(presented.behavior, open) === null ? 'no_card' : presented.behavior,
    } as const;
    this.#read = {kind: 'waiting', card, asked};
    // Its word that it heard; that somebody is there is told later.
    if (this.#world.memory.load().first_response)
      this.#send({command, status: 0x63, data: Buffer.alloc(0)}, []);
    if (this.#strike(faultsAt(card, 'waiting'))) return;
    const {card_delay_ms = CARD_DELAY_MS} = this.#options;
    const outOfTime = card.behavior === 'no_card' || card.behavior === 'chip_seated_late';
    const wait = outOfTime ? timeout_s * 1000 : (card.after_ms ?? card_delay_ms);
    this.#timers.push(setTimeout(() => this.#orFail(command, () => this.#present(card, asked)), wait));
  }

  #present(card: PresentedCard, asked: Asked): void {
    const outcome = this.#outcome(card, asked);
    const [first] = outcome.frames;
    // Seen, but not read: what it says first is still said.
    const seen = faultsAt(card, 'seen');
    const said = seen.length > 0 && first?.status === SEEN;
    if (said) this.#send(first, []);
    if (this.#strike(seen)) return;
    const rest = said ? {...outcome, frames: outcome.frames.slice(1)} : outcome;
    this.#play(rest, faultsAt(card, 'answer'));
  }

  /** What the card makes the reader say. Its key is used up from here on. */
  #outcome({card, behavior}: PresentedCard, {command, objects, open, patience_ms}: Asked): Outcome {
    const {masking, mask, first_response} = this.#world.memory.load();
    const use = sendsCardData(behavior) ? this.#key(behavior) : null;
    if (use === undefined) return {frames: [{command, status: 0x91, data: Buffer.alloc(0)}]};
    const presentation: Presentation = {
      card,
      behavior,
      via: wayOf(behavior, open) ?? 'contactless',
      asked_by: command,
      patience_ms,
      use,
      masking: {digits: masking, ...mask},
      output: OUTPUT_OF[behavior] ?? this.#settings.output ?? 'current',
      amount: requested(objects, '9F02') ?? Buffer.alloc(6),
      currency: requested(objects, '5F2A') ?? Buffer.from('0840', 'hex'),
      now: readerNow(this.#world),
    };
    return outcomeOf(presentation, first_response);
  }

  /** Null when this reader, or this card, sends readable data; undefined when the keys are used up. */
  #key(behavior: PresentedCard['behavior']): KeyUse | null | undefined {
    if (this.#settings.encryption_off === true || behavior === 'unencrypted') return null;
    return behavior === 'repeated_ksn' ? sameKey(this.#world.memory) : nextKey(this.#world.memory);
  }

  /** Sends frames one after the other, the first at once; the faults concern the last of them. */
  #play(outcome: Outcome, faults: readonly Fault[]): void {
    const {frame_delay_ms = FRAME_DELAY_MS} = this.#options;
    let at = 0;
    outcome.frames.forEach((frame, index) => {
      const last = index === outcome.frames.length - 1;
      at += frame.after_ms ?? (index === 0 ? 0 : frame_delay_ms);
      const act = (): void => {
        if (last) this.#goOn(outcome);
        this.#send(frame, last ? faults : []);
      };
      this.#timers.push(setTimeout(act, at));
    });
  }

  /** After the last frame: it is the host's turn, for a while, or nobody's. */
  #goOn({next, patience_ms = PATIENCE_MS}: Outcome): void {
    this.#read = next === undefined ? {kind: 'idle'} : {kind: 'started', next};
    if (next !== undefined) this.#timers.push(setTimeout(() => this.#endRead(), patience_ms).unref());
  }

  #cancel(): void {
    const read = this.#read;
    this.#endRead();
    const late = read.kind === 'waiting' ? this.#lateAnswer() : 'never';
    // The card came in the same moment: it was read, and its key is used.
    const frames =
      read.kind === 'waiting' && late.startsWith('card')
        ? this.#outcome(read.card, read.asked).frames.slice(-1)
        : [
            {
              command: read.kind === 'waiting' ? read.asked.command : ACTIVATE,
              status: 0x0a,
              data: Buffer.alloc(0),
            },
          ];
    const tell = (): void => {
      for (const frame of frames) this.#send(frame, []);
    };
    if (late.endsWith('before')) tell();
    this.#reply(CANCEL, 0x00);
    // No later command takes it back.
    if (late.endsWith('after')) this.#late.push(setTimeout(tell, LATE_ANSWER_MS));
  }

  #lateAnswer(): LateAnswer {
    return this.#settings.late_answer ?? this.#options.late_answer ?? 'after';
  }

  #endRead(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    this.#read = {kind: 'idle'};
  }

  #reply(command: number, status: number, data: Buffer = Buffer.alloc(0)): void {
    this.#send({command, status, data}, this.#faults);
  }

  #send(frame: ResponseFrame, faults: readonly Fault[]): void {
    const status = faults.find(({kind}) => kind === 'status')?.status;
    this.#transmitter.send(status === undefined ? frame : {...frame, status, data: Buffer.alloc(0)}, faults);
    const end = faults.find(endsEverything);
    if (end !== undefined) this.#transmitter.whenSent(() => this.#fail(end));
  }

  /** Lets happen what needs no frame. True when the reader is gone afterwards. */
  #strike(faults: readonly Fault[]): boolean {
    this.#transmitter.disturb(faults);
    const end = faults.find(endsEverything);
    if (end !== undefined) this.#fail(end);
    return end !== undefined;
  }

  /** Everything that was going on is forgotten. */
  #fail({kind, for_ms = OUTAGE_MS}: Fault): void {
    this.stop();
    this.#parser = new CommandParser();
    if (kind === 'cable_pull') this.#pull(for_ms);
    else this.#outage = setTimeout(() => this.#recover(kind === 'reboot'), for_ms);
  }

  #pull(forMs: number): void {
    this.#world.unplug(forMs);
    if (this.#options.pull !== undefined) this.#options.pull(forMs);
    else void this.#line.close();
  }

  #recover(rebooted: boolean): void {
    this.#outage = undefined;
    this.watchSilence();
    if (!rebooted) return;
    if (this.#settings.forgets_poll_mode === true) {
      const {memory} = this.#world;
      memory.save({...memory.load(), poll_on_demand: false});
    }
    this.#transmitter.send(BOOT);
  }
}

function contactStart(data: Buffer): Request {
  const start = readContactStart(data);
  if (start === undefined) return 0x05;
  const {objects, truncated} = readTlv(start.objects);
  if (truncated) return 0x07;
  const open = new Set<Interface>(start.fallback ? ['contact', 'swipe'] : ['contact']);
  const {seat_s: timeout_s, patience_ms} = start;
  return {command: CONTACT.command, objects, open, timeout_s, patience_ms};
}

const OUTPUT_OF: Readonly<Partial<Record<Behavior, Output>>> = {old_output: 'old', strict_output: 'strict'};

const AT_ONCE: Fault = {kind: 'reboot', at: 'seen', for_ms: 0};

function faultsAt({behavior, faults = []}: PresentedCard, moment: Moment): readonly Fault[] {
  const all = behavior === 'reboot' ? [AT_ONCE, ...faults] : faults;
  return all.filter(({at = 'answer'}) => at === moment);
}

/** A command other than a card read is answered at once: what ends everything comes before the answer. */
function atOf(fault: Fault): Moment {
  return fault.at ?? (endsEverything(fault) ? 'waiting' : 'answer');
}

function requested(objects: readonly TlvObject[], tag: string): Buffer | undefined {
  return objects.find((object) => object.tag === tag)?.value;
}
