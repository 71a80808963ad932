import type fc from 'fast-check';
import type {CollectRequest} from '../../src/lib/terminal/collect.js';
import {SALE} from '../support/till.js';
import {type Act, show} from './acts.js';
import type {Book} from './book.js';
import {holds} from './invariants.js';
import type {Death} from './life.js';
import type {ClockSetting, Ended, Trouble, World} from './world.js';

export type Command = fc.AsyncCommand<Book, World>;

/** Real time between two commands. */
const STEP_MS = 1000;

function command(
  text: string,
  run: (book: Book, world: World) => Promise<void>,
  check: (book: Book) => boolean = () => true,
): Command {
  return {
    check,
    run: async (book, world) => {
      world.pass(STEP_MS);
      await run(book, world);
      await holds(book, world);
      world.keepBackup();
      book.keepBackup(world.time);
    },
    toString: () => text,
  };
}

// ---------------------------------------------------------------- selling

/** The issuer approves, declines (its last two digits, see the sandbox API), or the sum is the smallest there is. */
const SUMS = [
  {amount: 1250, currency: 'usd'},
  {amount: 1205, currency: 'usd'},
  {amount: 4301, currency: 'usd'},
  {amount: 50, currency: 'usd'},
  {amount: 1200, currency: 'jpy'},
  {amount: 999_999, currency: 'eur'},
] as const;

export interface Sale {
  /** An order with a number is over the same sum whenever it is collected. */
  readonly order: number | null;
  readonly sum: number;
  readonly capture_method: CollectRequest['capture_method'];
  readonly offline_behavior: CollectRequest['offline_behavior'];
  readonly pan: string | null;
  /** The chip declines. */
  readonly aac: boolean;
  /** The network goes when the reader asks for the card. */
  readonly cut: boolean;
  readonly death: Death | null;
}

export const PLAIN_SALE: Sale = {
  order: null,
  sum: 0,
  capture_method: 'manual',
  offline_behavior: 'prefer_online',
  pan: null,
  aac: false,
  cut: false,
  death: null,
};

export function collect(sale: Sale): Command {
  return command(`collect(${show(sale)})`, async (book, world) => {
    const {order, pan, aac, death, capture_method, offline_behavior} = sale;
    const sum = SUMS[(order ?? sale.sum) % SUMS.length] ?? SUMS[0];
    world.present({...(pan === null ? {} : {pan}), behavior: aac ? 'decline_by_card' : 'approve'});
    const reference = order === null ? null : `order-${order}`;
    const cut = sale.cut && world.networkUp;
    const request: CollectRequest = {
      ...SALE,
      ...sum,
      reference,
      capture_method,
      offline_behavior,
      onInput: () => {
        if (cut) world.setNetwork(false);
      },
    };
    const ended = await world.run((terminal) => terminal.collect(request), death);
    if (cut) world.setNetwork(true);
    if (ended.kind === 'told') book.accept(ended.value.payment);
    if (ended.kind === 'failed') hearRefusal(book, ended.error);
  });
}

/** Errors that promise a person that no money was taken for this payment, and none will be. */
const NO_MONEY = new Set([
  'card_declined',
  'api_refused',
  'offline_transaction_declined',
  'network_unavailable',
  'not_connected_to_internet_and_require_online_set',
  'policy_refused',
  'invalid_offline_currency',
  'amount_exceeds_max_offline_amount',
]);
/** Errors that promise nothing about money, or that are about an earlier sale. */
const OTHER = new Set([
  'payment_in_doubt',
  'payment_declined_after_acceptance',
  'payment_quarantined',
  'payment_intent_unexpected_state',
  'payment_busy',
  'api_unavailable',
]);

function hearRefusal(book: Book, error: (Ended<never> & {kind: 'failed'})['error']): void {
  const {local_id} = error.details as {local_id?: string};
  if (NO_MONEY.has(error.code)) {
    if (local_id !== undefined) book.refused.add(local_id);
  } else if (!OTHER.has(error.code)) throw error;
}

// ---------------------------------------------------------------- working on what is stored

/** One process. */
export function does({text, perform}: Act): Command {
  return command(text, perform);
}

/** Two processes at once. */
export function together(one: Act, other: Act): Command {
  return command(`${one.text} ∥ ${other.text}`, async (book, world) => {
    await Promise.all([one.perform(book, world), other.perform(book, world)]);
  });
}

// ---------------------------------------------------------------- what goes wrong

export function trouble(what: Trouble): Command {
  const {at, count, fault} = what;
  return command(`trouble(${show({...fault, at, count})})`, (_, world) => world.trouble(what));
}

export function network(up: boolean): Command {
  return command(`network(${up ? 'up' : 'down'})`, async (_, world) => world.setNetwork(up));
}

export function lateArrive(): Command {
  return command('what is late arrives', (_, world) => world.arrivals());
}

/** Nothing stays on the way for longer. */
const LONGEST_WAY_MS = 3600_000;

export function pass(ms: number): Command {
  return command(`pass(${ms / 60_000} min)`, async (_, world) => {
    if (ms > LONGEST_WAY_MS) await world.arrivals();
    world.pass(ms);
  });
}

export function setClock(setting: ClockSetting): Command {
  return command(`clock(${setting})`, async (_, world) => world.setClock(setting));
}

export function forgetKeys(): Command {
  return command('the API forgets its keys', async (book, world) => {
    if (!book.mayForgetKeys(world.time)) return;
    await world.forgetKeys();
    book.forgetKeys(world.time);
  });
}

/**
 * What the device remembers is put back to where it was so many commands ago.
 * @param late after a day, when the API knows no key of what was sent since
 */
export function restoreBackup(ago: number, late: boolean): Command {
  return command(
    `restore(${ago}${late ? ', a day later' : ''})`,
    async (book, world) => {
      if (late) {
        await world.arrivals();
        world.pass(25 * 3600_000);
      }
      const index = Math.max(0, book.backups - 1 - ago);
      if (!book.mayRestore(index, world.time)) return;
      world.restoreBackup(index);
      book.restoreBackup(index, world.time);
      const {payments} = await world.look();
      for (const {local_id, state} of payments) if (state === 'created') book.begun.add(local_id);
    },
    ({backups}) => backups > 0,
  );
}

/** Somebody works on an intent with a plain client. */
export function elsewhere(act: 'capture' | 'cancel', index: number, part: number | null): Command {
  return command(`elsewhere(${act}, ${index}, ${part})`, async (book, world) => {
    const ours = (await world.ledger()).filter(({stowpay_id}) => stowpay_id !== null);
    const entry = ours[index % Math.max(1, ours.length)];
    if (entry === undefined) return;
    const amount = part === null ? entry.amount : Math.max(1, Math.floor((entry.amount * part) / 100));
    const form = act === 'capture' ? {amount_to_capture: String(amount)} : undefined;
    const {status} = await world.elsewhere('POST', `/v1/payment_intents/${entry.id}/${act}`, form);
    if (status !== 200) return;
    if (act === 'cancel') book.endedElsewhere.add(entry.id);
    else book.asked(entry.stowpay_id ?? '', amount);
  });
}
