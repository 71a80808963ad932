import {Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import {ID_ARGS, operateRequest, REASON_FLAG} from '../lib/cli/operate-flags.js';
import {operateError, operateResult, operateText} from '../lib/cli/operate-text.js';

export default class Cancel extends StowpayCommand {
  static override summary = 'Void payments before they are sent, or cancel them at the payment API.';
  static override description =
    'What was never confirmed is void at once, without network. Anything else is cancelled at the API; what cannot be ' +
    'told there now is recorded and finished by the next forward (exit 5), and is never confirmed or captured any more. ' +
    'Money that was received already is not touched (exit 7): refunds are made at Stripe.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> pay_01JD --reason "wrong amount"',
    '<%= config.bin %> <%= command.id %> pay_01JD --dry-run',
  ];
  static override strict = false;
  static override args = ID_ARGS;
  static override flags = {
    reason: REASON_FLAG,
    all: Flags.boolean({description: 'Everything that is open. Needs --confirm.', dependsOn: ['confirm']}),
    confirm: Flags.string({description: 'The name of the device (dev_…), as status shows it.'}),
    'dry-run': Flags.boolean({description: 'Show what would be cancelled, and where; change nothing.'}),
  };

  protected async answer({terminal, signal}: Run): Promise<Answer> {
    const {argv, flags} = await this.parse(Cancel);
    const dryRun = flags['dry-run'] === true;
    const request = await operateRequest(argv as string[], flags, signal);
    const payments = await terminal.cancel({...request, confirm: flags.confirm ?? null, dryRun});
    return {
      result: {dry_run: dryRun, payments: operateResult(payments)},
      text: (look) => operateText(look, payments, 'Nothing to cancel.'),
      error: operateError(payments, 'cancelled'),
    };
  }
}
