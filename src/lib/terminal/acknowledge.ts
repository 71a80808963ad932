import {decideAcknowledge, decideAcknowledgeLosses, type Losses} from '../core/operate.js';
import {awaitsNotice} from '../core/payment.js';
import {
  actOf,
  answer,
  chosenPayments,
  decideOwned,
  eachOwned,
  type OperateItem,
  type OperateRequest,
  type Otherwise,
  requireDevice,
} from './operate.js';
import {healthyState, type Parts} from './parts.js';

/** `names` may be those of orphans, too; `all` means every decline. */
export interface AcknowledgeRequest extends OperateRequest {
  /** What a repair could not read and nothing names. */
  readonly unnamedLosses: boolean;
  /** The name of the device, which `unnamedLosses` needs. */
  readonly confirm: string | null;
}

export interface Acknowledged extends Losses {
  readonly payments: readonly OperateItem<'acknowledged' | Otherwise>[];
}

/**
 * Takes note of how payments ended, so that they leave the list, and of what became of those that a repair had lost.
 * Never hides open money: what is not settled is refused.
 */
export async function acknowledge(parts: Parts, request: AcknowledgeRequest): Promise<Acknowledged> {
  const journal = parts.journals.open();
  const state = await healthyState(journal);
  if (request.unnamedLosses) requireDevice(state, request.confirm, 'Acknowledging losses that nothing names');
  const orphans = request.names.filter((name) => state.orphans.includes(name));
  const names = request.names.filter((name) => !orphans.includes(name));
  const payments = await chosenPayments(
    journal,
    state,
    {...request, names},
    (payment) => payment.state === 'declined' && awaitsNotice(payment),
  );
  parts.journals.prepare();
  const act = actOf(parts, request);
  const losses = {orphans, unnamed_losses: request.unnamedLosses ? state.unnamed_losses : 0};
  const {result} = await journal.transact((current) => decideAcknowledgeLosses(current, losses, act));
  const items = await eachOwned(
    journal,
    payments,
    async (owned) => {
      const decided = await decideOwned(journal, owned, (current) => decideAcknowledge(current, act));
      const note = decided.result === 'acknowledged' ? null : 'there was nothing to acknowledge any more';
      return answer(decided.result, decided.payment, note);
    },
    request.signal,
  );
  return {payments: items, ...result};
}
