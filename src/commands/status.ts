import {Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import type {Look} from '../lib/cli/look.js';
import {blockingText, damageError, statusText, statusWarnings} from '../lib/cli/status-text.js';

export default class Status extends StowpayCommand {
  static override summary = 'Show the queue, the money in it, the network and the reader.';
  static override description =
    'With --check, the exit code answers one question: would anything be lost if this device were wiped now? Only 0 means no.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --check && echo "safe to wipe"',
  ];
  static override flags = {
    check: Flags.boolean({
      description: 'Exit 0 only if nothing would be lost by a wipe. Verifies the whole journal.',
    }),
    'captured-elsewhere': Flags.boolean({
      description: 'With --check: your backend captures, so authorised payments do not block.',
      dependsOn: ['check'],
    }),
  };

  protected async answer({terminal}: Run): Promise<Answer> {
    const {flags} = await this.parse(Status);
    if (!flags.check) {
      const status = await terminal.status();
      const text = (look: Look): string => statusText(look, status, false);
      return {result: status, text, warnings: statusWarnings(status), error: damageError(status)};
    }
    const {status, blocking, error} = await terminal.checkSafeToWipe(flags['captured-elsewhere'] === true);
    const safe = error === null;
    return {
      result: {...status, safe_to_wipe: safe, blocking},
      text: (look) =>
        `${statusText(look, status, flags['captured-elsewhere'] === true)}\n\n${blockingText(look, blocking, safe)}`,
      warnings: statusWarnings(status),
      error,
    };
  }
}
