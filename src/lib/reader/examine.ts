import {StowpayError} from '../core/errors.js';
import type {Examination, Masking, Told} from '../core/examination.js';
import {keyState, printable} from './neo2-data.js';
import type {Session} from './session.js';
import {COMMANDS, type Command} from './wire/commands.js';
import type {ResponseFrame} from './wire/frame.js';
import {hexByte, STATUS, statusOf} from './wire/status.js';
import {readTlv} from './wire/tlv.js';

/** After so many questions without answer the rest is not asked: each costs its time, and that of two pings. */
const MOST_SILENT = 2;

const NOT_ASKED = {kind: 'not_asked'} as const;
const UNREADABLE = {kind: 'unreadable'} as const;

/** Asks the reader everything it can tell of itself. Bounded on any line; see `Reader.examine`. */
export async function examine(
  session: Session,
  now: () => number,
  signal: AbortSignal | undefined,
): Promise<Examination> {
  const questions = new Questions(session, signal);
  const round_trip_ms = await questions.ping();
  const serial_number = await questions.ask(COMMANDS.serialNumber, textOf);
  const firmware = await questions.ask(COMMANDS.firmware, textOf);
  const main_firmware = await questions.ask(COMMANDS.mainFirmware, (data) => tagText(data, 'DF62'));
  const processor = await questions.ask(COMMANDS.processor, processorOf);
  const encryption = await questions.ask(COMMANDS.encryptionState, encryptionOf);
  const key = await questions.response(COMMANDS.keyState, KEY_SLOT);
  const clock = await readClock(questions, now);
  const settings = await questions.ask(COMMANDS.getConfiguration, (data) => told(data));
  return {
    round_trip_ms,
    serial_number,
    firmware,
    main_firmware,
    processor,
    encryption,
    key: key.kind === 'told' ? keyTold(key.value) : key,
    masking: then(settings, maskingOf),
    first_response: then(settings, firstResponseOf),
    clock,
    tampered: questions.tampered,
  };
}

/** The slot of the key that seals card data. */
export const KEY_SLOT = Buffer.from([0x02, 0x00, 0x00]);

/** One question after the other, until the reader has been silent too often. */
class Questions {
  readonly #session: Session;
  readonly #signal: AbortSignal | undefined;
  #silent = 0;
  tampered = false;

  constructor(session: Session, signal: AbortSignal | undefined) {
    this.#session = session;
    this.#signal = signal;
  }

  async ping(): Promise<number | null> {
    const started = performance.now();
    const answer = await this.response(COMMANDS.ping);
    if (answer.kind === 'silent' || answer.kind === 'not_asked') return null;
    return Math.round((performance.now() - started) * 10) / 10;
  }

  async ask<T>(command: Command, read: (data: Buffer) => Told<T>): Promise<Told<T>> {
    return then(await this.response(command), (response) => answerOf(response, read));
  }

  /** The answer, whatever its status. */
  async response(command: Command, data?: Buffer): Promise<Told<ResponseFrame>> {
    if (this.#silent >= MOST_SILENT) return NOT_ASKED;
    try {
      const response = await this.#session.exchange(command, data, this.#signal);
      this.tampered ||= statusOf(response.status).kind === 'tampered';
      return told(response);
    } catch (error) {
      if (!(error instanceof StowpayError) || error.code === 'interrupted') throw error;
      this.#silent = error.code === 'reader_fault' ? this.#silent + 1 : MOST_SILENT;
      return {kind: 'silent'};
    }
  }
}

/** What an answer says, read by `read` when its status is "done". */
export function answerOf<T>(response: ResponseFrame, read: (data: Buffer) => Told<T>): Told<T> {
  if (response.status === STATUS.ok) return read(response.data);
  return {kind: 'refused', status: hexByte(response.status), meaning: statusOf(response.status).meaning};
}

function told<T>(value: T): Told<T> {
  return {kind: 'told', value};
}

function then<T, U>(answer: Told<T>, read: (value: T) => Told<U>): Told<U> {
  return answer.kind === 'told' ? read(answer.value) : answer;
}

export function textOf(data: Buffer): Told<string> {
  const text = printable(data);
  return text === '' ? UNREADABLE : told(text);
}

/** Text of one object; bytes that are none are shown as hex. Readers that answer without the tag answer with the text. */
export function tagText(data: Buffer, tag: string): Told<string> {
  const value = readTlv(data).objects.find((object) => object.tag === tag)?.value ?? data;
  const text = printable(value);
  const bare = Buffer.from(value.filter((byte) => byte !== 0x00));
  if (text !== '' && text.length === bare.length) return told(text);
  return value.length === 0 || value.length > 64 ? UNREADABLE : told(value.toString('hex').toUpperCase());
}

/** A code of two bytes. */
function processorOf(data: Buffer): Told<string> {
  const value = readTlv(data).objects.find(({tag}) => tag === 'DF61')?.value ?? data;
  if (value.length === 0 || value.length > 16) return UNREADABLE;
  return told(value.toString('hex').toUpperCase());
}

/** Two bits, for chip and for stripe; every other form is not known. */
export function encryptionOf(data: Buffer): Told<'all' | 'part' | 'off'> {
  const bits = data[0];
  if (bits === undefined) return UNREADABLE;
  if ((bits & 0x03) === 0x03) return told('all');
  return told((bits & 0x03) === 0x00 ? 'off' : 'part');
}

function keyTold(response: ResponseFrame): Examination['key'] {
  const key = keyState(response);
  return key.state === 'unknown' ? answerOf(response, () => UNREADABLE) : told(key);
}

function maskingOf(settings: Buffer): Told<Masking> {
  const value = settingOf(settings, 'DFEE1D');
  const [leading, trailing] = value ?? [];
  if (leading === undefined || trailing === undefined) return UNREADABLE;
  return told({leading, trailing});
}

function firstResponseOf(settings: Buffer): Told<boolean> {
  const value = settingOf(settings, 'DFED59');
  return value?.length === 1 ? told(value[0] === 0x00) : UNREADABLE;
}

function settingOf(settings: Buffer, tag: string): Buffer | undefined {
  return readTlv(settings).objects.find((object) => object.tag === tag && object.value.length > 0)?.value;
}

/** Date, time, and the date again: between the two the day may have ended. */
async function readClock(questions: Questions, now: () => number): Promise<Examination['clock']> {
  for (let tries = 0; ; tries += 1) {
    const date = await questions.ask(COMMANDS.getDate, told<Buffer>);
    if (date.kind !== 'told') return date;
    const host = now();
    const time = await questions.ask(COMMANDS.getTime, told<Buffer>);
    if (time.kind !== 'told') return time;
    const again = await questions.ask(COMMANDS.getDate, told<Buffer>);
    if (again.kind !== 'told') return again;
    if (!date.value.equals(again.value) && tries === 0) continue;
    const reader = clockOf(date.value, time.value);
    return reader === null ? UNREADABLE : told({reader, host});
  }
}

/** The minute that packed YYYYMMDD and HHMM name, in UTC, ms since the epoch; null when they name none. */
export function clockOf(date: Buffer, time: Buffer): number | null {
  const day = /^(\d{4})(\d\d)(\d\d)$/.exec(date.toString('hex'));
  // Some firmware adds the seconds.
  const minute = /^(\d\d)(\d\d)(?:\d\d)?$/.exec(time.toString('hex'));
  if (day === null || minute === null) return null;
  const text = `${day[1]}-${day[2]}-${day[3]}T${minute[1]}:${minute[2]}:00.000Z`;
  const ms = Date.parse(text);
  return Number.isNaN(ms) || new Date(ms).toISOString() !== text ? null : ms;
}
