import {StowpayError} from '../core/errors.js';
import type {Payment} from '../core/payment.js';
import type {Journal} from '../core/ports.js';
import type {State} from '../core/state.js';
import {everyPayment} from './history.js';

/** A unique prefix must be long enough to mean something. */
const SHORTEST_PREFIX = 6;

/**
 * The payments a person named: by `pay_…`, a unique prefix of it, or `pi_…`. Closed ones are found too.
 * Throws `payment_not_found` or `payment_ambiguous` for the first name that does not name exactly one.
 */
export async function findPayments(
  journal: Journal,
  state: State,
  names: readonly string[],
): Promise<readonly Payment[]> {
  const open = [...state.payments.values()];
  const missing = names.filter((name) => matching(open, name).length === 0);
  const all = missing.length === 0 ? open : await everyPayment(journal);
  const found = new Map<string, Payment>();
  for (const name of names) {
    const payment = theOne(matching(all, name), name);
    found.set(payment.local_id, state.payments.get(payment.local_id) ?? payment);
  }
  return [...found.values()];
}

function matching(payments: readonly Payment[], name: string): readonly Payment[] {
  const exact = payments.filter((payment) => payment.local_id === name || payment.id === name);
  if (exact.length > 0 || name.length < SHORTEST_PREFIX) return exact;
  const prefix = name.startsWith('pay_') ? name.slice(4).toUpperCase() : name.toUpperCase();
  return payments.filter((payment) => payment.local_id.slice(4).startsWith(prefix));
}

function theOne(candidates: readonly Payment[], name: string): Payment {
  const [only, second] = candidates;
  if (only === undefined) {
    throw new StowpayError(
      'payment_not_found',
      `No payment here is called ${JSON.stringify(name.slice(0, 64))}.`,
      {
        hint: 'stowpay inspect lists them. Names are pay_…, a unique beginning of it, or pi_….',
      },
    );
  }
  if (second !== undefined) {
    const some = candidates.slice(0, 5).map(({local_id}) => local_id);
    throw new StowpayError(
      'payment_ambiguous',
      `${JSON.stringify(name.slice(0, 64))} names ${candidates.length} payments: ${some.join(', ')}${candidates.length > 5 ? ' …' : ''}.`,
      {hint: 'Write more of the name.', details: {candidates: some}},
    );
  }
  return only;
}
