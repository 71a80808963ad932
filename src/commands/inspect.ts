import {Args, Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import {inspectedText} from '../lib/cli/inspect-text.js';
import {namesFrom} from '../lib/cli/names.js';
import {paymentTable} from '../lib/cli/payment-text.js';
import {BUCKETS, type Bucket, PAYMENT_STATES, type PaymentState} from '../lib/core/payment.js';

export default class Inspect extends StowpayCommand {
  static override summary = 'List payments, or tell the whole story of one.';
  static override description =
    'Without a name, the list, newest first. With one: timeline, card and receipt data, every attempt, the cause, who ' +
    'must act, whether a retry can help, and the next command.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --state declined --json',
    '<%= config.bin %> <%= command.id %> pay_01JD',
  ];
  static override strict = false;
  static override args = {
    id: Args.string({
      description: 'pay_…, a unique beginning of it, or pi_…; several, or - to read them from stdin.',
    }),
  };
  static override flags = {
    state: Flags.string({
      description: 'Only payments in this state; repeatable.',
      options: [...PAYMENT_STATES],
      multiple: true,
      multipleNonGreedy: true,
    }),
    bucket: Flags.string({
      description: 'Only payments in this bucket; repeatable.',
      options: [...BUCKETS],
      multiple: true,
      multipleNonGreedy: true,
    }),
    limit: Flags.integer({description: 'At most so many, newest first.', min: 1}),
  };

  protected async answer({terminal}: Run): Promise<Answer> {
    const {argv, flags} = await this.parse(Inspect);
    const names = await namesFrom(argv as string[]);
    if (names !== null) {
      const payments = await terminal.inspect(names);
      return {
        result: {payments},
        text: (look) => payments.map((one) => inspectedText(look, one)).join('\n\n'),
        error: await terminal.journalDamage(),
      };
    }
    const payments = await terminal.list({
      names: [],
      states: (flags.state ?? []) as PaymentState[],
      buckets: (flags.bucket ?? []) as Bucket[],
      limit: flags.limit ?? null,
    });
    return {
      result: {payments},
      text: (look) => (payments.length === 0 ? 'No payments.' : paymentTable(look, payments)),
      error: await terminal.journalDamage(),
    };
  }
}
