import {Args, Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import {inspectedText} from '../lib/cli/inspect-text.js';
import {namesFrom} from '../lib/cli/names.js';
import {paymentTable} from '../lib/cli/payment-text.js';
import {showProgress} from '../lib/cli/progress.js';
import {reconcileError, reconcileText, reconcileWarnings} from '../lib/cli/reconcile-text.js';
import {parseSince} from '../lib/cli/since.js';
import {BUCKETS, type Bucket, PAYMENT_STATES, type PaymentState} from '../lib/core/payment.js';
import type {ReconcileRequest} from '../lib/terminal/reconcile/reconcile.js';

export default class Inspect extends StowpayCommand {
  static override summary = 'List payments, or tell the whole story of one.';
  static override description =
    'Without a name, the list, newest first. With one: timeline, card and receipt data, every attempt, the cause, who ' +
    'must act, whether a retry can help, and the next command. With --reconcile, the journal is held against the payment ' +
    'API: what is missing, double, or says something else about the money (exit 6); what the API proves is adopted. ' +
    'Nothing is sent that moves money.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --state declined --json',
    '<%= config.bin %> <%= command.id %> pay_01JD',
    '<%= config.bin %> <%= command.id %> --reconcile --since 7d --dry-run',
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
    reconcile: Flags.boolean({
      description: 'Hold the journal, or the payments named, against the payment API.',
      exclusive: ['state', 'bucket', 'limit'],
    }),
    since: Flags.string({
      description: 'With --reconcile: from then on; a date, an RFC 3339 time, or an age like 30d or 12h.',
      dependsOn: ['reconcile'],
    }),
    'dry-run': Flags.boolean({
      description: 'With --reconcile: adopt nothing.',
      dependsOn: ['reconcile'],
    }),
  };

  protected async answer(run: Run): Promise<Answer> {
    const {argv, flags} = await this.parse(Inspect);
    const names = await namesFrom(argv as string[]);
    if (flags.reconcile === true) {
      const since = flags.since === undefined ? null : parseSince(flags.since);
      return this.reconciled(run, {names: names ?? [], since, dryRun: flags['dry-run'] === true});
    }
    const {terminal} = run;
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

  private async reconciled(
    {terminal, signal, json}: Run,
    asked: Pick<ReconcileRequest, 'names' | 'since' | 'dryRun'>,
  ): Promise<Answer> {
    const progress = showProgress(json, 'Reconciling');
    try {
      const onProgress = progress.update;
      const result = await terminal.reconcile({...asked, onProgress, signal});
      return {
        result,
        text: (look) => reconcileText(look, result),
        warnings: reconcileWarnings(result),
        error: reconcileError(result),
      };
    } finally {
      progress.stop();
    }
  }
}
