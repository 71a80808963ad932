import {expect} from 'chai';
import type {PaymentIntent} from '../../src/lib/core/payment.js';
import type {LedgerEntry} from '../../src/lib/sandbox/api/ledger.js';
import type {Book} from './book.js';
import type {Sight, World} from './world.js';

/**
 * What must be true after every command, whatever went wrong. `holdsAtTheEnd` says more, once everything that can be
 * sent was sent.
 */
export async function holds(book: Book, world: World): Promise<void> {
  const sight = await world.look();
  for (const {local_id} of sight.payments) book.known.add(local_id);
  nothingIsLost(book, sight);
  nothingIsInvented(book, sight);
  nothingIsTakenTwice(book, sight);
  for (const payment of sight.payments) {
    if (!book.mayBeForgotten(payment.local_id)) whatIsSettledIsTrue(payment, sight);
  }
  anOperatorIsObeyed(book, sight);
  neverSafeWhileMoneyIsOpen(book, sight);
}

export function entriesOf({ledger}: Pick<Sight, 'ledger'>, localId: string): readonly LedgerEntry[] {
  return ledger.filter(({stowpay_id}) => stowpay_id === localId);
}

/** The intents of a payment that a bank approved. */
export function approvedOf(sight: Pick<Sight, 'ledger'>, localId: string): readonly LedgerEntry[] {
  return entriesOf(sight, localId).filter(({confirms}) => confirms > 0);
}

/** Money is taken, or held for us. */
export function isLive({confirms, status}: LedgerEntry): boolean {
  return confirms > 0 && status !== 'canceled';
}

function nothingIsLost(book: Book, {payments}: Sight): void {
  const listed = new Map(payments.map((payment) => [payment.local_id, payment]));
  for (const {local_id, amount, currency} of book.accepted.values()) {
    const payment = listed.get(local_id);
    expect(payment, `${local_id} was accepted, and the journal does not know it`).not.to.equal(undefined);
    expect(payment, `${local_id} is over other money than was accepted`).to.include({amount, currency});
  }
  for (const local_id of book.known)
    expect(listed.has(local_id), `${local_id} was in the journal before`).to.equal(true);
}

function nothingIsInvented(book: Book, {ledger}: Sight): void {
  for (const {stowpay_id, id, confirms} of ledger) {
    if (confirms === 0 || stowpay_id === null) continue;
    const ours = book.known.has(stowpay_id) || book.forgotten.has(stowpay_id);
    expect(ours, `${id} was confirmed for ${stowpay_id}, which no journal ever knew`).to.equal(true);
  }
}

function nothingIsTakenTwice(book: Book, sight: Sight): void {
  const {ledger, payments} = sight;
  const cards = new Map<string, string>();
  for (const entry of ledger) {
    const {id, confirms, captures, stowpay_id, amount, amount_captured} = entry;
    expect(confirms, `${id} was confirmed so often`).to.be.at.most(1);
    expect(captures, `${id} was captured so often`).to.be.at.most(1);
    if (confirms === 0) continue;
    const approved = approvedOf(sight, stowpay_id ?? '');
    if (!book.begun.has(stowpay_id ?? ''))
      expect(approved, `${stowpay_id} has more than one approved intent`).to.have.length(1);
    const payment = payments.find(({local_id}) => local_id === stowpay_id);
    if (payment !== undefined) expect(entry).to.include({amount: payment.amount, currency: payment.currency});
    if (captures > 0 && payment?.capture_method !== 'automatic') {
      const asked = [
        ...(book.captures.get(stowpay_id ?? '') ?? []),
        ...(payment === undefined ? [amount] : []),
      ];
      expect(asked, `${id}: captured for what nobody asked`).to.include(amount_captured);
    } else if (captures > 0) expect(amount_captured, `${id}: captured by itself`).to.equal(amount);
    const ksn = entry.ksn.at(-1) ?? '';
    expect(cards.get(ksn) ?? id, `one card read was approved twice`).to.equal(id);
    cards.set(ksn, id);
  }
  anOrderIsPaidOnce(book, sight);
}

function anOrderIsPaidOnce(book: Book, sight: Sight): void {
  const paid = new Map<string, string>();
  for (const {local_id, reference} of sight.payments) {
    if (reference === null || book.mayBeForgotten(local_id) || !approvedOf(sight, local_id).some(isLive))
      continue;
    expect(paid.get(reference) ?? local_id, `order ${reference} is paid twice`).to.equal(local_id);
    paid.set(reference, local_id);
  }
}

/** What the journal calls over is over at the API too, for ever: no request that is still on its way undoes it. */
function whatIsSettledIsTrue(payment: PaymentIntent, sight: Sight): void {
  const {local_id, id, state, amount_received} = payment;
  const entries = entriesOf(sight, local_id);
  const live = entries.filter(isLive);
  switch (state) {
    case 'captured': {
      const entry = entries.find((one) => one.id === id);
      expect(entry, `${local_id} is captured`).to.include({
        status: 'succeeded',
        confirms: 1,
        captures: 1,
        amount_captured: amount_received,
      });
      return;
    }
    case 'declined':
    case 'canceled':
    case 'refused':
      expect(live, `${local_id} is ${state}, and money is taken or held for it`).to.deep.equal([]);
      return;
    default:
  }
}

function anOperatorIsObeyed(book: Book, {payments}: Sight): void {
  for (const {local_id, state} of payments) {
    if (book.mayBeForgotten(local_id)) continue;
    if (book.canceled.has(local_id)) expect(state, `${local_id} was voided`).to.equal('canceled');
    else if (book.held.has(local_id) && !book.endedByOperator.has(local_id))
      expect(state, `${local_id} was held back`).to.equal('held');
  }
}

function neverSafeWhileMoneyIsOpen(book: Book, sight: Sight): void {
  if (sight.check.error !== null) return;
  for (const {local_id, state} of sight.payments) {
    if (book.mayBeForgotten(local_id)) continue;
    const open = entriesOf(sight, local_id).filter(({status}) => status === 'requires_capture');
    expect(open, `safe to wipe, while ${local_id} (${state}) is only authorised`).to.deep.equal([]);
  }
  const states = new Map(sight.payments.map(({local_id, state}) => [local_id, state]));
  for (const {local_id} of book.accepted.values())
    expect(states.get(local_id), `safe to wipe, and ${local_id} was accepted`).to.be.oneOf([
      'captured',
      'declined',
      'canceled',
    ]);
}

/** What a forward or a retry tells a person is so. */
export function holdsForReport(
  book: Book,
  items: readonly {readonly outcome: string; readonly payment: PaymentIntent}[],
  ledger: readonly LedgerEntry[],
): void {
  for (const {outcome, payment} of items) {
    const approved = approvedOf({ledger}, payment.local_id);
    const told = `${payment.local_id} was reported ${outcome}`;
    switch (outcome) {
      case 'authorized':
      case 'captured':
      case 'unclaimed':
      case 'too_late':
        expect(approved, told).to.have.length(1);
        break;
      case 'declined':
        expect(approved, told).to.deep.equal([]);
        if (payment.offline_details !== null) book.reportDeclined(payment.local_id);
        break;
      case 'canceled':
        expect(approved.filter(isLive), told).to.deep.equal([]);
        break;
      default:
    }
    expect(book.declines.get(payment.local_id) ?? 0, `${told}, so often`).to.be.at.most(1);
  }
}

/** The last word, once the network is good, nothing is on its way and everything was sent. */
export async function holdsAtTheEnd(book: Book, world: World): Promise<void> {
  await holds(book, world);
  const sight = await world.look();
  for (const payment of sight.payments) {
    if (book.begun.has(payment.local_id)) continue;
    whatIsSettledIsTrue(payment, sight);
    await isSettled(book, world, payment, sight);
  }
  for (const local_id of book.refused)
    expect(approvedOf(sight, local_id).filter(isLive), `${local_id} was refused, and is paid`).to.deep.equal(
      [],
    );
}

async function isSettled(book: Book, world: World, payment: PaymentIntent, sight: Sight): Promise<void> {
  const {local_id, state} = payment;
  const approved = approvedOf(sight, local_id);
  const accepted = book.accepted.has(local_id);
  switch (state) {
    case 'captured':
      if (accepted && !book.endedByOperator.has(local_id))
        expect(payment.bucket, `${local_id} was heard of`).to.equal('done');
      return;
    case 'declined': {
      if (payment.offline_details === null) return;
      const least = book.unheard.has(local_id) ? 0 : 1;
      expect(book.declines.get(local_id) ?? 0, `${local_id} was reported declined`).to.be.at.least(least);
      return;
    }
    case 'canceled':
      if (accepted) await hadToEnd(book, world, local_id, sight);
      return;
    case 'refused':
      expect(accepted, `${local_id} was accepted and refused`).to.equal(false);
      return;
    case 'quarantined':
      expect(approved.filter(isLive), `${local_id} is set aside, and money is held for it`).to.deep.equal([]);
      await hadToEnd(book, world, local_id, sight);
      return;
    default:
      expect.fail(`${local_id} is still ${state}: ${JSON.stringify(approved)}`);
  }
}

/** An accepted payment came to nothing: only because somebody voided it, or its authorisation lapsed. */
async function hadToEnd(book: Book, world: World, localId: string, sight: Sight): Promise<void> {
  if (book.endedByOperator.has(localId)) return;
  for (const {id} of entriesOf(sight, localId)) {
    if (book.endedElsewhere.has(id)) return;
    const {body} = await world.elsewhere('GET', `/v1/payment_intents/${id}`);
    if (body.cancellation_reason === 'automatic') return;
  }
  expect.fail(`${localId} was accepted, and came to nothing for no reason`);
}
