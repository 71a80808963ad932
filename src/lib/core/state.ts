import type {EventBody} from './events.js';
import {
  abandonedState,
  mayBeOwned,
  PAYMENT_STATES,
  type Payment,
  type PaymentState,
  STATES,
} from './payment.js';

export type Pairing = Extract<EventBody, {type: 'reader.paired'}>['data'] & {readonly at: string};

/** What a reference stands for, also after its payment has left the list of open ones. */
export interface ReferenceEntry {
  readonly payment: string;
  /** Sequence number of its creation. */
  readonly seq: number;
}

/** Counts and sums of payments in one state. Sums in minor units by currency. */
export interface Tally {
  count: number;
  amounts: Record<string, number>;
}

/** References and who holds them. Complete under the journal's lock: there closed payments answer too. */
export interface References extends Iterable<readonly [string, ReferenceEntry]> {
  get(key: string): ReferenceEntry | undefined;
  set(key: string, entry: ReferenceEntry): unknown;
  delete(key: string): boolean;
}

/** The fold of the journal. `apply` changes it in place; nobody else does. */
export interface State {
  /** Open payments whole, and those closed since the last checkpoint. */
  readonly payments: Map<string, Payment>;
  /** Closed payments that a checkpoint has let go of. */
  readonly closed: Partial<Record<PaymentState, Tally>>;
  /** `account reference` → payment. */
  readonly references: References;
  /** `reader serial / key` → highest counter of a KSN seen. */
  readonly ksn: Map<string, number>;
  /** Fingerprint of a card → when payments of it were stored in the last `MOST_WINDOW_HOURS`, ms. */
  readonly cards: Map<string, readonly number[]>;
  /** The reader connected now. */
  paired: Pairing | null;
  /** Newest time each reader type, location and reader was seen online. */
  readonly seen: Map<string, Pairing>;
  device: string | null;
  /** Digest of the machine this journal belongs to; null while none is known. */
  machine: string | null;
  /** Payments whose first record is lost: only a person can find out what became of them. */
  orphans: readonly string[];
  /** Stretches of the journal that a repair could not read: whole payments may be lost with them, names and all. */
  unnamed_losses: number;
  /** Time of the newest record, ms; null for an empty journal. */
  last_at: number | null;
  last_forwarded_at: string | null;
}

export function emptyState(): State {
  return {
    payments: new Map(),
    closed: {},
    references: new Map(),
    ksn: new Map(),
    cards: new Map(),
    paired: null,
    seen: new Map(),
    device: null,
    machine: null,
    orphans: [],
    unnamed_losses: 0,
    last_at: null,
    last_forwarded_at: null,
  };
}

/** The state a payment is really in, given whether a running process holds its byte in the attempts file. */
export type EffectiveState = (payment: Payment) => PaymentState;

/** Without anybody running, e.g. under the journal lock with the payment's byte in hand. */
export const nobodyRunning: EffectiveState = abandonedState;

/** `owned(seq)` tells whether a running process holds the payment's byte. */
export function effectiveStates(owned: (seq: number) => boolean): EffectiveState {
  return (payment) => (mayBeOwned(payment) && !owned(payment.seq) ? abandonedState(payment) : payment.state);
}

export function referenceKey(account: string, reference: string): string {
  return `${account} ${reference}`;
}

/** Counts and sums per state, closed ones included. */
export function tallies(state: State, effective: EffectiveState): Record<PaymentState, Tally> {
  const result = Object.fromEntries(
    PAYMENT_STATES.map((name) => {
      const closed = state.closed[name];
      return [name, {count: closed?.count ?? 0, amounts: {...closed?.amounts}}];
    }),
  ) as Record<PaymentState, Tally>;
  for (const payment of state.payments.values()) addTo(result[effective(payment)], payment);
  return result;
}

/** A captured payment is worth what was received: the rest of a partial capture was released. */
export function addTo(tally: Tally, payment: Payment): void {
  const worth = payment.state === 'captured' ? payment.amount_received : payment.amount;
  tally.count += 1;
  tally.amounts[payment.currency] = (tally.amounts[payment.currency] ?? 0) + worth;
}

/** Payments that count as stored offline: in the public counters and in every limit. */
export function offlinePayments(state: State, effective: EffectiveState): readonly Payment[] {
  return [...state.payments.values()].filter((payment) => STATES[effective(payment)].offline);
}

/** Sums in minor units by currency. */
export function amountsByCurrency(
  payments: Iterable<Pick<Payment, 'currency' | 'amount'>>,
): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const {currency, amount} of payments) sums[currency] = (sums[currency] ?? 0) + amount;
  return sums;
}
