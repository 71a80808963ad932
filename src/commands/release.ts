import {Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import {ID_ARGS, operateRequest, REASON_FLAG} from '../lib/cli/operate-flags.js';
import {operateError, operateResult, operateText} from '../lib/cli/operate-text.js';

export default class Release extends StowpayCommand {
  static override summary = 'Let held payments go: the next forward sends them.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> pay_01JD',
    '<%= config.bin %> <%= command.id %> --all',
  ];
  static override strict = false;
  static override args = ID_ARGS;
  static override flags = {
    reason: REASON_FLAG,
    all: Flags.boolean({description: 'Everything that is held.'}),
  };

  protected async answer({terminal, signal}: Run): Promise<Answer> {
    const {argv, flags} = await this.parse(Release);
    const payments = await terminal.release(await operateRequest(argv as string[], flags, signal));
    return {
      result: {payments: operateResult(payments)},
      text: (look) => operateText(look, payments, 'Nothing is held.'),
      error: operateError(payments, 'released'),
    };
  }
}
