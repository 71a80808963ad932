import {Args, Flags} from '@oclif/core';
import {type Answer, type Run, StowpayCommand} from '../lib/cli/base-command.js';
import {listening} from '../lib/cli/listening.js';
import {parseMetadata} from '../lib/cli/metadata.js';
import {cardText} from '../lib/cli/payment-text.js';
import {StowpayError} from '../lib/core/errors.js';
import {type Currency, currencyOf, formatAmount, parseAmount, parseMinorAmount} from '../lib/core/money.js';
import {
  CAPTURE_METHODS,
  type CaptureMethod,
  OFFLINE_BEHAVIORS,
  type OfflineBehavior,
  type PaymentIntent,
} from '../lib/core/payment.js';

export default class Collect extends StowpayCommand {
  static override summary = 'Take one payment: authorised at once with network, stored without.';
  static override description =
    'The exit code says what the money did. With --reference, running the same command again returns the same payment ' +
    'and never takes a second one; a script should always give it.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> 12.50 usd --reference order-1017',
    '<%= config.bin %> <%= command.id %> --minor 1250 usd --reference order-1017 --json',
    '<%= config.bin %> <%= command.id %> 12.50 usd --reference order-1017 --json --watch',
  ];
  static override args = {
    amount: Args.string({description: 'Decimal amount as a person writes it, e.g. 12.50.'}),
    currency: Args.string({description: 'ISO 4217, e.g. usd.'}),
  };
  static override flags = {
    reference: Flags.string({
      description: 'Your order id: one payment each, whatever happens.',
      helpValue: 'ORDER',
    }),
    minor: Flags.string({
      description: 'The amount in the smallest unit instead (1250 is 12.50 usd).',
      helpValue: 'AMOUNT',
    }),
    tip: Flags.string({description: 'Added to the amount, written like it.'}),
    'capture-method': Flags.string({
      description: 'manual: capture later.',
      options: [...CAPTURE_METHODS],
      default: 'manual',
    }),
    'offline-behavior': Flags.string({
      description: 'What to do without network.',
      options: [...OFFLINE_BEHAVIORS],
      default: 'prefer_online',
    }),
    metadata: Flags.string({
      description: 'Kept with the payment; repeatable.',
      multiple: true,
      helpValue: 'KEY=VALUE',
    }),
    description: Flags.string({description: 'Kept with the payment.'}),
    timeout: Flags.integer({
      description: 'Seconds to wait for a card. Whoever is asked to try again has 15 more.',
      default: 60,
      min: 1,
      max: 240,
    }),
    watch: Flags.boolean({
      description: 'With --json: what the customer should do, one event a line, before the one object.',
    }),
  };

  protected async answer({terminal, signal, note, json}: Run): Promise<Answer> {
    const {args, flags} = await this.parse(Collect);
    const {amount, currency} = amountOf(args, flags.minor);
    const tip = flags.tip === undefined ? 0 : tipOf(flags.tip, currency, flags.minor !== undefined);
    if (flags.reference === undefined) this.warnings.push(NO_REFERENCE);
    if (!json) note(`Collecting ${formatAmount(amount + tip, currency.code)}`);
    const {payment, fresh} = await terminal.collect({
      amount,
      tip,
      currency: currency.code,
      reference: checkReference(flags.reference),
      capture_method: flags['capture-method'] as CaptureMethod,
      offline_behavior: flags['offline-behavior'] as OfflineBehavior,
      metadata: parseMetadata(flags.metadata ?? []),
      description: flags.description ?? null,
      timeout_s: flags.timeout,
      ...listening(json, flags.watch === true),
      signal,
    });
    const again = fresh
      ? []
      : [{code: 'existing_payment', message: `${payment.local_id} was taken before; no card was read.`}];
    if (payment.state === 'accepted_offline' && !terminal.forwarderRuns()) this.warnings.push(NO_FORWARDER);
    return {
      result: payment,
      warnings: again,
      text: (look) =>
        `${look.good(headline(payment))}  ${formatAmount(payment.amount, payment.currency)}  ${cardText(payment)}  ${payment.local_id}\n${MEANS[payment.state] ?? ''}`.trimEnd(),
    };
  }
}

const NO_REFERENCE = {
  code: 'no_reference',
  message: 'No --reference: if this command is interrupted, running it again can take a second payment.',
};

const NO_FORWARDER = {
  code: 'no_forwarder',
  message:
    'No forwarder runs: what is stored is sent by the next stowpay forward, or by stowpay forward --watch.',
};

function headline(payment: PaymentIntent): string {
  return payment.state === 'accepted_offline' ? 'Accepted offline' : payment.state.replaceAll('_', ' ');
}

const MEANS: Readonly<Partial<Record<PaymentIntent['state'], string>>> = {
  accepted_offline:
    'Stored on this device, not authorised yet: it is charged when it is forwarded (stowpay forward).',
  authorized: 'Authorised by the issuer, not captured yet (stowpay capture).',
  captured: 'Authorised and captured.',
};

interface AmountArgs {
  readonly amount?: string;
  readonly currency?: string;
}

function amountOf(
  args: AmountArgs,
  minor: string | undefined,
): {readonly amount: number; readonly currency: Currency} {
  const [first, second] = [args.amount, args.currency];
  if (minor !== undefined) {
    // With --minor the only word left is the currency.
    if (first === undefined || second !== undefined) throw usage('With --minor, write the currency only.');
    const currency = currencyOf(first);
    return {amount: parseMinorAmount(minor, currency), currency};
  }
  if (first === undefined || second === undefined) throw usage('Which amount, in which currency?');
  const currency = currencyOf(second);
  return {amount: parseAmount(first, currency), currency};
}

function tipOf(text: string, currency: Currency, minor: boolean): number {
  if (/^0+(\.0*)?$/.test(text)) return 0;
  return minor ? parseMinorAmount(text, currency) : parseAmount(text, currency);
}

function checkReference(reference: string | undefined): string | null {
  if (reference === undefined) return null;
  if (/^[\x21-\x7e][\x20-\x7e]{0,199}$/.test(reference)) return reference;
  throw new StowpayError('invalid_usage', 'A --reference has 1 to 200 printable ASCII characters.', {
    hint: 'Use the order id of your till. Nothing was charged.',
  });
}

function usage(message: string): StowpayError {
  return new StowpayError('invalid_usage', message, {
    hint: 'For example: stowpay collect 12.50 usd --reference order-1017',
  });
}
