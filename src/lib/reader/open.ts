import {StowpayError} from '../core/errors.js';
import type {OpenReader, Reader} from '../core/ports.js';
import type {Line} from './line.js';
import {openSerialLine} from './lines/serial.js';
import {openTcpLine} from './lines/tcp.js';
import {Neo2Reader} from './neo2.js';
import {refuseAborted, Session} from './session.js';
import type {Timing} from './timing.js';

/**
 * Opens the reader at `serial:<path>` or `tcp://<host>:<port>` and has it answer a ping. Rejects with
 * `reader_not_found`, `reader_busy` or `reader_not_answering` (nothing stays open), `interrupted` when aborted.
 */
export const openReader: OpenReader = async (address, signal) => {
  refuseAborted(signal);
  return readerOverLine(await openLine(address, signal), address, signal);
};

/** A reader over an open line, pinged. The line is the reader's from here on: closed with it, or when it is silent. */
export async function readerOverLine(
  line: Line,
  address: string,
  signal?: AbortSignal,
  timing: Partial<Timing> = {},
): Promise<Reader> {
  const session = new Session(line, timing);
  try {
    if (await session.answersPing(signal)) return new Neo2Reader(address, session);
  } catch (error) {
    await session.close();
    throw error;
  }
  await session.close();
  throw new StowpayError('reader_not_answering', `Nothing at ${address} answers like a reader.`, {
    hint: 'Check that the reader is switched on, that this is its port, and that it speaks NEO 2 at 115200 baud.',
  });
}

function openLine(address: string, signal: AbortSignal | undefined): Promise<Line> {
  const serial = /^serial:(?<path>.+)$/.exec(address)?.groups?.path;
  if (serial !== undefined) return openSerialLine(serial);
  const tcp = /^tcp:(?:\/\/)?(?:\[(?<six>[0-9a-f:]+)\]|(?<host>[^:/[\]]+)):(?<port>\d{1,5})\/?$/i.exec(
    address,
  )?.groups;
  const host = tcp?.six ?? tcp?.host;
  const port = Number(tcp?.port);
  if (host !== undefined && port > 0 && port < 65_536) return openTcpLine(host, port, signal);
  throw new StowpayError('invalid_usage', 'This is not the address of a reader.', {
    hint: 'Use serial:<path>, tcp://<host>:<port> or sim:.',
  });
}
