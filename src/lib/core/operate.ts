import type {Decision} from './decide.js';
import {StowpayError} from './errors.js';
import type {EventBody, OperatorAct} from './events.js';
import {maskNumbers, maskSecrets} from './mask.js';
import {formatAmount} from './money.js';
import {
  abandonedState,
  awaitsCancel,
  awaitsNotice,
  mayHaveBeenConfirmed,
  type Payment,
  type PaymentState,
  toPaymentIntent,
} from './payment.js';
import type {State} from './state.js';

/** What an operator may do to one payment, by what is done to it. */
type Act = 'held back' | 'released' | 'cancelled' | 'retried' | 'acknowledged';

const LONGEST_REASON = 200;

/**
 * Why a person does it, as it is kept: one line, without anything that looks like a card number or a key.
 * Null when none was given. Throws `invalid_usage`.
 */
export function operatorReason(text: string | undefined): string | null {
  const reason = (text ?? '').trim();
  if (reason === '') return null;
  if (reason.length > LONGEST_REASON || /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(reason)) {
    throw new StowpayError(
      'invalid_usage',
      `--reason takes one line of at most ${LONGEST_REASON} characters. Nothing was done.`,
      {hint: 'Shorten it, or leave control characters out.'},
    );
  }
  return maskNumbers(maskSecrets(reason));
}

/** Keeps a stored payment back: it is not sent until it is released, and counts in every limit. The caller owns it. */
export function decideHold(payment: Payment, act: OperatorAct): Decision<'held' | 'unchanged'> {
  const state = abandonedState(payment);
  if (state === 'held') return {events: [], result: 'unchanged'};
  if (state !== 'accepted_offline' || awaitsCancel(payment)) throw notNow(payment, state, 'held back');
  const held: EventBody = {type: 'payment.held', payment: payment.local_id, data: act};
  return {events: [...interrupted(payment), held], result: 'held'};
}

/** Lets a held payment go. The caller owns it. */
export function decideRelease(payment: Payment, act: OperatorAct): Decision<'released' | 'unchanged'> {
  const state = abandonedState(payment);
  const waits = awaitsCancel(payment);
  if (state === 'accepted_offline' && !waits) return {events: [], result: 'unchanged'};
  if (state !== 'held' || waits) throw notNow(payment, state, 'released');
  return {events: [{type: 'payment.released', payment: payment.local_id, data: act}], result: 'released'};
}

/** What has to be known of a payment before it is taken out of quarantine. */
export interface Known {
  /** Its sealed card data can be read. */
  readonly sealed: boolean;
  /** What the API says of an intent that was found cancelled there; null when that was not asked. */
  readonly canceled: 'never_confirmed' | 'confirmed' | null;
}

/**
 * Lets a payment be sent now that a person has named it, out of quarantine too. The caller owns it.
 * The result tells whether it was set aside before.
 */
export function decideRetry(
  payment: Payment,
  act: OperatorAct,
  known: Known,
): Decision<'restored' | 'forwardable'> {
  const state = abandonedState(payment);
  if (awaitsCancel(payment)) throw notNow(payment, state, 'retried');
  if (state === 'accepted_offline' || state === 'in_doubt') return {events: [], result: 'forwardable'};
  if (state !== 'quarantined') throw notNow(payment, state, 'retried');
  const hopeless = whyHopeless(payment, known);
  if (hopeless !== null) throw refuse(payment, state, 'retried', hopeless, CANCEL_CLOSES(payment));
  const abandons = known.canceled === 'never_confirmed' && payment.id !== null ? {abandons: payment.id} : {};
  return {
    events: [{type: 'payment.restored', payment: payment.local_id, data: {...act, ...abandons}}],
    result: 'restored',
  };
}

/** Why trying again can never succeed; null when it can. */
function whyHopeless(payment: Payment, {sealed, canceled}: Known): string | null {
  if (payment.cancel_unsure && canceled === null) return 'a cancel of it was sent, and may still take effect';
  if (canceled === 'confirmed')
    return 'it was cancelled at the payment API after it was charged once, and must not be charged again';
  const asks = payment.id !== null && mayHaveBeenConfirmed(payment) && canceled === null;
  if (asks) return null;
  if (payment.stored_at === null)
    return 'it was never stored offline, and its customer is not there any more';
  return sealed ? null : 'its sealed card data is gone, so it can never be sent';
}

const CANCEL_CLOSES = ({local_id}: Payment): string => `stowpay cancel ${local_id} closes it.`;

/** Takes note of how a payment ended. Never hides open money: what is not settled is refused. The caller owns it. */
export function decideAcknowledge(
  payment: Payment,
  act: OperatorAct,
): Decision<'acknowledged' | 'unchanged'> {
  if (awaitsNotice(payment)) {
    const event: EventBody = {type: 'payment.acknowledged', payment: payment.local_id, data: act};
    return {events: [event], result: 'acknowledged'};
  }
  switch (payment.state) {
    case 'captured':
    case 'declined':
    case 'canceled':
    case 'refused':
      return {events: [], result: 'unchanged'};
    default:
      throw notNow(payment, abandonedState(payment), 'acknowledged');
  }
}

/** What a repair lost and a person has looked into now. */
export interface Losses {
  readonly orphans: readonly string[];
  /** So many of the stretches that nothing names. */
  readonly unnamed_losses: number;
}

/** Lifts what a repair had lost: a person has found out what became of it. Already lifted: nothing is written. */
export function decideAcknowledgeLosses(
  state: Pick<State, 'orphans' | 'unnamed_losses'>,
  losses: Losses,
  act: OperatorAct,
): Decision<Losses> {
  const orphans = losses.orphans.filter((payment) => state.orphans.includes(payment));
  const unnamed_losses = Math.min(losses.unnamed_losses, state.unnamed_losses);
  const result = {orphans, unnamed_losses};
  if (orphans.length === 0 && unnamed_losses === 0) return {events: [], result};
  return {events: [{type: 'journal.acknowledged', data: {...act, ...result}}], result};
}

/** The end of an attempt whose sender died: journalled before anything else is decided of its payment. */
export function interrupted(payment: Payment): readonly EventBody[] {
  if (payment.attempt === null || payment.attempt.operation === 'capture') return [];
  const {operation} = payment.attempt;
  const data = {operation, outcome: 'interrupted', error: null} as const;
  return [{type: 'payment.attempt_failed', payment: payment.local_id, data}];
}

/** Why this cannot be done to a payment now, and what can. */
export function notNow(payment: Payment, state: PaymentState, act: Act): StowpayError {
  const [why, hint] = awaitsCancel(payment) ? CANCEL_REQUESTED(payment) : standing(payment, state);
  return refuse(payment, state, act, why, hint);
}

const CANCEL_REQUESTED = ({local_id}: Payment): readonly [string, string] => [
  'its cancel was requested',
  `stowpay forward ${local_id} finishes that when there is network.`,
];

function standing(payment: Payment, state: PaymentState): readonly [string, string] {
  const of = payment.local_id;
  switch (state) {
    case 'created':
      return ['no card was read for it yet', CANCEL_CLOSES(payment)];
    case 'authorizing':
      return ['a collect is authorising it now', 'Wait for it.'];
    case 'accepted_offline':
      return ['it is stored and was not sent yet', `Run stowpay forward ${of}.`];
    case 'forwarding':
      return ['a forward is sending it now', 'Wait for it.'];
    case 'in_doubt':
      return [
        'it is not known whether it was charged',
        `stowpay forward ${of} finds out; stowpay cancel ${of} makes sure that it is not.`,
      ];
    case 'held':
      return ['it is held back', `Run stowpay release ${of} first, or stowpay cancel ${of}.`];
    case 'quarantined':
      return ['it is set aside', `Run stowpay retry ${of}, or stowpay cancel ${of}.`];
    case 'authorized':
      return ['it is authorised', `Run stowpay capture ${of}, or stowpay cancel ${of}.`];
    case 'capturing':
      return ['a capture was sent, and its outcome is not known', `stowpay capture ${of} finds out.`];
    case 'captured': {
      const received = formatAmount(payment.amount_received, payment.currency);
      return [`${received} was received for it`, `Refunds are made at Stripe, for ${payment.id}.`];
    }
    case 'declined':
      return ['it was declined, and no money is held for it', `See stowpay inspect ${of}.`];
    case 'canceled':
      return ['it is canceled, and no money is held for it', `See stowpay inspect ${of}.`];
    case 'refused':
      return ['it was refused when it was taken, and nothing was stored', `See stowpay inspect ${of}.`];
    case 'transferred':
      return ['it was moved to another device', 'Act on it there.'];
  }
}

function refuse(payment: Payment, state: PaymentState, act: Act, why: string, hint: string): StowpayError {
  const money = formatAmount(payment.amount, payment.currency);
  return new StowpayError(
    'payment_intent_unexpected_state',
    `${payment.local_id} (${money}) cannot be ${act}: ${why}. Nothing was changed by this command.`,
    {hint, details: {local_id: payment.local_id, state, payment: toPaymentIntent(payment, state)}},
  );
}
