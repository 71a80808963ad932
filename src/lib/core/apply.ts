import {createdPayment, foldPayment} from './apply-payment.js';
import {seenKeys} from './connect-rules.js';
import type {EventBody, JournalRecord, PaymentEvent} from './events.js';
import {splitKsn} from './ksn.js';
import type {ReaderDetails} from './payment.js';
import {MOST_WINDOW_HOURS} from './policy.js';
import {type Pairing, referenceKey, type State} from './state.js';

type Repair = Extract<EventBody, {type: 'journal.repaired'}>['data'];
type Stored = Extract<EventBody, {type: 'payment.accepted_offline'}>['data'];
type Acknowledged = Extract<EventBody, {type: 'journal.acknowledged'}>['data'];

/**
 * The only fold. Total: it never refuses, so that a rule tightened later cannot make an old journal
 * refuse its own history. Changes `state` in place and returns it.
 */
export function apply(state: State, record: JournalRecord): State {
  const at = Date.parse(record.at);
  if (!Number.isNaN(at)) state.last_at = Math.max(state.last_at ?? at, at);
  switch (record.type) {
    case 'journal.opened':
      state.device = record.data.device;
      state.machine = record.data.machine;
      return state;
    case 'journal.recovered':
    case 'journal.lost':
      return state;
    case 'journal.repaired':
      return applyRepair(state, record.data);
    case 'journal.adopted':
      state.machine = record.data.machine;
      return state;
    case 'journal.acknowledged':
      return applyAcknowledged(state, record.data);
    case 'reader.paired':
      return applyPairing(state, {...record.data, at: record.at});
    case 'payment.created':
      return applyCreated(state, record);
    default:
      return applyToPayment(state, record);
  }
}

/** What the first record told may be among what was lost. */
function applyRepair(state: State, repair: Repair): State {
  state.device ??= repair.device;
  state.machine = repair.machine;
  state.unnamed_losses += repair.lost.filter(({unnamed}) => unnamed).length;
  state.orphans = [...new Set([...state.orphans, ...repair.orphans])];
  return state;
}

function applyAcknowledged(state: State, {orphans, unnamed_losses}: Acknowledged): State {
  const known = new Set(orphans);
  state.orphans = state.orphans.filter((payment) => !known.has(payment));
  state.unnamed_losses = Math.max(0, state.unnamed_losses - unnamed_losses);
  return state;
}

function applyPairing(state: State, pairing: Pairing): State {
  state.paired = pairing;
  if (pairing.how === 'offline') return state;
  const {binding, identity, location, configuration} = pairing;
  for (const key of seenKeys(binding.account, identity, location.id, configuration.approved_firmware)) {
    state.seen.set(key, pairing);
  }
  return state;
}

function applyCreated(state: State, record: JournalRecord & {type: 'payment.created'}): State {
  const payment = createdPayment(record);
  state.payments.set(payment.local_id, payment);
  if (payment.reference !== null) {
    const key = referenceKey(payment.binding.account, payment.reference);
    state.references.set(key, {payment: payment.local_id, seq: record.seq});
  }
  return state;
}

function applyToPayment(state: State, record: JournalRecord & PaymentEvent): State {
  const before = state.payments.get(record.payment);
  // A record of a payment that a checkpoint let go of changes nothing that is open.
  if (before === undefined) return state;
  const after = foldPayment(before, record);
  state.payments.set(record.payment, after);
  if (record.type === 'payment.authorizing' || record.type === 'payment.accepted_offline') {
    rememberKsn(state, record.data.card.ksn, record.data.reader);
  }
  if (record.type === 'payment.refused' && record.data.used_key !== undefined) {
    rememberKsn(state, record.data.used_key.ksn, record.data.used_key.reader);
  }
  if (record.type === 'payment.accepted_offline') rememberCard(state, record.data);
  if (
    record.type === 'payment.delivered' &&
    record.data.operation === 'confirm' &&
    after.stored_at !== null
  ) {
    state.last_forwarded_at = record.at;
  }
  return state;
}

/** Per reader and key, the highest counter: a KSN that does not go up is a fault or a replay. */
function rememberKsn(state: State, ksn: string, reader: ReaderDetails): void {
  const parts = splitKsn(ksn);
  if (parts === null) return;
  const key = ksnKey(reader, parts.key);
  state.ksn.set(key, Math.max(state.ksn.get(key) ?? -1, parts.counter));
}

/** For the policy's count by card. What it can never ask for any more is forgotten. */
function rememberCard(state: State, {card, stored_at}: Stored): void {
  if (card.fingerprint === undefined) return;
  const at = Date.parse(stored_at);
  if (Number.isNaN(at)) return;
  const since = at - MOST_WINDOW_HOURS * 3_600_000;
  for (const [fingerprint, times] of state.cards) {
    const kept = times.filter((time) => time > since);
    if (kept.length === 0) state.cards.delete(fingerprint);
    else if (kept.length < times.length) state.cards.set(fingerprint, kept);
  }
  state.cards.set(card.fingerprint, [...(state.cards.get(card.fingerprint) ?? []), at]);
}

export function ksnKey(reader: Pick<ReaderDetails, 'serial'>, key: string): string {
  return `${reader.serial} ${key}`;
}
