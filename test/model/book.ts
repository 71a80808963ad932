import type {PaymentIntent} from '../../src/lib/core/payment.js';

/** A payment somebody was told is accepted: the goods may be gone. */
export interface Accepted {
  readonly local_id: string;
  readonly amount: number;
  readonly currency: string;
  readonly reference: string | null;
}

interface Remembered {
  readonly accepted: ReadonlyMap<string, Accepted>;
  readonly known: ReadonlySet<string>;
  readonly declines: ReadonlyMap<string, number>;
  readonly unheard: ReadonlySet<string>;
  readonly canceled: ReadonlySet<string>;
  readonly held: ReadonlySet<string>;
  readonly at: number;
}

/** After so long the API may have forgotten every idempotency key. */
const KEYS_KEPT_MS = 24 * 3600_000;

/**
 * What people were told and what they did: the model. It knows nothing of how stowpay works, only what it promised.
 */
export class Book {
  /** By local id. */
  accepted = new Map<string, Accepted>();
  /** Local ids of which a person was told that no money was taken. */
  readonly refused = new Set<string>();
  /** Local ids the journal ever listed. */
  known = new Set<string>();
  /** Local ids a backup threw away. */
  readonly forgotten = new Set<string>();
  /** Sales a backup knows only the beginning of: it threw away how they went on, and that they were accepted. */
  readonly begun = new Set<string>();
  /** How often each stored payment was reported declined by a forward. */
  declines = new Map<string, number>();
  /** Payments whose report may have died with its process. */
  unheard = new Set<string>();
  /** Payments an operator was told are void: no money will ever be taken for them. */
  canceled = new Set<string>();
  /** Payments an operator was told are held back. */
  held = new Set<string>();
  /** Payments an operator ever tried to void. */
  readonly endedByOperator = new Set<string>();
  /** Amounts anybody ever asked to capture. */
  readonly captures = new Map<string, Set<number>>();
  /** Intents that somebody else cancelled. */
  readonly endedElsewhere = new Set<string>();
  readonly #backups: Remembered[] = [];
  #forgotKeysAt: number | null = null;
  #restoredAt: number | null = null;

  get backups(): number {
    return this.#backups.length;
  }

  /** Somebody heard that a payment is good. Throws when the order was told good under another name before. */
  accept({local_id, amount, currency, reference}: PaymentIntent): void {
    const holder = reference === null ? undefined : this.holderOf(reference);
    if (holder !== undefined && holder.local_id !== local_id)
      throw new Error(`order ${reference} was accepted as ${holder.local_id} and again as ${local_id}`);
    this.accepted.set(local_id, {local_id, amount, currency, reference});
  }

  /** The accepted payment of an order that the journal still has to know. */
  holderOf(reference: string): Accepted | undefined {
    return [...this.accepted.values()].find((one) => one.reference === reference);
  }

  asked(localId: string, amount: number): void {
    const amounts = this.captures.get(localId) ?? new Set();
    this.captures.set(localId, amounts.add(amount));
  }

  reportDeclined(localId: string): void {
    this.declines.set(localId, (this.declines.get(localId) ?? 0) + 1);
  }

  keepBackup(at: number): void {
    this.#backups.push({
      accepted: new Map(this.accepted),
      known: new Set(this.known),
      declines: new Map(this.declines),
      unheard: new Set(this.unheard),
      canceled: new Set(this.canceled),
      held: new Set(this.held),
      at,
    });
  }

  restoreBackup(index: number, at: number): void {
    const backup = this.#backups[index];
    if (backup === undefined) throw new Error('no backup');
    for (const id of [...this.known, ...this.forgotten])
      if (backup.known.has(id)) this.forgotten.delete(id);
      else this.forgotten.add(id);
    this.accepted = new Map(backup.accepted);
    this.known = new Set(backup.known);
    this.declines = new Map(backup.declines);
    this.unheard = new Set(backup.unheard);
    this.canceled = new Set(backup.canceled);
    this.held = new Set(backup.held);
    this.#restoredAt = at;
  }

  forgetKeys(at: number): void {
    this.#forgotKeysAt = at;
  }

  /**
   * A restored journal does not know what was sent since the backup. For a day the API's keys know it, later a look at
   * its list does. So keys that the API forgot before its time are outside of what is promised to a restored journal.
   */
  mayRestore(index: number, at: number): boolean {
    const backup = this.#backups[index];
    if (backup === undefined) return false;
    const forgot = this.#forgotKeysAt;
    return forgot === null || forgot < backup.at || at - forgot > KEYS_KEPT_MS;
  }

  /**
   * What a restored journal voids as never sent may have been sent in the past that it has forgotten; and a sale it
   * knows the beginning of may have been taken in that past.
   */
  mayBeForgotten(localId: string): boolean {
    return this.begun.has(localId) || (this.#restoredAt !== null && this.endedByOperator.has(localId));
  }

  mayForgetKeys(at: number): boolean {
    return this.#restoredAt === null || at - this.#restoredAt > KEYS_KEPT_MS;
  }
}
