import {Args, Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import {forwardError, forwardText} from '../lib/cli/forward-text.js';
import {namesFrom} from '../lib/cli/names.js';
import {showProgress} from '../lib/cli/progress.js';
import {watchUntilStopped} from '../lib/cli/watch.js';
import {StowpayError} from '../lib/core/errors.js';

const DEFAULT_WAIT_S = 600;

export default class Forward extends StowpayCommand {
  static override summary = 'Send what is stored, each payment exactly once.';
  static override description =
    'Oldest first, a few at a time. A payment whose answer was lost is looked up, never sent blindly. Exits 0 when ' +
    'everything was delivered, 6 when something was declined, set aside or is in doubt, 5 when the network left ' +
    'something behind, 3 when --wait ran out of time.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> pay_01JD --json',
    '<%= config.bin %> <%= command.id %> --wait --timeout 300 && <%= config.bin %> status --check',
    '<%= config.bin %> <%= command.id %> --watch',
  ];
  static override strict = false;
  static override args = {
    id: Args.string({
      description: 'pay_…, a unique beginning of it, or pi_…; several, or - to read them from stdin.',
    }),
  };
  static override flags = {
    limit: Flags.integer({
      description: 'Send at most so many, oldest first.',
      min: 1,
      exclusive: ['wait', 'watch'],
    }),
    'dry-run': Flags.boolean({
      description: 'Show what would be sent; send nothing.',
      exclusive: ['wait', 'watch'],
    }),
    wait: Flags.boolean({
      description: 'Wait until nothing is left to send, also for the network. Exits 3 when the time is over.',
      exclusive: ['watch'],
    }),
    timeout: Flags.integer({
      description: `With --wait: how long, in seconds. ${DEFAULT_WAIT_S} without it.`,
      min: 0,
      max: 31 * 86_400,
      dependsOn: ['wait'],
    }),
    watch: Flags.boolean({
      description: 'Run until stopped and forward whenever it can. With --json one event a line.',
    }),
  };

  protected async answer(run: Run): Promise<Answer | null> {
    const {argv, flags} = await this.parse(Forward);
    const {terminal, signal, json} = run;
    const names = await namesFrom(argv as string[]);
    if (flags.watch === true) {
      if (names !== null)
        throw new StowpayError('invalid_usage', '--watch forwards everything; name nothing.');
      return watchUntilStopped(run, this.warnings.splice(0));
    }
    const progress = showProgress(json, 'Forwarding');
    try {
      const result = await terminal.forward({
        names: names ?? [],
        limit: flags.limit ?? null,
        dryRun: flags['dry-run'] === true,
        waitMs: flags.wait === true ? (flags.timeout ?? DEFAULT_WAIT_S) * 1000 : null,
        onProgress: (done, total) => progress.update(done, total),
        signal,
      });
      return {result, text: (look) => forwardText(look, result), error: forwardError(result, signal)};
    } finally {
      progress.stop();
    }
  }
}
