import {readTlv, writeTlv} from '../../reader/wire/tlv.js';
import type {Incoming} from './command-parser.js';
import {keyStateOf} from './key-counter.js';
import type {EmulatorWorld, ReaderMemory} from './world.js';

/** Status and data of an answer. */
export interface Reply {
  readonly status: number;
  readonly data?: Buffer;
}

type Command = Extract<Incoming, {kind: 'command'}>;
type Handler = (data: Buffer, world: EmulatorWorld) => Reply;

const OK: Reply = {status: 0x00};
const UNKNOWN_COMMAND: Reply = {status: 0x02};
const UNKNOWN_SUB: Reply = {status: 0x03};
const WRONG_PARAMETER: Reply = {status: 0x05};
const UNSUPPORTED_PARAMETER: Reply = {status: 0x06};
const MALFORMED: Reply = {status: 0x07};
const NOT_ALLOWED: Reply = {status: 0x0b};

/** Everything but card reads: command byte → sub-command → what the reader does. */
const HANDLERS: Readonly<Record<number, Readonly<Record<number, Handler>>>> = {
  1: {1: setPollMode},
  3: {2: getConfiguration, 3: showResult},
  4: {0: setConfiguration},
  9: {
    2: () => ({status: 0, data: writeTlv('DF61', Buffer.from([0x4d, 0x00]))}),
    3: (_, world) => ({status: 0, data: writeTlv('DF62', firmware(world))}),
  },
  18: {1: serialNumber},
  24: {1: () => OK},
  37: {1: setTime, 2: getTime, 3: setDate, 4: getDate},
  41: {0: (_, world) => ({status: 0, data: firmware(world)})},
  129: {11: keyState},
  199: {55: (_, world) => ({status: 0, data: Buffer.from([world.settings().encryption_off ? 0 : 3])})},
};

/** The answer to a command that is not a card read. */
export function answerPlain(command: Command, world: EmulatorWorld): Reply {
  const subs = HANDLERS[command.command];
  if (subs === undefined) return UNKNOWN_COMMAND;
  return subs[command.sub]?.(command.data, world) ?? UNKNOWN_SUB;
}

/** The reader's own clock: as it was set, plus what it gained since. */
export function readerNow(world: EmulatorWorld): Date {
  const {clock_offset_ms, clock_set_at} = world.memory.load();
  const {clock_offset_s = 0, clock_drift_s = 0} = world.settings();
  const now = Date.now();
  const gained = clock_set_at === null ? 0 : ((now - clock_set_at) / DAY_MS) * clock_drift_s * 1000;
  return new Date(now + clock_offset_ms + clock_offset_s * 1000 + gained);
}

const DAY_MS = 86_400_000;

function firmware(world: EmulatorWorld): Buffer {
  return Buffer.from(world.settings().firmware ?? 'Sandbox NEO2 V1.00', 'latin1');
}

function setPollMode(data: Buffer, world: EmulatorWorld): Reply {
  const mode = data.length === 1 ? data[0] : undefined;
  if (mode !== 0 && mode !== 1) return WRONG_PARAMETER;
  remember(world, {poll_on_demand: mode === 1});
  return OK;
}

function setConfiguration(data: Buffer, world: EmulatorWorld): Reply {
  const {objects, truncated} = readTlv(data);
  if (truncated || objects.length === 0) return MALFORMED;
  if (world.settings().refuses_settings === true) return UNSUPPORTED_PARAMETER;
  let changes: Partial<ReaderMemory> = {};
  for (const {tag, value} of objects) {
    const set = SETTINGS[tag];
    if (set === undefined) return UNSUPPORTED_PARAMETER;
    const change = set(value);
    if (change === null) return WRONG_PARAMETER;
    changes = {...changes, ...change};
  }
  remember(world, changes);
  return OK;
}

/** Tag → what its value changes; null when the reader does not take the value. */
const SETTINGS: Readonly<Record<string, (value: Buffer) => Partial<ReaderMemory> | null>> = {
  DFEE1D: ([leading = 7, trailing = 5, text = 0, nibble = 0, expiry = 0]) => {
    if (leading > 6 || trailing > 4 || text < 0x20 || text > 0x7e || nibble < 0x0a || nibble > 0x0f)
      return null;
    if (expiry !== 0x30 && expiry !== 0x31) return null;
    const mask = {
      text: String.fromCharCode(text),
      nibble: nibble.toString(16).toUpperCase(),
      shows_expiry: expiry === 0x31,
    };
    return {masking: [leading, trailing], mask};
  },
  DFED59: ([mode = 2]) => (mode > 1 ? null : {first_response: mode === 0}),
};

function getConfiguration(_: Buffer, world: EmulatorWorld): Reply {
  const {masking, mask, first_response} = world.memory.load();
  const shown = [
    ...masking,
    mask.text.charCodeAt(0),
    Number.parseInt(mask.nibble, 16),
    mask.shows_expiry ? 0x31 : 0x30,
  ];
  const data = [
    writeTlv('DFEE1D', Buffer.from(shown)),
    writeTlv('DFED59', Buffer.from([first_response ? 0 : 1])),
  ];
  return {status: 0, data: Buffer.concat(data)};
}

function showResult(data: Buffer): Reply {
  return data.length === 1 ? OK : WRONG_PARAMETER;
}

function serialNumber(_: Buffer, world: EmulatorWorld): Reply {
  const {serial_number: set} = world.settings();
  const number = set === undefined ? world.memory.load().serial_number : set;
  if (number === null || number === '') return NOT_ALLOWED;
  const data = Buffer.alloc(15);
  data.write(number, 'latin1');
  return {status: 0, data};
}

function keyState(data: Buffer, world: EmulatorWorld): Reply {
  if (data.length !== 3 || data[0] !== 0x02) return WRONG_PARAMETER;
  const ksn = Buffer.from(world.memory.load().ksn, 'hex');
  switch (keyStateOf(world.memory, world.settings())) {
    case 'valid':
      return {status: 0, data: Buffer.concat([Buffer.from([0x01, ksn.length]), ksn])};
    case 'exhausted':
      return {status: 0, data: Buffer.concat([Buffer.from([0x02, ksn.length]), ksn])};
    case 'missing':
      return {status: 0x90};
  }
}

function setTime(data: Buffer, world: EmulatorWorld): Reply {
  const match = /^([01]\d|2[0-3])([0-5]\d)$/.exec(data.toString('hex'));
  if (match === null) return WRONG_PARAMETER;
  const now = readerNow(world);
  now.setUTCHours(Number(match[1]), Number(match[2]), 0, 0);
  return setClock(world, now);
}

function setDate(data: Buffer, world: EmulatorWorld): Reply {
  const match = /^(\d{4})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/.exec(data.toString('hex'));
  if (match === null) return WRONG_PARAMETER;
  const now = readerNow(world);
  now.setUTCFullYear(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
  return setClock(world, now);
}

function setClock(world: EmulatorWorld, now: Date): Reply {
  // Setting it undoes what was put on it from outside.
  const {clock_offset_s = 0} = world.settings();
  const set_at = Date.now();
  remember(world, {clock_offset_ms: now.getTime() - set_at - clock_offset_s * 1000, clock_set_at: set_at});
  return OK;
}

function getTime(_: Buffer, world: EmulatorWorld): Reply {
  const digits = readerNow(world).toISOString().slice(11, 16).replace(':', '');
  return {status: 0, data: Buffer.from(digits, 'hex')};
}

function getDate(_: Buffer, world: EmulatorWorld): Reply {
  const digits = readerNow(world).toISOString().slice(0, 10).replaceAll('-', '');
  return {status: 0, data: Buffer.from(digits, 'hex')};
}

function remember(world: EmulatorWorld, changes: Partial<ReaderMemory>): void {
  world.memory.save({...world.memory.load(), ...changes});
}
