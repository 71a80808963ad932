import {createRequire} from 'node:module';
import {lookOf} from './look.js';

export interface Progress {
  update(done: number, total: number): void;
  stop(): void;
}

const SILENT: Progress = {update: () => {}, stop: () => {}};

/** A spinner with a count on a terminal; nothing in pipes and with `--json`. */
export function showProgress(json: boolean, what: string): Progress {
  if (json || !lookOf(process.stderr, process.env).terminal || process.env.TERM === 'dumb') return SILENT;
  const {default: ora} = createRequire(import.meta.url)('ora') as typeof import('ora');
  const spinner = ora({stream: process.stderr, discardStdin: false, text: what}).start();
  return {
    update: (done, total) => {
      spinner.text = `${what} ${done} of ${total}`;
    },
    stop: () => {
      spinner.stop();
    },
  };
}
