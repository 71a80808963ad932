import type {ReaderInputEvent} from '../terminal/collect.js';
import {inputText} from './input-text.js';
import {linesTo} from './lines.js';

/**
 * Where somebody reads what the customer should do, while a payment is taken. For a person: a line each on stderr. With
 * `--json` nothing, or, with `--watch`, an object a line on stdout before the one at the end. No fault of a stream, or
 * of whoever reads it, is one of the payment's.
 */
export function inputLines(json: boolean, watched: boolean): (event: ReaderInputEvent) => void {
  if (json && !watched) return () => {};
  if (json) {
    const lines = linesTo(process.stdout, lostEvents, () => {});
    return (event) => lines.write(JSON.stringify(event));
  }
  const lines = linesTo(
    process.stderr,
    () => '(some of this was lost)',
    () => {},
  );
  return (event) => lines.write(inputText(event));
}

function lostEvents(count: number): string {
  return JSON.stringify({event: 'events_lost', at: new Date().toISOString(), count});
}
