import {StowpayError} from '../core/errors.js';
import {formatAmount} from '../core/money.js';
import {type Payment, toPaymentIntent} from '../core/payment.js';

/** The errors a collect ends with: what happened, what it means for the money, what to do. */

export function notConnected(): StowpayError {
  return new StowpayError(
    'reader_not_connected',
    'No reader is connected. No card was read and nothing was stored.',
    {
      hint: 'Run stowpay connect first, for example: stowpay connect --reader sim:',
    },
  );
}

/** The reference's payment left the open list between two looks: it closed just now. */
export function unexpectedHolder(draft: {readonly reference: string | null}): StowpayError {
  return new StowpayError(
    'payment_busy',
    `Reference ${draft.reference} is just being settled by another process.`,
    {
      hint: 'Run the command again.',
    },
  );
}

export function busy(payment: Payment): StowpayError {
  return new StowpayError(
    'payment_busy',
    `Another process is collecting ${payment.local_id} (reference ${payment.reference}) now. ` +
      'No card was read by this command.',
    {
      hint: 'Wait for it, then run the command again with the same --reference.',
      details: {local_id: payment.local_id},
    },
  );
}

export function requireOnline(payment: Payment): StowpayError {
  return new StowpayError(
    'not_connected_to_internet_and_require_online_set',
    `There is no network, and ${formatAmount(payment.amount, payment.currency)} was to be taken online only. ` +
      'No money was taken and no payment was stored.',
    {
      hint: 'Try again when the network is back, or allow prefer_online.',
      details: {local_id: payment.local_id},
    },
  );
}

export function declined(payment: Payment): StowpayError {
  const error = payment.last_error;
  const card =
    payment.card === null ? 'The card' : `The ${payment.card.brand} card ending in ${payment.card.last4}`;
  return new StowpayError(
    'card_declined',
    `${card} was declined for ${formatAmount(payment.amount, payment.currency)}: ${error?.message ?? 'no reason given'} ` +
      'No money was taken.',
    {
      hint: 'Ask for another card.',
      details: {code: error?.code ?? null, decline_code: error?.decline_code ?? null},
    },
  );
}

export function inDoubt(payment: Payment): StowpayError {
  return new StowpayError(
    'payment_in_doubt',
    `It is not known whether ${payment.local_id} over ${formatAmount(payment.amount, payment.currency)} was charged: ` +
      'the answer of the payment API was lost.',
    {
      hint:
        'Do not release the goods and do not collect again with another reference. ' +
        `When the network is back, stowpay forward ${payment.local_id} finds out.`,
    },
  );
}

export function apiRefused(payment: Payment, message: string): StowpayError {
  return new StowpayError(
    'api_refused',
    `The payment API refused ${payment.local_id}: ${message} No money was taken.`,
    {
      hint: 'Have a technician look: the request itself is not accepted.',
      details: {local_id: payment.local_id},
    },
  );
}

/** The same error, naming the payment it is about. */
export function withPayment(error: StowpayError, payment: Payment): StowpayError {
  return new StowpayError(error.code, error.message, {
    hint: error.hint,
    details: {...error.details, local_id: payment.local_id, payment: toPaymentIntent(payment)},
    cause: error.cause,
  });
}

/** The reader failed before a card was in hand. */
export function notTaken(error: StowpayError, payment: Payment): StowpayError {
  const said = /\.$/.test(error.message) ? error.message : `${error.message}.`;
  const means = `${payment.local_id} was not taken: no card was charged and nothing was stored.`;
  const told = new StowpayError(error.code, `${said} ${means}`, {
    hint: error.hint,
    details: error.details,
    cause: error,
  });
  return withPayment(told, payment);
}

/** The API answered something that may have moved money, and the answer could not be journalled. */
export function unrecorded(payment: Payment, error: StowpayError): StowpayError {
  const code = error.condition === 'journal' ? error.code : 'payment_in_doubt';
  return new StowpayError(
    code,
    `The payment API answered for ${payment.local_id} over ${formatAmount(payment.amount, payment.currency)}, but the ` +
      `answer could not be written to the journal (${error.code}): it may have been charged.`,
    {
      hint:
        'Do not release the goods and do not collect again with another reference. Mend the disk or wait for the other ' +
        `process, then run stowpay forward ${payment.local_id}: it looks at the API.`,
      details: {local_id: payment.local_id, cause: error.code},
      cause: error,
    },
  );
}

/** What had to be sent could not be read from the journal. Its attempt may be journalled, so a look ends it. */
export function unsent(payment: Payment, error: StowpayError): StowpayError {
  const money =
    payment.unresolved_confirms > 0
      ? 'It was not sent again; whether an earlier attempt charged it is not known.'
      : 'It was not sent, and no money was taken.';
  return new StowpayError(
    error.code,
    `The card data of ${payment.local_id} over ${formatAmount(payment.amount, payment.currency)} could not be read from ` +
      `the journal (${error.code}). ${money} The payment is still open.`,
    {
      hint:
        'Check the disk of the data directory. Then run the command again, a sale with the same --reference: ' +
        'it looks at the API before anything is sent.',
      details: {...error.details, local_id: payment.local_id},
      cause: error,
    },
  );
}

/** The payment was settled by another process between our look at the journal and our act: nothing was done here. */
export function settledMeanwhile(payment: Payment): StowpayError {
  return new StowpayError(
    'payment_busy',
    `${payment.local_id} was settled by another process a moment ago. Nothing was done by this one.`,
    {hint: `See stowpay inspect ${payment.local_id}.`, details: {local_id: payment.local_id}},
  );
}

/** Its intent was cancelled at the API while its confirm was under way. */
export function canceledAtApi(payment: Payment): StowpayError {
  return new StowpayError(
    'api_unavailable',
    `${payment.local_id} was cancelled before it took effect: ${payment.reason?.message ?? ''} No money was taken.`,
    {hint: 'Run the command again with the same --reference.'},
  );
}

/** The API answered for other money than this payment's: it is kept as it is until a person has looked. */
export function setAside(payment: Payment): StowpayError {
  return new StowpayError('payment_quarantined', `${payment.local_id}: ${payment.reason?.message ?? ''}`, {
    hint: `Do not release the goods and do not collect again. Have a technician look: stowpay inspect ${payment.local_id}.`,
  });
}
