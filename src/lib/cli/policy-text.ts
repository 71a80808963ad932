import {formatAmount} from '../core/money.js';
import type {Policy} from '../core/policy.js';
import type {PolicyTest, PolicyTested, ShownPolicy} from '../terminal/policy.js';
import type {Look} from './look.js';
import {plural} from './payment-text.js';
import {facts, table} from './table.js';

/** The policy for a person: limits with what is used of them, then the other rules. */
export function policyText(look: Look, shown: ShownPolicy): string {
  const {policy, currencies, shrink_factor: factor} = shown;
  const amount = (value: number | undefined | null, currency: string): string =>
    value === undefined || value === null ? '-' : formatAmount(value, currency);
  const rows = currencies.map(({currency, per_payment, stored_total, stored, max_offline_amount: most}) => [
    currency,
    amount(per_payment, currency),
    most === null ? 'not sold offline' : formatAmount(most, currency),
    amount(stored_total, currency),
    formatAmount(stored, currency),
  ]);
  const right = true;
  const columns = [
    {title: 'CURRENCY'},
    {title: 'PER PAYMENT', right},
    {title: 'HARD CAP', right},
    {title: 'STORED TOTAL', right},
    {title: 'STORED NOW', right},
  ];
  const from = shown.file ?? 'built-in limits: there is no policy.json';
  const shrink =
    factor === 1 ? null : `× ${factor}, because of the outage: the limits below are what is left`;
  const count = policy.stored_count;
  return [
    facts(look, [
      ['Policy', from],
      ['Stored count', count === undefined ? null : `${shown.stored_count} of ${count}`],
      ...ruleRows(policy),
      ['Amount limits', shrink],
    ]),
    rows.length === 0 ? 'No currency has a limit: nothing is sold offline.' : table(look, columns, rows),
  ].join('\n\n');
}

function ruleRows(policy: Policy): readonly (readonly [string, string | null])[] {
  const {oldest_age_hours: age, per_card, outage_shrink, read_methods, brands, deny_issuer_ranges} = policy;
  const steps = outage_shrink?.map(({after_hours, factor}) => `× ${factor} after ${after_hours} h`);
  return [
    ['Oldest stored', age === undefined ? null : `at most ${age} h`],
    [
      'Per card',
      per_card === undefined
        ? null
        : `${plural(per_card.count, 'payment')} in ${per_card.window_hours} h, by what the reader shows of the card`,
    ],
    [
      'Outage',
      steps === undefined
        ? null
        : `${steps.join(', ')}; uncertain clock: ${policy.on_uncertain_clock ?? 'strict'}`,
    ],
    ['Read methods', read_methods?.join(', ') ?? null],
    ['Brands', brands?.join(', ') ?? null],
    ['Denied issuers', deny_issuer_ranges?.join(', ') ?? null],
  ];
}

/** The verdict of a dry run, in one line. */
export function policyTestText({amount, currency}: PolicyTest, {allowed}: PolicyTested): string {
  const what = formatAmount(amount, currency);
  return allowed ? `Allowed: ${what} would be stored now.` : `Refused: ${what} would not be stored.`;
}
