import type {Finding} from '../../core/finding.js';
import {abandonedState, type Binding, bucketOf, mayBeOwned, type Payment} from '../../core/payment.js';
import type {Journal, RemoteIntent} from '../../core/ports.js';
import {concerns, isLeftover, judge, judgeUnknown} from '../../core/reconcile.js';
import {storyOf} from '../history.js';
import {credentialsError, isBoundTo} from '../network.js';
import {type Parts, throwIfInterrupted} from '../parts.js';
import {unreachable} from './unreachable.js';

/** What one comparison works with. */
export interface Context {
  readonly parts: Parts;
  readonly journal: Journal;
  /** Whose intents the key shows. */
  readonly binding: Binding;
  /** Payments that were in the journal's state when it began, by local id: every open one, and some that closed. */
  readonly open: ReadonlyMap<string, Payment>;
  readonly device: string | null;
  readonly orphans: readonly string[];
  /** Only these were asked for, by local id; null for all. */
  readonly named: ReadonlyMap<string, Payment> | null;
  /** Milliseconds. */
  readonly since: number;
  /** Open payments older than `since` count too. */
  readonly everyOpen: boolean;
  readonly dryRun: boolean;
  readonly signal: AbortSignal | undefined;
}

/** What the API's list and the journal, laid side by side, leave to be looked into. */
export interface Survey {
  /** Local ids of payments held against the API. */
  readonly compared: Set<string>;
  /** Payments that do not agree with what the list shows, and other intents that bear them. */
  readonly doubtful: Map<string, Set<string>>;
  readonly findings: Finding[];
  leftovers: number;
  others: number;
  not_compared: number;
}

/** Clocks differ: intents this much older than asked for are listed too, so that none is missed. */
const SLACK_S = 3600;

/**
 * Lays the API's list beside the journal. Neither is held in memory: of payments that agree only the name is kept. A
 * list that grows while it is read, and a journal others write to, leave at worst a payment too many to look into.
 *
 * @throws network_unavailable, api_unavailable, authentication_failed: nothing was adopted then
 */
export async function survey(context: Context): Promise<Survey> {
  const found: Survey = {
    compared: new Set(),
    doubtful: new Map(),
    findings: [],
    leftovers: 0,
    others: 0,
    not_compared: 0,
  };
  const seen = new Set<string>();
  for await (const intent of listed(context)) await meetIntent(context, found, seen, intent);
  for await (const payment of payments(context, seen)) meetPayment(context, found, seen, payment);
  return found;
}

async function* listed({parts, since, signal}: Context): AsyncIterable<RemoteIntent> {
  const from = Math.max(0, Math.floor(since / 1000) - SLACK_S);
  for await (const page of parts.gateway.listPaymentIntents(from, signal)) {
    throwIfInterrupted(signal);
    if (page.kind === 'stop') throw credentialsError(page.error);
    if (page.kind !== 'delivered') throw unreachable(page.error);
    yield* page.value;
  }
}

async function meetIntent(
  context: Context,
  found: Survey,
  seen: Set<string>,
  intent: RemoteIntent,
): Promise<void> {
  const name = intent.metadata.stowpay_id;
  if (context.named !== null && !context.named.has(name ?? '')) return;
  const payment = name === undefined ? null : await paymentCalled(context, name);
  if (payment === null || !isBoundTo(payment, context.binding)) {
    await meetUnknown(context, found, intent);
    return;
  }
  found.compared.add(payment.local_id);
  if (isLeftover(payment, intent)) found.leftovers += 1;
  if (intent.id !== payment.id) {
    if (concerns(payment, intent)) doubt(found, payment, intent.id);
    return;
  }
  seen.add(payment.local_id);
  const {findings} = judge(payment, {own: {intent, request_id: null}, others: []}, false);
  if (findings.length > 0 || isRunning(context, payment)) doubt(found, payment);
}

/** Another device's, or ours: one the journal has forgotten, or one that bears another name than it was given. */
async function meetUnknown(context: Context, found: Survey, intent: RemoteIntent): Promise<void> {
  const finding = judgeUnknown(intent, context.device, context.orphans);
  const known = finding === null ? null : await paymentOf(context, intent.id);
  if (finding !== null && known === null) {
    found.findings.push(finding);
    return;
  }
  found.others += 1;
  if (known === null || !isBoundTo(known, context.binding)) return;
  found.compared.add(known.local_id);
  doubt(found, known);
}

function meetPayment(context: Context, found: Survey, seen: ReadonlySet<string>, payment: Payment): void {
  if (!isBoundTo(payment, context.binding)) {
    found.not_compared += 1;
    return;
  }
  found.compared.add(payment.local_id);
  if (payment.id !== null && !seen.has(payment.local_id)) doubt(found, payment);
}

function doubt({doubtful}: Survey, {local_id}: Payment, other?: string): void {
  const others = doubtful.get(local_id) ?? new Set();
  if (other !== undefined) others.add(other);
  doubtful.set(local_id, others);
}

export function isDone(payment: Payment): boolean {
  return bucketOf(payment, abandonedState(payment)) === 'done';
}

/** A running sender is between two records: nothing can be said of the payment until it is done. */
function isRunning({journal}: Context, payment: Payment): boolean {
  return mayBeOwned(payment) && journal.owned(payment.seq);
}

/** A payment by its local id, as it was when the comparison began or as its records tell; null when there is none. */
async function paymentCalled({open, journal}: Context, localId: string): Promise<Payment | null> {
  return open.get(localId) ?? (await storyOf(journal, localId))?.payment ?? null;
}

/** The payment whose intent has this id; null when the journal has none. */
async function paymentOf({open, journal}: Context, id: string): Promise<Payment | null> {
  for (const payment of open.values()) if (payment.id === id) return payment;
  const [localId] = await journal.named(id, 1);
  return localId === undefined ? null : ((await storyOf(journal, localId))?.payment ?? null);
}

/** After so many in a row that are too old, the older ones are too. A clock may have been wrong for a while. */
const OLD_IN_A_ROW = 200;

/** The payments of the journal that are to be compared, whatever the API's list said. */
async function* payments(context: Context, seen: ReadonlySet<string>): AsyncIterable<Payment> {
  const {named, open, journal, since, everyOpen, signal} = context;
  if (named !== null) {
    yield* named.values();
    return;
  }
  const isOld = (payment: Payment): boolean => Date.parse(payment.created_at) < since;
  for (const payment of open.values()) {
    if ((everyOpen && !isDone(payment)) || !isOld(payment)) yield payment;
  }
  let old = 0;
  for await (const localId of journal.closed()) {
    throwIfInterrupted(signal);
    if (open.has(localId) || seen.has(localId)) continue;
    const story = await storyOf(journal, localId);
    if (story === null) continue;
    if (!isOld(story.payment)) yield story.payment;
    old = isOld(story.payment) ? old + 1 : 0;
    if (old === OLD_IN_A_ROW) return;
  }
}
