import type {StoredCard} from './unseal.js';

/** A decline, as it is kept on the intent and the failed charge. */
export interface DeclineRecord {
  readonly charge: string;
  readonly code: string;
  readonly decline_code: string;
  readonly advice_code: string | null;
  readonly message: string;
}

/** What the sandbox knows of a PaymentIntent. `payment-intent-object.ts` makes Stripe's object of it. */
export interface IntentRecord {
  readonly id: string;
  /** Unix seconds, as all times here. */
  readonly created: number;
  readonly amount: number;
  readonly currency: string;
  readonly capture_method: 'automatic' | 'manual';
  readonly description: string | null;
  readonly receipt_email: string | null;
  readonly statement_descriptor: string | null;
  readonly statement_descriptor_suffix: string | null;
  readonly transfer_group: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly allowed_payment_method_types: readonly string[] | null;
  readonly client_secret: string;
  readonly status: 'requires_payment_method' | 'requires_capture' | 'succeeded' | 'canceled';
  readonly amount_received: number;
  readonly canceled_at: number | null;
  readonly cancellation_reason: string | null;
  readonly latest_charge: string | null;
  readonly payment_method: string | null;
  readonly last_payment_error: DeclineRecord | null;
  /** For the ledger: confirms that were decided at all, that were approved, and captures. */
  readonly attempts: number;
  readonly confirms: number;
  readonly captures: number;
}

export interface ChargeRecord {
  readonly id: string;
  readonly created: number;
  readonly intent: string;
  readonly payment_method: string;
  readonly amount: number;
  readonly amount_captured: number;
  readonly amount_refunded: number;
  readonly currency: string;
  readonly captured: boolean;
  readonly card: StoredCard;
  readonly exp_month: number;
  readonly exp_year: number;
  readonly read_method: string;
  readonly reader: {readonly serial: string; readonly type: string; readonly firmware: string};
  readonly ksn: string;
  /** When it was taken offline; null for an online charge. */
  readonly stored_at: number | null;
  readonly receipt: ReceiptRecord;
  readonly authorization_code: string | null;
  readonly capture_before: number | null;
  readonly decline: DeclineRecord | null;
}

export interface ReceiptRecord {
  readonly application_cryptogram: string | null;
  readonly application_preferred_name: string | null;
  readonly cardholder_verification_method: string | null;
  readonly dedicated_file_name: string | null;
  readonly terminal_verification_results: string | null;
  readonly transaction_status_information: string | null;
}

export interface LocationRecord {
  readonly id: string;
  readonly display_name: string;
  readonly address: Readonly<Record<AddressField, string | null>>;
  readonly configuration_overrides: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

export type AddressField = 'city' | 'country' | 'line1' | 'line2' | 'postal_code' | 'state';

export interface ConfigurationRecord {
  readonly id: string;
  readonly name: string | null;
  readonly is_account_default: boolean;
  readonly offline_enabled: boolean | null;
}

export type EventType =
  | 'payment_intent.created'
  | 'payment_intent.amount_capturable_updated'
  | 'payment_intent.succeeded'
  | 'payment_intent.payment_failed'
  | 'payment_intent.canceled';

export interface EventRecord {
  readonly id: string;
  readonly type: EventType;
  readonly created: number;
  readonly intent: IntentRecord;
  readonly request: {readonly id: string; readonly idempotency_key: string | null};
}

/** A reply kept for its idempotency key. */
export interface ReplyRecord {
  readonly key: string;
  readonly at: number;
  /** Digest of method, path and body. */
  readonly request: string;
  readonly status: number;
  readonly body: string;
}

export interface FaultRecord {
  readonly id: string;
  /** `*` for any. */
  readonly method: string;
  /** An asterisk stands for any text. */
  readonly path: string;
  /** How many requests it still meets. */
  readonly count: number;
  readonly fault: Fault;
}

export type Fault =
  | {readonly kind: 'drop_before'}
  | {readonly kind: 'drop_after'}
  | {readonly kind: 'truncate'}
  | {readonly kind: 'hang'; readonly ms: number}
  | {readonly kind: 'error_500_before'}
  | {readonly kind: 'error_500_after'}
  | {readonly kind: 'html_502'}
  | {readonly kind: 'conflict_409'}
  | {readonly kind: 'rate_limit_429'; readonly should_retry: boolean | null}
  | {readonly kind: 'unavailable_503'}
  | {readonly kind: 'forget_keys'};

/** Everything that can happen to the state. One request appends all of its changes as one line, so all or none hold. */
export type Change =
  | {readonly kind: 'intent'; readonly account: string; readonly record: IntentRecord}
  | {readonly kind: 'charge'; readonly account: string; readonly record: ChargeRecord}
  | {readonly kind: 'location'; readonly account: string; readonly record: LocationRecord}
  | {readonly kind: 'configuration'; readonly account: string; readonly record: ConfigurationRecord}
  | {readonly kind: 'event'; readonly account: string; readonly record: EventRecord}
  | {readonly kind: 'reply'; readonly account: string; readonly record: ReplyRecord}
  | {readonly kind: 'keys_forgotten'; readonly account: string | null}
  | {readonly kind: 'fault'; readonly record: FaultRecord}
  | {readonly kind: 'fault_used'; readonly id: string}
  | {readonly kind: 'faults_cleared'};

export interface AccountState {
  readonly id: string;
  readonly intents: Map<string, IntentRecord>;
  /** Intents waiting for their capture: those that can lapse. */
  readonly uncaptured: Set<string>;
  readonly charges: Map<string, ChargeRecord>;
  readonly locations: Map<string, LocationRecord>;
  readonly configurations: Map<string, ConfigurationRecord>;
  readonly events: Map<string, EventRecord>;
  readonly replies: Map<string, ReplyRecord>;
}

export interface State {
  readonly accounts: Map<string, AccountState>;
  readonly faults: Map<string, FaultRecord>;
}

export function emptyState(): State {
  return {accounts: new Map(), faults: new Map()};
}

/** The account, begun when it is first asked for: with one location, offline enabled by default. */
export function accountOf(state: State, id: string): AccountState {
  let account = state.accounts.get(id);
  if (account === undefined) {
    account = freshAccount(id);
    state.accounts.set(id, account);
  }
  return account;
}

/** The only fold. Total: every line the store ever wrote can be applied in order. */
export function apply(state: State, change: Change): void {
  switch (change.kind) {
    case 'intent':
      putIntent(accountOf(state, change.account), change.record);
      break;
    case 'charge':
      put(accountOf(state, change.account).charges, change.record);
      break;
    case 'location':
      put(accountOf(state, change.account).locations, change.record);
      break;
    case 'configuration':
      put(accountOf(state, change.account).configurations, change.record);
      break;
    case 'event':
      put(accountOf(state, change.account).events, change.record);
      break;
    case 'reply':
      accountOf(state, change.account).replies.set(change.record.key, change.record);
      break;
    case 'keys_forgotten':
      for (const account of state.accounts.values()) {
        if (change.account === null || change.account === account.id) account.replies.clear();
      }
      break;
    case 'fault':
      put(state.faults, change.record);
      break;
    case 'fault_used':
      useFault(state.faults, change.id);
      break;
    case 'faults_cleared':
      state.faults.clear();
      break;
  }
}

function putIntent(account: AccountState, record: IntentRecord): void {
  account.intents.set(record.id, record);
  if (record.status === 'requires_capture') account.uncaptured.add(record.id);
  else account.uncaptured.delete(record.id);
}

function put<R extends {readonly id: string}>(records: Map<string, R>, record: R): void {
  records.set(record.id, record);
}

function useFault(faults: Map<string, FaultRecord>, id: string): void {
  const fault = faults.get(id);
  if (fault === undefined) return;
  if (fault.count <= 1) faults.delete(id);
  else faults.set(id, {...fault, count: fault.count - 1});
}

function freshAccount(id: string): AccountState {
  return {
    id,
    intents: new Map(),
    uncaptured: new Set(),
    charges: new Map(),
    locations: new Map([[FIRST_LOCATION.id, FIRST_LOCATION]]),
    configurations: new Map([[DEFAULT_CONFIGURATION.id, DEFAULT_CONFIGURATION]]),
    events: new Map(),
    replies: new Map(),
  };
}

const FIRST_LOCATION: LocationRecord = {
  id: 'tml_sandbox',
  display_name: 'Sandbox kiosk',
  address: {
    city: 'Springfield',
    country: 'US',
    line1: '1 Example Street',
    line2: null,
    postal_code: '00000',
    state: 'IL',
  },
  configuration_overrides: null,
  metadata: {},
};

const DEFAULT_CONFIGURATION: ConfigurationRecord = {
  id: 'tmc_sandbox',
  name: 'Sandbox default',
  is_account_default: true,
  offline_enabled: true,
};
