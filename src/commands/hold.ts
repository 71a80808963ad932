import {Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import {ID_ARGS, operateRequest, REASON_FLAG} from '../lib/cli/operate-flags.js';
import {operateError, operateResult, operateText} from '../lib/cli/operate-text.js';

export default class Hold extends StowpayCommand {
  static override summary = 'Keep stored payments back until they are released.';
  static override description =
    'A held payment is never sent: not by forward, not by its service, not by retry. It goes on counting in every limit ' +
    'and keeps the device from being wiped.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> pay_01JD --reason "goods not handed out"',
    '<%= config.bin %> <%= command.id %> --all',
  ];
  static override strict = false;
  static override args = ID_ARGS;
  static override flags = {
    reason: REASON_FLAG,
    all: Flags.boolean({description: 'Everything that is stored and not sent yet.'}),
  };

  protected async answer({terminal, signal}: Run): Promise<Answer> {
    const {argv, flags} = await this.parse(Hold);
    const payments = await terminal.hold(await operateRequest(argv as string[], flags, signal));
    return {
      result: {payments: operateResult(payments)},
      text: (look) => operateText(look, payments, 'Nothing to hold.'),
      error: operateError(payments, 'held back'),
    };
  }
}
