import {formatAmount} from '../core/money.js';
import type {CardPresentDetails} from '../core/payment.js';
import type {Attempt, Inspected} from '../terminal/inspect.js';
import type {Look} from './look.js';
import {amountText, cardText, stateText, timeText} from './payment-text.js';
import {facts, table} from './table.js';

/** The whole story of one payment for a person. */
export function inspectedText(look: Look, payment: Inspected): string {
  const {diagnosis} = payment;
  const parts = [
    `${look.bold(payment.local_id)}  ${stateText(look, payment.state, payment.bucket, payment.acknowledged)}  ${amountText(payment)}  ${cardText(payment)}`,
    facts(look, [
      ['Cause', diagnosis.cause],
      ['Who must act', diagnosis.who],
      ['Retry helps', diagnosis.retry_helps ? 'yes' : 'no'],
      ['Next', diagnosis.next ?? 'nothing'],
    ]),
    facts(look, factRows(payment)),
    payment.card_present_details === null ? '' : facts(look, cardRows(payment.card_present_details)),
    timeline(look, payment),
    payment.attempts.length === 0 ? '' : attempts(look, payment.attempts),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function factRows(payment: Inspected): readonly (readonly [string, string | null])[] {
  const {offline_details: offline, last_payment_error: error} = payment;
  return [
    ['API id', payment.id ?? 'none yet'],
    [
      'Stripe status',
      `${payment.status}${offline?.requires_upload === true ? ' (nothing was charged: it waits to be forwarded)' : ''}`,
    ],
    ['Reference', payment.reference],
    ['Description', payment.description],
    ['Account', `${payment.account} at ${payment.origin}, ${payment.livemode ? 'LIVE' : 'test'} mode`],
    ['Capture', payment.capture_method],
    [
      'Capturable',
      payment.amount_capturable === 0 ? null : formatAmount(payment.amount_capturable, payment.currency),
    ],
    [
      'Received',
      payment.amount_received === 0 ? null : formatAmount(payment.amount_received, payment.currency),
    ],
    ['Created', timeText(new Date(payment.created * 1000).toISOString())],
    ['Stored offline', offline === null ? null : timeText(offline.stored_at)],
    [
      'Last error',
      error === null ? null : `${error.message} [${error.decline_code ?? error.code ?? error.type}]`,
    ],
    [
      'Reader',
      payment.reader === null
        ? null
        : `${payment.reader.type} ${payment.reader.serial} (${payment.reader.firmware})`,
    ],
  ];
}

function cardRows(card: CardPresentDetails): readonly (readonly [string, string | null])[] {
  const {receipt} = card;
  const expiry =
    card.exp_month === null ? 'unknown' : `${String(card.exp_month).padStart(2, '0')}/${card.exp_year}`;
  return [
    ['Card', `${card.brand} ending in ${card.last4 ?? 'unknown'}, expires ${expiry}`],
    ['Name', card.cardholder_name],
    ['Read by', card.read_method],
    ['Application', receipt.application_preferred_name],
    ['AID', receipt.dedicated_file_name],
    ['Cryptogram', receipt.application_cryptogram],
    ['TVR', receipt.terminal_verification_results],
    ['TSI', receipt.transaction_status_information],
    ['Cardholder check', receipt.cardholder_verification_method],
    ['Authorisation', receipt.authorization_code],
  ];
}

function timeline(look: Look, payment: Inspected): string {
  const rows = payment.timeline.map(({seq, at, text}) => [String(seq), timeText(at), text]);
  return table(look, [{title: 'RECORD', right: true}, {title: 'WHEN'}, {title: 'WHAT'}], rows);
}

function attempts(look: Look, made: readonly Attempt[]): string {
  const columns = [
    {title: 'ATTEMPT'},
    {title: 'WHEN'},
    {title: 'OUTCOME'},
    {title: 'REQUEST'},
    {title: 'ERROR'},
  ];
  return table(
    look,
    columns,
    made.map((attempt) => [
      attempt.operation,
      timeText(attempt.at),
      attempt.outcome,
      attempt.request_id ?? '-',
      attempt.error === null ? '-' : `${attempt.error.message}`,
    ]),
  );
}
