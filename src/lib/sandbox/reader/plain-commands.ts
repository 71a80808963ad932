import {readTlv} from '../../reader/wire/tlv.js';
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
    2: () => ({status: 0, data: Buffer.from('DF61024D00', 'hex')}),
    3: () => ({status: 0, data: Buffer.concat([Buffer.from('DF620A', 'hex'), Buffer.from('SBX_1.0.00')])}),
  },
  18: {1: serialNumber},
  24: {1: () => OK},
  37: {1: setTime, 2: getTime, 3: setDate, 4: getDate},
  41: {0: () => ({status: 0, data: Buffer.from('Sandbox NEO2 V1.00')})},
  129: {11: keyState},
  199: {55: (_, world) => ({status: 0, data: Buffer.from([world.settings().encryption_off ? 0 : 3])})},
};

/** The answer to a command that is not a card read. */
export function answerPlain(command: Command, world: EmulatorWorld): Reply {
  const subs = HANDLERS[command.command];
  if (subs === undefined) return UNKNOWN_COMMAND;
  return subs[command.sub]?.(command.data, world) ?? UNKNOWN_SUB;
}

/** The reader's own clock. */
export function readerNow(world: EmulatorWorld): Date {
  return new Date(Date.now() + world.memory.load().clock_offset_ms);
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
  const changes: {masking?: [number, number]; first_response?: boolean} = {};
  for (const {tag, value} of objects) {
    const [first = 0, second = 0] = value;
    if (tag === 'DFEE1D' && value.length === 5 && first <= 6 && second <= 4)
      changes.masking = [first, second];
    else if (tag === 'DFED59' && value.length === 1) changes.first_response = first === 0;
    else return UNSUPPORTED_PARAMETER;
  }
  remember(world, changes);
  return OK;
}

function getConfiguration(_: Buffer, world: EmulatorWorld): Reply {
  const {masking, first_response} = world.memory.load();
  const data = Buffer.from([0xdf, 0xee, 0x1d, 5, ...masking, 0x2a, 0x0c, 0x31]);
  return {status: 0, data: Buffer.concat([data, Buffer.from([0xdf, 0xed, 0x59, 1, first_response ? 0 : 1])])};
}

function showResult(data: Buffer): Reply {
  return data.length === 1 ? OK : WRONG_PARAMETER;
}

function serialNumber(_: Buffer, world: EmulatorWorld): Reply {
  const number = world.memory.load().serial_number;
  if (number === '') return NOT_ALLOWED;
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
  remember(world, {clock_offset_ms: now.getTime() - Date.now()});
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
