import {ksnKey} from '../core/apply.js';
import {offlineDaysLeft, offlineWindows} from '../core/connect-rules.js';
import {StowpayError} from '../core/errors.js';
import {ksnsLeftAfter, splitKsn} from '../core/ksn.js';
import {type Authorizations, authorizationsOf} from '../core/lapse.js';
import {type Moment, mayBeForgotten} from '../core/look-first.js';
import {
  awaitsCancel,
  awaitsNotice,
  BUCKETS,
  type Bucket,
  bucketOf,
  type Payment,
  type PaymentState,
  STATES,
} from '../core/payment.js';
import {oldestAgeS, type Policy, shrinkFactor, shrunk} from '../core/policy.js';
import {FORWARDER, type JournalHealth, type NetworkStatus} from '../core/ports.js';
import {
  addTo,
  amountsByCurrency,
  type EffectiveState,
  offlinePayments,
  type Pairing,
  type State,
  type Tally,
  tallies,
} from '../core/state.js';
import type {EffectiveTime} from '../core/time.js';
import {damageOf} from './damage.js';
import {momentNow, type Parts, statesNow, timeNow} from './parts.js';

export interface Limit {
  readonly rule: string;
  readonly currency: string | null;
  readonly limit: number;
  readonly used: number;
  readonly left: number;
}

export interface Status {
  readonly data_directory: string;
  readonly device: string | null;
  readonly profile: string;
  readonly livemode: boolean | null;
  readonly accounts: readonly string[];
  readonly network_status: NetworkStatus;
  readonly offline_enabled: boolean;
  readonly offline_payments_count: number;
  readonly offline_payment_amounts_by_currency: Readonly<Record<string, number>>;
  readonly oldest_stored_at: string | null;
  readonly oldest_age_s: number | null;
  /** The clock stands behind the journal: ages are lower bounds. */
  readonly clock_uncertain: boolean;
  readonly buckets: Readonly<Record<Bucket, number>>;
  readonly states: Readonly<Partial<Record<PaymentState, Tally>>>;
  readonly limits: readonly Limit[];
  /** Why the risk policy cannot be used, so that nothing is sold; null when it can. */
  readonly policy_error: string | null;
  readonly reader: {
    readonly address: string;
    readonly type: string;
    readonly serial_number: string;
    readonly firmware: string;
    readonly location: string;
    /** About how many card reads its key is good for, by the last one journalled; null where it does not tell. */
    readonly keys_left: number | null;
  } | null;
  readonly pairing: {readonly how: Pairing['how']; readonly at: string; readonly days_left: number} | null;
  readonly last_forwarded_at: string | null;
  /** A `forward --watch` runs on this data directory. */
  readonly forwarder_running: boolean;
  readonly authorizations: Authorizations;
  /** Settled in a way that a person must take note of: see `acknowledge`. */
  readonly to_acknowledge: Tally;
  /** Payments of which a repair could not save the first record: look them up at the payment API. */
  readonly orphans: readonly string[];
  /** Stretches of the journal that a repair could not read: whole payments may be lost with them. */
  readonly unnamed_losses: number;
  readonly journal: {
    readonly seq: number;
    readonly ok: boolean;
    readonly damage: string | null;
    /** The code of what is wrong: `journal_damaged`, `journal_cloned` … */
    readonly code: string | null;
  };
}

/** The queue and everything around it, lock-free. Also of a damaged journal, as far as it verifies. */
export async function status(parts: Parts): Promise<Status> {
  const journal = parts.journals.open();
  const {state, health} = await journal.view();
  return statusOf(parts, state, health, statesNow(journal));
}

/** True while a `forward --watch` runs on this data directory. */
export function forwarderRuns(parts: Pick<Parts, 'journals'>): boolean {
  return parts.journals.open().owned(FORWARDER);
}

export interface SafetyCheck {
  readonly status: Status;
  /** Payments that a wipe now would lose, oldest first. */
  readonly blocking: readonly {
    readonly local_id: string;
    readonly state: PaymentState;
    readonly amount: number;
    readonly currency: string;
  }[];
  /** Null when nothing would be lost. */
  readonly error: StowpayError | null;
}

/**
 * Would anything be lost if this device were wiped now? Answered under the journal's lock, over all accounts, after
 * verifying every line.
 *
 * @param capturedElsewhere the merchant's backend captures: an authorised payment does not block
 */
export async function checkSafeToWipe(parts: Parts, capturedElsewhere: boolean): Promise<SafetyCheck> {
  const journal = parts.journals.open();
  const health = await journal.verify();
  const {state} = health.ok ? await freshState(parts) : await journal.view();
  const effective = statesNow(journal);
  const shown = statusOf(parts, state, health, effective);
  const elsewhere = capturedElsewhere || parts.profile.captures_elsewhere;
  const blocking = [...state.payments.values()]
    .map((payment) => ({payment, state: effective(payment)}))
    .filter((one) => isLostByWipe(one.payment, one.state, elsewhere, momentNow(parts)))
    .sort((a, b) => a.payment.seq - b.payment.seq)
    .map(({payment: {local_id, amount, currency}, state: now}) => ({local_id, state: now, amount, currency}));
  return {status: shown, blocking, error: verdict(health, blocking, state)};
}

function isLostByWipe(
  payment: Payment,
  state: PaymentState,
  capturedElsewhere: boolean,
  now: Moment,
): boolean {
  // Nobody captures elsewhere what is to be cancelled or released: that has to be done from here.
  if (state === 'authorized' && capturedElsewhere) return awaitsCancel(payment) || payment.unclaimed;
  // Voided, and what an old backup may have forgotten of it was not looked for yet.
  return STATES[state].blocksWipe || (payment.stray && mayBeForgotten(payment, now));
}

/** Under the lock: what every process has acknowledged up to now. */
async function freshState(parts: Parts): Promise<{readonly state: State}> {
  const journal = parts.journals.open();
  try {
    const {result} = await journal.transact((state) => ({events: [], result: state}));
    return {state: result};
  } catch (error) {
    // Where nobody can write, a look without the lock is as good.
    if (error instanceof StowpayError && error.code === 'journal_read_only') return journal.view();
    throw error;
  }
}

function unnamedError(count: number): StowpayError {
  const many = count === 1 ? 'one stretch' : `${count} stretches`;
  return new StowpayError(
    'payments_need_attention',
    `A repair of the journal could not read ${many} of it: whole payments may be lost there, and nothing names them here.`,
    {
      hint:
        'Do not wipe: what could not be read is kept in journal/damaged. Hold the sales of that time against the API; ' +
        'then stowpay acknowledge --unnamed-losses takes it off.',
      details: {unnamed_losses: count},
    },
  );
}

function orphansError(orphans: readonly string[]): StowpayError {
  const many = orphans.length === 1 ? 'one payment is' : `${orphans.length} payments are`;
  return new StowpayError(
    'payments_need_attention',
    `After a repair of the journal, ${many} known by name only: what became of the money is not known here.`,
    {
      hint:
        `Do not wipe. Look at the payment API for metadata stowpay_id ${orphans[0]}; once you know what became of it, ` +
        `stowpay acknowledge ${orphans[0]} takes it off.`,
      details: {orphans},
    },
  );
}

function verdict(
  health: JournalHealth,
  blocking: SafetyCheck['blocking'],
  {orphans, unnamed_losses}: Pick<State, 'orphans' | 'unnamed_losses'>,
): StowpayError | null {
  const damage = damageOf(health);
  if (damage !== null) {
    const {code, message, hint, details} = damage;
    return new StowpayError(code, `${message} Whether anything would be lost is unknown.`, {hint, details});
  }
  if (orphans.length > 0) return orphansError(orphans);
  if (unnamed_losses > 0) return unnamedError(unnamed_losses);
  if (blocking.length === 0) return null;
  const attention = blocking.filter(({state}) => STATES[state].bucket === 'attention');
  const many = `${blocking.length} payment${blocking.length === 1 ? '' : 's'}`;
  const kinds = [...new Set(blocking.map(({state}) => state))].join(', ');
  if (attention.length > 0) {
    return new StowpayError(
      'payments_need_attention',
      `A wipe now would lose ${many} (${kinds}); ${attention.length} of them need a person.`,
      {hint: `Do not wipe. Begin with stowpay inspect ${attention[0]?.local_id}.`},
    );
  }
  // What is cancelled already waits for a look, as what is stored waits to be sent.
  const stored = blocking.some(({state}) => STATES[state].offline || state === 'canceled');
  return new StowpayError('payments_pending', `A wipe now would lose ${many} (${kinds}).`, {
    hint: stored
      ? 'Do not wipe. Run stowpay forward when there is network, then stowpay capture --all.'
      : 'Do not wipe. Run stowpay capture --all.',
  });
}

function statusOf(parts: Parts, state: State, health: JournalHealth, effective: EffectiveState): Status {
  const time = timeNow(parts, state);
  const stored = offlinePayments(state, effective);
  const byState = tallies(state, effective);
  const counted = Object.entries(byState).filter(([, {count}]) => count > 0);
  const paired = state.paired;
  const policy = policyOf(parts);
  return {
    data_directory: parts.directory,
    device: state.device,
    profile: parts.profile.name,
    livemode: paired?.binding.livemode ?? null,
    accounts: accountsOf(state),
    network_status: parts.device.network().status,
    offline_enabled: paired?.configuration.offline_enabled ?? false,
    offline_payments_count: stored.length,
    offline_payment_amounts_by_currency: amountsByCurrency(stored),
    oldest_stored_at: oldestOf(stored),
    oldest_age_s: oldestAgeS(stored, time.ms),
    clock_uncertain: time.uncertain,
    buckets: bucketsOf(state, byState),
    states: Object.fromEntries(counted),
    limits: limitsOf(policy.policy, stored, time),
    policy_error: policy.error,
    reader: readerOf(paired, state.ksn),
    pairing: pairingOf(state, paired, time.ms),
    last_forwarded_at: state.last_forwarded_at,
    forwarder_running: forwarderRuns(parts),
    authorizations: authorizationsOf(state.payments.values(), effective, time.ms),
    to_acknowledge: toAcknowledge(state),
    orphans: state.orphans,
    unnamed_losses: state.unnamed_losses,
    journal: {
      seq: health.seq,
      ok: health.ok,
      damage: health.damage?.message ?? null,
      code: damageOf(health)?.code ?? null,
    },
  };
}

function toAcknowledge(state: State): Tally {
  const tally: Tally = {count: 0, amounts: {}};
  for (const payment of state.payments.values()) if (awaitsNotice(payment)) addTo(tally, payment);
  return tally;
}

function oldestOf(stored: readonly Payment[]): string | null {
  return stored.map((payment) => payment.stored_at ?? payment.created_at).sort()[0] ?? null;
}

function accountsOf(state: State): readonly string[] {
  const accounts = new Set([...state.payments.values()].map(({binding}) => binding.account));
  if (state.paired !== null) accounts.add(state.paired.binding.account);
  return [...accounts].sort();
}

function bucketsOf(state: State, byState: Record<PaymentState, Tally>): Record<Bucket, number> {
  const sums = Object.fromEntries(BUCKETS.map((bucket) => [bucket, 0])) as Record<Bucket, number>;
  for (const [name, {count}] of Object.entries(byState)) sums[STATES[name as PaymentState].bucket] += count;
  const unheard = [...state.payments.values()].filter(
    (one) => one.state === 'captured' && bucketOf(one, 'captured') === 'attention',
  ).length;
  const attention = sums.attention + unheard + state.orphans.length + state.unnamed_losses;
  return {...sums, done: sums.done - unheard, attention};
}

/** A policy that cannot be read stops selling, not looking. */
function policyOf(parts: Parts): {readonly policy: Policy | null; readonly error: string | null} {
  try {
    return {policy: parts.policy(), error: null};
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    return {policy: null, error: error.message};
  }
}

/** Exposure against every limit, for the currencies something is stored in. */
function limitsOf(policy: Policy | null, stored: readonly Payment[], time: EffectiveTime): readonly Limit[] {
  if (policy === null) return [];
  const factor = shrinkFactor(policy, oldestAgeS(stored, time.ms), time.uncertain);
  const sums = amountsByCurrency(stored);
  const limits: Limit[] = [];
  const add = (rule: string, currency: string | null, limit: number | undefined, used: number): void => {
    if (limit !== undefined) limits.push({rule, currency, limit, used, left: Math.max(0, limit - used)});
  };
  for (const [currency, used] of Object.entries(sums)) {
    add('stored_total', currency, shrunk(policy.limits[currency] ?? {}, factor).stored_total, used);
  }
  add('stored_count', null, policy.stored_count, stored.length);
  return limits;
}

function readerOf(paired: Pairing | null, seen: State['ksn']): Status['reader'] {
  if (paired === null) return null;
  const {type, serial_number, firmware, key} = paired.identity;
  const parts = key.ksn === null ? null : splitKsn(key.ksn);
  const counter = parts === null ? 0 : (seen.get(ksnKey({serial: serial_number}, parts.key)) ?? 0);
  const keys_left = key.ksn === null ? null : ksnsLeftAfter(key.ksn, counter);
  return {address: paired.address, type, serial_number, firmware, location: paired.location.id, keys_left};
}

function pairingOf(state: State, paired: Pairing | null, now: number): Status['pairing'] {
  if (paired === null) return null;
  const {seen} = state;
  const {type} = offlineWindows({identity: paired.identity, location: null, seen, last: paired, now});
  return {how: paired.how, at: type.met_at ?? paired.at, days_left: offlineDaysLeft(paired, seen, now)};
}
