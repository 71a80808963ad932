import {foldPayment} from '../core/apply-payment.js';
import type {Decision} from '../core/decide.js';
import {StowpayError} from '../core/errors.js';
import type {EventBody, JournalRecord} from '../core/events.js';
import type {Moment} from '../core/look-first.js';
import type {Binding, Payment} from '../core/payment.js';
import type {Policy} from '../core/policy.js';
import type {
  Clock,
  Device,
  Gateway,
  InspectPort,
  Journal,
  ListReaderPorts,
  OpenReader,
  Random,
  RemoteTerminal,
} from '../core/ports.js';
import {type EffectiveState, effectiveStates, type State} from '../core/state.js';
import {type EffectiveTime, effectiveTime} from '../core/time.js';
import {damageOf} from './damage.js';
import {settledMeanwhile} from './payment-errors.js';

/** What the profile says about this run. */
export interface Profile {
  readonly name: string;
  readonly sandbox: boolean;
  /** A person or a script asked for it by name; false when it is only what the sandbox falls back to. */
  readonly named: boolean;
  /** The merchant's backend captures; an authorised payment does not keep a device from being wiped. */
  readonly captures_elsewhere: boolean;
  readonly pace: Pace;
}

/** How hard one process may press the payment API. */
export interface Pace {
  /** Calls started in a second. */
  readonly requests_per_s: number;
  /** Payments in hand at a time. */
  readonly concurrency: number;
}

/** Where journals come from. */
export interface Journals {
  readonly exists: boolean;
  /** Throws `journal_not_found`. One journal per run: opening again gives the same. */
  open(): Journal;
  /** Creates the data directory and checks that it may be written. Throws `data_directory_unusable` or `…_foreign_owner`. */
  prepare(): void;
  /** Opens, creating keys and first segment when there is none. */
  initialise(): Promise<Journal>;
}

/** What a sandbox device is born with. */
export interface Provision extends RemoteTerminal {
  readonly binding: Binding;
}

/** Everything the use cases work with; built in one place, `lib/index.ts`. */
export interface Parts {
  readonly profile: Profile;
  readonly directory: string;
  readonly journals: Journals;
  readonly device: Device;
  readonly gateway: Gateway;
  readonly openReader: OpenReader;
  readonly inspectPort: InspectPort;
  readonly listReaderPorts: ListReaderPorts;
  /** How long a sale waits for the connected reader when it is away, ms. */
  readonly readerWaitMs: number;
  /** Read when needed, so that a bad policy file stops selling but not diagnosing. Throws `policy_invalid`. */
  readonly policy: () => Policy;
  /** Whether there is a policy file; without one the built-in limits hold. */
  readonly policyFile: () => {readonly path: string; readonly exists: boolean};
  readonly clock: Clock;
  readonly random: Random;
  /** Who acts: the user of the operating system, as records keep it. */
  readonly operator: () => string;
  /** Null outside the sandbox. */
  readonly provision: Provision | null;
}

/** The states payments are really in now: a process that owned one may be gone. */
export function statesNow(journal: Journal): EffectiveState {
  return effectiveStates((seq) => journal.owned(seq));
}

/** The time rules go by. */
export function timeNow(parts: Pick<Parts, 'clock'>, state: Pick<State, 'last_at'>): EffectiveTime {
  return effectiveTime(parts.clock.now(), state.last_at);
}

/** Now, by the clocks of this machine alone. */
export function momentNow({clock}: Pick<Parts, 'clock'>): Moment {
  return {ms: clock.now(), boot: clock.boot, mono: clock.mono()};
}

/**
 * Journals events of one payment this process owns, and returns the payment as it is then.
 * Resolves when they are durable.
 */
export async function record(
  journal: Journal,
  payment: Payment,
  events: readonly EventBody[],
): Promise<Payment> {
  const {records} = await journal.transact((state) => {
    requireOpen(state, payment);
    return {events, result: null};
  });
  return foldOver(payment, records);
}

/** The state to act on. Throws `journal_damaged` instead of acting on the part that still verifies. */
export async function healthyState(journal: Journal): Promise<State> {
  const {state, health} = await journal.view();
  const damage = damageOf(health);
  if (damage !== null) throw damage;
  return state;
}

/** A checkpoint lets go of closed payments: a copy of one that is not there any more is stale, and never acted on. */
function requireOpen(state: State, payment: Payment): Payment {
  const current = state.payments.get(payment.local_id);
  if (current === undefined) throw settledMeanwhile(payment);
  return current;
}

/** The payment after records that were just written; records of other payments and of recovery do not concern it. */
export function foldOver(payment: Payment, records: readonly JournalRecord[]): Payment {
  let after = payment;
  for (const entry of records) {
    if ('payment' in entry && entry.payment === payment.local_id) after = foldPayment(after, entry);
  }
  return after;
}

/** Decides on one owned payment in the state it is in under the lock, and returns it as it is then. */
export async function decideOn<T>(
  journal: Journal,
  payment: Payment,
  decide: (state: State, current: Payment) => Decision<T>,
): Promise<{readonly result: T; readonly payment: Payment}> {
  let current = payment;
  const {result, records} = await journal.transact((state) => {
    current = requireOpen(state, payment);
    return decide(state, current);
  });
  return {result, payment: foldOver(current, records)};
}

/** Throws what a caller must hear when the signal was raised: the state is safe. */
export function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw signal.reason instanceof StowpayError ? signal.reason : interrupted();
}

export function interrupted(message = 'Interrupted.'): StowpayError {
  return new StowpayError('interrupted', message, {
    hint: 'Nothing is left half-done. Run the command again, a sale with the same --reference.',
  });
}

/**
 * Refuses to read cards where they must not be read: real lines in a sandbox nobody named, and gateways that could
 * never take what was read.
 */
export function checkMayReadCards(
  {profile, gateway}: Pick<Parts, 'profile' | 'gateway'>,
  address: string,
): void {
  if (profile.sandbox && !profile.named && !address.startsWith('sim:')) {
    throw new StowpayError(
      'profile_required',
      `${address} is a real line, and no profile was named. In the sandbox no money moves, so it is never assumed there.`,
      {
        hint: 'Name it: --profile sandbox (or STOWPAY_PROFILE=sandbox) for tests, or the profile of your processor.',
      },
    );
  }
  if (!gateway.acceptsSealedData) {
    throw new StowpayError(
      'forwarding_not_supported',
      `Profile ${profile.name} speaks to an API that accepts no card data sealed by a reader of its own, so a payment ` +
        'taken here could never be forwarded. No card was read.',
      {
        hint: 'Sell with a stripe-compatible gateway of your processor, or try things out with --profile sandbox.',
      },
    );
  }
}
