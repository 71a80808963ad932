import type {Actor} from './diagnosis.js';
import {formatAmount} from './money.js';
import type {Payment, PaymentState} from './payment.js';
import type {RemoteIntent} from './ports.js';

/** What an intent means for the money, by its status at the API. */
export type Standing =
  /** Never confirmed, or declined: no money moved. */
  | 'unpaid'
  /** Authorised, not captured. */
  | 'held'
  | 'taken'
  /** The API has not decided: money may move yet. */
  | 'moving'
  /** Cancelled or lapsed: no money moved, or its hold is released. */
  | 'ended';

export type Direction =
  /** The API has gone further than the journal knows. */
  | 'api_ahead'
  /** The journal counts on money that the API does not have. */
  | 'journal_ahead'
  /** The API holds or took money that the journal counts on nowhere. */
  | 'unexpected_money';

/** One difference between the journal and the API. */
export type Finding = Common & Difference;
export type FindingKind = Difference['kind'];

type Difference =
  | {readonly kind: 'missing_at_api'}
  /** It bears this device's mark, and the journal does not know it. */
  | {readonly kind: 'missing_here'; readonly standing: Standing}
  /** More than one intent of one payment moved money, or still may. */
  | {readonly kind: 'duplicate'; readonly ids: readonly string[]}
  | {
      readonly kind: 'amount_mismatch';
      readonly field: AmountField;
      /** Minor units. */
      readonly here: number;
      readonly at_api: number;
    }
  | {readonly kind: 'currency_mismatch'; readonly here: string; readonly at_api: string}
  /** The intent is another payment's, or of the other mode. */
  | {readonly kind: 'identity_mismatch'; readonly belongs_to: string | null}
  | {readonly kind: 'state_mismatch'; readonly direction: Direction}
  /** In doubt here, or not decided at the API: nobody can tell yet. */
  | {readonly kind: 'unsettled'};

export type AmountField = 'amount' | 'amount_capturable' | 'amount_received';

interface Common extends Words {
  readonly local_id: string;
  /** The intent it is about. */
  readonly id: string;
  /** In the journal; null where it does not know the payment. */
  readonly state: PaymentState | null;
  /** At the API; null where it does not know the intent. */
  readonly status: string | null;
  /** Minor units; the journal's, where it knows the payment. */
  readonly amount: number;
  readonly currency: string;
  readonly reference: string | null;
}

interface Words {
  /** `critical`: money is, or is about to be, where it does not belong. */
  readonly severity: 'critical' | 'warning';
  /** What differs, and what it means for the money. */
  readonly message: string;
  readonly who: Actor;
  /** The command to run next; null when it is nothing this program can do. */
  readonly next: string | null;
}

/** One payment of the journal beside one intent of the API. */
export interface Pair {
  readonly payment: Payment;
  /** The state it is really in. */
  readonly state: PaymentState;
  readonly intent: RemoteIntent;
  readonly standing: Standing;
}

function finding(
  {payment, state, intent}: Omit<Pair, 'standing'>,
  difference: Difference,
  words: Words,
): Finding {
  const {local_id, amount, currency, reference} = payment;
  const {id, status} = intent;
  return {...difference, local_id, id, state, status, amount, currency, reference, ...words};
}

const PHRASES: Readonly<Record<Standing, string>> = {
  unpaid: 'took no money',
  held: 'holds money that is authorised and not captured',
  taken: 'took the money',
  moving: 'may move money yet',
  ended: 'is cancelled: no money is held for it',
};

function sum({amount, currency}: {readonly amount: number; readonly currency: string}): string {
  return formatAmount(amount, currency);
}

function inspect(payment: Payment): string {
  return `stowpay inspect ${payment.local_id}`;
}

/** The API answered for this very id that there is no such intent. */
export function missingAtApi(payment: Payment, state: PaymentState): Finding {
  const {local_id, amount, currency, reference} = payment;
  const id = payment.id ?? '';
  const {severity, meaning} = withoutIntent(payment, state);
  const message = `The payment API does not know ${id}, also when it is asked for by its id. ${meaning}`;
  const words = {severity, message, who: 'technician', next: inspect(payment)} as const;
  return {kind: 'missing_at_api', local_id, id, state, status: null, amount, currency, reference, ...words};
}

function withoutIntent(
  payment: Payment,
  state: PaymentState,
): {readonly severity: Finding['severity']; readonly meaning: string} {
  switch (state) {
    case 'captured': {
      const received = formatAmount(payment.amount_received, payment.currency);
      return {severity: 'critical', meaning: `The journal counts ${received} as received under it.`};
    }
    case 'authorized':
    case 'capturing': {
      const meaning = `The journal counts on ${sum(payment)} authorised under it: there is nothing to capture.`;
      return {severity: 'critical', meaning};
    }
    case 'accepted_offline':
    case 'forwarding':
    case 'held':
    case 'quarantined': {
      const meaning = `${sum(payment)} is stored here and cannot be forwarded under it; nothing of it is lost here.`;
      return {severity: 'critical', meaning};
    }
    case 'authorizing':
    case 'in_doubt':
      return {severity: 'critical', meaning: `Whether ${sum(payment)} was charged under it cannot be told.`};
    case 'created':
    case 'declined':
    case 'canceled':
    case 'refused':
    case 'transferred':
      return {severity: 'warning', meaning: 'The journal counts on no money under it.'};
  }
}

/** An intent with our mark on it whose payment the journal does not know. */
export function missingHere(local_id: string, intent: RemoteIntent, standing: Standing): Finding {
  const {id, status, amount, currency} = intent;
  const moved = standing === 'held' || standing === 'taken' || standing === 'moving';
  const message =
    `${id} is this device's payment ${local_id} over ${sum(intent)}, and the journal does not know it: it was lost, or ` +
    `the journal was restored from a backup. The intent ${PHRASES[standing]}.`;
  return {
    kind: 'missing_here',
    standing,
    local_id,
    id,
    state: null,
    status,
    amount,
    currency,
    reference: null,
    severity: moved ? 'critical' : 'warning',
    message,
    who: moved ? 'merchant' : 'technician',
    next: null,
  };
}

/** Several intents of one payment moved money, or may. */
export function severalPaid(payment: Payment, state: PaymentState, paid: readonly RemoteIntent[]): Finding {
  const [intent] = paid;
  if (intent === undefined) throw new RangeError('no intent');
  const message =
    `${paid.length} intents bear this payment over ${sum(payment)}, and each moved money or may: ${listed(paid)}. The ` +
    'customer may be charged more than once: keep one, cancel or refund the others.';
  const ids = paid.map(({id}) => id);
  return finding({payment, state, intent}, {kind: 'duplicate', ids}, byMerchant(payment, message));
}

/** Its own intent waits for a confirm, and another one has the money already. */
export function secondCharge(pair: Omit<Pair, 'standing'>, paid: readonly RemoteIntent[]): Finding {
  const {payment, intent} = pair;
  const message =
    `${listed(paid)} bears this payment beside its own ${intent.id}: forwarding it would charge ${sum(payment)} a ` +
    'second time.';
  const ids = [intent, ...paid].map(({id}) => id);
  return finding(pair, {kind: 'duplicate', ids}, {...byTechnician(pair, message), who: 'merchant'});
}

function listed(intents: readonly RemoteIntent[]): string {
  return intents.map(({id, status}) => `${id} (${status})`).join(', ');
}

function byMerchant(payment: Payment, message: string): Words {
  return {severity: 'critical', message, who: 'merchant', next: inspect(payment)};
}

export function amountMismatch(pair: Pair, field: AmountField): Finding {
  const {payment, intent, standing} = pair;
  const here = payment[field];
  const at_api = intent[field];
  const says = (amount: number): string => formatAmount(amount, payment.currency);
  const what = {amount: 'is over', amount_capturable: 'can be captured up to', amount_received: 'brought in'};
  const message =
    `At the API ${intent.id} ${what[field]} ${says(at_api)}, in the journal ${says(here)}. It ${PHRASES[standing]}.` +
    unsentNote(pair);
  return finding(pair, {kind: 'amount_mismatch', field, here, at_api}, byTechnician(pair, message));
}

export function currencyMismatch(pair: Pair): Finding {
  const {payment, intent, standing} = pair;
  const message =
    `At the API ${intent.id} is over ${sum(intent)}, in the journal ${sum(payment)}. It ${PHRASES[standing]}.` +
    unsentNote(pair);
  const difference = {kind: 'currency_mismatch', here: payment.currency, at_api: intent.currency} as const;
  return finding(pair, difference, byTechnician(pair, message));
}

/** The intent is another payment's, or of the other mode. */
export function identityMismatch(pair: Pair): Finding {
  const {payment, intent} = pair;
  const belongs_to = intent.metadata.stowpay_id ?? null;
  const what =
    belongs_to === null || belongs_to === payment.local_id
      ? `The API holds ${intent.id} in ${intent.livemode ? 'live' : 'test'} mode, and the journal does not.`
      : `At the API ${intent.id} bears payment ${belongs_to}, in the journal it is the intent of ${payment.local_id}.`;
  const message = `${what} What became of ${sum(payment)} cannot be told by it.${unsentNote(pair)}`;
  return finding(pair, {kind: 'identity_mismatch', belongs_to}, byTechnician(pair, message));
}

function unsentNote({state}: Pair): string {
  return state === 'accepted_offline' ? ' Forwarding it as it is would charge the wrong money.' : '';
}

/** What must not be sent as it is gets held back; everything else is found out where the money is. */
function byTechnician({payment, state}: Omit<Pair, 'standing'>, message: string): Words {
  const next = state === 'accepted_offline' ? `stowpay hold ${payment.local_id}` : inspect(payment);
  return {severity: 'critical', message, who: 'technician', next};
}

export function unsettled(pair: Pair): Finding {
  const {payment, state, intent} = pair;
  const message =
    `The API says ${intent.status} of ${intent.id}, the journal ${state}: whether ${sum(payment)} was or will be charged ` +
    'is not decided yet.';
  const next =
    state === 'in_doubt' ? `stowpay forward ${payment.local_id}` : `${inspect(payment)} --reconcile`;
  return finding(pair, {kind: 'unsettled'}, {severity: 'warning', message, who: 'operator', next});
}

/** The API has gone on without the journal. */
export function behind(pair: Pair): Finding {
  const {payment, state, intent} = pair;
  const message = `At the API ${intent.id} ${whatHappened(pair)}, which the journal (${state}) did not know.`;
  const words = {
    severity: 'warning',
    message,
    who: 'operator',
    next: `${inspect(payment)} --reconcile`,
  } as const;
  return finding(pair, {kind: 'state_mismatch', direction: 'api_ahead'}, words);
}

/** It moved money for a payment that was set aside: only a person who names it takes it out of there. */
export function waitsForName(pair: Pair): Finding {
  const {payment, intent} = pair;
  const message =
    `At the API ${intent.id} ${whatHappened(pair)}, and the payment is set aside here. Whoever names it has it take that ` +
    'over.';
  const words = {
    severity: 'warning',
    message,
    who: 'technician',
    next: `${inspect(payment)} --reconcile`,
  } as const;
  return finding(pair, {kind: 'state_mismatch', direction: 'api_ahead'}, words);
}

/** It bears the payment's name and has money, but nothing proves that it was this payment's card. */
export function unproven(pair: Pair): Finding {
  const {payment, state, intent} = pair;
  const message =
    `${intent.id} bears this payment and ${whatHappened(pair)}, but nothing shows that it was this payment's card; the ` +
    `journal says ${state}. If it was, sending it again would charge ${sum(payment)} a second time.`;
  const next = state === 'accepted_offline' ? `stowpay hold ${payment.local_id}` : inspect(payment);
  const words = {severity: 'critical', message, who: 'technician', next} as const;
  return finding(pair, {kind: 'state_mismatch', direction: 'api_ahead'}, words);
}

function whatHappened({intent, standing}: Pair): string {
  const {last_payment_error: error, cancellation_reason: reason} = intent;
  if (standing === 'taken') return `took ${formatAmount(intent.amount_received, intent.currency)}`;
  if (standing === 'unpaid' && error !== null)
    return `was declined (${error.decline_code ?? error.code ?? error.type})`;
  if (standing === 'ended' && reason !== null) return `is cancelled (${reason}): no money is held for it`;
  return PHRASES[standing];
}

/** The journal counts on money that the API does not have. */
export function uncovered(pair: Pair): Finding {
  const {payment, state, intent, standing} = pair;
  const counted =
    state === 'captured'
      ? `${formatAmount(payment.amount_received, payment.currency)} as received`
      : `${sum(payment)} as authorised`;
  const message = `The journal counts ${counted} under ${intent.id}, but at the API it ${PHRASES[standing]}.`;
  return finding(pair, {kind: 'state_mismatch', direction: 'journal_ahead'}, byMerchant(payment, message));
}

/** Another intent than the payment's own has money, and the own one has none and gets none. */
export function strayMoney(pair: Pair): Finding {
  const {payment, state, intent, standing} = pair;
  const under = payment.id === null ? '' : ` under ${payment.id}`;
  const message =
    `${intent.id} over ${sum(intent)} bears this payment and ${PHRASES[standing]}, and the journal does not know it: it ` +
    `says ${state}${under}. Cancel or refund it at the API, unless the customer paid with it.`;
  return finding(pair, {kind: 'state_mismatch', direction: 'unexpected_money'}, byMerchant(payment, message));
}

/** The journal says that it ended without money, and its customer was told so. */
export function unexpectedMoney(pair: Pair): Finding {
  const {payment, state, intent, standing} = pair;
  const message =
    `${intent.id} over ${sum(intent)} ${PHRASES[standing]}, although the payment is ${state} here and its customer was ` +
    'told so: cancel or refund it at the API, unless the goods were handed out.';
  return finding(pair, {kind: 'state_mismatch', direction: 'unexpected_money'}, byMerchant(payment, message));
}
