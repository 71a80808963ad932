import type {StowpayError} from '../../src/lib/core/errors.js';
import type {PaymentIntent} from '../../src/lib/core/payment.js';
import type {ForwardItem} from '../../src/lib/terminal/forward/result.js';
import type {ForwarderEvent} from '../../src/lib/terminal/forward/watch.js';
import type {Book} from './book.js';
import {holdsForReport} from './invariants.js';
import type {Death} from './life.js';
import type {Ended, World} from './world.js';

/** One process that works on what is stored. Two of them may run at once. */
export interface Act {
  readonly text: string;
  readonly perform: (book: Book, world: World) => Promise<void>;
}

export interface Choice {
  /** Which payment, of those it fits; null for all. */
  readonly only: number | null;
  readonly death: Death | null;
}

export interface Sending extends Choice {
  readonly limit: number | null;
}

export const ALL: Sending = {only: null, limit: null, death: null};

export function show(args: object): string {
  return Object.entries(args)
    .filter(([, value]) => value !== null && value !== false)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}

export function forward(sending: Sending): Act {
  return {
    text: `forward(${show(sending)})`,
    perform: async (book, world) => void (await forwardOnce(book, world, sending)),
  };
}

/** Forwards once, and hears its report: what became of each payment; null when there was none. */
export async function forwardOnce(
  book: Book,
  world: World,
  {only, limit, death}: Sending,
): Promise<readonly ForwardItem[] | null> {
  const payments = world.seen?.payments ?? [];
  const payment = only === null ? null : pick(payments, only);
  const names = payment === null ? [] : [payment.local_id];
  const ended = await world.run((terminal) => terminal.forward({names, limit, dryRun: false}), death);
  if (ended.kind === 'told') return heardReport(book, world, ended.value.payments);
  if (ended.kind === 'died') unheard(book, payments);
  else tolerate(ended.error, 'payment_intent_unexpected_state');
  return null;
}

async function heardReport<Item extends Pick<ForwardItem, 'payment'> & {outcome: string}>(
  book: Book,
  world: World,
  items: readonly Item[],
): Promise<readonly Item[]> {
  holdsForReport(book, items, await world.ledger());
  return items;
}

/** Its report died with it: what it brought about is in the journal all the same. */
function unheard(book: Book, payments: readonly PaymentIntent[]): void {
  for (const {local_id} of payments) book.unheard.add(local_id);
}

function tolerate(error: StowpayError, ...codes: readonly string[]): void {
  if (!codes.includes(error.code)) throw error;
}

export interface Watching {
  readonly death: Death | null;
  /** When it is stopped, real milliseconds. */
  readonly after: number;
}

/** A forwarder that runs for a while, as a service does. What it told before it died was told. */
export function watch(watching: Watching): Act {
  return {
    text: `watch(${show(watching)})`,
    perform: async (book, world) => {
      const {after, death} = watching;
      const payments = world.seen?.payments ?? [];
      const told: (ForwarderEvent & {event: 'payment_intent_forwarded'})[] = [];
      const ended = await world.run((terminal, life) => {
        const onEvent = (event: ForwarderEvent): void => {
          if (event.event === 'payment_intent_forwarded' && !life.dead) told.push(event);
        };
        return terminal.watch({signal: AbortSignal.timeout(after), onEvent, onBeat: () => {}});
      }, death);
      await heardReport(book, world, told);
      if (ended.kind === 'died') unheard(book, payments);
      if (ended.kind === 'failed') tolerate(ended.error, 'forwarder_running');
    },
  };
}

/** What differs from the API is adopted where it is proven: also how a payment ended that no forward told of. */
export function reconcile(death: Death | null): Act {
  return {
    text: `reconcile(${show({death})})`,
    perform: async (book, world) => {
      unheard(book, world.seen?.payments ?? []);
      // What was sent before it was held back, and is only found out now.
      book.held.clear();
      const request = {names: [], since: null, dryRun: false};
      const ended = await world.run((terminal) => terminal.reconcile(request), death);
      if (ended.kind === 'failed') tolerate(ended.error, 'network_unavailable', 'api_unavailable');
    },
  };
}

export interface Capturing extends Choice {
  /** Of the whole amount, in percent; null for all of it. Only with one payment. */
  readonly part: number | null;
}

export function capture(capturing: Capturing): Act {
  return {
    text: `capture(${show(capturing)})`,
    perform: async (book, world) => {
      const {only, part, death} = capturing;
      const payments = world.seen?.payments ?? [];
      if (only === null) return captureAll(book, world, death);
      const payment = pick(fitting(payments, 'authorized', 'capturing'), only) ?? pick(payments, only);
      if (payment === null) return;
      const amount = part === null ? null : Math.max(1, Math.floor((payment.amount * part) / 100));
      book.asked(payment.local_id, amount ?? payment.amount);
      const request = {names: [payment.local_id], all: false, amount, dryRun: false};
      captured(await world.run((terminal) => terminal.capture(request), death));
    },
  };
}

export async function captureAll(book: Book, world: World, death: Death | null = null): Promise<void> {
  for (const {local_id, amount} of world.seen?.payments ?? []) book.asked(local_id, amount);
  const request = {names: [], all: true, amount: null, dryRun: false};
  captured(await world.run((terminal) => terminal.capture(request), death));
}

function captured(ended: Ended<unknown>): void {
  if (ended.kind !== 'failed') return;
  tolerate(
    ended.error,
    'payment_intent_unexpected_state',
    'invalid_amount',
    'network_unavailable',
    'api_unavailable',
  );
}

/** An operator voids a payment, whatever became of it. */
export function cancel(choice: Choice): Act {
  return onOne('cancel', choice, [], async (book, world, names) => {
    for (const local_id of names) book.endedByOperator.add(local_id);
    const request = {names, all: false, reason: null, confirm: null, dryRun: false};
    const ended = await world.run((terminal) => terminal.cancel(request), choice.death);
    if (ended.kind !== 'told') return ended;
    for (const {outcome, payment} of ended.value) {
      if (outcome === 'canceled') book.canceled.add(payment.local_id);
    }
    return ended;
  });
}

export function hold(choice: Choice): Act {
  return onOne('hold', choice, ['accepted_offline'], async (book, world, names) => {
    const ended = await world.run((terminal) => terminal.hold(named(names)), choice.death);
    if (ended.kind !== 'told') return ended;
    for (const {outcome, payment} of ended.value) if (outcome === 'held') book.held.add(payment.local_id);
    return ended;
  });
}

export function release(choice: Choice): Act {
  return onOne('release', choice, ['held'], (book, world, names) => {
    for (const local_id of names) book.held.delete(local_id);
    return world.run((terminal) => terminal.release(named(names)), choice.death);
  });
}

/** An operator takes a payment out of quarantine, or just has it sent now. */
export function retry(choice: Choice): Act {
  return onOne('retry', choice, ['quarantined'], async (book, world, names) => {
    const request = {...named(names), dryRun: false};
    const ended = await world.run((terminal) => terminal.retry(request), choice.death);
    if (ended.kind === 'told') await heardReport(book, world, ended.value);
    if (ended.kind === 'died') unheard(book, world.seen?.payments ?? []);
    return ended;
  });
}

/** Everything that is set aside is tried again. */
export async function retryAll(book: Book, world: World): Promise<void> {
  const request = {names: [], all: true, reason: null, dryRun: false};
  const ended = await world.run((terminal) => terminal.retry(request));
  if (ended.kind === 'failed') throw ended.error;
  if (ended.kind === 'told') await heardReport(book, world, ended.value);
}

export function acknowledge(choice: Choice): Act {
  return onOne('acknowledge', choice, ['declined'], (_, world, names) =>
    world.run(
      (terminal) => terminal.acknowledge({...named(names), unnamedLosses: false, confirm: null}),
      choice.death,
    ),
  );
}

const named = (names: readonly string[]) => ({names, all: false, reason: null});

/** An act of an operator on one payment: one it fits, where there is one, else any. */
function onOne(
  verb: string,
  choice: Choice,
  states: readonly PaymentIntent['state'][],
  act: (book: Book, world: World, names: readonly string[]) => Promise<Ended<unknown>>,
): Act {
  return {
    text: `${verb}(${show(choice)})`,
    perform: async (book, world) => {
      const payments = world.seen?.payments ?? [];
      const index = choice.only ?? 0;
      const payment = pick(fitting(payments, ...states), index) ?? pick(payments, index);
      if (payment === null) return;
      const ended = await act(book, world, [payment.local_id]);
      if (ended.kind === 'failed') throw ended.error;
    },
  };
}

function fitting(
  payments: readonly PaymentIntent[],
  ...states: readonly PaymentIntent['state'][]
): readonly PaymentIntent[] {
  return payments.filter(({state}) => states.includes(state));
}

function pick(payments: readonly PaymentIntent[], index: number): PaymentIntent | null {
  return payments[index % Math.max(1, payments.length)] ?? null;
}
