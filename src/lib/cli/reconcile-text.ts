import {type ErrorCode, StowpayError} from '../core/errors.js';
import {type Condition, worstCondition} from '../core/exit-codes.js';
import type {Finding, FindingKind} from '../core/finding.js';
import {formatAmount} from '../core/money.js';
import type {Adopted, ReconcileResult} from '../terminal/reconcile/reconcile.js';
import type {Warning} from './envelope.js';
import type {Look} from './look.js';
import {plural, timeText} from './payment-text.js';
import {table} from './table.js';

const NAMES: Readonly<Record<FindingKind, string>> = {
  missing_at_api: 'missing at the API',
  missing_here: 'missing here',
  duplicate: 'duplicate',
  amount_mismatch: 'other amount',
  currency_mismatch: 'other currency',
  identity_mismatch: 'other payment',
  state_mismatch: 'other state',
  unsettled: 'not settled',
};

/** What differs and what to do about it, what was adopted, and the counts. */
export function reconcileText(look: Look, result: ReconcileResult): string {
  const {findings, adopted} = result;
  const parts = [
    findings.length === 0 ? '' : findingTable(look, findings),
    ...findings.map((finding, index) => `#${index + 1}  ${finding.message}${todo(finding)}`),
    ...adopted.map((one) => adoptedLine(look, one)),
    counts(look, result),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function findingTable(look: Look, findings: readonly Finding[]): string {
  const columns = [
    {title: '#', right: true},
    {title: 'DIFFERENCE'},
    {title: 'PAYMENT'},
    {title: 'AMOUNT', right: true},
    {title: 'HERE'},
    {title: 'AT THE API'},
    {title: 'API ID'},
    {title: 'REFERENCE'},
  ];
  const rows = findings.map((finding, index) => [
    String(index + 1),
    (finding.severity === 'critical' ? look.bad : look.warn)(NAMES[finding.kind]),
    finding.local_id,
    formatAmount(finding.amount, finding.currency),
    finding.state ?? '-',
    finding.status ?? '-',
    finding.id,
    finding.reference ?? '-',
  ]);
  return table(look, columns, rows);
}

function todo({who, next}: Finding): string {
  const whose = who === 'nobody' ? '' : ` (${who})`;
  return next === null ? whose : ` Next${whose}: ${next}`;
}

function adoptedLine(look: Look, {message, state, became, local_id, attention}: Adopted): string {
  const word = attention ? look.bad('Adopted, and somebody must know:') : look.good('Adopted:');
  return `${word} ${local_id} was ${state} here and is ${became} now. ${message}`;
}

function counts(look: Look, result: ReconcileResult): string {
  const {compared, agreeing, adopted, findings, busy, unchecked, leftovers, others, not_compared} = result;
  const agree = `${agreeing} ${agreeing === 1 ? 'agrees' : 'agree'} with the API`;
  const some = (count: number, text: string): string[] => (count === 0 ? [] : [text]);
  const said = [
    `${plural(compared, 'payment')} compared since ${timeText(result.since)}`,
    findings.length === 0 && agreeing === compared ? look.good(agree) : agree,
    ...some(adopted.length, `${adopted.length} adopted`),
    ...some(findings.length, look.bad(plural(findings.length, 'difference'))),
    ...some(busy.length, `${busy.length} in use by another process`),
    ...some(unchecked.length, `${unchecked.length} the API did not tell of`),
    ...some(leftovers, `${plural(leftovers, 'unconfirmed intent')} left over (no money moved)`),
    ...some(others, `${plural(others, 'intent')} of others`),
    ...some(not_compared, `${not_compared} of another account or API not compared`),
  ];
  return `${said.join('; ')}.`;
}

/** What a caller should hear although the exit code may be 0. */
export function reconcileWarnings({
  adopted,
  not_compared,
  dry_run,
  failure,
}: ReconcileResult): readonly Warning[] {
  const warnings: Warning[] = [];
  if (adopted.length > 0) {
    const message = `${plural(adopted.length, 'payment')} differed from the API; the journal was brought level.`;
    warnings.push({code: 'reconciliation_adopted', message});
  }
  if (not_compared > 0) {
    const message =
      `${plural(not_compared, 'payment')} of another account, mode or API could not be compared with this key: run it ` +
      'with their profile too.';
    warnings.push({code: 'reconciliation_not_compared', message});
  }
  if (failure !== null && !dry_run && failure.condition === 'locked') {
    warnings.push({
      code: failure.code,
      message: `Not everything that is proven was adopted: ${failure.message}`,
    });
  }
  return warnings;
}

/** The error that sets the exit code; null when journal and API agree now. The worst condition wins. */
export function reconcileError(result: ReconcileResult): StowpayError | null {
  const {findings, adopted, busy, unchecked, failure} = result;
  const told = adopted.filter(({attention}) => attention);
  const conditions: Condition[] = [
    ...(findings.length + told.length > 0 ? (['attention'] as const) : []),
    ...(unchecked.length > 0 ? [failure?.condition ?? 'temporary'] : []),
    ...(busy.length > 0 ? (['locked'] as const) : []),
    ...(failure === null ? [] : [failure.condition]),
  ];
  const worst = worstCondition(conditions);
  if (worst === 'ok') return null;
  if (worst === 'attention') return differences(result, told);
  if (failure !== null && worst === failure.condition) {
    return new StowpayError(failure.code as ErrorCode, failure.message, {
      hint: 'What was adopted before is durable. Mend what the message names, then run the command again.',
    });
  }
  if (worst === 'locked') {
    const message = `${plural(busy.length, 'payment')} could not be compared: another process is working on it.`;
    return new StowpayError('payment_busy', message, {
      hint: 'Run the command again shortly.',
      details: {busy},
    });
  }
  const message = `The payment API did not tell of ${plural(unchecked.length, 'payment')}: ${unchecked[0]?.message ?? ''}`;
  return new StowpayError('api_unavailable', message, {hint: 'Run the command again.', details: {unchecked}});
}

function differences({findings}: ReconcileResult, told: readonly Adopted[]): StowpayError {
  const critical = findings.filter(({severity}) => severity === 'critical').length;
  const open =
    findings.length === 0
      ? []
      : [
          `${plural(findings.length, 'difference')} between the journal and the API${critical === 0 ? '' : `, ${critical} of them about money`}`,
        ];
  const known =
    told.length === 0 ? [] : [`${plural(told.length, 'payment')} ended otherwise than anybody here was told`];
  const first = findings[0] ?? told[0];
  const next = first?.next ?? null;
  return new StowpayError('reconciliation_mismatch', `${[...open, ...known].join('; ')}.`, {
    hint: next === null ? `${first?.message ?? ''}` : `Begin with ${first?.local_id}: ${next}.`,
    details: {
      findings: count(findings.map(({kind}) => kind)),
      adopted: count(told.map(({became}) => became)),
    },
  });
}

function count(words: readonly string[]): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const word of words) counted[word] = (counted[word] ?? 0) + 1;
  return counted;
}
