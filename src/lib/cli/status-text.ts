import type {StowpayError} from '../core/errors.js';
import {FEW_KEYS} from '../core/key-checks.js';
import {formatAmount} from '../core/money.js';
import {type PaymentState, STATES} from '../core/payment.js';
import {damageOf} from '../terminal/damage.js';
import type {SafetyCheck, Status} from '../terminal/status.js';
import type {Warning} from './envelope.js';
import type {Look} from './look.js';
import {ageText, amountsText, plural, stateText, timeText} from './payment-text.js';
import {facts, table} from './table.js';

/** The whole status for a person. */
export function statusText(look: Look, status: Status, capturedElsewhere: boolean): string {
  const parts = [
    facts(look, factRows(status)),
    stateTable(look, status, capturedElsewhere),
    limitTable(look, status),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function factRows(status: Status): readonly (readonly [string, string | null])[] {
  const {reader, pairing} = status;
  const age =
    status.oldest_age_s === null
      ? ''
      : `, oldest ${ageText(status.oldest_age_s)}${status.clock_uncertain ? ' or more' : ''}`;
  const none =
    status.journal.ok || status.journal.code === 'journal_cloned'
      ? 'nothing'
      : 'UNKNOWN: the journal is damaged';
  const stored =
    status.offline_payments_count === 0
      ? none
      : `${plural(status.offline_payments_count, 'payment')}, ${amountsText(status.offline_payment_amounts_by_currency)}${age}`;
  return [
    ['Stored offline', stored],
    ['Network', status.network_status],
    [
      'Reader',
      reader === null ? 'none connected' : `${reader.address}, ${reader.type} ${reader.serial_number}`,
    ],
    [
      'Location',
      reader === null
        ? null
        : `${reader.location}, offline ${status.offline_enabled ? 'enabled' : 'not enabled'}`,
    ],
    ['Offline pairing', pairing === null ? null : `${pairing.days_left} days left`],
    ['Last forwarded', status.last_forwarded_at === null ? 'never' : timeText(status.last_forwarded_at)],
    ['Forwarder', status.forwarder_running ? 'running' : 'not running'],
    [
      'Account',
      status.accounts.length === 0
        ? 'none'
        : `${status.accounts.join(', ')} (${status.livemode === true ? 'LIVE' : 'test'})`,
    ],
    [
      'Journal',
      status.journal.ok
        ? `${plural(status.journal.seq, 'record')}, no damage seen (--check verifies all)`
        : status.journal.code === 'journal_cloned'
          ? 'COPIED FROM ANOTHER MACHINE: nothing is written here'
          : `DAMAGED after record ${status.journal.seq}: see stowpay journal verify`,
    ],
    [
      'To acknowledge',
      status.to_acknowledge.count === 0
        ? null
        : `${plural(status.to_acknowledge.count, 'payment')}, ${amountsText(status.to_acknowledge.amounts)}: see stowpay inspect, then stowpay acknowledge`,
    ],
    [
      'Lost in a repair',
      status.orphans.length === 0
        ? null
        : `${plural(status.orphans.length, 'payment')} known by name only: ${status.orphans.slice(0, 5).join(', ')}${status.orphans.length > 5 ? ' …' : ''}`,
    ],
    [
      'Lost unread',
      status.unnamed_losses === 0
        ? null
        : `${plural(status.unnamed_losses, 'place')} in the journal, with whatever payments were there`,
    ],
    ['Data directory', status.data_directory],
    ['Device', status.device],
  ];
}

function stateTable(look: Look, status: Status, capturedElsewhere: boolean): string {
  const rows = Object.entries(status.states).map(([name, tally]) => {
    const state = name as PaymentState;
    const blocks = STATES[state].blocksWipe && !(capturedElsewhere && state === 'authorized') ? 'yes' : 'no';
    return [
      stateText(look, state, STATES[state].bucket),
      String(tally.count),
      amountsText(tally.amounts),
      blocks,
    ];
  });
  if (rows.length === 0) return '';
  return table(
    look,
    [{title: 'STATE'}, {title: 'COUNT', right: true}, {title: 'AMOUNT'}, {title: 'LOST BY A WIPE'}],
    rows,
  );
}

function limitTable(look: Look, status: Status): string {
  if (status.limits.length === 0) return '';
  const show = (figure: number, currency: string | null): string =>
    currency === null ? String(figure) : formatAmount(figure, currency);
  return table(
    look,
    [
      {title: 'LIMIT'},
      {title: 'USED', right: true},
      {title: 'OF', right: true},
      {title: 'LEFT', right: true},
    ],
    status.limits.map(({rule, currency, limit, used, left}) => [
      rule,
      show(used, currency),
      show(limit, currency),
      show(left, currency),
    ]),
  );
}

/** A damaged journal is the answer, whatever else could be read. */
export function damageError(status: Status): StowpayError | null {
  if (status.journal.ok) return null;
  const {code, damage} = status.journal;
  return damageOf({ok: false, seq: status.journal.seq, damage: {message: damage ?? '', details: {code}}});
}

const WARN_DAYS = 5;

/** What a person should know although the command worked. */
export function statusWarnings(status: Status): readonly Warning[] {
  const warnings: Warning[] = [];
  if (status.policy_error !== null) warnings.push({code: 'policy_invalid', message: status.policy_error});
  if (status.clock_uncertain) {
    warnings.push({
      code: 'clock_uncertain',
      message: 'The clock stands behind the journal: ages are lower bounds.',
    });
  }
  if (status.pairing !== null && status.pairing.days_left <= WARN_DAYS) {
    const message = `Only ${plural(status.pairing.days_left, 'day')} left to connect offline: run stowpay connect with network.`;
    warnings.push({code: 'pairing_expires', message});
  }
  const keys = status.reader?.keys_left ?? null;
  if (keys !== null && keys < FEW_KEYS) {
    const message = `The reader’s key is good for about ${plural(keys, 'more card read')}, then every sale is refused: have a new one injected, or order a spare reader, now.`;
    warnings.push({code: 'keys_run_out', message});
  }
  if (status.offline_payments_count > 0 && !status.forwarder_running) {
    const many = status.offline_payments_count;
    const message = `${plural(many, 'payment')} ${many === 1 ? 'waits' : 'wait'} to be forwarded, and no forwarder runs: run stowpay forward when there is network, or stowpay forward --watch as a service.`;
    warnings.push({code: 'no_forwarder', message});
  }
  return [...warnings, ...lapseWarnings(status)];
}

function lapseWarnings({authorizations: {lapsing, lapsed, next_lapse_at}}: Status): readonly Warning[] {
  const warnings: Warning[] = [];
  if (lapsed > 0) {
    const message = `${plural(lapsed, 'authorisation')} lapsed before ${lapsed === 1 ? 'it was' : 'they were'} captured: the money may be lost. stowpay capture --all tells.`;
    warnings.push({code: 'authorizations_lapsed', message});
  }
  if (lapsing > 0) {
    const message = `${plural(lapsing, 'authorisation')} ${lapsing === 1 ? 'lapses' : 'lapse'} within a day, the first at ${timeText(next_lapse_at ?? '')}: run stowpay capture before.`;
    warnings.push({code: 'authorizations_lapse', message});
  }
  return warnings;
}

const SHOWN = 20;

/** What keeps the device from being wiped. */
export function blockingText(look: Look, blocking: SafetyCheck['blocking'], safe: boolean): string {
  if (safe) return look.good('Nothing would be lost by a wipe now.');
  if (blocking.length === 0) return look.bad('NOT SAFE TO WIPE');
  const rows = blocking
    .slice(0, SHOWN)
    .map(({local_id, state, amount, currency}) => [
      local_id,
      stateText(look, state, STATES[state].bucket),
      formatAmount(amount, currency),
    ]);
  const more = blocking.length > SHOWN ? `\n… and ${blocking.length - SHOWN} more` : '';
  const columns = [{title: 'A WIPE WOULD LOSE'}, {title: 'STATE'}, {title: 'AMOUNT', right: true}];
  return `${look.bad('NOT SAFE TO WIPE')}\n${table(look, columns, rows)}${more}`;
}
