import {join} from 'node:path';
import {StowpayError} from '../core/errors.js';
import {sandboxDirectory} from '../index.js';
import {type Answer, type Run, StowpayCommand} from './base-command.js';

/** A part of the emulated world: refused in every profile but the sandbox. */
export abstract class SandboxCommand extends StowpayCommand {
  /** @param directory where the emulated world of this data directory lives */
  protected abstract emulate(run: Run, directory: string): Promise<Answer | null>;

  protected async answer(run: Run): Promise<Answer | null> {
    const {profile, directory} = run.terminal;
    if (!profile.sandbox) {
      throw new StowpayError(
        'sandbox_only',
        `Profile ${profile.name} is no sandbox: there is nothing to emulate in it.`,
        {
          hint: 'Use --profile sandbox, with a data directory of its own.',
        },
      );
    }
    run.terminal.prepare();
    return this.emulate(run, join(sandboxDirectory(directory)));
  }

  /** Says that a server is up, then waits until it is stopped or ends by itself. Leaves nothing behind. */
  protected async serve(
    run: Run,
    server: {readonly ended?: Promise<void>; close(): Promise<void>},
    up: Answer,
  ): Promise<null> {
    this.print(up);
    const stopped = new Promise<void>((resolve) => {
      if (run.signal.aborted) resolve();
      else run.signal.addEventListener('abort', () => resolve(), {once: true});
    });
    try {
      await Promise.race(server.ended === undefined ? [stopped] : [stopped, server.ended]);
    } finally {
      await server.close();
    }
    return null;
  }
}
