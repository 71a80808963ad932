import {StowpayError} from '../core/errors.js';
import type {OpenReader, Reader} from '../core/ports.js';
import {parseReaderAddress, type ReaderAddress} from '../core/reader-address.js';
import type {Line} from './line.js';
import {openSerialLine} from './lines/serial.js';
import {openTcpLine} from './lines/tcp.js';
import {Neo2Reader} from './neo2.js';
import {locateUsb} from './ports/locate.js';
import {refuseAborted, Session} from './session.js';
import type {Timing} from './timing.js';
import {COMMANDS} from './wire/commands.js';
import {encodeCommand} from './wire/frame.js';

/**
 * Opens the reader at a `serial:` or `tcp:` address and has it answer a ping. Rejects with `reader_not_found`,
 * `reader_ambiguous`, `reader_busy`, `reader_not_answering` or `reader_lost` (nothing stays open), `interrupted` when
 * aborted.
 */
export const openReader: OpenReader = async (address, signal) => {
  refuseAborted(signal);
  return readerOverLine(await openLine(parseReaderAddress(address), signal), address, signal);
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
    throw await noReader(address, session);
  } catch (error) {
    await session.close();
    throw turnedAway(address, session, error) ?? error;
  }
}

async function openLine(address: ReaderAddress, signal: AbortSignal | undefined): Promise<Line> {
  switch (address.kind) {
    case 'serial': {
      const {port, settings} = address;
      return openSerialLine(port.by === 'path' ? port.path : await locateUsb(port), settings);
    }
    case 'tcp':
      return openTcpLine(address.host, address.port, signal);
    case 'sim':
      throw new StowpayError('sandbox_only', 'sim: is the emulated reader; it is opened by the sandbox.');
  }
}

/** Why a line is no reader's, as far as what came over it tells. */
async function noReader(address: string, session: Session): Promise<StowpayError> {
  const others = await session.rivals();
  if (others !== '') {
    return new StowpayError('reader_busy', `The reader at ${address} cannot be heard${others}.`, {
      hint: 'End the other program: it reads the answers away. A port has one user at a time.',
    });
  }
  const {bytes, sample} = session.heard;
  if (bytes === 0) {
    return notAnswering(
      `Nothing answers at ${address}: not one byte came back.`,
      'Check that the reader is switched on, that this is its port, and its cable (TX and RX crossed).',
    );
  }
  const {command, sub} = COMMANDS.ping;
  if (sample.includes(encodeCommand({command, sub, data: Buffer.alloc(0)}))) {
    return notAnswering(
      `The line at ${address} sends back what it is sent; no reader answers.`,
      'Check that the reader is switched on, and that the line is not looped or its device server set to echo.',
    );
  }
  return notAnswering(
    `What is at ${address} answers, but not like a reader (${bytes} bytes, not one valid answer).`,
    'Another device, or another speed: readers speak NEO 2 at 115200 baud 8N1; ?baud= and ?framing= set others.',
  );
}

function notAnswering(message: string, hint: string): StowpayError {
  return new StowpayError('reader_not_answering', message, {hint});
}

/** A device server says only by hanging up that its port has a user already. */
function turnedAway(address: string, session: Session, error: unknown): StowpayError | null {
  const lost = error instanceof StowpayError && error.code === 'reader_lost';
  if (!lost || !address.startsWith('tcp:') || session.heard.bytes > 0) return null;
  return new StowpayError(
    'reader_busy',
    `The device server at ${address} hung up at once: another program is probably connected to it, or it has lost its reader.`,
    {
      hint: 'End the other program, or let the device server take a second connection only after the first ended.',
      cause: error,
    },
  );
}
