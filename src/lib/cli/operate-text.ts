import {StowpayError} from '../core/errors.js';
import {worstCondition} from '../core/exit-codes.js';
import type {OperateItem} from '../terminal/operate.js';
import type {Look} from './look.js';
import {amountText, cardText, plural, stateText} from './payment-text.js';
import {table} from './table.js';

/** What became of each payment a person acted on. */
export function operateText(look: Look, items: readonly OperateItem<string>[], nothing: string): string {
  if (items.length === 0) return look.good(nothing);
  const columns = [
    {title: 'PAYMENT'},
    {title: 'OUTCOME'},
    {title: 'STATE'},
    {title: 'AMOUNT', right: true},
    {title: 'CARD'},
    {title: 'WHY'},
  ];
  return table(
    look,
    columns,
    items.map(({outcome, payment, note, error}) => [
      payment.local_id,
      (error === null ? look.good : look.bad)(outcome.replaceAll('_', ' ')),
      stateText(look, payment.state, payment.bucket, payment.acknowledged),
      amountText(payment),
      cardText(payment),
      error?.message ?? note ?? '-',
    ]),
  );
}

/** Each payment with what became of it, as `--json` shows it. */
export function operateResult(items: readonly OperateItem<string>[]): readonly object[] {
  return items.map(({outcome, payment, note, error}) => ({
    ...payment,
    outcome,
    note,
    error: error === null ? null : {code: error.code, message: error.message, hint: error.hint ?? null},
  }));
}

/** The error that sets the exit code: the single failure itself, or the worst of several. */
export function operateError(items: readonly OperateItem<string>[], undone: string): StowpayError | null {
  const errors = items.map(({error}) => error).filter((error) => error !== null);
  const [first] = errors;
  if (first === undefined) return null;
  if (items.length === 1) return first;
  const worst = worstCondition(errors.map(({condition}) => condition));
  const chosen = errors.find(({condition}) => condition === worst) ?? first;
  const message = `${plural(errors.length, 'payment')} of ${items.length} could not be ${undone}; the worst: ${chosen.message}`;
  return new StowpayError(chosen.code, message, {hint: chosen.hint, details: chosen.details});
}
