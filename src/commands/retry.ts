import {Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import {ID_ARGS, operateRequest, REASON_FLAG} from '../lib/cli/operate-flags.js';
import {operateError, operateResult, operateText} from '../lib/cli/operate-text.js';

export default class Retry extends StowpayCommand {
  static override summary = 'Try payments again now, also those that were set aside.';
  static override description =
    'A payment that was set aside is sent again only when a person names it. What may have been sent for it before is ' +
    'looked up first, so nobody is charged twice. If the cause still stands, it is set aside again (exit 6).';
  static override examples = [
    '<%= config.bin %> <%= command.id %> pay_01JD',
    '<%= config.bin %> inspect --state quarantined --json | jq -r ".result.payments[].local_id" | <%= config.bin %> <%= command.id %> -',
  ];
  static override strict = false;
  static override args = ID_ARGS;
  static override flags = {
    reason: REASON_FLAG,
    all: Flags.boolean({description: 'Everything that was set aside.'}),
    'dry-run': Flags.boolean({description: 'Show what would be tried; change nothing.'}),
  };

  protected async answer({terminal, signal}: Run): Promise<Answer> {
    const {argv, flags} = await this.parse(Retry);
    const dryRun = flags['dry-run'] === true;
    const request = await operateRequest(argv as string[], flags, signal);
    const payments = await terminal.retry({...request, dryRun});
    return {
      result: {dry_run: dryRun, payments: operateResult(payments)},
      text: (look) => operateText(look, payments, 'Nothing to try again.'),
      error: operateError(payments, 'brought to an end'),
    };
  }
}
