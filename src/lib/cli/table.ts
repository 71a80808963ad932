import {createRequire} from 'node:module';
import type {Look} from './look.js';

const PLAIN = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

interface Column {
  readonly title: string;
  readonly right?: boolean;
}

/** Rows in columns, without lines, so that a person and `awk` can both read them. Ends without a newline. */
export function table(look: Look, columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const Table = createRequire(import.meta.url)('cli-table3') as typeof import('cli-table3');
  const drawn = new Table({
    head: columns.map(({title}) => look.bold(title)),
    chars: PLAIN,
    style: {head: [], border: [], 'padding-left': 0, 'padding-right': 0},
    colAligns: columns.map(({right}) => (right === true ? 'right' : 'left')),
  });
  drawn.push(...rows.map((row) => [...row]));
  return trimmed(drawn.toString());
}

/** Names and values, one a line. */
export function facts(look: Look, rows: readonly (readonly [string, string | null])[]): string {
  const shown = rows.filter((row): row is readonly [string, string] => row[1] !== null);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${look.dim(name.padEnd(width))}  ${value}`).join('\n');
}

function trimmed(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}
