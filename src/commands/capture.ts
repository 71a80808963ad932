import {Args, Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import {captureError, captureText} from '../lib/cli/capture-text.js';
import {namesFrom} from '../lib/cli/names.js';
import {showProgress} from '../lib/cli/progress.js';
import {StowpayError} from '../lib/core/errors.js';
import {currencyOf, parseAmount} from '../lib/core/money.js';

export default class Capture extends StowpayCommand {
  static override summary = 'Capture authorised payments, whole or in part.';
  static override description =
    'A part releases the rest. Stored payments must be forwarded first. The amount is journalled before it is sent and ' +
    'stays fixed until its outcome is known, so running it again never takes more.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> pay_01JD',
    '<%= config.bin %> <%= command.id %> pay_01JD --amount 5.00',
    '<%= config.bin %> <%= command.id %> --all',
  ];
  static override strict = false;
  static override args = {
    id: Args.string({
      description: 'pay_…, a unique beginning of it, or pi_…; several, or - to read them from stdin.',
    }),
  };
  static override flags = {
    amount: Flags.string({
      description: 'Capture only so much of one payment, e.g. 5.00; the rest is released.',
    }),
    all: Flags.boolean({description: 'Capture everything that is authorised.', exclusive: ['amount']}),
    'dry-run': Flags.boolean({description: 'Show what would be captured; capture nothing.'}),
  };

  protected async answer({terminal, signal, json}: Run): Promise<Answer> {
    const {argv, flags} = await this.parse(Capture);
    const names = await namesFrom(argv as string[]);
    // A flag that was not given is undefined, whatever its type says.
    const all = flags.all === true;
    const dryRun = flags['dry-run'] === true;
    if (all === (names !== null)) {
      throw new StowpayError('invalid_usage', 'Name the payments to capture, or say --all; one of the two.', {
        hint: 'stowpay inspect --state authorized lists what can be captured.',
      });
    }
    const amount =
      flags.amount === undefined ? null : await this.#partOf(terminal, names ?? [], flags.amount);
    const progress = showProgress(json, 'Capturing');
    const payments = await terminal
      .capture({
        names: names ?? [],
        all,
        amount,
        dryRun,
        onProgress: (done, total) => progress.update(done, total),
        signal,
      })
      .finally(() => progress.stop());
    const shown = payments.map((one) => ({
      ...one.payment,
      outcome: one.outcome,
      capture_amount: one.amount,
      captured_elsewhere: one.captured_elsewhere,
      error: one.error === null ? null : errorFields(one.error),
    }));
    return {
      result: {dry_run: dryRun, payments: shown},
      text: (look) => captureText(look, payments),
      error: captureError(payments),
    };
  }

  /** The part of one payment, read in that payment's currency. */
  async #partOf(terminal: Run['terminal'], names: readonly string[], text: string): Promise<number> {
    if (names.length !== 1) {
      throw new StowpayError('invalid_usage', '--amount goes with exactly one payment.', {
        hint: 'Capture the others on their own. Nothing was captured.',
      });
    }
    const [payment] = await terminal.inspect(names);
    return parseAmount(text, currencyOf(payment?.currency ?? ''));
  }
}

function errorFields({code, message, hint}: StowpayError): object {
  return {code, message, hint: hint ?? null};
}
