import {styleText} from 'node:util';

/** How one stream is written to: with colour or without, to a person or to a pipe. */
export interface Look {
  readonly terminal: boolean;
  readonly color: boolean;
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
}

interface Stream {
  readonly isTTY?: boolean;
}

/** stdout and stderr are judged separately: one may be a pipe. FORCE_COLOR wins, then NO_COLOR, TERM=dumb, the stream. */
export function lookOf(stream: Stream, env: NodeJS.ProcessEnv): Look {
  const terminal = stream.isTTY === true;
  const color = wantsColor(terminal, env);
  const style =
    (format: Parameters<typeof styleText>[0]) =>
    (text: string): string =>
      color ? styleText(format, text) : text;
  return {
    terminal,
    color,
    bold: style('bold'),
    dim: style('dim'),
    good: style('green'),
    warn: style('yellow'),
    bad: style('red'),
  };
}

function wantsColor(terminal: boolean, env: NodeJS.ProcessEnv): boolean {
  const {FORCE_COLOR: force, NO_COLOR: no, TERM: term} = env;
  if (force !== undefined && force !== '') return force !== '0' && force !== 'false';
  if (no !== undefined && no !== '') return false;
  return terminal && term !== 'dumb';
}
