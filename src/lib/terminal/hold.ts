import type {Decision} from '../core/decide.js';
import type {OperatorAct} from '../core/events.js';
import {decideHold, decideRelease} from '../core/operate.js';
import {awaitsCancel, type Payment} from '../core/payment.js';
import type {EffectiveState} from '../core/state.js';
import {
  actOf,
  answer,
  chosenPayments,
  decideOwned,
  eachOwned,
  type OperateItem,
  type OperateRequest,
  type Otherwise,
} from './operate.js';
import {healthyState, type Parts} from './parts.js';

export type HoldItem = OperateItem<'held' | Otherwise>;
export type ReleaseItem = OperateItem<'released' | Otherwise>;

/** Keeps stored payments back. Afterwards they are sent by nobody until they are released, and count in every limit. */
export function hold(parts: Parts, request: OperateRequest): Promise<readonly HoldItem[]> {
  return decideEach(parts, request, {
    fits: (payment, effective) => effective(payment) === 'accepted_offline' && !awaitsCancel(payment),
    decide: decideHold,
    note: (result) => (result === 'held' ? null : 'it was held back before'),
  });
}

/** Lets held payments go: the next forward sends them. */
export function release(parts: Parts, request: OperateRequest): Promise<readonly ReleaseItem[]> {
  return decideEach(parts, request, {
    fits: (payment) => payment.state === 'held' && !awaitsCancel(payment),
    decide: decideRelease,
    note: (result) => (result === 'released' ? null : 'it was not held back'),
  });
}

interface Act<T extends string> {
  /** Which payments `--all` means. */
  fits(payment: Payment, effective: EffectiveState): boolean;
  decide(payment: Payment, act: OperatorAct): Decision<T>;
  note(result: T): string | null;
}

async function decideEach<T extends string>(
  parts: Parts,
  request: OperateRequest,
  {fits, decide, note}: Act<T>,
): Promise<readonly OperateItem<T | 'failed'>[]> {
  const journal = parts.journals.open();
  const payments = await chosenPayments(journal, await healthyState(journal), request, fits);
  parts.journals.prepare();
  const act = actOf(parts, request);
  return eachOwned(
    journal,
    payments,
    async (owned) => {
      const {result, payment} = await decideOwned(journal, owned, (current) => decide(current, act));
      return answer<T | 'failed'>(result, payment, note(result));
    },
    request.signal,
  );
}
