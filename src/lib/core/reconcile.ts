import {foldPayment, stateOf} from './apply-payment.js';
import {captureLookEvents, lookEvents} from './attempts.js';
import {cancelLookEvents} from './cancel.js';
import type {EventBody, PaymentEvent} from './events.js';
import {
  amountMismatch,
  behind,
  currencyMismatch,
  type Finding,
  identityMismatch,
  missingAtApi,
  missingHere,
  type Pair,
  type Standing,
  secondCharge,
  severalPaid,
  strayMoney,
  uncovered,
  unexpectedMoney,
  unproven,
  unsettled,
  waitsForName,
} from './finding.js';
import {interrupted} from './operate.js';
import {abandonedState, awaitsCancel, bucketOf, type Payment, type PaymentState} from './payment.js';
import type {JsonObject, RemoteIntent} from './ports.js';

/** An intent as a look (GET) showed it. */
export interface Looked {
  readonly intent: RemoteIntent;
  readonly request_id: string | null;
}

/** All the API has of one payment. */
export interface AtApi {
  /** What it answers for the payment's own id; null for a payment without one. */
  readonly own: Looked | 'missing' | null;
  /** Other intents that bear the payment's local id. */
  readonly others: readonly Looked[];
}

/** What the comparison of one payment comes to. */
export interface Verdict {
  /** Empty when journal and API agree. */
  readonly findings: readonly Finding[];
  /** What brings the journal level with the API; null when nothing does that can be proven. */
  readonly adoption: Adoption | null;
}

export interface Adoption {
  /** Written in one commit, they end `resolves`. */
  readonly events: readonly EventBody[];
  readonly resolves: Finding;
  readonly becomes: PaymentState;
  /** How it ended is something a person has to know: goods may be gone and their money with them. */
  readonly attention: boolean;
}

/** What an intent means for the money. A status nobody knows may move some. */
export function standingOf(intent: RemoteIntent): Standing {
  switch (stateOf(intent)) {
    case 'captured':
      return 'taken';
    case 'authorized':
      return 'held';
    case 'canceled':
      return 'ended';
    case 'declined':
      return 'unpaid';
    default:
      return intent.status === 'requires_confirmation' ? 'unpaid' : 'moving';
  }
}

function movesMoney(intent: RemoteIntent): boolean {
  const standing = standingOf(intent);
  return standing === 'held' || standing === 'taken' || standing === 'moving';
}

/**
 * True for an intent beside a payment's own one that has to be looked at: it moved money, or may, or it can tell what
 * became of a payment whose intent the journal does not know. Any other is at most a leftover.
 */
export function concerns(payment: Payment, intent: RemoteIntent): boolean {
  return movesMoney(intent) || (payment.id === null && intent.charge !== null);
}

/** True for an unconfirmed intent nobody needs any more. It moved no money and never will. */
export function isLeftover(payment: Payment, intent: RemoteIntent): boolean {
  if (standingOf(intent) !== 'unpaid') return false;
  return intent.id === payment.id ? payment.leftover : !concerns(payment, intent);
}

/** An intent whose payment the journal does not know: null when it is another device's, or nobody can tell whose. */
export function judgeUnknown(
  intent: RemoteIntent,
  device: string | null,
  orphans: readonly string[],
): Finding | null {
  const {stowpay_id, stowpay_device} = intent.metadata;
  if (stowpay_id === undefined) return null;
  const ours = (device !== null && stowpay_device === device) || orphans.includes(stowpay_id);
  return ours ? missingHere(stowpay_id, intent, standingOf(intent)) : null;
}

/**
 * Holds one payment against all the API has of it. Pure and total: every pair has exactly one verdict.
 *
 * Nobody else may own the payment. Adopted is only what an intent proves that is surely this payment's: it has the id
 * the journal holds, or its charge names the moment the card was stored; and amount, currency and mode are right. What
 * was set aside stays so until a person names it.
 */
export function judge(seen: Payment, api: AtApi, named: boolean): Verdict {
  // What a sender that died left open ends as it does in any other command.
  const before = interrupted(seen);
  const payment = paymentAfter(seen, before);
  const state = abandonedState(payment);
  const own = payment.id === null ? chosen(payment, api.others) : api.own;
  if (own === 'several') {
    const paid = api.others.map(({intent}) => intent).filter(movesMoney);
    return {findings: [severalPaid(payment, state, paid)], adoption: null};
  }
  const main = judgeOwn(payment, state, own, named);
  const beside = judgeOthers(payment, state, own, api.others);
  const findings = [main.finding, beside].filter((one) => one !== null);
  if (main.finding === null || main.events.length === 0 || !isLooked(own)) return {findings, adoption: null};
  return {findings, adoption: adoption(seen, [...before, ...main.events], main.finding, own.intent)};
}

function isLooked(own: AtApi['own']): own is Looked {
  return own !== null && own !== 'missing';
}

/** The payment as these events would leave it. */
export function paymentAfter(payment: Payment, events: readonly EventBody[]): Payment {
  const stamp = {v: 1, seq: payment.seq, commit: payment.seq, at: payment.updated_at, boot: '', mono: 0};
  return events
    .filter((event): event is PaymentEvent => 'payment' in event)
    .reduce((folded, event) => foldPayment(folded, {...stamp, ...event}), payment);
}

/**
 * Of the intents that bear a payment without an id, the one that tells what became of it: the one its card was charged
 * with. What only bears its name is told of where it has money, and never taken for the payment's own.
 */
function chosen(payment: Payment, others: readonly Looked[]): Looked | 'several' | null {
  const ours = others.filter(({intent}) => isCardOf(payment, intent));
  const [paid, second] = withMoney(ours.length > 0 ? ours : others);
  if (second !== undefined) return 'several';
  return paid ?? newest(ours);
}

function withMoney(looks: readonly Looked[]): readonly Looked[] {
  return looks.filter(({intent}) => movesMoney(intent));
}

function newest(looks: readonly Looked[]): Looked | null {
  return looks.reduce<Looked | null>(
    (last, one) => (last === null || one.intent.created > last.intent.created ? one : last),
    null,
  );
}

/** The charge names the moment the card was stored, as only our own frozen confirm does. */
function isCardOf(payment: Payment, {charge}: RemoteIntent): boolean {
  const data = payment.confirm_request?.payment_method_data as JsonObject | undefined;
  const card = data?.card_present as JsonObject | undefined;
  const stored = (card?.offline as JsonObject | undefined)?.stored_at;
  return typeof stored === 'number' && charge?.offline_stored_at === stored;
}

interface Judged {
  readonly finding: Finding | null;
  /** What would end it. */
  readonly events: readonly EventBody[];
}

function judgeOwn(payment: Payment, state: PaymentState, own: AtApi['own'], named: boolean): Judged {
  if (own === null || state === 'transferred') return AGREES;
  if (own === 'missing') return {finding: missingAtApi(payment, state), events: []};
  const {intent, request_id} = own;
  const pair = {payment, state, intent, standing: standingOf(intent)};
  const strange = otherMoney(pair);
  if (strange !== null) return {finding: strange, events: []};
  const known = payment.id === null ? withIntent(payment, own) : {payment, events: []};
  const relation = relate({...pair, payment: known.payment}, request_id);
  switch (relation.is) {
    case 'level':
      return AGREES;
    case 'undecided':
      return {finding: unsettled(pair), events: []};
    case 'uncovered':
      return {finding: uncovered(pair), events: []};
    case 'unexpected':
      return {finding: unexpectedMoney(pair), events: []};
    case 'other_amount':
      return {finding: amountMismatch(pair, relation.field), events: []};
    case 'behind':
      if (payment.id === null && !isCardOf(payment, intent)) return {finding: unproven(pair), events: []};
      if (state === 'quarantined' && !named) return {finding: waitsForName(pair), events: []};
      return {finding: behind(pair), events: [...known.events, ...relation.events]};
  }
}

const AGREES: Judged = {finding: null, events: []};

/** The intent is over other money than the payment: nothing it says can be believed of the payment. */
function otherMoney(pair: Pair): Finding | null {
  const {payment, intent} = pair;
  if (isOver(payment) && !movesMoney(intent)) return null;
  const bears = intent.metadata.stowpay_id ?? payment.local_id;
  if (bears !== payment.local_id || intent.livemode !== payment.binding.livemode)
    return identityMismatch(pair);
  if (isOver(payment)) return null;
  if (intent.currency !== payment.currency) return currencyMismatch(pair);
  return intent.amount === payment.amount ? null : amountMismatch(pair, 'amount');
}

/** Its own intent may be confirmed yet, by a forward or once a person has let it go. */
function mayBeSent(state: PaymentState): boolean {
  return state === 'accepted_offline' || state === 'held' || state === 'in_doubt' || state === 'quarantined';
}

/** It ended here without money, and somebody was told so: durably, not only because its process is gone. */
function isOver({state}: Payment): boolean {
  return state === 'declined' || state === 'canceled' || state === 'refused';
}

/** A payment whose journal has forgotten the intent (it was restored from a backup), with a confirm nobody knows of. */
function withIntent(payment: Payment, {intent, request_id}: Looked) {
  const data = {operation: 'create', intent, request_id, looked: true} as const;
  const events: readonly EventBody[] = [{type: 'payment.delivered', payment: payment.local_id, data}];
  const unresolved_confirms = Math.max(1, payment.unresolved_confirms);
  return {payment: {...payment, id: intent.id, unresolved_confirms}, events};
}

/** How the journal stands to the intent. */
type Relation =
  | {readonly is: 'level' | 'undecided' | 'uncovered' | 'unexpected'}
  | {readonly is: 'other_amount'; readonly field: 'amount_capturable' | 'amount_received'}
  | {readonly is: 'behind'; readonly events: readonly EventBody[]};

function relate(pair: Pair, requestId: string | null): Relation {
  const {payment, state, standing} = pair;
  const paid = standing === 'held' || standing === 'taken';
  if (awaitsCancel(payment) && isCancelSettled(pair)) return byCancelLook(pair, requestId);
  if (standing === 'moving') return {is: state === 'captured' ? 'uncovered' : 'undecided'};
  switch (state) {
    case 'accepted_offline':
    case 'held':
    case 'in_doubt':
      return byLook(pair, requestId);
    case 'created':
      // No card was read as far as the journal knows, so no confirm is in doubt: only money tells that it forgot one.
      return paid ? looked(pair, requestId) : LEVEL;
    case 'canceled':
      // Interrupted before anything was sent, as far as the journal knows, and not recorded as canceled yet.
      if (payment.state !== 'canceled') return paid ? looked(pair, requestId) : LEVEL;
      return paid ? {is: 'unexpected'} : LEVEL;
    case 'quarantined':
      return paid ? looked(pair, requestId) : LEVEL;
    case 'declined':
    case 'refused':
      return paid ? {is: 'unexpected'} : LEVEL;
    case 'authorized':
    case 'capturing':
      return relateAuthorized(pair, requestId);
    case 'captured':
      return standing === 'taken' ? sameAmount(pair, 'amount_received') : {is: 'uncovered'};
    case 'transferred':
      return LEVEL;
    case 'authorizing':
    case 'forwarding':
      return {is: 'undecided'};
  }
}

function relateAuthorized(pair: Pair, requestId: string | null): Relation {
  const {payment, state, standing} = pair;
  if (standing === 'unpaid') return {is: 'uncovered'};
  const amount = standing === 'held' ? sameAmount(pair, 'amount_capturable') : LEVEL;
  if (amount.is !== 'level' || (standing === 'held' && state === 'authorized')) return amount;
  // Nobody ever heard of it, so its order is free again, as when a forward releases it.
  if (standing === 'ended' && payment.unclaimed) return looked(pair, requestId);
  return byCaptureLook(pair, requestId);
}

const LEVEL: Relation = {is: 'level'};

function sameAmount({payment, intent}: Pair, field: 'amount_capturable' | 'amount_received'): Relation {
  return payment[field] === intent[field] ? LEVEL : {is: 'other_amount', field};
}

/** An operator wanted it cancelled: it is, or it was captured before. */
function isCancelSettled({state, standing}: Pair): boolean {
  return state !== 'quarantined' && (standing === 'ended' || standing === 'taken');
}

function byCancelLook({payment, intent}: Pair, requestId: string | null): Relation {
  return {is: 'behind', events: cancelLookEvents(payment, intent, requestId)};
}

/** What a confirm that was sent, or forgotten, came to. */
function byLook(pair: Pair, requestId: string | null): Relation {
  const {payment, state, intent, standing} = pair;
  const unheard = state === 'in_doubt' ? 'undecided' : 'level';
  // A decline is told by its charge: an earlier one's, or one without, proves nothing about what may be on its way.
  const told = intent.charge !== null && intent.charge.id !== payment.charge;
  if (standing === 'unpaid' && !told) return {is: unheard};
  const relation = looked(pair, requestId);
  const [event] = relation.events;
  if (event?.type !== 'payment.attempt_failed') return relation;
  // Declined, while another confirm may still be on its way: only a cancelled intent would make that final.
  if (event.data.outcome === 'declined_in_doubt') return {is: 'undecided'};
  return event.data.outcome === 'untouched' ? {is: unheard} : relation;
}

function looked({payment, state, intent}: Pair, requestId: string | null) {
  // What turns out authorised although its collect only said "in doubt" was told to nobody.
  const unclaimed = state === 'in_doubt' && payment.stored_at === null;
  return {is: 'behind', events: lookEvents(payment, intent, requestId, unclaimed)} as const;
}

function byCaptureLook({payment, intent}: Pair, requestId: string | null): Relation {
  return {is: 'behind', events: captureLookEvents(payment, intent, requestId, true)};
}

/** Intents beside the payment's own that have money, or may get it. */
function judgeOthers(
  payment: Payment,
  state: PaymentState,
  own: AtApi['own'],
  others: readonly Looked[],
): Finding | null {
  const mine = isLooked(own) ? own.intent : null;
  const paid = others
    .map(({intent}) => intent)
    .filter((intent) => intent.id !== mine?.id && movesMoney(intent));
  const [intent] = paid;
  if (intent === undefined) return null;
  if (mine !== null && movesMoney(mine)) return severalPaid(payment, state, [mine, ...paid]);
  if (mine !== null && standingOf(mine) === 'unpaid' && mayBeSent(state))
    return secondCharge({payment, state, intent: mine}, paid);
  if (paid.length > 1) return severalPaid(payment, state, paid);
  return strayMoney({payment, state, intent, standing: standingOf(intent)});
}

function adoption(
  before: Payment,
  events: readonly EventBody[],
  resolves: Finding,
  intent: RemoteIntent,
): Adoption {
  const payment = paymentAfter(before, events);
  const becomes = abandonedState(payment);
  return {events, resolves, becomes, attention: needsPerson(resolves.state, payment, becomes, intent)};
}

/** Reasons the API gives when nobody cancelled an authorisation, but its time ran out. */
const LAPSED: readonly (string | null)[] = ['automatic', 'expired'];

function needsPerson(
  was: PaymentState | null,
  payment: Payment,
  becomes: PaymentState,
  {cancellation_reason}: RemoteIntent,
): boolean {
  if (bucketOf(payment, becomes) === 'attention') return true;
  // The journal had forgotten that a card was read at all: whether the goods left is known to people only.
  if (was === 'created' || was === 'canceled') return true;
  if (becomes === 'declined') return payment.stored_at !== null;
  return becomes === 'canceled' && payment.cancel_requested === null && LAPSED.includes(cancellation_reason);
}
