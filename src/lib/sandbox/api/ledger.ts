import type {AccountState, ChargeRecord, IntentRecord, State} from './state.js';

/** What really happened to one PaymentIntent: the judge in tests of "exactly once". */
export interface LedgerEntry {
  readonly account: string;
  readonly id: string;
  /** `metadata.stowpay_id`; null for an intent somebody else made. */
  readonly stowpay_id: string | null;
  readonly amount: number;
  readonly currency: string;
  readonly status: string;
  /** Confirms the issuer decided, approved or not. */
  readonly attempts: number;
  /** Confirms the issuer approved. */
  readonly confirms: number;
  readonly captures: number;
  readonly amount_captured: number;
  /** The KSN of every attempt. */
  readonly ksn: readonly string[];
  /** One of them was used for another intent too. */
  readonly ksn_reused: boolean;
  /** Unix seconds; null for an online charge, or none. */
  readonly stored_at: number | null;
}

/** Every PaymentIntent of every account, oldest first. */
export function ledger(state: State): LedgerEntry[] {
  return [...state.accounts.values()].flatMap((account) => {
    const charges = grouped(account, (charge) => charge.intent);
    const uses = grouped(account, (charge) => charge.ksn);
    return [...account.intents.values()].map((intent) =>
      entry(account, intent, charges.get(intent.id) ?? [], uses),
    );
  });
}

type Charges = ReadonlyMap<string, readonly ChargeRecord[]>;

function grouped(account: AccountState, nameOf: (charge: ChargeRecord) => string): Charges {
  const groups = new Map<string, ChargeRecord[]>();
  for (const charge of account.charges.values()) {
    const group = groups.get(nameOf(charge));
    if (group === undefined) groups.set(nameOf(charge), [charge]);
    else group.push(charge);
  }
  return groups;
}

function entry(
  account: AccountState,
  intent: IntentRecord,
  charges: readonly ChargeRecord[],
  uses: Charges,
): LedgerEntry {
  const ksn = charges.map((charge) => charge.ksn);
  const usedElsewhere = (one: string) =>
    uses.get(one)?.some((charge) => charge.intent !== intent.id) === true;
  return {
    account: account.id,
    id: intent.id,
    stowpay_id: intent.metadata.stowpay_id ?? null,
    amount: intent.amount,
    currency: intent.currency,
    status: intent.status,
    attempts: intent.attempts,
    confirms: intent.confirms,
    captures: intent.captures,
    amount_captured: intent.amount_received,
    ksn,
    ksn_reused: ksn.some(usedElsewhere),
    stored_at: charges.at(-1)?.stored_at ?? null,
  };
}
