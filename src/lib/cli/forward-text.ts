import {type ErrorCode, StowpayError} from '../core/errors.js';
import {type Condition, worstCondition} from '../core/exit-codes.js';
import {formatAmount} from '../core/money.js';
import type {ForwardItem, ForwardOutcome, ForwardResult} from '../terminal/forward/result.js';
import type {Look} from './look.js';
import {amountsText, cardText, plural} from './payment-text.js';
import {table} from './table.js';

/** What became of each payment, then counts and sums by outcome. */
export function forwardText(look: Look, result: ForwardResult): string {
  if (result.total === 0) return look.good('Nothing to forward.');
  const rows = result.payments.map((item) => itemRow(look, item));
  const columns = [
    {title: 'PAYMENT'},
    {title: 'OUTCOME'},
    {title: 'AMOUNT', right: true},
    {title: 'CARD'},
    {title: 'REFERENCE'},
    {title: 'WHY'},
  ];
  const sums = Object.entries(result.outcomes).map(
    ([outcome, {count, amounts}]) =>
      `${plural(count, 'payment')} ${OUTCOME_WORDS[outcome as ForwardOutcome]} (${amountsText(amounts)})`,
  );
  return `${table(look, columns, rows)}\n\n${sums.join('; ')}.`;
}

export const OUTCOME_WORDS: Readonly<Record<ForwardOutcome, string>> = {
  authorized: 'authorized',
  captured: 'captured',
  declined: 'declined',
  canceled: 'canceled',
  quarantined: 'set aside',
  unclaimed: 'captured unheard',
  too_late: 'captured before its cancel',
  in_doubt: 'in doubt',
  left: 'still stored',
  busy: 'in use by another process',
  elsewhere: 'settled by another process',
  planned: 'would be sent',
};

/** What is left of a payment that is to be cancelled is its cancel. */
function isLeftCancel({outcome, payment}: ForwardItem): boolean {
  return outcome === 'left' && payment.cancel_requested;
}

function itemRow(look: Look, one: ForwardItem): readonly string[] {
  const {outcome, payment, reason} = one;
  return [
    payment.local_id,
    outcomePaint(look, outcome)(isLeftCancel(one) ? 'still to be cancelled' : OUTCOME_WORDS[outcome]),
    formatAmount(payment.amount, payment.currency),
    cardText(payment),
    payment.reference ?? '-',
    reason ?? '-',
  ];
}

/** Green for money that is safe, yellow for what goes on, red for what needs a person. */
export function outcomePaint(look: Look, outcome: ForwardOutcome): (text: string) => string {
  if (outcome === 'authorized' || outcome === 'captured') return look.good;
  return outcome === 'left' || outcome === 'busy' || outcome === 'planned' ? look.warn : look.bad;
}

const CONDITIONS: Readonly<Record<ForwardOutcome, Condition>> = {
  authorized: 'ok',
  captured: 'ok',
  canceled: 'ok',
  unclaimed: 'attention',
  too_late: 'attention',
  planned: 'ok',
  declined: 'attention',
  quarantined: 'attention',
  in_doubt: 'attention',
  left: 'temporary',
  busy: 'locked',
  elsewhere: 'ok',
};

/** At the end of a wait it does not matter why something is left: the money is not settled. */
function conditionOf({outcome, payment}: ForwardItem, timedOut: boolean): Condition {
  // Whoever settled it counts it; that it needs a person is true for everybody.
  if (outcome === 'elsewhere' && needsPerson(payment)) return 'attention';
  const condition = CONDITIONS[outcome];
  return timedOut && (condition === 'temporary' || condition === 'locked') ? 'pending' : condition;
}

function needsPerson({state, bucket}: ForwardItem['payment']): boolean {
  return state === 'declined' || bucket === 'attention';
}

/** The error that sets the exit code of a run; null when everything was delivered. The worst condition wins. */
export function forwardError(result: ForwardResult, signal: AbortSignal): StowpayError | null {
  if (result.dry_run) return null;
  const failed = result.forwarding_failure;
  const conditions = result.payments.map((one) => conditionOf(one, result.timed_out));
  // With nothing stored nothing was left behind, whatever the network was like.
  const counts = failed !== null && result.total > 0;
  const worst = worstCondition(counts ? [...conditions, failed.condition] : conditions);
  const count = (...outcomes: ForwardOutcome[]): number =>
    outcomes.reduce((sum, outcome) => sum + (result.outcomes[outcome]?.count ?? 0), 0);
  const details = {outcomes: result.outcomes};
  if (failed !== null && worst === failed.condition && worst !== 'temporary' && worst !== 'attention') {
    const done = count('authorized', 'captured');
    const message = `${failed.message} ${plural(done, 'payment')} of ${result.total} ${done === 1 ? 'was' : 'were'} delivered.`;
    const hint = 'Nothing stored is lost. Mend what the message names, then run stowpay forward again.';
    return new StowpayError(failed.code as ErrorCode, message, {hint, details});
  }
  switch (worst) {
    case 'attention': {
      const bad = result.payments.filter((one) => conditionOf(one, result.timed_out) === 'attention');
      const of = (kind: 'declined' | 'quarantined' | 'in_doubt'): number =>
        bad.filter(({outcome, payment}) => (outcome === 'elsewhere' ? payment.state : outcome) === kind)
          .length;
      const [first] = bad;
      const unheard = count('unclaimed') > 0 ? `, ${count('unclaimed')} captured that nobody heard of` : '';
      const late = count('too_late') > 0 ? `, ${count('too_late')} captured before the cancel` : '';
      const message =
        `${plural(bad.length, 'payment')} of ${result.total} need${bad.length === 1 ? 's' : ''} a person: ` +
        `${of('declined')} declined, ${of('quarantined')} set aside, ${of('in_doubt')} in doubt${unheard}${late}.`;
      const hint = `Begin with stowpay inspect ${first?.payment.local_id}.`;
      return new StowpayError('payments_need_attention', message, {hint, details});
    }
    case 'pending': {
      const many = count('left', 'busy');
      const why = failed === null ? '' : ` ${failed.message}`;
      const message = `The time to wait is over, and ${plural(many, 'payment')} of ${result.total} ${many === 1 ? 'is' : 'are'} not settled yet.${why}`;
      const hint = 'Do not wipe. Nothing stored is lost: run it again, or stowpay inspect --bucket open.';
      return new StowpayError('payments_pending', message, {hint, details});
    }
    case 'temporary': {
      if (signal.reason instanceof StowpayError) return signal.reason;
      const why = failed === null ? '' : ` ${failed.message}`;
      const message = `${leftText(result)}${why}`;
      return new StowpayError('payments_left', message, {
        hint: 'Run stowpay forward again when the network is back.',
        details,
      });
    }
    case 'locked': {
      if (signal.reason instanceof StowpayError) return signal.reason;
      const many = count('busy');
      const message = `${plural(many, 'payment')} ${many === 1 ? 'is' : 'are'} being sent by another process.`;
      return new StowpayError('payment_busy', message, {hint: 'Run stowpay forward again shortly.', details});
    }
    default:
      return null;
  }
}

function leftText({payments, total}: ForwardResult): string {
  const left = payments.filter(({outcome}) => outcome === 'left').length;
  const cancels = payments.filter(isLeftCancel).length;
  const stored = left - cancels;
  const sentences: string[] = [];
  // Without any, too: then something else than a payment is left, and `why` names it.
  if (stored > 0 || cancels === 0)
    sentences.push(
      `${plural(stored, 'payment')} of ${total} could not be sent now and ${stored === 1 ? 'stays' : 'stay'} stored.`,
    );
  if (cancels > 0)
    sentences.push(`${plural(cancels, 'cancel')} could not be finished now and stay recorded.`);
  return sentences.join(' ');
}
