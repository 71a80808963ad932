import type {CardAnswer, CardRead, SealedCardData} from './card.js';
import type {Decision} from './decide.js';
import type {JournalRecord, LostRange} from './events.js';
import type {Examination, ReaderSetting, SettingChange, SettingOutcome} from './examination.js';
import type {PrivateData} from './payment.js';
import type {ReaderInput} from './reader-input.js';
import type {State} from './state.js';

/** Time as the machine tells it. `mono` never jumps within one `boot`. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. May be wrong: a kiosk often has no battery clock. */
  now(): number;
  /** Milliseconds since some point of this boot. */
  mono(): number;
  /** An identifier that changes with every boot of the machine. */
  readonly boot: string;
}

/** Cryptographically random bytes. */
export type Random = (count: number) => Uint8Array;

// ---------------------------------------------------------------- Reader

export interface ReaderKey {
  /** `unknown`: older firmware does not tell. A key that is missing or used up then shows at the next sale. */
  readonly state: 'valid' | 'end_of_life' | 'missing' | 'unknown';
  /** Current KSN, upper-case hex; null when there is no key, or it is not told. */
  readonly ksn: string | null;
}

export interface ReaderIdentity {
  /** Reader family and model as a stable type name, e.g. `idtech_neo2`. The 30-day rules go by it. */
  readonly type: string;
  /** As the reader tells it; '' if it was never set. */
  readonly serial_number: string;
  readonly firmware: string;
  readonly encryption_enabled: boolean;
  readonly key: ReaderKey;
  /** The key is a published test key: sandbox only. */
  readonly test_key: boolean;
}

export interface CardRequest {
  /** Minor units. */
  readonly amount: number;
  /** Lowercase ISO 4217. */
  readonly currency: string;
  /** ISO 4217 numeric, three digits. */
  readonly currency_numeric: string;
  /** Seconds to wait for a card. */
  readonly timeout_s: number;
  /** A magnetic stripe may be taken: there is a network. Else it is seen, and its owner told to do otherwise. */
  readonly stripe: boolean;
  /** False: a tap is not taken, and nobody is asked for one. */
  readonly contactless?: boolean;
}

/** What became of the money, as far as reader, card and customer are concerned. */
export type SaleOutcome = 'authorized' | 'stored' | 'declined' | 'not_taken' | 'unknown';

/** One open reader. One command at a time; every method throws only StowpayError. */
export interface Reader {
  /** The address it was opened with, e.g. `serial:/dev/ttyUSB0`. */
  readonly address: string;
  identify(signal?: AbortSignal): Promise<ReaderIdentity>;
  /**
   * Afterwards the reader polls on demand, its clock is `now` (UTC), masking shows six and four digits – as far as its
   * firmware knows these settings: see what is returned. Its clock is left alone when `now` is null.
   */
  prepare(now: Date | null, signal?: AbortSignal): Promise<ReadonlyMap<ReaderSetting, SettingOutcome>>;
  /** Tells the reader one setting. Rejects only when the reader is gone, or fails instead of refusing. */
  set(change: SettingChange, signal?: AbortSignal): Promise<SettingOutcome>;
  /**
   * Asks everything and changes nothing. Rejects only when interrupted: a question without answer is part of what is
   * returned, and after the second one that stays away no more are asked.
   *
   * @param now this machine's clock, ms since the epoch
   */
  examine(now: () => number, signal?: AbortSignal): Promise<Examination>;
  /**
   * Waits for a card and returns what came of it. What a customer can mend (two cards at once, a card for the other
   * way, one taken away too early) is asked for and read anew, a bounded number of times and within a bounded time.
   * Aborting the signal cancels the read *at the reader* and resolves with `no_card/canceled` – or with the card, if
   * the reader had already read one. Call `finish` afterwards, whatever came.
   */
  collect(
    request: CardRequest,
    onInput: (input: ReaderInput) => void,
    signal?: AbortSignal,
  ): Promise<CardAnswer>;
  /**
   * Ends the card's dialogue, has it taken out and shows the result on the reader. Best effort: never rejects, never
   * waits long; changes nothing of what was decided.
   */
  finish(outcome: SaleOutcome, onInput: (input: ReaderInput) => void): Promise<void>;
  close(): Promise<void>;
}

/** A process that has a port open. */
export interface PortHolder {
  readonly pid: number;
  /** Its program, as the system names it; '' when it does not. */
  readonly name: string;
  /** It keeps others out by the lock everybody is asked to respect. */
  readonly locks: boolean;
}

/** What the operating system tells of the port behind an address, without opening it. */
export type PortFacts =
  | {
      readonly kind: 'serial';
      readonly path: string;
      /** Where a stable name leads to; null when there is nothing. */
      readonly target: string | null;
      readonly is_device: boolean;
      /** `root:dialout`; null when there is nothing. */
      readonly owner: string | null;
      /** Octal, as chmod takes it. */
      readonly mode: string | null;
      readonly may_open: boolean;
      /** Processes other than this one that have it open, as far as this user may see; null where that cannot be told. */
      readonly holders: readonly PortHolder[] | null;
    }
  | {readonly kind: 'tcp'}
  | {readonly kind: 'emulated'};

export type InspectPort = (address: string) => PortFacts;

/** Opens a reader by address (`serial:…`, `tcp:…`, `sim:`) and has it answer a ping. */
export type OpenReader = (address: string, signal?: AbortSignal) => Promise<Reader>;

/** A port of this machine that a reader could be at. */
export interface ReaderPort {
  /** What to give to `--reader`: the name that lasts longest. */
  readonly address: string;
  readonly path: string;
  /** Other names of the same port, those below /dev/serial/by-id first. */
  readonly links: readonly string[];
  readonly usb: {readonly vendor: string; readonly product: string; readonly serial: string | null} | null;
  /** What the device calls itself. */
  readonly description: string | null;
}

export interface ReaderPorts {
  readonly ports: readonly ReaderPort[];
  /** What could not be asked, and what was done instead. */
  readonly notes: readonly {readonly code: string; readonly message: string}[];
}

/** Lists the serial ports a reader could be at. Opens none. Never rejects. */
export type ListReaderPorts = () => Promise<ReaderPorts>;

// ---------------------------------------------------------------- Gateway

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | {readonly [key: string]: JsonValue};
export type JsonObject = {readonly [key: string]: JsonValue};

/** The API's error as far as it matters, never with request parameters. */
export interface ApiError {
  readonly type: string;
  readonly code: string | null;
  readonly decline_code: string | null;
  readonly message: string;
  readonly http_status: number | null;
  readonly request_id: string | null;
  /** Stripe's advice about trying again, where it gives one. */
  readonly advice_code?: string | null;
}

/**
 * What is known after a call. The classes are exhaustive: every status, body and transport failure is one of them.
 * Only `never_sent` says that the request surely did not reach the API.
 */
export type Outcome<T> =
  | {readonly kind: 'delivered'; readonly value: T; readonly request_id: string | null}
  /** The card was declined. Only a confirm ends so. */
  | {
      readonly kind: 'declined';
      readonly error: ApiError;
      readonly intent: RemoteIntent | null;
      /** The issuer may answer otherwise later (processing_error, issuer_not_available, try_again_later). */
      readonly soft: boolean;
    }
  /** The API answered and refused the request as such (400, 404 …). */
  | {readonly kind: 'refused'; readonly error: ApiError}
  /** No socket ever connected: nothing left this machine. */
  | {readonly kind: 'never_sent'; readonly error: ApiError}
  /** The API answered that it did not process it now (409, 429, 503): the same request may be sent again. */
  | {readonly kind: 'retry'; readonly error: ApiError; readonly retry_after_ms: number | null}
  /** It may or may not have taken effect: look before doing anything. After a look: it did not tell. */
  | {readonly kind: 'in_doubt'; readonly error: ApiError}
  /** Credentials: the whole drain stops. */
  | {readonly kind: 'stop'; readonly error: ApiError};

export interface RemoteAccount {
  readonly id: string;
  readonly livemode: boolean;
  /** From the answer's Date header, milliseconds since the epoch; null without one. */
  readonly server_time: number | null;
}

export interface RemoteTerminal {
  readonly location: {readonly id: string; readonly display_name: string; readonly country: string | null};
  readonly configuration: {
    readonly id: string;
    readonly offline_enabled: boolean;
    /** Software that readers may have at this location; left out where the location names none. */
    readonly approved_firmware?: readonly string[];
  };
}

/** Stripe's PaymentIntent as far as stowpay uses it. */
export interface RemoteIntent {
  readonly id: string;
  readonly status: string;
  readonly amount: number;
  readonly amount_capturable: number;
  readonly amount_received: number;
  readonly currency: string;
  readonly capture_method: string;
  readonly livemode: boolean;
  readonly created: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly cancellation_reason: string | null;
  readonly last_payment_error: ApiError | null;
  /** The latest charge, also a declined one; only its id is known where the answer did not expand it. */
  readonly charge: {
    readonly id: string;
    readonly authorization_code: string | null;
    readonly authorization_response_code: string | null;
    readonly account_type: string | null;
    /** Unix seconds until which a capture is possible. */
    readonly capture_before: number | null;
    /** Unix seconds; not null exactly for a forwarded (deferred) charge. */
    readonly offline_stored_at: number | null;
  } | null;
}

/** A call whose every parameter was fixed and journalled before it is sent. */
export interface FrozenCall {
  readonly api_version: string;
  readonly idempotency_key: string;
  readonly params: JsonObject;
}

/** What a payment is before a request is frozen from it. */
export interface CreateDraft {
  readonly local_id: string;
  /** The journal's device, so that a fleet on one account can tell whose an intent is; null where it is not known. */
  readonly device: string | null;
  /** Minor units, tip included. */
  readonly amount: number;
  readonly currency: string;
  readonly capture_method: 'manual' | 'automatic';
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ConfirmDraft {
  readonly card: CardRead;
  readonly reader: {readonly serial: string; readonly type: string; readonly firmware: string};
  /** Unix seconds when it was stored offline; null for an online confirm. */
  readonly stored_at: number | null;
}

/**
 * The payment API. Methods never throw for anything the API or the network does: that is an Outcome.
 * Every call has a total deadline.
 */
export interface Gateway {
  /** Where payments are bound to: `sandbox` (embedded) or the API's origin (`https://api.stripe.com`). */
  readonly origin: string;
  /** The API version every frozen request names. */
  readonly apiVersion: string;
  /** False for Stripe itself: no public API accepts card data that something else collected. */
  readonly acceptsSealedData: boolean;

  /** Pure. Parameters of the create call, without the sealed data, validated. Throws `invalid_metadata`, `amount_too_small`. */
  freezeCreate(draft: CreateDraft): JsonObject;
  /** Pure. Parameters of the confirm call *without* the ciphertext, which stays in the journal's private part until sent. */
  freezeConfirm(draft: ConfirmDraft): JsonObject;

  account(signal?: AbortSignal): Promise<Outcome<RemoteAccount>>;
  /**
   * The account, asked over a connection of its own, with shorter deadlines: whether the API can be reached *now*,
   * whatever hangs in other connections. May be asked again while earlier ones are unanswered.
   */
  probe(signal?: AbortSignal): Promise<Outcome<RemoteAccount>>;
  /** The location (the account's first when null) and the terminal configuration that applies to it. */
  terminal(location: string | null, signal?: AbortSignal): Promise<Outcome<RemoteTerminal>>;
  createPaymentIntent(call: FrozenCall, signal?: AbortSignal): Promise<Outcome<RemoteIntent>>;
  retrievePaymentIntent(id: string, signal?: AbortSignal): Promise<Outcome<RemoteIntent>>;
  /** The one call that moves money. */
  confirmPaymentIntent(
    id: string,
    call: FrozenCall,
    sealed: SealedCardData,
    signal?: AbortSignal,
  ): Promise<Outcome<RemoteIntent>>;
  capturePaymentIntent(id: string, call: FrozenCall, signal?: AbortSignal): Promise<Outcome<RemoteIntent>>;
  cancelPaymentIntent(id: string, call: FrozenCall, signal?: AbortSignal): Promise<Outcome<RemoteIntent>>;
  /** All intents created at or after `since` (unix seconds), newest first, page by page. */
  listPaymentIntents(since: number, signal?: AbortSignal): AsyncIterable<Outcome<readonly RemoteIntent[]>>;
  /**
   * Requests made from now on open connections of their own making: those from before an outage may be dead and not
   * tell. Requests under way are left alone, and their connections close after them.
   */
  renew(): void;
  /** Releases sockets. */
  close(): Promise<void>;
}

// ---------------------------------------------------------------- Journal

/** A payment owned by this process; nobody else acts on it until it is released or the process dies. */
export interface PaymentClaim {
  release(): void;
}

/** One record of a payment's story. */
export interface HistoryEntry {
  readonly record: JournalRecord;
  readonly segment: string;
}

export interface JournalHealth {
  readonly ok: boolean;
  /** Sequence number of the last record that verifies. */
  readonly seq: number;
  readonly damage: {readonly message: string; readonly details: Readonly<Record<string, unknown>>} | null;
}

/** What a running forwarder owns instead of a payment: no payment has this sequence number. */
export const FORWARDER = 0;

/**
 * What a process owns while it talks to the connected reader: some serial device servers let two in, and any command
 * ends a card read. No payment has this sequence number either.
 */
export const READER = 2 ** 40;

/** The append-only record of payments. Everything it throws is a StowpayError. */
export interface Journal {
  /** Lock-free and read-only: what is durable now. Damage is reported in `health`, and what verifies is served. */
  view(): Promise<{readonly state: State; readonly health: JournalHealth}>;
  /**
   * Runs `decide` on the newest state under the journal's lock and writes its events in one synced commit.
   * Resolves only when they are durable. A decision without events writes nothing. `decide` must be quick and pure.
   * Throws what `decide` throws, `journal_locked`, `journal_damaged`, `journal_full` (nothing stored) or
   * `journal_write_failed` (unknown; final for this process).
   */
  transact<T>(
    decide: (state: State) => Decision<T>,
  ): Promise<{readonly result: T; readonly records: readonly JournalRecord[]}>;
  /** Owns a payment for a network act; null when somebody else does beyond `waitMs`. */
  claim(seq: number, waitMs?: number): Promise<PaymentClaim | null>;
  /** Whether a running process owns the payment. */
  owned(seq: number): boolean;
  /** The sealed data of a payment that is not closed; null when it has none (any more). */
  privateData(localId: string): Promise<PrivateData | null>;
  /** A digest that only this device can make: the same for the same text, and nothing can be told from it elsewhere. */
  fingerprint(text: string): string;
  /** Every record of one payment, verified, in order; empty when there is none. Found without reading the rest. */
  story(localId: string): Promise<readonly JournalRecord[]>;
  /**
   * Local ids of payments that left the state and are called so: a local id, the beginning of one, or the id of a
   * PaymentIntent. At most `limit`.
   */
  named(name: string, limit: number): Promise<readonly string[]>;
  /** Local ids of the payments that left the state because they are closed, the one created last first. */
  closed(): AsyncIterable<string>;
  /** Every record from the first on, verified, in order. Constant memory. */
  history(): AsyncIterable<HistoryEntry>;
  /** Verifies every line of every segment, under the lock. */
  verify(): Promise<JournalHealth>;
  close(): void;
}

/** One place of a journal that is wrong. */
export interface JournalDamage {
  readonly segment: string;
  /** 1-based. */
  readonly line: number;
  readonly byte: number;
  readonly reason: string;
  /** The payment it concerns, as far as the bytes still tell. */
  readonly payment: string | null;
}

/** Everything that is wrong with a journal. */
export interface JournalReport {
  readonly device: string | null;
  readonly segments: number;
  /** Records that verify. */
  readonly records: number;
  readonly bytes: number;
  readonly damage: readonly JournalDamage[];
  /** What is not damage and yet worth knowing. */
  readonly notes: readonly string[];
  /** It belongs to another machine. */
  readonly cloned: boolean;
}

export interface RepairRequest {
  /** The device, as a person typed it; null: only say what would be done. */
  readonly confirm: string | null;
  /** Write everything anew with a new key: the old one is lost, and with it the proof. */
  readonly rekey: boolean;
}

export interface RepairReport {
  /** What has to be typed to confirm. */
  readonly device: string;
  /** `none`: there was nothing to repair. `finished`: one that was interrupted before was brought to its end. */
  readonly outcome: 'none' | 'planned' | 'repaired' | 'finished';
  readonly rekeyed: boolean;
  readonly lost: readonly LostRange[];
  readonly quarantined: readonly {readonly payment: string; readonly reason: string}[];
  readonly orphans: readonly string[];
  /** Payments that are settled, of whose history something is lost or may be. */
  readonly incomplete: readonly string[];
  /** Segments that are written anew. */
  readonly rebuilt: readonly string[];
  /** Directory that holds everything as it was; null while nothing was changed. */
  readonly kept_in: string | null;
}

export interface AdoptReport {
  readonly device: string;
  /** False when the journal was this machine's already. */
  readonly needed: boolean;
  readonly adopted: boolean;
}

/** What a person does about a journal that is damaged. Everything it throws is a StowpayError. */
export interface JournalCare {
  /** Reads everything, under the journal's lock. */
  survey(): Promise<JournalReport>;
  /**
   * Rebuilds the journal from what verifies; everything as it was is kept. Throws `payment_busy`, `journal_locked`,
   * `journal_damaged` (nothing to rebuild from), `journal_version_unknown`, `invalid_usage` (another device's name).
   */
  repair(request: RepairRequest): Promise<RepairReport>;
  /** Says that this machine goes on with the journal. */
  adopt(confirm: string | null): Promise<AdoptReport>;
}

// ---------------------------------------------------------------- Device

export type NetworkStatus = 'unknown' | 'online' | 'offline';

export interface NetworkState {
  readonly status: NetworkStatus;
  /** RFC 3339; when the status last changed. Null while unknown. */
  readonly since: string | null;
}

/** What this device remembers beside the journal. A cache: it can be lost without harm. */
export interface Device {
  network(): NetworkState;
  setNetwork(status: NetworkStatus, at: string): void;
}
