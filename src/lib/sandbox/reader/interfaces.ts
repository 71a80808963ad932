import type {Behavior} from './behaviors.js';

/** Ways a card comes to the reader. */
export type Interface = 'contact' | 'contactless' | 'swipe';

const BITS: Readonly<Record<Interface, number>> = {swipe: 0x01, contactless: 0x02, contact: 0x04};

/** The ways that a mask (DFEF37) opens. */
export function openBy(mask: number): ReadonlySet<Interface> {
  const names = Object.keys(BITS) as Interface[];
  return new Set(names.filter((name) => (mask & BITS[name]) !== 0));
}

/**
 * The way a customer with this card takes, of those that are open; null when none of them will do, so that nobody
 * comes. An ordinary card is held to the reader if it can be, inserted if not, and swiped where nothing else is left.
 */
export function wayOf(behavior: Behavior, open: ReadonlySet<Interface>): Interface | null {
  const ways = WAYS[behavior] ?? ['contactless', 'contact', 'swipe'];
  return ways.find((way) => open.has(way)) ?? null;
}

const WAYS: Readonly<Partial<Record<Behavior, readonly Interface[]>>> = {
  phone: ['contactless'],
  see_phone: ['contactless'],
  msd: ['contactless'],
  collision: ['contactless'],
  tap_again: ['contactless'],
  removed_early: ['contactless'],
  torn: ['contactless'],
  use_contact: ['contactless'],
  over_limit: ['contactless'],
  insert_or_swipe: ['contactless'],
  chip_error: ['contact'],
  contact: ['contact'],
  contact_approve_offline: ['contact'],
  contact_decline: ['contact'],
  chip_removed_early: ['contact'],
  chip_seated_late: ['contact'],
  chip_unreadable: ['contact'],
  swipe: ['swipe'],
  fallback: ['swipe'],
};
