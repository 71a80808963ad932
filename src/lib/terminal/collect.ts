import {createdPayment} from '../core/apply-payment.js';
import {nextKey} from '../core/attempts.js';
import type {CardAnswer, CardRead} from '../core/card.js';
import {
  checkSameOrder,
  decideAuthorize,
  decideCreate,
  decideStoreOffline,
  refused,
  refuseOfflineCreate,
} from '../core/decide.js';
import {StowpayError} from '../core/errors.js';
import type {JournalRecord} from '../core/events.js';
import {currencyOf, toCardAmount} from '../core/money.js';
import {
  type Binding,
  type CaptureMethod,
  type OfflineBehavior,
  type Payment,
  type PaymentIntent,
  toPaymentIntent,
} from '../core/payment.js';
import {visibleCard} from '../core/policy.js';
import type {Journal, JsonObject, PaymentClaim, Reader, SaleOutcome} from '../core/ports.js';
import type {ReaderInput} from '../core/reader-input.js';
import {type Refusal, refusalError, refuseAnswer} from '../core/rules.js';
import {offlinePayments, type Pairing} from '../core/state.js';
import {refusesTapOffline} from '../core/strong-authentication.js';
import {resultOfExisting} from './existing.js';
import {latestOf} from './history.js';
import {newLocalId} from './local-id.js';
import {checkBinding, credentialsError, type Reach, reachApi} from './network.js';
import {withConnected} from './open-reader.js';
import {
  checkMayReadCards,
  decideOn,
  foldOver,
  healthyState,
  type Parts,
  record,
  statesNow,
  throwIfInterrupted,
  timeNow,
} from './parts.js';
import {
  apiRefused,
  busy,
  canceledAtApi,
  declined,
  inDoubt,
  notConnected,
  notTaken,
  requireOnline,
  setAside,
  unexpectedHolder,
  withPayment,
} from './payment-errors.js';
import {readerTime} from './reader.js';
import {confirmAtApi, createAtApi, heard, interruptedEvent} from './settle.js';

export interface CollectRequest {
  /** Minor units, without the tip. */
  readonly amount: number;
  /** Minor units. */
  readonly tip: number;
  /** Lowercase ISO 4217. */
  readonly currency: string;
  readonly reference: string | null;
  readonly capture_method: CaptureMethod;
  readonly offline_behavior: OfflineBehavior;
  readonly metadata: Readonly<Record<string, string>>;
  readonly description: string | null;
  /** How long to wait for a card; who is asked to try again has a little longer. */
  readonly timeout_s: number;
  /** Told what the customer should do, as it changes. */
  readonly onInput?: (event: ReaderInputEvent) => void;
  /** Called once, with what is wrong, when the connected reader is away and waited for. */
  readonly onReaderWait?: (why: StowpayError) => void;
  readonly signal?: AbortSignal;
}

/** What the customer of a payment should do now. */
export interface ReaderInputEvent extends ReaderInput {
  readonly event: 'reader_input';
  readonly at: string;
  readonly local_id: string;
}

export interface Collected {
  readonly payment: PaymentIntent;
  /** False when the reference named a payment taken before: no card was read. */
  readonly fresh: boolean;
}

/** What one collect works with. */
interface Sale {
  readonly parts: Parts;
  readonly journal: Journal;
  readonly request: CollectRequest;
  readonly pairing: Pairing;
  readonly device: string | null;
  readonly reader: Reader;
  readonly details: {readonly serial: string; readonly type: string; readonly firmware: string};
}

/**
 * Takes one payment: create → collect → confirm. With network it is authorised at once, without it is stored;
 * both through the same journal. Resolves only when the outcome is durable. With a reference, running it again
 * gives the same payment.
 *
 * @throws the refusal, with everything a till needs to know; nothing is stored then but the refusal.
 *   `payment_in_doubt`: the money may have moved; do not release the goods and do not collect again.
 */
export async function collect(parts: Parts, request: CollectRequest): Promise<Collected> {
  const journal = openForSelling(parts);
  // A policy nobody can read must stop the sale before a customer presents a card.
  parts.policy();
  const state = await healthyState(journal);
  const {paired: pairing, device} = state;
  if (pairing === null) throw notConnected();
  checkMayReadCards(parts, pairing.address);
  checkBindingOffline(parts, pairing);
  const draft = draftOf(parts, request, pairing.binding, device);
  const earlier = await resultOfExisting(parts, journal, pairing.binding.account, {
    ...request,
    amount: draft.amount,
  });
  if (earlier !== null) return {payment: earlier, fresh: false};
  const patience = {
    signal: request.signal,
    onWait: request.onReaderWait,
    time: () => readerTime(parts, state),
  };
  return withConnected(parts, pairing, patience, async ({reader, identity}) => {
    const {serial_number: serial, type, firmware} = identity;
    const sale = {parts, journal, request, pairing, device, reader, details: {serial, type, firmware}};
    return sell(sale, draft);
  });
}

function openForSelling(parts: Parts): Journal {
  if (!parts.journals.exists) throw notConnected();
  parts.journals.prepare();
  return parts.journals.open();
}

/** The paired account belongs to the API of that time; another profile's gateway must not sell for it. */
function checkBindingOffline(parts: Parts, pairing: Pairing): void {
  const {origin} = pairing.binding;
  if (origin === parts.gateway.origin) return;
  throw new StowpayError(
    'origin_mismatch',
    `The reader was connected for the API at ${origin}, but this profile speaks to ${parts.gateway.origin}. ` +
      'No card was read and nothing was stored.',
    {
      hint: 'Run stowpay connect again to sell for this API.',
      details: {expected: origin, actual: parts.gateway.origin},
    },
  );
}

type Draft = Parameters<typeof decideCreate>[1];

/** Everything that can be refused before a reader is touched is refused here: limits of metadata, smallest amounts. */
function draftOf(parts: Parts, request: CollectRequest, binding: Binding, device: string | null): Draft {
  const local_id = newLocalId(parts);
  const {tip, currency, reference, capture_method, offline_behavior, metadata, description} = request;
  const amount = request.amount + tip;
  const draft = {local_id, amount, currency, capture_method, description, metadata};
  const create = parts.gateway.freezeCreate({...draft, device});
  return {
    ...draft,
    binding,
    tip,
    reference,
    offline_behavior,
    request: {api_version: parts.gateway.apiVersion, create},
  };
}

async function sell(sale: Sale, first: Draft): Promise<Collected> {
  const {parts, journal, request, device} = sale;
  // Each turn is a payment of its own: an id that was closed meanwhile is never used again.
  for (let draft = first; ; draft = draftOf(parts, request, first.binding, device)) {
    throwIfInterrupted(request.signal);
    const {payment, claim} = await createOrResume(sale, draft);
    if (claim === null) throw busy(payment);
    try {
      const current = await latestOf(journal, payment);
      if (current.state === 'created') return {payment: await take(sale, current), fresh: true};
    } finally {
      claim.release();
    }
    // Its owner finished it while we waited: what became of it is the answer.
    const earlier = await resultOfExisting(parts, journal, draft.binding.account, {
      ...request,
      amount: draft.amount,
    });
    if (earlier !== null) return {payment: earlier, fresh: false};
  }
}

/** A new payment, or the one that holds the reference and has not had a card yet. */
async function createOrResume(
  sale: Sale,
  draft: Draft,
): Promise<{readonly payment: Payment; readonly claim: PaymentClaim | null}> {
  const {journal, request} = sale;
  const {result, records} = await journal.transact((state) => {
    const decision = decideCreate(state, draft, statesNow(journal));
    return {...decision, result: decision.result.holder?.payment ?? null};
  });
  const created = records.find((entry): entry is JournalRecord & {type: 'payment.created'} => {
    return entry.type === 'payment.created' && entry.payment === draft.local_id;
  });
  const payment = created === undefined ? result : createdPayment(created);
  if (payment === null) throw unexpectedHolder(draft);
  checkSameOrder(payment, {amount: draft.amount, currency: draft.currency});
  return {
    payment,
    claim: await journal.claim(payment.seq, created === undefined ? request.timeout_s * 1000 : 0),
  };
}

/** A created payment this process owns, from here to its outcome. */
async function take(sale: Sale, created: Payment): Promise<PaymentIntent> {
  const {parts, journal} = sale;
  const reach = await reachFor(sale, created);
  let payment = created;
  if (reach.kind === 'online') {
    const settled = await createAtApi(parts, journal, payment, {tries: 1});
    payment = settled.payment;
    if (settled.last?.kind === 'stop') await endWith(journal, payment, credentialsError(settled.last.error));
    if (payment.state === 'quarantined') throw withPayment(setAside(payment), payment);
    if (settled.last?.kind === 'refused')
      await endWith(journal, payment, apiRefused(payment, settled.last.error.message));
  }
  const online = reach.kind === 'online' && payment.id !== null;
  await checkBeforeCard(sale, payment, online);
  return takeCard(sale, payment, online);
}

/**
 * From asking for a card to the outcome. However it ends, the reader, a chip in it and the customer are told; whether
 * that works changes nothing of the outcome, which is durable before.
 */
async function takeCard(sale: Sale, payment: Payment, online: boolean): Promise<PaymentIntent> {
  const {parts, reader, request} = sale;
  const {local_id} = payment;
  const onInput = (input: ReaderInput): void => {
    const at = new Date(parts.clock.now()).toISOString();
    const told: unknown = request.onInput?.({event: 'reader_input', at, local_id, ...input});
    // Nobody waits for a listener that takes its time, so nobody else would hear of its failure – but the process.
    if (told instanceof Promise) told.catch(() => {});
  };
  let outcome: SaleOutcome = 'not_taken';
  try {
    const card = await readCard(sale, payment, online, onInput);
    const taken = await (online ? authorize(sale, payment, card) : store(sale, payment, card));
    outcome = taken.state === 'accepted_offline' ? 'stored' : 'authorized';
    return taken;
  } catch (error) {
    outcome = outcomeOf(error);
    throw error;
  } finally {
    await reader.finish(outcome, onInput).catch(() => {});
  }
}

function outcomeOf(error: unknown): SaleOutcome {
  if (!(error instanceof StowpayError)) return 'unknown';
  switch (error.code) {
    case 'card_declined':
      return 'declined';
    case 'payment_in_doubt':
    case 'journal_write_failed':
      return 'unknown';
    default:
      return 'not_taken';
  }
}

async function reachFor(sale: Sale, payment: Payment): Promise<Reach> {
  const {parts, journal, request} = sale;
  if (payment.offline_behavior === 'force_offline') {
    return {kind: 'offline', error: NOT_ASKED};
  }
  try {
    const reach = await reachApi(parts, request.signal);
    if (reach.kind === 'online') checkBinding(payment.binding, reach.binding);
    return reach;
  } catch (error) {
    if (error instanceof StowpayError) await endWith(journal, payment, error);
    throw error;
  }
}

const NOT_ASKED = {
  type: 'stowpay',
  code: 'force_offline',
  decline_code: null,
  message: 'The network was not tried: force_offline.',
  http_status: null,
  request_id: null,
};

/** Refusals that need no card, so that nobody presents one in vain. */
async function checkBeforeCard(
  {parts, journal, pairing}: Sale,
  payment: Payment,
  online: boolean,
): Promise<void> {
  if (online) return;
  if (payment.offline_behavior === 'require_online') await endWith(journal, payment, requireOnline(payment));
  const terms = {offline_enabled: pairing.configuration.offline_enabled, policy: parts.policy()};
  const stored = offlinePayments(await healthyState(journal), statesNow(journal)).length;
  const refusal = refuseOfflineCreate(payment, terms, stored);
  if (refusal !== null) await endWithRefusal(journal, payment, refusal);
}

async function readCard(
  sale: Sale,
  payment: Payment,
  online: boolean,
  onInput: (input: ReaderInput) => void,
): Promise<CardRead> {
  const {reader, request, journal, pairing} = sale;
  const currency = currencyOf(payment.currency);
  const asked = {
    amount: toCardAmount(payment.amount, currency),
    currency: payment.currency,
    currency_numeric: currency.numeric,
    timeout_s: request.timeout_s,
    stripe: online,
    contactless: online || !refusesTapOffline(pairing.location.country),
  };
  let answer: CardAnswer;
  try {
    answer = await reader.collect(asked, onInput, request.signal);
  } catch (error) {
    // The reader is gone or faulty; no card data is in hand, so no money can have moved.
    if (error instanceof StowpayError) await endWith(journal, payment, notTaken(error, payment));
    throw error;
  }
  if (answer.kind === 'card') return answer.card;
  if (answer.kind === 'no_card' && answer.reason === 'canceled' && request.signal?.aborted === true) {
    await record(journal, payment, [interruptedEvent(payment, READ_INTERRUPTED)]);
    throwIfInterrupted(request.signal);
  }
  const refusal = refuseAnswer(answer);
  if (refusal === null)
    throw new StowpayError('unexpected', 'The reader gave an answer that is neither card nor refusal.');
  return endWithRefusal(journal, payment, refusal);
}

const READ_INTERRUPTED = 'The card read was interrupted; no card was charged.';

/** Stores what was read, or refuses it, in one decision under the journal's lock. */
async function store(sale: Sale, payment: Payment, card: CardRead): Promise<PaymentIntent> {
  const {parts, journal, details, pairing} = sale;
  const policy = parts.policy();
  const {country} = pairing.location;
  const terms = {offline_enabled: pairing.configuration.offline_enabled, policy, country};
  const visible = policy.per_card === undefined ? null : visibleCard(card);
  const fingerprint = visible === null ? null : journal.fingerprint(visible);
  const {result, payment: after} = await decideOn(journal, payment, (state, current) => {
    const time = timeNow(parts, state);
    const confirm = confirmRequest(sale, card, Math.floor(time.ms / 1000));
    const command = {payment: current, card, reader: details, confirm, fingerprint};
    return decideStoreOffline(state, command, terms, time, statesNow(journal));
  });
  if (result.refusal !== null) throw withPayment(refusalError(result.refusal), after);
  return toPaymentIntent(after, after.state, card.cardholder_name);
}

function confirmRequest({parts, details}: Sale, card: CardRead, storedAt: number | null): JsonObject {
  return parts.gateway.freezeConfirm({card, reader: details, stored_at: storedAt});
}

/** Sends what was read at once. Falls back to storing it only if nothing can have left this machine. */
async function authorize(sale: Sale, created: Payment, card: CardRead): Promise<PaymentIntent> {
  const {parts, journal, details} = sale;
  const {result, payment: attempted} = await decideOn(journal, created, (state, payment) => {
    const {key} = nextKey(payment, 'confirm', parts.clock.now());
    const confirm = confirmRequest(sale, card, null);
    return decideAuthorize(state, {payment, card, reader: details, confirm, key}, timeNow(parts, state));
  });
  if (result.refusal !== null) throw withPayment(refusalError(result.refusal), attempted);
  const {payment, last} = await confirmAtApi(parts, journal, attempted);
  if (payment.state === 'authorizing' && payment.unresolved_confirms === 0) {
    // Surely nothing of it is on its way: it may be stored, or ended, without asking anybody.
    if (last?.kind === 'never_sent') return fallBack(sale, payment, card);
    if (last?.kind === 'stop') return endWith(journal, payment, credentialsError(last.error));
  }
  return outcomeOnline(sale, payment, card);
}

async function fallBack(sale: Sale, payment: Payment, card: CardRead): Promise<PaymentIntent> {
  sale.parts.device.setNetwork('offline', new Date(sale.parts.clock.now()).toISOString());
  if (payment.offline_behavior !== 'require_online') return store(sale, payment, card);
  return endWith(sale.journal, payment, requireOnline(payment));
}

async function outcomeOnline(sale: Sale, payment: Payment, card: CardRead): Promise<PaymentIntent> {
  switch (payment.state) {
    case 'authorized':
    case 'captured': {
      const told = await heard(sale.journal, payment);
      return toPaymentIntent(told, told.state, card.cardholder_name);
    }
    case 'declined':
      throw withPayment(declined(payment), payment);
    case 'refused':
      throw withPayment(apiRefused(payment, payment.last_error?.message ?? ''), payment);
    case 'quarantined':
      throw withPayment(setAside(payment), payment);
    case 'canceled':
      throw withPayment(canceledAtApi(payment), payment);
    default: {
      const doubted = payment.state === 'in_doubt' ? payment : await leaveInDoubt(sale.journal, payment);
      throw withPayment(inDoubt(doubted), doubted);
    }
  }
}

/** The API kept saying "not now": whether an earlier try took effect after all is settled by a later look. */
async function leaveInDoubt(journal: Journal, payment: Payment): Promise<Payment> {
  const data = {operation: 'confirm', outcome: 'in_doubt', error: payment.last_error} as const;
  return record(journal, payment, [{type: 'payment.attempt_failed', payment: payment.local_id, data}]);
}

/** Ends a payment that took no money and never will, durably, then throws what the caller must hear. */
async function endWith(journal: Journal, payment: Payment, error: StowpayError): Promise<never> {
  if (error.code === 'interrupted' || error.code === 'terminated') {
    await record(journal, payment, [interruptedEvent(payment, READ_INTERRUPTED)]);
  } else {
    const data = {code: error.code, message: error.message, card: null, policy: null};
    await record(journal, payment, [{type: 'payment.refused', payment: payment.local_id, data}]);
  }
  throw error;
}

async function endWithRefusal(journal: Journal, payment: Payment, refusal: Refusal): Promise<never> {
  const {records} = await journal.transact(() => refused(payment, refusal, null, null));
  throw withPayment(refusalError(refusal), foldOver(payment, records));
}
