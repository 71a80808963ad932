import {whoAndWhy} from './events.js';
import {formatAmount} from './money.js';
import {awaitsCancel, awaitsNotice, type CancelRequest, type Payment, type PaymentState} from './payment.js';
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
  const request = payment.cancel_requested;
  if (request !== null && awaitsCancel(payment)) return beingCanceled(payment, state, money, request);
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
      return quarantined(payment);
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
      return awaitsNotice(payment)
        ? received(payment, request)
        : say(captured(payment), 'nobody', false, null);
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

/** Money that was received although it should not have been, or that nobody knows of. */
function received(payment: Payment, request: CancelRequest | null): Diagnosis {
  const what =
    request === null
      ? 'But its collect died before it could tell anybody: find out whether the goods left.'
      : `But its cancel was requested ${whoAndWhy(request)}. It came too late: refund it at Stripe (${payment.id}).`;
  return say(`${captured(payment)} ${what}`, 'operator', false, `stowpay acknowledge ${payment.local_id}`);
}

/** Its cancel is durable here and not known to have taken effect there. */
function beingCanceled(
  payment: Payment,
  state: PaymentState,
  money: string,
  request: CancelRequest,
): Diagnosis {
  const now =
    state === 'authorized' || state === 'capturing'
      ? `${money} is still authorised`
      : `whether ${money} was charged is not known yet`;
  return say(
    `Its cancel was requested ${whoAndWhy(request)}, and the payment API has not confirmed that: ${now}. ` +
      'It is never confirmed and never captured any more; the next forward finishes the cancel.',
    'operator',
    true,
    `stowpay forward ${payment.local_id}`,
  );
}

/** Reasons for which trying the same payment again can never succeed. */
const HOPELESS: readonly string[] = ['sealed_data_lost'];

function quarantined(payment: Payment): Diagnosis {
  const {code = '', message = ''} = payment.reason ?? {};
  const hopeless = HOPELESS.includes(code) || payment.cancel_unsure;
  const act = hopeless ? 'cancel' : 'retry';
  const how = hopeless
    ? 'It can never be sent; cancel closes it.'
    : 'retry looks at the API and sends it again, cancel closes it.';
  const cause = `It was set aside and is kept until a person names it. ${message}`.trim();
  return say(`${cause} ${how}`, 'technician', !hopeless, `stowpay ${act} ${payment.local_id}`);
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
  const loss = `${what} It was accepted offline, so the goods may be gone: the loss is the merchant's. The decline is final.`;
  return payment.acknowledged
    ? say(`${loss} A person has taken note of it.`, 'nobody', false, null)
    : say(loss, 'merchant', false, `stowpay acknowledge ${payment.local_id}`);
}

function say(cause: string, who: Actor, retry_helps: boolean, next: string | null): Diagnosis {
  return {cause, who, retry_helps, next};
}
