import {Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../../lib/cli/base-command.js';
import {policyTestText} from '../../lib/cli/policy-text.js';
import type {Brand, ReadMethod} from '../../lib/core/card.js';
import {StowpayError} from '../../lib/core/errors.js';
import {currencyOf, parseAmount} from '../../lib/core/money.js';
import {BRANDS, OFFLINE_READ_METHODS} from '../../lib/core/policy.js';
import {refusalError} from '../../lib/core/rules.js';

export default class PolicyTest extends StowpayCommand {
  static override summary = 'Ask the risk policy about a payment without taking one.';
  static override description =
    'Judges as at the moment of storing, with what is stored now. Exit 0: it would be stored. Exit 7: it would be refused, ' +
    'and the rule is named. Nothing is written.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --amount 150.00 --currency usd',
    '<%= config.bin %> <%= command.id %> --amount 150.00 --currency usd --bin 510515 --brand mastercard --json',
  ];
  static override flags = {
    amount: Flags.string({
      description: 'Decimal amount as a person writes it, tip included.',
      required: true,
    }),
    currency: Flags.string({description: 'ISO 4217, e.g. usd.', required: true}),
    bin: Flags.string({description: 'Leading digits of the card that the reader would show.', default: ''}),
    'read-method': Flags.string({
      description: 'How the card is read.',
      options: [...OFFLINE_READ_METHODS],
      default: 'contactless_emv',
    }),
    brand: Flags.string({description: 'The brand of the card.', options: [...BRANDS], default: 'unknown'}),
    'card-count': Flags.integer({
      description: 'Payments of the same card that are in the window of per_card already.',
      default: 0,
      min: 0,
      max: 1000,
    }),
  };

  protected async answer({terminal}: Run): Promise<Answer> {
    const {flags} = await this.parse(PolicyTest);
    const currency = currencyOf(flags.currency);
    const test = {
      amount: parseAmount(flags.amount, currency),
      currency: currency.code,
      read_method: flags['read-method'] as ReadMethod,
      brand: flags.brand as Brand,
      bin: checkBin(flags.bin),
      card_count: flags['card-count'],
    };
    const tested = await terminal.testPolicy(test);
    const {allowed, decision, refusal} = tested;
    return {
      result: {...test, allowed, code: refusal?.code ?? null, rule: refusal?.details.rule ?? null, decision},
      text: () => policyTestText(test, tested),
      error: refusal === null ? null : refusalError(refusal),
    };
  }
}

/** Never a whole card number, and none is repeated. */
function checkBin(bin: string): string {
  if (/^\d{0,8}$/.test(bin)) return bin;
  throw new StowpayError('invalid_usage', 'A --bin has at most 8 digits: the beginning of a card number.', {
    hint: 'Never type a whole card number into a command. Nothing was tested.',
  });
}
