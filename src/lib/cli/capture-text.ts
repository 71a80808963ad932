import {StowpayError} from '../core/errors.js';
import {worstCondition} from '../core/exit-codes.js';
import {formatAmount} from '../core/money.js';
import type {CaptureItem} from '../terminal/capture.js';
import type {Look} from './look.js';
import {plural} from './payment-text.js';
import {table} from './table.js';

/** What became of each capture. */
export function captureText(look: Look, items: readonly CaptureItem[]): string {
  if (items.length === 0) return look.good('Nothing to capture.');
  const columns = [
    {title: 'PAYMENT'},
    {title: 'OUTCOME'},
    {title: 'CAPTURED', right: true},
    {title: 'OF', right: true},
    {title: 'WHY'},
  ];
  return table(
    look,
    columns,
    items.map(({outcome, amount, payment, captured_elsewhere, error}) => [
      payment.local_id,
      outcomeText(look, outcome, captured_elsewhere),
      outcome === 'failed' ? '-' : formatAmount(amount, payment.currency),
      formatAmount(payment.amount, payment.currency),
      error?.message ?? '-',
    ]),
  );
}

function outcomeText(look: Look, outcome: CaptureItem['outcome'], elsewhere: boolean): string {
  switch (outcome) {
    case 'captured':
      return look.good(elsewhere ? 'captured elsewhere' : 'captured');
    case 'planned':
      return look.warn('would be captured');
    case 'failed':
      return look.bad('not captured');
  }
}

/** The error that sets the exit code: the single failure itself, or the worst of several. */
export function captureError(items: readonly CaptureItem[]): StowpayError | null {
  const errors = items.map(({error}) => error).filter((error) => error !== null);
  const [first] = errors;
  if (first === undefined) return null;
  if (errors.length === 1 && items.length === 1) return first;
  const worst = worstCondition(errors.map(({condition}) => condition));
  const chosen = errors.find(({condition}) => condition === worst) ?? first;
  const message = `${plural(errors.length, 'payment')} of ${items.length} were not captured as asked; the worst: ${chosen.message}`;
  return new StowpayError(chosen.code, message, {hint: chosen.hint, details: chosen.details});
}
