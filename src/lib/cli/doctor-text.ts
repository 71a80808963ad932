import {CHECKS, type Check, type CheckStatus, sentence} from '../core/check.js';
import type {Diagnosis} from '../terminal/doctor.js';
import type {Warning} from './envelope.js';
import type {Look} from './look.js';
import {table} from './table.js';

type Shown = Omit<Diagnosis, 'error'>;

/** Every check in a line, then what is wrong, what it means and what to do. */
export function doctorText(look: Look, {checks, counts, fixed}: Shown): string {
  const lines = table(
    look,
    [{title: 'CHECK'}, {title: 'STATUS'}, {title: 'FOUND'}],
    checks
      .filter((check) => !wasNotAsked(check))
      .map(({id, status, found}) => [CHECKS[id], statusText(look, status), found.replace(/\.$/, '')]),
  );
  const unasked = checks.filter(wasNotAsked).map(({id}) => CHECKS[id].toLowerCase());
  return [
    unasked.length === 0 ? lines : `${lines}\n${look.dim(`Not asked: ${unasked.join(', ')}`)}`,
    ...checks.filter(({means, fix}) => means !== null || fix !== null).map(explain(look)),
    ...(fixed.length === 0 ? [] : [fixedText(look, fixed)]),
    summary(counts),
  ].join('\n\n');
}

/** Lines that all say the same are said once. */
function wasNotAsked({status, found}: Check): boolean {
  return status === 'unknown' && found.startsWith('not asked');
}

/** What a command says of checks that are not well, although it worked. */
export function checkWarnings(checks: readonly Check[]): readonly Warning[] {
  return checks
    .filter(
      ({status, means}) => status === 'warn' || status === 'fail' || (status === 'unknown' && means !== null),
    )
    .map(({id, code, found, means, fix}) => ({
      code: code ?? 'reader_needs_attention',
      message: [`${CHECKS[id]}: ${sentence(found)}`, means, fix].filter((part) => part !== null).join(' '),
    }));
}

const explain =
  (look: Look) =>
  ({id, status, found, means, fix}: Check): string =>
    [
      `${statusText(look, status)} ${look.bold(CHECKS[id])}: ${sentence(found)}`,
      means === null ? null : `  ${means}`,
      fix === null ? null : `  ${look.bold('Do:')} ${fix}`,
    ]
      .filter((line) => line !== null)
      .join('\n');

function fixedText(look: Look, fixed: Shown['fixed']): string {
  const rows = fixed.map(({setting, done, before, after}) => {
    const name = CHECKS[`reader.${setting}`];
    return `  ${done ? look.good('set') : look.bad('NOT SET')} ${name}\n    before: ${before}\n    now:    ${after}`;
  });
  return [look.bold('Changed at the reader:'), ...rows].join('\n');
}

function statusText(look: Look, status: CheckStatus): string {
  switch (status) {
    case 'ok':
      return look.good('ok');
    case 'warn':
      return look.warn('warn');
    case 'fail':
      return look.bad('FAIL');
    case 'unknown':
      return look.dim('unknown');
  }
}

function summary({ok, warn, fail, unknown}: Shown['counts']): string {
  return `${ok} ok, ${warn} to look at, ${fail} wrong, ${unknown} not known`;
}
