import {StowpayError} from '../core/errors.js';
import type {Reader, ReaderIdentity, ReaderPort} from '../core/ports.js';
import {fitsUsb, parseReaderAddress} from '../core/reader-address.js';
import {type Parts, throwIfInterrupted} from './parts.js';
import {whileOpen, withReader} from './reader.js';

export interface ReadersRequest {
  /** Look at these only; none: at every port of this machine and at the connected reader. */
  readonly addresses: readonly string[];
  /** Open the ports and ping; else only list them. */
  readonly ping: boolean;
  /** Called before the ports are asked. */
  readonly onAsk?: (count: number) => void;
  readonly signal?: AbortSignal;
}

/** A place where a reader could be, and what is there. */
export interface FoundReader {
  /** What to give to `--reader`. */
  readonly address: string;
  /** Null where nothing was listed under this address. */
  readonly path: string | null;
  readonly links: readonly string[];
  readonly usb: ReaderPort['usb'];
  readonly description: string | null;
  /** It is the reader to sell with. */
  readonly connected: boolean;
  readonly answered: boolean;
  /** Null unless it answered. */
  readonly identity: ReaderIdentity | null;
  /** Why it did not answer; null when it did or was not asked. */
  readonly error: {
    readonly code: StowpayError['code'];
    readonly message: string;
    readonly hint: string | null;
  } | null;
}

export interface ReadersFound {
  readonly readers: readonly FoundReader[];
  readonly notes: readonly {readonly code: string; readonly message: string}[];
}

/** Ports are slow to say that nothing is there: many are asked at a time. */
const AT_A_TIME = 8;

/**
 * Where readers could be, and which of them answer a ping. Opens each port and closes it again; reads no card, changes
 * no setting, writes nothing. Rejects only with `invalid_usage` and `interrupted`.
 */
export async function readers(parts: Parts, request: ReadersRequest): Promise<ReadersFound> {
  for (const address of request.addresses) parseReaderAddress(address);
  const connected = await connectedAddress(parts);
  const {ports, notes} = await parts.listReaderPorts();
  const all = request.addresses.length === 0;
  const candidates = all
    ? portsAndConnected(ports, connected)
    : [...new Set(request.addresses)].map((address) => named(address, ports, connected));
  const found = {readers: candidates, notes: all ? notes : []};
  if (!request.ping) return found;
  request.onAsk?.(candidates.length);
  const asked = await inTurns(candidates, (candidate) => ask(parts, candidate, request.signal));
  throwIfInterrupted(request.signal);
  return {...found, readers: asked};
}

/** The address of the reader to sell with; null without one, or without a journal that can be read. */
async function connectedAddress(parts: Parts): Promise<string | null> {
  try {
    if (!parts.journals.exists) return null;
    return (await parts.journals.open().view()).state.paired?.address ?? null;
  } catch {
    // Looking for readers must work beside a journal that does not.
    return null;
  }
}

/** Every port, and the connected reader first: at its port, or by itself where it is at none. */
function portsAndConnected(ports: readonly ReaderPort[], connected: string | null): readonly FoundReader[] {
  const all = ports.map((port) => {
    const is = connected !== null && isAt(connected, port);
    return unasked(is ? connected : port.address, port, is);
  });
  if (connected !== null && !all.some((one) => one.connected)) all.push(unasked(connected, null, true));
  return all.sort((left, right) => Number(right.connected) - Number(left.connected));
}

function named(address: string, ports: readonly ReaderPort[], connected: string | null): FoundReader {
  const port = ports.find((one) => isAt(address, one)) ?? null;
  return unasked(address, port, address === connected);
}

/** True when an address names this port, by whichever of its names. */
function isAt(address: string, port: ReaderPort): boolean {
  const parsed = parseReaderAddress(address);
  if (parsed.kind !== 'serial') return false;
  const name = parsed.port;
  return name.by === 'path' ? [port.path, ...port.links].includes(name.path) : fitsUsb(name, port.usb);
}

function unasked(address: string, port: ReaderPort | null, connected: boolean): FoundReader {
  return {
    address,
    path: port?.path ?? null,
    links: port?.links ?? [],
    usb: port?.usb ?? null,
    description: port?.description ?? null,
    connected,
    answered: false,
    identity: null,
    error: null,
  };
}

async function ask(parts: Parts, candidate: FoundReader, signal?: AbortSignal): Promise<FoundReader> {
  try {
    // The emulated reader keeps its memory in the data directory: only its owner may touch it.
    if (candidate.address === 'sim:') parts.journals.prepare();
    const identity = await identityAt(parts, candidate, signal);
    return {...candidate, answered: true, identity};
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    const {code, message, hint} = error;
    return {...candidate, error: {code, message, hint: hint ?? null}};
  }
}

/** A sale that is under way with the connected reader is not disturbed, and not waited for. */
async function identityAt(
  parts: Parts,
  {address, connected}: FoundReader,
  signal?: AbortSignal,
): Promise<ReaderIdentity> {
  const identify = (reader: Reader): Promise<ReaderIdentity> => reader.identify(signal);
  return connected
    ? withReader(parts, address, signal, identify, 0)
    : whileOpen(parts, address, signal, identify);
}

async function inTurns<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = [...items.entries()];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      results[next[0]] = await act(next[1]);
  };
  await Promise.all(Array.from({length: AT_A_TIME}, work));
  return results;
}
