import type {StowpayError} from '../core/errors.js';
import type {ReaderInputEvent} from '../terminal/collect.js';
import {inputText} from './input-text.js';
import {linesTo} from './lines.js';

/** Who is told what goes on while a payment is taken. */
export interface Listening {
  onInput(event: ReaderInputEvent): void;
  /** The reader is away, and waited for. */
  onReaderWait(why: StowpayError): void;
}

const DEAF: Listening = {onInput: () => {}, onReaderWait: () => {}};

/**
 * For a person: a line each on stderr. With `--json` nothing, or, with `--watch`, an object a line on stdout before the
 * one at the end. No fault of a stream, or of whoever reads it, is one of the payment's.
 */
export function listening(json: boolean, watched: boolean): Listening {
  if (json) return watched ? objects() : DEAF;
  const lines = linesTo(
    process.stderr,
    () => '(some of this was lost)',
    () => {},
  );
  return {
    onInput: (event) => lines.write(inputText(event)),
    onReaderWait: ({message}) => lines.write(`${message} Waiting for it.`),
  };
}

function objects(): Listening {
  const lines = linesTo(
    process.stdout,
    (count) => JSON.stringify({event: 'events_lost', at: now(), count}),
    () => {},
  );
  return {
    onInput: (event) => lines.write(JSON.stringify(event)),
    onReaderWait: ({code, message}) =>
      lines.write(JSON.stringify({event: 'reader_away', at: now(), error: {code, message}})),
  };
}

function now(): string {
  return new Date().toISOString();
}
