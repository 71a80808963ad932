import type {Brand, ReadMethod, Receipt} from './card.js';
import type {ApiError, JsonObject} from './ports.js';

export type CaptureMethod = 'manual' | 'automatic';
export type OfflineBehavior = 'prefer_online' | 'require_online' | 'force_offline';
export const OFFLINE_BEHAVIORS: readonly OfflineBehavior[] = [
  'prefer_online',
  'require_online',
  'force_offline',
];
export const CAPTURE_METHODS: readonly CaptureMethod[] = ['manual', 'automatic'];

/** The truth an operator needs. What each means is the table below and `docs/PAYMENTS.md`. */
export type PaymentState =
  | 'created'
  | 'authorizing'
  | 'accepted_offline'
  | 'forwarding'
  | 'in_doubt'
  | 'held'
  | 'quarantined'
  | 'authorized'
  | 'capturing'
  | 'captured'
  | 'declined'
  | 'canceled'
  | 'refused'
  | 'transferred';

export type Bucket = 'open' | 'attention' | 'done';

interface StateFacts {
  readonly bucket: Bucket;
  /** Counted in `offline_payments_count` and the sums. */
  readonly offline: boolean;
  /** A wipe now would lose money or knowledge of it. */
  readonly blocksWipe: boolean;
}

/** One row per state; every list, count and guard reads this table. */
export const STATES: Readonly<Record<PaymentState, StateFacts>> = {
  created: {bucket: 'open', offline: false, blocksWipe: false},
  authorizing: {bucket: 'open', offline: false, blocksWipe: true},
  accepted_offline: {bucket: 'open', offline: true, blocksWipe: true},
  forwarding: {bucket: 'open', offline: true, blocksWipe: true},
  in_doubt: {bucket: 'attention', offline: true, blocksWipe: true},
  held: {bucket: 'open', offline: true, blocksWipe: true},
  quarantined: {bucket: 'attention', offline: true, blocksWipe: true},
  authorized: {bucket: 'open', offline: false, blocksWipe: true},
  capturing: {bucket: 'open', offline: false, blocksWipe: true},
  captured: {bucket: 'done', offline: false, blocksWipe: false},
  declined: {bucket: 'done', offline: false, blocksWipe: false},
  canceled: {bucket: 'done', offline: false, blocksWipe: false},
  refused: {bucket: 'done', offline: false, blocksWipe: false},
  transferred: {bucket: 'open', offline: false, blocksWipe: true},
};

export const PAYMENT_STATES = Object.keys(STATES) as readonly PaymentState[];
export const BUCKETS: readonly Bucket[] = ['open', 'attention', 'done'];

/** What tells whether a person must take note of how a payment ended. */
type Ending = Pick<Payment, 'state' | 'stored_at' | 'unclaimed' | 'cancel_requested' | 'acknowledged'>;

/** Its coarse class. Money received that nobody was told of, or that was to be cancelled, needs a person although it is done. */
export function bucketOf(payment: Ending, state: PaymentState): Bucket {
  return state === 'captured' && isUnsettling(payment) ? 'attention' : STATES[state].bucket;
}

function isUnsettling({unclaimed, cancel_requested, acknowledged}: Ending): boolean {
  return unclaimed || (cancel_requested !== null && !acknowledged);
}

/**
 * True for a payment that is settled and yet listed until a person has acknowledged how: a decline after it was
 * accepted offline, money received that nobody was told of, or that somebody wanted cancelled. A decline while the
 * customer was still there was told at once.
 */
export function awaitsNotice(payment: Ending): boolean {
  if (payment.state === 'declined') return payment.stored_at !== null && !payment.acknowledged;
  return payment.state === 'captured' && isUnsettling(payment);
}

const ENDED: ReadonlySet<PaymentState> = new Set<PaymentState>([
  'captured',
  'declined',
  'canceled',
  'refused',
  'transferred',
]);

/**
 * True for a payment that an operator wants cancelled and that is not settled yet: it is never confirmed and never
 * captured any more, and the next forward finishes the cancel.
 */
export function awaitsCancel(payment: Pick<Payment, 'state' | 'cancel_requested'>): boolean {
  return payment.cancel_requested !== null && !ENDED.has(payment.state);
}

/**
 * True when a confirm of it may ever have left: here, or in a past that this journal has lost. Only without one is "no
 * money was taken" true without asking the API.
 */
export function mayHaveBeenConfirmed(payment: Payment): boolean {
  if (payment.generations.confirm !== undefined || payment.unresolved_confirms > 0) return true;
  return payment.look_first || payment.charge !== null || CONFIRMED.has(payment.state);
}

const CONFIRMED: ReadonlySet<PaymentState> = new Set<PaymentState>([
  'in_doubt',
  'authorized',
  'capturing',
  'captured',
]);

/** What may be shown and kept of a card: never the number, never a track, the name only in the private part. */
export interface CardDetails {
  readonly brand: Brand;
  readonly last4: string | null;
  readonly exp_month: number | null;
  readonly exp_year: number | null;
  readonly read_method: ReadMethod;
  readonly receipt: Receipt;
  /** Upper-case hex. */
  readonly ksn: string;
  /** Keyed digest of what the reader shows of the card; only where the policy counts by card. */
  readonly fingerprint?: string;
}

export interface ReaderDetails {
  readonly serial: string;
  readonly type: string;
  readonly firmware: string;
}

/** How long a key may be sent again. The API keeps keys at least 24 h; an hour is left for its clock and ours. */
export const KEY_LIFETIME_MS = 23 * 3600 * 1000;

export type Operation = 'create' | 'confirm' | 'capture' | 'cancel';

/** An attempt whose outcome is not journalled yet. */
export interface OpenAttempt {
  readonly operation: Operation;
  readonly key: string;
  readonly generation: number;
  readonly at: string;
}

/** Where a payment belongs. Fixed at creation; a payment is never sent anywhere else. */
export interface Binding {
  readonly account: string;
  readonly livemode: boolean;
  readonly origin: string;
}

/** One payment as the fold of its records knows it. */
export interface Payment {
  readonly local_id: string;
  /** Sequence number of `payment.created`; also its byte in the attempts file. */
  readonly seq: number;
  readonly binding: Binding;
  /** Minor units, tip included. */
  readonly amount: number;
  readonly tip: number;
  readonly currency: string;
  readonly capture_method: CaptureMethod;
  readonly offline_behavior: OfflineBehavior;
  readonly reference: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly description: string | null;
  readonly created_at: string;
  readonly api_version: string;
  readonly create_request: JsonObject;

  readonly state: PaymentState;
  readonly id: string | null;
  readonly confirm_request: JsonObject | null;
  readonly card: CardDetails | null;
  readonly reader: ReaderDetails | null;
  /** Set exactly when it was confirmed offline. */
  readonly stored_at: string | null;
  /** The boot it was stored in, and how many ms after its start: what a wrong clock cannot change. */
  readonly stored_in: {readonly boot: string; readonly mono: number} | null;
  readonly attempt: OpenAttempt | null;
  /** Highest generation of a key used, per operation. */
  readonly generations: Readonly<Partial<Record<Operation, number>>>;
  /** When the key of the current generation was first used, per operation: the API forgets keys after a day. */
  readonly key_since: Readonly<Partial<Record<Operation, string>>>;
  /** Keys the API would only replay an old answer to: the next attempt takes a new generation. */
  readonly spent_keys: Readonly<Partial<Record<Operation, boolean>>>;
  readonly attempt_count: number;
  readonly soft_declines: number;
  /** When the first of them was journalled, RFC 3339; null without one. */
  readonly soft_since: string | null;
  /** So often the API answered an attempt without deciding it; an attempt of a person to go on begins anew. */
  readonly undecided: number;
  /**
   * Confirms whose answer was lost and that no answer or look has accounted for: each may still be on its way and
   * take effect late. While there are any, "no money was taken" is true only once the intent is cancelled at the API.
   */
  readonly unresolved_confirms: number;
  /** An answer to a capture of `capture_amount` was lost once: nobody but a person may change the amount. */
  readonly capture_fixed: boolean;
  /** A capture's answer was lost and no look has told yet. */
  readonly capture_unsure: boolean;
  /** The amount an undecided or done capture is fixed to. */
  readonly capture_amount: number | null;
  readonly amount_capturable: number;
  readonly amount_received: number;
  readonly authorization_code: string | null;
  readonly authorization_response_code: string | null;
  readonly account_type: string | null;
  readonly charge: string | null;
  /** Unix seconds. */
  readonly capture_before: number | null;
  readonly last_error: ApiError | null;
  /** Why it was refused, canceled or quarantined. */
  readonly reason: {readonly code: string; readonly message: string} | null;
  /** `present` while the sealed card data must stay; `released` from the record on that permits its removal. */
  readonly private_data: 'none' | 'present' | 'released';
  /** It ended here before any confirm, and its unconfirmed intent still stands at the API. It moves no money. */
  readonly leftover: boolean;
  /**
   * It was voided while its id was not known, and an intent may stand at the API all the same: a create whose answer
   * was lost, or one of a past that an old backup has forgotten. Looked for by `metadata.stowpay_id`.
   */
  readonly stray: boolean;
  /** An online authorisation that was settled later and that no caller has heard of. */
  readonly unclaimed: boolean;
  /** The answer to a cancel was lost: it may still arrive and undo an authorisation. */
  readonly cancel_unsure: boolean;
  /** An operator wants it cancelled, or wanted it before it ended some other way; see `awaitsCancel`. */
  readonly cancel_requested: CancelRequest | null;
  /** A person has taken note of how it ended. */
  readonly acknowledged: boolean;
  /** What was sent for it may be unknown here: before any create it is looked up in the API's list, whatever its age. */
  readonly look_first: boolean;
  readonly updated_at: string;
}

export interface CancelRequest {
  readonly at: string;
  readonly operator: string;
  readonly reason: string | null;
}

/** What leaves the disk when a payment closes. */
export interface PrivateData {
  readonly sealed: {
    readonly encryption: 'tdes_dukpt' | 'aes_dukpt';
    readonly ksn: string;
    readonly tags: Readonly<Record<string, string>>;
  };
  readonly cardholder_name: string | null;
}

/** Stripe's PaymentIntent plus ours: the public shape. */
export interface PaymentIntent {
  readonly local_id: string;
  readonly id: string | null;
  readonly object: 'payment_intent';
  readonly livemode: boolean;
  readonly amount: number;
  readonly currency: string;
  readonly capture_method: CaptureMethod;
  readonly status: string;
  readonly state: PaymentState;
  readonly bucket: Bucket;
  readonly reference: string | null;
  /** An operator asked for its cancel; while it is not settled, the next forward finishes that. */
  readonly cancel_requested: boolean;
  /** A person has taken note of how it ended. */
  readonly acknowledged: boolean;
  readonly description: string | null;
  readonly amount_capturable: number;
  readonly amount_received: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Unix seconds, as in Stripe. */
  readonly created: number;
  readonly offline_details: OfflineDetails | null;
  readonly last_payment_error: {
    readonly type: string;
    readonly code: string | null;
    readonly decline_code: string | null;
    readonly message: string;
  } | null;
  readonly card_present_details: CardPresentDetails | null;
}

export interface CardPresentDetails {
  readonly brand: Brand;
  readonly cardholder_name: string | null;
  readonly exp_month: number | null;
  readonly exp_year: number | null;
  readonly last4: string | null;
  readonly read_method: ReadMethod;
  readonly receipt: Receipt;
}

export interface OfflineDetails {
  readonly stored_at: string;
  readonly requires_upload: boolean;
  readonly card_present_details: CardPresentDetails;
  readonly amount_details: {readonly tip: {readonly amount: number} | null};
}

const ALWAYS: Readonly<Partial<Record<PaymentState, string>>> = {
  created: 'requires_payment_method',
  authorizing: 'processing',
  in_doubt: 'processing',
  authorized: 'requires_capture',
  capturing: 'requires_capture',
  captured: 'succeeded',
  declined: 'requires_payment_method',
  canceled: 'canceled',
  refused: 'requires_payment_method',
};

/**
 * Stripe's status of a payment. After an offline confirm it is `requires_capture` or `succeeded` although
 * nothing was charged: `state` and `offline_details.requires_upload` tell the truth.
 */
export function stripeStatus(payment: Payment, state: PaymentState = payment.state): string {
  return ALWAYS[state] ?? (payment.capture_method === 'automatic' ? 'succeeded' : 'requires_capture');
}

/** Settled offline payments: the API has decided, or it will never be asked. */
const UPLOADED: ReadonlySet<PaymentState> = new Set<PaymentState>([
  'authorized',
  'capturing',
  'captured',
  'declined',
  'canceled',
]);

/**
 * The public object of a payment.
 * @param state the effective state (a sender may have died since the last record)
 * @param cardholderName from the private part, where it may be read and still exists
 */
export function toPaymentIntent(
  payment: Payment,
  state: PaymentState = payment.state,
  cardholderName: string | null = null,
): PaymentIntent {
  const card = cardPresentDetails(payment, cardholderName);
  return {
    local_id: payment.local_id,
    id: payment.id,
    object: 'payment_intent',
    livemode: payment.binding.livemode,
    amount: payment.amount,
    currency: payment.currency,
    capture_method: payment.capture_method,
    status: stripeStatus(payment, state),
    state,
    bucket: bucketOf(payment, state),
    reference: payment.reference,
    cancel_requested: payment.cancel_requested !== null,
    acknowledged: payment.acknowledged,
    description: payment.description,
    amount_capturable: payment.amount_capturable,
    amount_received: payment.amount_received,
    metadata: payment.metadata,
    created: Math.floor(Date.parse(payment.created_at) / 1000),
    offline_details: offlineDetails(payment, state, card),
    last_payment_error: lastPaymentError(payment),
    card_present_details: card,
  };
}

function cardPresentDetails(payment: Payment, cardholderName: string | null): CardPresentDetails | null {
  if (payment.card === null) return null;
  const {brand, exp_month, exp_year, last4, read_method, receipt} = payment.card;
  const authorised = {...receipt, authorization_code: payment.authorization_code};
  return {
    brand,
    cardholder_name: cardholderName,
    exp_month,
    exp_year,
    last4,
    read_method,
    receipt: authorised,
  };
}

function offlineDetails(
  payment: Payment,
  state: PaymentState,
  card: CardPresentDetails | null,
): OfflineDetails | null {
  if (payment.stored_at === null || card === null) return null;
  return {
    stored_at: payment.stored_at,
    requires_upload: !UPLOADED.has(state),
    card_present_details: card,
    amount_details: {tip: payment.tip === 0 ? null : {amount: payment.tip}},
  };
}

function lastPaymentError(payment: Payment): PaymentIntent['last_payment_error'] {
  if (payment.last_error === null) return null;
  const {type, code, decline_code, message} = payment.last_error;
  return {type, code, decline_code, message};
}

/**
 * What a payment is when nobody holds its byte in the attempts file: the process that owned it is gone.
 * A `forwarding` payment with a free byte means the sender crashed.
 */
export function abandonedState(payment: Payment): PaymentState {
  switch (payment.state) {
    case 'authorizing':
      // With a confirm that may still take effect the money may move; without one it surely did not and will not.
      return payment.attempt === null && payment.unresolved_confirms === 0 ? 'canceled' : 'in_doubt';
    case 'forwarding':
      // An unconfirmed intent moves no money: a lost create is sent again.
      return payment.attempt?.operation === 'confirm' ? 'in_doubt' : 'accepted_offline';
    default:
      return payment.state;
  }
}

/** True while a running process may own the payment, so that its byte in the attempts file must be looked at. */
export function mayBeOwned(payment: Payment): boolean {
  return payment.state === 'authorizing' || payment.state === 'forwarding';
}
