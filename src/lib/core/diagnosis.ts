import {formatAmount} from './money.js';
import type {Payment, PaymentState} from './payment.js';
import {isExpired} from './time.js';

/** Who must act next. */
export type Actor = 'nobody' | 'operator' | 'technician' | 'merchant' | 'cashier';

/** What a technician needs to know of one payment: why it is where it is, and what to do about it. */
export interface Diagnosis {
  readonly cause: string;
  readonly who: Actor;
  /** Whether sending or running it again can change anything. */
  readonly retry_helps: boolean;
  /** The command to run next; null when there is none. */
  readonly next: string | null;
}

/** Explains a payment. Pure. `now` in ms. */
export function diagnose(payment: Payment, state: PaymentState, now: number): Diagnosis {
  const of = payment.local_id;
  const money = formatAmount(payment.amount, payment.currency);
  switch (state) {
    case 'created':
      return say('No card was read for it yet. No money moved.', 'nobody', false, null);
    case 'authorizing':
      return say('A collect is authorising it right now.', 'nobody', false, null);
    case 'accepted_offline':
      return accepted(payment, money);
    case 'forwarding':
      return say('A forward is sending it right now.', 'nobody', false, null);
    case 'in_doubt':
      return say(
        `The answer of the payment API was lost: ${money} may or may not have been charged. It is never sent blindly again.`,
        'operator',
        true,
        `stowpay forward ${of}`,
      );
    case 'held':
      return say(
        'It is held back by an operator and counts in every limit.',
        'operator',
        false,
        `stowpay release ${of}`,
      );
    case 'quarantined':
      return say(
        `It was set aside and is kept until a person names it. ${payment.reason?.message ?? ''}`.trim(),
        'technician',
        false,
        `stowpay inspect ${of} --json`,
      );
    case 'authorized':
      return authorized(payment, money, now);
    case 'capturing':
      return say(
        `A capture of ${formatAmount(payment.capture_amount ?? 0, payment.currency)} was sent and its outcome is not known yet.`,
        'operator',
        true,
        `stowpay capture ${of}`,
      );
    case 'captured':
      return payment.unclaimed ? unheard(payment) : say(captured(payment), 'nobody', false, null);
    case 'declined':
      return declined(payment, money);
    case 'canceled':
      return say(
        `${payment.reason?.message ?? 'It was canceled.'} No money is held for it.`,
        'nobody',
        false,
        null,
      );
    case 'refused':
      return say(payment.reason?.message ?? 'It was refused. Nothing was stored.', 'nobody', false, null);
    case 'transferred':
      return say('It was moved to another device; its receipt was not read yet.', 'operator', false, null);
  }
}

function accepted(payment: Payment, money: string): Diagnosis {
  const of = payment.local_id;
  const last = payment.last_error;
  const why =
    last === null
      ? 'it was not sent yet'
      : `the last try ended with: ${last.message}${payment.soft_declines > 0 ? ` (soft decline ${payment.soft_declines})` : ''}`;
  return say(
    `${money} is stored on this device and not authorised; ${why}. The merchant carries the risk until it is forwarded.`,
    'operator',
    true,
    `stowpay forward ${of}`,
  );
}

function authorized(payment: Payment, money: string, now: number): Diagnosis {
  const until = payment.capture_before;
  const left = until === null ? null : Math.floor((until * 1000 - now) / 3_600_000);
  const lapse =
    until === null || left === null
      ? ''
      : left < 0
        ? ` The authorisation lapsed at ${new Date(until * 1000).toISOString()}.`
        : ` The authorisation lapses at ${new Date(until * 1000).toISOString()} (in ${left} h).`;
  const unclaimed = payment.unclaimed
    ? ' The collect that asked for it died before it could tell anybody: the same --reference claims it; otherwise forward releases the hold after 15 minutes.'
    : '';
  return say(
    `${money} is authorised and not captured: no money was received yet.${lapse}${unclaimed}`,
    'operator',
    false,
    `stowpay capture ${payment.local_id}`,
  );
}

function unheard(payment: Payment): Diagnosis {
  const what = `${captured(payment)} But its collect died before it could tell anybody: find out whether the goods left.`;
  return say(
    `${what} Naming it in a forward takes note of it.`,
    'operator',
    false,
    `stowpay forward ${payment.local_id}`,
  );
}

function captured(payment: Payment): string {
  const received = formatAmount(payment.amount_received, payment.currency);
  if (payment.amount_received >= payment.amount) return `${received} was captured.`;
  return `${received} of ${formatAmount(payment.amount, payment.currency)} was captured; the rest was released.`;
}

function declined(payment: Payment, money: string): Diagnosis {
  const error = payment.last_error;
  const reason = error?.decline_code ?? error?.code ?? 'no reason given';
  const card = payment.card;
  const expired =
    card?.exp_month != null &&
    card.exp_year != null &&
    isExpired(card.exp_month, card.exp_year, Date.parse(payment.updated_at))
      ? ' The card had expired by then.'
      : '';
  const said = error === null || error.message.includes(reason) ? '' : ` (${error.message})`;
  const what = `The issuer declined ${money}: ${reason}${said}.${expired}`;
  if (payment.stored_at === null) return say(`${what} No money moved.`, 'cashier', false, null);
  return say(
    `${what} It was accepted offline, so the goods may be gone: the loss is the merchant's. The decline is final.`,
    'merchant',
    false,
    null,
  );
}

function say(cause: string, who: Actor, retry_helps: boolean, next: string | null): Diagnosis {
  return {cause, who, retry_helps, next};
}
