import {Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import type {Look} from '../lib/cli/look.js';
import {ID_ARGS, operateRequest, REASON_FLAG} from '../lib/cli/operate-flags.js';
import {operateError, operateResult, operateText} from '../lib/cli/operate-text.js';
import {plural} from '../lib/cli/payment-text.js';
import type {Acknowledged} from '../lib/terminal/acknowledge.js';

export default class Acknowledge extends StowpayCommand {
  static override summary = 'Take note of how payments ended, so that they leave the list.';
  static override description =
    'For declines after a payment was accepted, money received that nobody heard of or wanted, and payments that a repair ' +
    'of the journal lost (by the full name status shows). What is not settled is refused: open money is never hidden.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> pay_01JD --reason "customer paid cash"',
    '<%= config.bin %> <%= command.id %> --all',
    '<%= config.bin %> <%= command.id %> --unnamed-losses --confirm dev_0123456789abcdef0123456789abcdef',
  ];
  static override strict = false;
  static override args = ID_ARGS;
  static override flags = {
    reason: REASON_FLAG,
    all: Flags.boolean({description: 'Every decline.'}),
    'unnamed-losses': Flags.boolean({
      description: 'What a repair of the journal could not read and nothing names. Needs --confirm.',
      dependsOn: ['confirm'],
    }),
    confirm: Flags.string({description: 'The name of the device (dev_…), as status shows it.'}),
  };

  protected async answer({terminal, signal}: Run): Promise<Answer> {
    const {argv, flags} = await this.parse(Acknowledge);
    const unnamedLosses = flags['unnamed-losses'] === true;
    const alone = unnamedLosses && argv.length === 0 && flags.all !== true;
    const request = await operateRequest(argv as string[], flags, signal, alone);
    const done = await terminal.acknowledge({...request, unnamedLosses, confirm: flags.confirm ?? null});
    return {
      result: {...done, payments: operateResult(done.payments)},
      text: (look) => acknowledgedText(look, done),
      error: operateError(done.payments, 'acknowledged'),
    };
  }
}

function acknowledgedText(look: Look, {payments, orphans, unnamed_losses}: Acknowledged): string {
  const lifted = [
    ...orphans.map((payment) => `${payment}, lost in a repair: acknowledged.`),
    ...(unnamed_losses === 0
      ? []
      : [`${plural(unnamed_losses, 'place')} lost unread in a repair: acknowledged.`]),
  ];
  if (payments.length === 0 && lifted.length > 0) return lifted.join('\n');
  return [operateText(look, payments, 'Nothing to acknowledge.'), ...lifted].join('\n');
}
