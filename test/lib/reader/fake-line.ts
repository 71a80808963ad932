import type {Line} from '../../../src/lib/reader/line.js';
import type {Timing} from '../../../src/lib/reader/timing.js';
import {encodeResponse} from '../../../src/lib/reader/wire/frame.js';
import {CommandParser} from '../../../src/lib/sandbox/reader/command-parser.js';

/** Commands that wait two seconds wait a tenth of one here: short, and still enough on a busy machine. */
export const FAST: Partial<Timing> = {
  scale: 0.06,
  revival_pause: 5,
  late_answer: 20,
  card_grace: 60,
  idle_probe: 1_000_000,
  retry_pause: 1,
  quiet: 10,
};

/** What a scripted reader does on a command, by its `CCSS` code. */
export type Script = (code: string, data: Buffer, line: ScriptedLine) => void;

/** A line whose far end is a script. */
export class ScriptedLine implements Line {
  readonly seen: string[] = [];
  readonly rivals: () => Promise<readonly string[]>;
  closed = 0;
  readonly #script: Script;
  readonly #parser = new CommandParser();
  #data: (chunk: Uint8Array) => void = () => {};
  #ended: (reason: string) => void = () => {};

  /** @param others programs that have the port open, too */
  constructor(script: Script, others: readonly string[] = []) {
    this.#script = script;
    this.rivals = async () => others;
  }

  write(bytes: Uint8Array): void {
    for (const incoming of this.#parser.push(bytes)) {
      if (incoming.kind === 'bad_crc') throw new Error('the driver sent a frame with a wrong check sum');
      const code = Buffer.from([incoming.command, incoming.sub]).toString('hex').toUpperCase();
      this.seen.push(code);
      setImmediate(() => this.#script(code, incoming.data, this));
    }
  }

  onData(listener: (chunk: Uint8Array) => void): void {
    this.#data = listener;
  }

  onClose(listener: (reason: string) => void): void {
    this.#ended = listener;
  }

  async close(): Promise<void> {
    this.closed += 1;
  }

  /** Bytes from the reader. */
  raw(bytes: Uint8Array): void {
    this.#data(bytes);
  }

  /** A frame from the reader. */
  answer(command: number, status: number, data = ''): void {
    this.raw(encodeResponse({command, status, data: Buffer.from(data, 'hex')}));
  }

  /** The cable is pulled. */
  hangUp(): void {
    this.#ended('pulled');
  }
}

/** A script that answers every command with "done", except where `own` has something else to do. */
export function obedient(
  own: Readonly<Record<string, (line: ScriptedLine, data: Buffer) => void>> = {},
): Script {
  return (code, data, line) => {
    const act = own[code];
    if (act === undefined) line.answer(Number.parseInt(code.slice(0, 2), 16), 0x00);
    else act(line, data);
  };
}
