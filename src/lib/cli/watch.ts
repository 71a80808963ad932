import {type ErrorCode, StowpayError} from '../core/errors.js';
import type {Doing} from '../terminal/forward/keep-forwarding.js';
import type {QueueNow, Watched} from '../terminal/forward/watch.js';
import type {Run} from './base-command.js';
import type {Warning} from './envelope.js';
import {linesTo} from './lines.js';
import {lookOf} from './look.js';
import {serviceManager} from './systemd.js';
import {doingText, eventText, lostLinesText, stoppedText} from './watch-text.js';

/**
 * Forwards until it is stopped: one line an event on stdout (an object with `--json`), and the service manager is told
 * of readiness, status and life. Being stopped is its normal end.
 *
 * Throws what ended it otherwise.
 */
export async function watchUntilStopped(
  {terminal, signal, json}: Run,
  warnings: readonly Warning[],
): Promise<null> {
  const look = lookOf(process.stdout, process.env);
  const words = linesTo(process.stderr, lostLinesText, () => {});
  const note = (text: string): void => words.write(text);
  const lines = linesTo(process.stdout, (count) => lostText(json, count), note);
  for (const {message} of warnings) note(message);
  const manager = serviceManager(process.env, note);
  let ready = false;
  const onBeat = (doing: Doing, queue: QueueNow): void => {
    manager.beat();
    const text = doingText(doing, queue);
    if (ready) manager.status(text);
    else manager.ready(text);
    ready = true;
  };
  try {
    const watched = await terminal.watch({
      signal,
      onBeat,
      onEvent: (event) => lines.write(json ? JSON.stringify(event) : eventText(look, event)),
    });
    const failure = watchError(watched);
    if (failure !== null) throw failure;
    const stopped = {event: 'stopped', at: new Date().toISOString(), outcomes: watched.outcomes};
    lines.write(json ? JSON.stringify(stopped) : stoppedText(watched.outcomes));
    return null;
  } finally {
    await manager.stopping();
    await Promise.all([lines.end(), words.end()]);
  }
}

function lostText(json: boolean, count: number): string {
  return json
    ? JSON.stringify({event: 'events_lost', at: new Date().toISOString(), count})
    : lostLinesText(count);
}

function watchError({forwarding_failure: failed}: Watched): StowpayError | null {
  if (failed === null) return null;
  return new StowpayError(failed.code as ErrorCode, `The forwarder stopped: ${failed.message}`, {
    hint: 'Nothing stored is lost. Mend what the message names, then start it again.',
  });
}
