import type {AdoptReport, JournalDamage, RepairReport} from '../core/ports.js';
import type {JournalVerdict} from '../terminal/journal.js';
import type {Look} from './look.js';
import {plural} from './payment-text.js';
import {facts, table} from './table.js';

const SHOWN = 50;

/** What was found, as a technician reads it. */
export function verdictText(look: Look, verdict: JournalVerdict): string {
  const {device, segments, records, bytes, damage, notes} = verdict;
  const head = facts(look, [
    ['Device', device ?? 'unknown'],
    ['Verified', `${plural(records, 'record')} in ${plural(segments, 'segment')}, ${bytes} bytes`],
    [
      'Damage',
      damage.length === 0 ? look.good('none') : look.bad(`${plural(damage.length, 'place')} (listed below)`),
    ],
  ]);
  const parts = [
    head,
    damageTable(look, damage),
    notes.map((note) => `${look.dim('note')}  ${note}`).join('\n'),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function damageTable(look: Look, damage: readonly JournalDamage[]): string {
  if (damage.length === 0) return '';
  const rows = damage
    .slice(0, SHOWN)
    .map(({segment, line, byte, reason, payment}) => [
      segment,
      String(line),
      String(byte),
      reason,
      payment ?? '-',
    ]);
  const columns = [
    {title: 'SEGMENT'},
    {title: 'LINE', right: true},
    {title: 'BYTE', right: true},
    {title: 'WHAT IS WRONG'},
    {title: 'PAYMENT'},
  ];
  return `${table(look, columns, rows)}${more(damage.length)}`;
}

function more(count: number): string {
  return count > SHOWN ? `\n… and ${count - SHOWN} more (--json lists all)` : '';
}

const OUTCOMES: Readonly<Record<RepairReport['outcome'], string>> = {
  none: 'There is nothing to repair. Nothing was changed.',
  planned: 'A repair would do this:',
  repaired: 'The journal is repaired.',
  finished: 'The repair that was begun before is finished. The journal is repaired.',
};

/** What a repair did or would do. */
export function repairText(look: Look, report: RepairReport): string {
  const {outcome, device, lost, quarantined, orphans, incomplete, rebuilt, kept_in, rekeyed} = report;
  if (outcome === 'none') return OUTCOMES.none;
  const head = facts(look, [
    ['Device', device],
    ['Key', rekeyed ? 'a new one: the lines were taken as they read, without proof' : null],
    ['Written anew', plural(rebuilt.length, 'segment')],
    ['Kept as it was in', kept_in],
  ]);
  const gaps = lost.slice(0, SHOWN).map(({segment, line, byte, first_seq, last_seq, reason}) => {
    const records =
      first_seq === null ? 'unknown' : first_seq === last_seq ? first_seq : `${first_seq}–${last_seq}`;
    return [segment, String(line), String(byte), String(records), reason];
  });
  const payments = [
    ...quarantined.map(({payment}) => [payment, 'set aside: look it up at the payment API']),
    ...orphans.map((payment) => [payment, 'its first record is lost: look it up at the payment API']),
    ...incomplete.map((payment) => [payment, 'settled; a part of its history is lost']),
  ];
  const parts = [
    look.bold(OUTCOMES[outcome]),
    head,
    gaps.length === 0
      ? ''
      : `${table(look, [{title: 'LOST AT'}, {title: 'LINE', right: true}, {title: 'BYTE', right: true}, {title: 'RECORDS', right: true}, {title: 'WHY'}], gaps)}${more(lost.length)}`,
    payments.length === 0
      ? ''
      : `${table(look, [{title: 'PAYMENT'}, {title: 'WHAT BECOMES OF IT'}], payments.slice(0, SHOWN))}${more(payments.length)}`,
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

export function adoptText({needed, adopted, device}: AdoptReport): string {
  if (!needed) return 'This journal belongs to this machine already. Nothing was changed.';
  return adopted
    ? `This machine goes on with the journal of ${device}. The other device must never be used with it again.`
    : `${device} was written on another machine.`;
}
