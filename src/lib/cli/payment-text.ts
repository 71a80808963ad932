import {formatAmount} from '../core/money.js';
import type {Bucket, PaymentIntent, PaymentState} from '../core/payment.js';
import type {Look} from './look.js';
import {table} from './table.js';

/** `visa ••4242`, or a dash where no card was read. */
export function cardText(payment: PaymentIntent): string {
  const card = payment.card_present_details;
  return card === null ? '-' : `${card.brand} ••${card.last4 ?? '????'}`;
}

/** What was received of a captured payment, what was asked for of any other. */
export function amountText(payment: PaymentIntent): string {
  const {state, amount, amount_received, currency} = payment;
  if (state !== 'captured' || amount_received === amount) return formatAmount(amount, currency);
  return `${formatAmount(amount_received, currency)} of ${formatAmount(amount, currency)}`;
}

export function stateText(look: Look, state: PaymentState, bucket: Bucket, acknowledged = false): string {
  if (bucket === 'attention' || (state === 'declined' && !acknowledged)) return look.bad(state);
  return bucket === 'done' ? look.dim(state) : look.warn(state);
}

/** A list of payments, one a line. */
export function paymentTable(look: Look, payments: readonly PaymentIntent[]): string {
  return table(
    look,
    [
      {title: 'PAYMENT'},
      {title: 'STATE'},
      {title: 'AMOUNT', right: true},
      {title: 'CARD'},
      {title: 'REFERENCE'},
      {title: 'CREATED'},
      {title: 'API ID'},
    ],
    payments.map((payment) => [
      payment.local_id,
      stateText(look, payment.state, payment.bucket, payment.acknowledged),
      amountText(payment),
      cardText(payment),
      payment.reference ?? '-',
      timeText(new Date(payment.created * 1000).toISOString()),
      payment.id ?? '-',
    ]),
  );
}

/** UTC to the second, as a person reads it. */
export function timeText(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}Z`;
}

/** `12.50 usd, 900 jpy`; a dash for nothing. */
export function amountsText(amounts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(amounts).map(([currency, amount]) => formatAmount(amount, currency));
  return parts.length === 0 ? '-' : parts.join(', ');
}

/** `3 d 4 h`, `2 h 5 min`, `40 s`. */
export function ageText(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
