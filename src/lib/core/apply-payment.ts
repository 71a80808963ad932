import type {JournalRecord, PaymentEvent} from './events.js';
import {mayHaveBeenConfirmed, type Operation, type Payment, type PaymentState} from './payment.js';
import type {RemoteIntent} from './ports.js';

/** States from which the sealed card data is never needed again: the API has decided, or it will never be asked. */
const CLOSED: ReadonlySet<PaymentState> = new Set<PaymentState>([
  'authorized',
  'capturing',
  'captured',
  'declined',
  'canceled',
  'refused',
]);

function closesPayment(state: PaymentState): boolean {
  return CLOSED.has(state);
}

/** A payment as its first record makes it. */
export function createdPayment(record: JournalRecord & {type: 'payment.created'}): Payment {
  const {data} = record;
  return {
    local_id: record.payment,
    seq: record.seq,
    binding: data.binding,
    amount: data.amount,
    tip: data.tip,
    currency: data.currency,
    capture_method: data.capture_method,
    offline_behavior: data.offline_behavior,
    reference: data.reference,
    metadata: data.metadata,
    description: data.description,
    created_at: record.at,
    api_version: data.request.api_version,
    create_request: data.request.create,
    state: 'created',
    id: null,
    confirm_request: null,
    card: null,
    reader: null,
    stored_at: null,
    stored_in: null,
    attempt: null,
    generations: {},
    key_since: {},
    spent_keys: {},
    attempt_count: 0,
    soft_declines: 0,
    soft_since: null,
    undecided: 0,
    unresolved_confirms: 0,
    capture_fixed: false,
    capture_unsure: false,
    capture_amount: null,
    amount_capturable: 0,
    amount_received: 0,
    authorization_code: null,
    authorization_response_code: null,
    account_type: null,
    charge: null,
    capture_before: null,
    last_error: null,
    reason: null,
    private_data: 'none',
    leftover: false,
    stray: false,
    unclaimed: false,
    cancel_unsure: false,
    cancel_requested: null,
    acknowledged: false,
    look_first: false,
    updated_at: record.at,
  };
}

/** The payment after one of its records. Total: see `apply`. */
export function foldPayment(payment: Payment, record: JournalRecord & PaymentEvent): Payment {
  const changed = afterEvent(payment, record);
  // Many are made: a copy that nobody else has seen yet is finished in place.
  const after: {-readonly [K in keyof Payment]: Payment[K]} = changed === payment ? {...payment} : changed;
  after.updated_at = record.at;
  if (after.private_data === 'present' && closesPayment(after.state)) after.private_data = 'released';
  return after;
}

/** Reasons to be set aside that mean that more was done for a payment than its records tell. */
const KNOWN_LITTLE: ReadonlySet<string> = new Set(['journal_repaired', 'forgotten_sale']);

function afterEvent(payment: Payment, record: JournalRecord & PaymentEvent): Payment {
  switch (record.type) {
    case 'payment.created':
      return payment;
    case 'payment.authorizing':
      return {
        ...payment,
        state: 'authorizing',
        card: record.data.card,
        reader: record.data.reader,
        confirm_request: record.data.request.confirm,
        private_data: 'present',
      };
    case 'payment.accepted_offline':
      return {
        ...payment,
        state: 'accepted_offline',
        card: record.data.card,
        reader: record.data.reader,
        confirm_request: record.data.request.confirm,
        stored_at: record.data.stored_at,
        stored_in: {boot: record.boot, mono: record.mono},
        attempt: null,
        private_data: 'present',
      };
    case 'payment.refused':
      return {
        ...payment,
        state: 'refused',
        attempt: null,
        leftover: leavesIntent(payment),
        reason: pick(record.data),
      };
    case 'payment.attempted':
      return attempted(payment, record.data.operation, record.data.key, record.data.generation, record.at);
    case 'payment.delivered':
      return delivered(payment, record.data.operation, record.data.intent, record.data.unclaimed === true);
    case 'payment.declined':
      return {
        ...payment,
        state: 'declined',
        attempt: null,
        unresolved_confirms: 0,
        id: record.data.id ?? payment.id,
        charge: record.data.charge ?? payment.charge,
        last_error: record.data.error,
      };
    case 'payment.attempt_failed':
      return attemptFailed(payment, record.data, record.at);
    case 'payment.capture_attempted': {
      const {amount, key, generation} = record.data;
      return {
        ...attempted(payment, 'capture', key, generation, record.at),
        capture_amount: amount,
        capture_fixed: payment.capture_fixed && amount === payment.capture_amount,
      };
    }
    case 'payment.captured':
      return {
        ...folded(payment, record.data.intent),
        state: 'captured',
        attempt: null,
        leftover: false,
        stray: false,
        capture_unsure: false,
        last_error: null,
      };
    case 'payment.canceled': {
      const {reason, message} = record.data;
      return {
        ...payment,
        state: 'canceled',
        attempt: null,
        unresolved_confirms: 0,
        leftover: leavesIntent(payment),
        stray: mayLeaveStray(payment),
        unclaimed: false,
        amount_capturable: 0,
        reason: {code: reason, message},
      };
    }
    case 'payment.quarantined':
      return {
        ...payment,
        state: 'quarantined',
        attempt: null,
        leftover: false,
        stray: false,
        // Whatever was asked for before: from here on a person decides anew.
        cancel_requested: null,
        look_first: payment.look_first || KNOWN_LITTLE.has(record.data.code),
        reason: pick(record.data),
        last_error: record.data.error ?? payment.last_error,
      };
    case 'payment.claimed':
      return {...payment, unclaimed: false};
    case 'payment.held':
      return {...payment, state: 'held'};
    case 'payment.released':
      return {...payment, state: 'accepted_offline'};
    case 'payment.cancel_requested': {
      const {operator, reason} = record.data;
      return {...payment, cancel_requested: {at: record.at, operator, reason}};
    }
    case 'payment.restored':
      return restored(payment, record.data.abandons ?? null);
    case 'payment.acknowledged':
      return {...payment, acknowledged: true, unclaimed: false};
  }
}

/** True when a payment that ends now leaves an intent behind that was never confirmed. */
function leavesIntent(payment: Payment): boolean {
  return payment.id !== null && !mayHaveBeenConfirmed(payment);
}

/**
 * An operator's void of a payment whose intent, if there is one, nobody here can name: a create may have been lost, and a
 * restored backup, however young, may have forgotten a whole forward. Nothing is sent; the next forward asks.
 */
function mayLeaveStray(payment: Payment): boolean {
  if (payment.cancel_requested === null || payment.id !== null || mayHaveBeenConfirmed(payment)) return false;
  return payment.stored_at !== null || payment.generations.create !== undefined;
}

/** Back where it was before it was set aside. What may have been sent for it is looked up before anything is sent. */
function restored(payment: Payment, abandons: string | null): Payment {
  const open = {...payment, reason: null, attempt: null, look_first: true, undecided: 0};
  if (abandons !== null && abandons === payment.id) return withoutIntent(open);
  // One that was never stored is never sent: the API is asked how it ended.
  const asked = payment.stored_at === null || (payment.id !== null && mayHaveBeenConfirmed(payment));
  return {...open, state: asked ? 'in_doubt' : 'accepted_offline'};
}

/** Ready for another intent: nothing that was sent to the old one can take effect any more. Its keys are not used again. */
function withoutIntent(payment: Payment): Payment {
  const {create = 0, confirm = 0} = payment.generations;
  return {
    ...payment,
    state: 'accepted_offline',
    id: null,
    charge: null,
    unresolved_confirms: 0,
    cancel_unsure: false,
    generations: {...payment.generations, create, confirm},
    spent_keys: {...payment.spent_keys, create: true, confirm: true},
  };
}

function pick({code, message}: {code: string; message: string}): {code: string; message: string} {
  return {code, message};
}

/** The state while an attempt is under way, by what it was before. */
function whileAttempting(payment: Payment, operation: Operation): PaymentState {
  if (operation === 'capture') return 'capturing';
  if (operation === 'cancel') return payment.state;
  if (payment.stored_at !== null) return 'forwarding';
  // An online payment: its create happens before a card is read, its confirm while authorizing.
  return payment.state === 'in_doubt' ? 'authorizing' : payment.state;
}

function attempted(
  payment: Payment,
  operation: Operation,
  key: string,
  generation: number,
  at: string,
): Payment {
  const fresh = payment.generations[operation] !== generation;
  return {
    ...payment,
    state: whileAttempting(payment, operation),
    attempt: {operation, key, generation, at},
    attempt_count: payment.attempt_count + 1,
    generations: {...payment.generations, [operation]: generation},
    key_since: fresh ? {...payment.key_since, [operation]: at} : payment.key_since,
    spent_keys: {...payment.spent_keys, [operation]: false},
  };
}

function delivered(
  payment: Payment,
  operation: Operation,
  intent: RemoteIntent,
  unclaimed: boolean,
): Payment {
  // What became of a leftover changes nothing about how the payment ended.
  if (payment.leftover) return {...payment, attempt: null, leftover: false};
  if (payment.stray) return {...payment, attempt: null, stray: false, leftover: true, id: intent.id};
  const known = {...folded(payment, intent), attempt: null, last_error: null};
  if (operation === 'create') return {...known, state: stateBeforeConfirm(payment), look_first: false};
  const state = stateOf(intent);
  const settled = state === 'authorized' || state === 'captured';
  return {
    ...known,
    state,
    unresolved_confirms: state === 'in_doubt' ? payment.unresolved_confirms : 0,
    unclaimed: operation === 'confirm' ? unclaimed && settled : payment.unclaimed,
  };
}

/** Where a payment stands when an attempt ended without effect. */
function stateBeforeConfirm(payment: Payment): PaymentState {
  // What was held back stays so whatever is found out about what was sent before: only a release lets it go.
  if (payment.state === 'held') return 'held';
  if (payment.stored_at !== null) return 'accepted_offline';
  return payment.card === null ? 'created' : 'authorizing';
}

/** What the API's status means here. `requires_payment_method` after a confirm is a decline. */
export function stateOf(intent: RemoteIntent): PaymentState {
  switch (intent.status) {
    case 'succeeded':
      return 'captured';
    case 'requires_capture':
      return 'authorized';
    case 'canceled':
      return 'canceled';
    case 'requires_payment_method':
      return 'declined';
    default:
      return 'in_doubt';
  }
}

function folded(payment: Payment, intent: RemoteIntent): Payment {
  const charge = intent.charge;
  return {
    ...payment,
    id: intent.id,
    amount_capturable: intent.amount_capturable,
    amount_received: intent.amount_received,
    charge: charge?.id ?? payment.charge,
    authorization_code: charge?.authorization_code ?? payment.authorization_code,
    authorization_response_code: charge?.authorization_response_code ?? payment.authorization_response_code,
    account_type: charge?.account_type ?? payment.account_type,
    capture_before: charge?.capture_before ?? payment.capture_before,
  };
}

type FailedAttempt = Extract<PaymentEvent, {type: 'payment.attempt_failed'}>['data'];

/**
 * The API replays an answer it has stored (a 500, a decline, a refusal once it began) for as long as it remembers the
 * key, and refuses the key with other parameters: what a person mended could never be sent under it. What broke off or
 * came from a proxy proves no stored answer: the same key asks for it again, and never for a second effect.
 */
function spendsKey({outcome, error}: FailedAttempt): boolean {
  const answered = error !== null && error.http_status !== null && error.type !== 'stowpay';
  const replayed = outcome === 'soft_decline' || outcome === 'declined_in_doubt' || outcome === 'refused';
  return outcome === 'untouched' || replayed || (outcome === 'in_doubt' && answered);
}

/** Answered, and neither done nor refused: the API's own fault, or one of this payment that it cannot name. */
function isUndecided({operation, outcome, error}: FailedAttempt): boolean {
  const sending = operation === 'create' || operation === 'confirm';
  return sending && outcome === 'in_doubt' && error !== null && error.http_status !== null;
}

function attemptFailed(payment: Payment, failed: FailedAttempt, at: string): Payment {
  const {operation, error, charge} = failed;
  const base = {
    ...payment,
    last_error: error ?? payment.last_error,
    attempt: null,
    charge: charge ?? payment.charge,
    undecided: payment.undecided + (isUndecided(failed) ? 1 : 0),
    soft_since: failed.outcome === 'soft_decline' ? (payment.soft_since ?? at) : payment.soft_since,
    spent_keys: {
      ...payment.spent_keys,
      [operation]: spendsKey(failed) || payment.spent_keys[operation] === true,
    },
  };
  switch (operation) {
    case 'cancel':
      // An intent that cannot be cancelled is none that could be confirmed by us any more.
      if (payment.leftover)
        return {...base, leftover: failed.outcome !== 'refused', last_error: payment.last_error};
      // Looked for, and not there.
      if (payment.stray) return {...payment, attempt: null, stray: failed.outcome !== 'untouched'};
      return cancelFailed(base, payment.last_error, failed.outcome);
    case 'capture':
      return captureFailed(base, failed.outcome);
    case 'create':
      // A settled payment is never demoted by what a stale sender still had to say.
      return {...base, state: closesPayment(payment.state) ? payment.state : stateBeforeConfirm(payment)};
    case 'confirm':
      return closesPayment(payment.state) ? {...payment, attempt: null} : confirmFailed(base, failed.outcome);
  }
}

/** What a cancel was answered tells nothing about the payment itself: why it is where it is stays known. */
function cancelFailed(
  payment: Payment,
  last_error: Payment['last_error'],
  outcome: FailedAttempt['outcome'],
): Payment {
  const lost = outcome === 'in_doubt' || outcome === 'interrupted' || outcome === 'retry';
  // A cancel while authorizing is the last step of settling a doubt: undone, the doubt is back.
  const state = payment.state === 'authorizing' ? 'in_doubt' : payment.state;
  return {...payment, last_error, state, cancel_unsure: payment.cancel_unsure || lost};
}

function captureFailed(payment: Payment, outcome: FailedAttempt['outcome']): Payment {
  const unsure =
    outcome === 'in_doubt' ||
    outcome === 'interrupted' ||
    (outcome !== 'untouched' && payment.capture_unsure);
  // While an answer is missing the amount stays fixed, and only a look may end that. A doubt that a look has settled
  // keeps its amount too: the same capture is sent again unless a person asks otherwise.
  if (unsure) return {...payment, state: 'capturing', capture_unsure: true, capture_fixed: true};
  const amount = payment.capture_fixed ? payment.capture_amount : null;
  return {...payment, state: 'authorized', capture_unsure: false, capture_amount: amount};
}

function confirmFailed(payment: Payment, outcome: FailedAttempt['outcome']): Payment {
  const oneMore = {...payment, unresolved_confirms: payment.unresolved_confirms + 1};
  switch (outcome) {
    case 'in_doubt':
    case 'interrupted':
      return {...oneMore, state: 'in_doubt'};
    case 'declined_in_doubt':
      return {...payment, state: 'in_doubt'};
    case 'retry':
      return {...oneMore, state: stateBeforeConfirm(payment)};
    case 'soft_decline':
      return {...payment, state: stateBeforeConfirm(payment), soft_declines: payment.soft_declines + 1};
    case 'never_sent':
    case 'refused':
    case 'stop':
    case 'untouched':
      return {...payment, state: stateBeforeConfirm(payment)};
  }
}
