import type {Decision} from '../core/decide.js';
import {StowpayError} from '../core/errors.js';
import type {OperatorAct} from '../core/events.js';
import {abandonedState, type Payment, type PaymentIntent, toPaymentIntent} from '../core/payment.js';
import type {ApiError, Journal} from '../core/ports.js';
import type {EffectiveState, State} from '../core/state.js';
import {findPayments} from './find.js';
import {latestOf} from './history.js';
import {type Reach, reachApi} from './network.js';
import {foldOver, interrupted, type Parts, statesNow} from './parts.js';
import {settledMeanwhile} from './payment-errors.js';

/** What a person asks for, of payments named or of all it can be done to. */
export interface OperateRequest {
  readonly names: readonly string[];
  readonly all: boolean;
  readonly reason: string | null;
  readonly signal?: AbortSignal;
}

/** How any act on a payment may end, next to what it is for. */
export type Otherwise = 'unchanged' | 'failed';

/** What became of one payment. */
export interface OperateItem<Outcome extends string> {
  readonly outcome: Outcome | 'failed';
  readonly payment: PaymentIntent;
  /** What it means, in one line; null when the outcome says it all. */
  readonly note: string | null;
  /** Set when it is not done: failed, or not finished yet. */
  readonly error: StowpayError | null;
}

/** Who acts, and why. */
export function actOf(parts: Parts, {reason}: Pick<OperateRequest, 'reason'>): OperatorAct {
  return {operator: parts.operator(), reason};
}

/**
 * The payments to act on: those named, every one of which must be found before anything is done, or all that fit, oldest
 * first. Throws `payment_not_found`, `payment_ambiguous`.
 */
export async function chosenPayments(
  journal: Journal,
  state: State,
  {names, all}: Pick<OperateRequest, 'names' | 'all'>,
  fits: (payment: Payment, effective: EffectiveState) => boolean,
): Promise<readonly Payment[]> {
  if (!all) return findPayments(journal, state, names);
  const effective = statesNow(journal);
  return [...state.payments.values()]
    .filter((payment) => fits(payment, effective))
    .sort((a, b) => a.seq - b.seq);
}

/** How long another process's act on a payment is waited for. */
const CLAIM_WAIT_MS = 10_000;

/**
 * Acts on one payment after the other, owning each, in the state it is in then. What cannot be done to one never stops the
 * others: it is in that one's answer.
 */
export async function eachOwned<Outcome extends string>(
  journal: Journal,
  payments: readonly Payment[],
  act: (payment: Payment) => Promise<OperateItem<Outcome>>,
  signal?: AbortSignal,
): Promise<readonly OperateItem<Outcome>[]> {
  const items: OperateItem<Outcome>[] = [];
  for (const payment of payments) {
    if (signal?.aborted === true) items.push(failed(payment, notTried(payment)));
    else items.push(await owned(journal, payment, act));
  }
  return items;
}

async function owned<Outcome extends string>(
  journal: Journal,
  seen: Payment,
  act: (payment: Payment) => Promise<OperateItem<Outcome>>,
): Promise<OperateItem<Outcome>> {
  let payment = seen;
  try {
    const claim = await journal.claim(seen.seq, CLAIM_WAIT_MS);
    if (claim === null) return failed(seen, busy(seen));
    try {
      payment = await latestOf(journal, seen);
      return await act(payment);
    } finally {
      claim.release();
    }
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    return failed(payment, error);
  }
}

/** Decides on an owned payment in the state it is in under the lock, also when it closed and left the list long ago. */
export async function decideOwned<T>(
  journal: Journal,
  owned: Payment,
  decide: (payment: Payment) => Decision<T>,
): Promise<{readonly result: T; readonly payment: Payment}> {
  let current = owned;
  const {result, records} = await journal.transact((state) => {
    const listed = state.payments.get(owned.local_id);
    current = listed ?? owned;
    const decision = decide(current);
    // What is not listed any more takes no records: they would change nothing.
    if (listed === undefined && decision.events.length > 0) throw settledMeanwhile(owned);
    return decision;
  });
  return {result, payment: foldOver(current, records)};
}

/** Who the API takes us for: asked once for all payments of a run, until it cannot be reached any more. */
export class OneReach {
  readonly #parts: Parts;
  readonly #signal: AbortSignal | undefined;
  #reach: Promise<Reach> | null = null;

  constructor(parts: Parts, signal: AbortSignal | undefined) {
    this.#parts = parts;
    this.#signal = signal;
  }

  /** Throws `authentication_failed`. */
  ask(): Promise<Reach> {
    this.#reach ??= reachApi(this.#parts, this.#signal);
    return this.#reach;
  }

  /** The network went away: the payments that follow need not find that out one by one. */
  lose(error: ApiError): void {
    this.#reach = Promise.resolve({kind: 'offline', error});
  }
}

/** An answer about a payment that this process owns. */
export function answer<Outcome extends string>(
  outcome: Outcome,
  payment: Payment,
  note: string | null,
  error: StowpayError | null = null,
): OperateItem<Outcome> {
  return {outcome, payment: toPaymentIntent(payment, abandonedState(payment)), note, error};
}

export function failed(payment: Payment, error: StowpayError): OperateItem<never> {
  return {outcome: 'failed', payment: toPaymentIntent(payment), note: null, error};
}

function busy(payment: Payment): StowpayError {
  return new StowpayError(
    'payment_busy',
    `Another process is working on ${payment.local_id}. Nothing was changed by this command.`,
    {hint: 'Run the command again shortly.', details: {local_id: payment.local_id}},
  );
}

function notTried(payment: Payment): StowpayError {
  return interrupted(`Interrupted before anything was done to ${payment.local_id}.`);
}

/** A destructive act on everything takes the name of the device. Throws `invalid_usage`. */
export function requireDevice(state: Pick<State, 'device'>, confirm: string | null, what: string): void {
  if (state.device !== null && confirm === state.device) return;
  throw new StowpayError(
    'invalid_usage',
    `${what} needs the name of this device, ${state.device}. Nothing was done.`,
    {hint: `Add --confirm ${state.device}.`, details: {device: state.device}},
  );
}
