import {Args, Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import {forwardError, forwardText} from '../lib/cli/forward-text.js';
import {namesFrom} from '../lib/cli/names.js';
import {showProgress} from '../lib/cli/progress.js';

export default class Forward extends StowpayCommand {
  static override summary = 'Send what is stored, each payment exactly once.';
  static override description =
    'Oldest first. A payment whose answer was lost is looked up, never sent blindly. Exits 0 when everything was ' +
    'delivered, 6 when something was declined, set aside or is in doubt, 5 when the network left something behind.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> pay_01JD --json',
    '<%= config.bin %> <%= command.id %> --dry-run',
  ];
  static override strict = false;
  static override args = {
    id: Args.string({
      description: 'pay_…, a unique beginning of it, or pi_…; several, or - to read them from stdin.',
    }),
  };
  static override flags = {
    limit: Flags.integer({description: 'Send at most so many, oldest first.', min: 1}),
    'dry-run': Flags.boolean({description: 'Show what would be sent; send nothing.'}),
  };

  protected async answer({terminal, signal, json}: Run): Promise<Answer> {
    const {argv, flags} = await this.parse(Forward);
    const names = await namesFrom(argv as string[]);
    const progress = showProgress(json, 'Forwarding');
    try {
      const result = await terminal.forward({
        names: names ?? [],
        limit: flags.limit ?? null,
        dryRun: flags['dry-run'] === true,
        onProgress: (done, total) => progress.update(done, total),
        signal,
      });
      return {result, text: (look) => forwardText(look, result), error: forwardError(result, signal)};
    } finally {
      progress.stop();
    }
  }
}
