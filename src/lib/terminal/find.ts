import {StowpayError} from '../core/errors.js';
import type {Payment} from '../core/payment.js';
import type {Journal} from '../core/ports.js';
import type {State} from '../core/state.js';
import {storyOf} from './history.js';

/** A unique prefix must be long enough to mean something. */
const SHORTEST_PREFIX = 6;
/** An ambiguous name needs no more examples than these. */
const MOST_CANDIDATES = 6;

/**
 * The payments a person named: by `pay_…`, a unique prefix of it, or `pi_…`. Closed ones are found too.
 * Throws `payment_not_found` or `payment_ambiguous` for the first name that does not name exactly one.
 */
export async function findPayments(
  journal: Journal,
  state: State,
  names: readonly string[],
): Promise<readonly Payment[]> {
  const found = new Map<string, Payment>();
  for (const name of names) {
    const payment = theOne(await called(journal, state, name), name, state);
    found.set(payment.local_id, payment);
  }
  return [...found.values()];
}

async function called(journal: Journal, state: State, name: string): Promise<readonly Payment[]> {
  const open = [...state.payments.values()];
  const exact = open.filter((payment) => payment.local_id === name || payment.id === name);
  if (exact.length > 0) return exact;
  const closed = await closedNamed(journal, state, name);
  const named = closed.filter((payment) => payment.local_id === name || payment.id === name);
  if (named.length > 0 || name.length < SHORTEST_PREFIX) return named;
  const prefix = localIdPrefix(name);
  return [
    ...open.filter((payment) => payment.local_id.startsWith(prefix)),
    ...(prefix === name ? closed : await closedNamed(journal, state, prefix)),
  ];
}

async function closedNamed(journal: Journal, state: State, name: string): Promise<readonly Payment[]> {
  const payments: Payment[] = [];
  for (const localId of await journal.named(name, MOST_CANDIDATES)) {
    if (state.payments.has(localId)) continue;
    const story = await storyOf(journal, localId);
    if (story !== null) payments.push(story.payment);
  }
  return payments;
}

/** A beginning of a local id, as people type it: with or without `pay_`, in any case. */
function localIdPrefix(name: string): string {
  return `pay_${(name.startsWith('pay_') ? name.slice(4) : name).toUpperCase()}`;
}

function theOne(candidates: readonly Payment[], name: string, {orphans}: Pick<State, 'orphans'>): Payment {
  const [only, second] = candidates;
  if (only === undefined && orphans.includes(name)) {
    throw new StowpayError(
      'payment_not_found',
      `Of ${name} only the name is known here: a repair of the journal lost its first record.`,
      {
        hint: `Look at the payment API for metadata stowpay_id ${name}. Then stowpay acknowledge ${name}.`,
      },
    );
  }
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
