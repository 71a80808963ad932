import {decideHold, decideRelease} from '../core/operate.js';
import {awaitsCancel} from '../core/payment.js';
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
export async function hold(parts: Parts, request: OperateRequest): Promise<readonly HoldItem[]> {
  const journal = parts.journals.open();
  const payments = await chosenPayments(
    journal,
    await healthyState(journal),
    request,
    (payment, effective) => effective(payment) === 'accepted_offline' && !awaitsCancel(payment),
  );
  parts.journals.prepare();
  const act = actOf(parts, request);
  return eachOwned(
    journal,
    payments,
    async (owned) => {
      const {result, payment} = await decideOwned(journal, owned, (current) => decideHold(current, act));
      return answer(result, payment, result === 'held' ? null : 'it was held back before');
    },
    request.signal,
  );
}

/** Lets held payments go: the next forward sends them. */
export async function release(parts: Parts, request: OperateRequest): Promise<readonly ReleaseItem[]> {
  const journal = parts.journals.open();
  const payments = await chosenPayments(
    journal,
    await healthyState(journal),
    request,
    (payment) => payment.state === 'held' && !awaitsCancel(payment),
  );
  parts.journals.prepare();
  const act = actOf(parts, request);
  return eachOwned(
    journal,
    payments,
    async (owned) => {
      const {result, payment} = await decideOwned(journal, owned, (current) => decideRelease(current, act));
      return answer(result, payment, result === 'released' ? null : 'it was not held back');
    },
    request.signal,
  );
}
