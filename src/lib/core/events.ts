import type {
  Binding,
  CaptureMethod,
  CardDetails,
  OfflineBehavior,
  Operation,
  PrivateData,
  ReaderDetails,
} from './payment.js';
import type {PolicyDecision} from './policy.js';
import type {ApiError, JsonObject, ReaderIdentity, RemoteIntent, RemoteTerminal} from './ports.js';

/**
 * The facts a journal is made of. Everything shown is a fold of them; see `apply.ts`.
 * A type's shape only ever grows by optional fields; anything else gets a new version in `EVENT_VERSIONS`.
 */
export type EventBody =
  | {type: 'journal.opened'; data: {format: 1; device: string; machine: string | null}}
  | {
      type: 'journal.recovered';
      /** `tear`: a commit cut short by a power cut. `unacknowledged`: bytes nobody was ever told were safe. */
      data: {
        kind: 'tear' | 'unacknowledged';
        segment: string;
        offset: number;
        bytes: number;
        kept_as: string;
      };
    }
  /** Takes the sequence number of a record that a repair could not save. */
  | {type: 'journal.lost'; data: {reason: string; segment: string; byte: number}}
  | {
      type: 'journal.repaired';
      data: {
        device: string;
        machine: string | null;
        /** The lines were taken as they read, without proof: the key was lost. */
        rekeyed: boolean;
        lost: readonly LostRange[];
        quarantined: readonly string[];
        /** Payments whose first record is lost: that they were is known, not what they were. */
        orphans: readonly string[];
        /** Payments that a later record settles, of which others are lost or may be. */
        incomplete: readonly string[];
        /** Directory below `damaged/` that holds everything as it was before. */
        kept_as: string;
      };
    }
  /** A person said that this machine goes on with the journal. Machines by their digest. */
  | {type: 'journal.adopted'; data: {machine: string | null; previous: string | null}}
  /** A person found out what became of what a repair had lost. */
  | {
      type: 'journal.acknowledged';
      data: OperatorAct & {orphans: readonly string[]; unnamed_losses: number};
    }
  | {
      type: 'reader.paired';
      data: {
        /** The profile it was connected under. */
        profile: string;
        address: string;
        identity: ReaderIdentity;
        location: RemoteTerminal['location'];
        configuration: RemoteTerminal['configuration'];
        binding: Binding;
        /** `provisioned`: a sandbox device is born knowing its account and location. */
        how: 'online' | 'offline' | 'provisioned';
      };
    }
  | {
      type: 'payment.created';
      payment: string;
      data: {
        binding: Binding;
        amount: number;
        tip: number;
        currency: string;
        capture_method: CaptureMethod;
        offline_behavior: OfflineBehavior;
        reference: string | null;
        metadata: Readonly<Record<string, string>>;
        description: string | null;
        request: {api_version: string; create: JsonObject};
      };
    }
  | {
      type: 'payment.authorizing';
      payment: string;
      data: {card: CardDetails; reader: ReaderDetails; request: {confirm: JsonObject}};
      private: PrivateData;
    }
  | {
      type: 'payment.accepted_offline';
      payment: string;
      data: {
        card: CardDetails;
        reader: ReaderDetails;
        request: {confirm: JsonObject};
        stored_at: string;
        clock_uncertain: boolean;
        policy: PolicyDecision;
      };
      /** Absent when the sealed data is already journalled by `payment.authorizing`. */
      private?: PrivateData;
    }
  | {
      type: 'payment.refused';
      payment: string;
      data: {
        code: string;
        message: string;
        card: {brand: string; last4: string | null} | null;
        policy: PolicyDecision | null;
        /** The key serial number of the card that was read and refused, and the reader's: it must not come again. */
        used_key?: {ksn: string; reader: ReaderDetails};
      };
    }
  | {
      type: 'payment.attempted';
      payment: string;
      data: {operation: Operation; key: string; generation: number};
    }
  | {
      type: 'payment.delivered';
      payment: string;
      data: {
        operation: Operation;
        intent: RemoteIntent;
        request_id: string | null;
        /** True when a look (GET) told the outcome, not the answer to the attempt. */
        looked: boolean;
        unclaimed?: boolean;
      };
    }
  | {
      type: 'payment.declined';
      payment: string;
      data: {
        operation: Operation;
        error: ApiError;
        id: string | null;
        looked: boolean;
        charge?: string | null;
      };
    }
  | {
      type: 'payment.attempt_failed';
      payment: string;
      data: {
        operation: Operation;
        /**
         * `untouched`: a look showed that the attempt had no effect up to then. `interrupted`: the sender died.
         * `declined_in_doubt`: it was declined, but an earlier attempt may still be on its way.
         */
        outcome:
          | 'never_sent'
          | 'retry'
          | 'refused'
          | 'in_doubt'
          | 'stop'
          | 'soft_decline'
          | 'declined_in_doubt'
          | 'untouched'
          | 'interrupted';
        error: ApiError | null;
        /** The charge of a declined attempt, to tell its decline from the next one's. */
        charge?: string | null;
      };
    }
  | {
      type: 'payment.capture_attempted';
      payment: string;
      data: {amount: number; key: string; generation: number};
    }
  | {
      type: 'payment.captured';
      payment: string;
      data: {intent: RemoteIntent; request_id: string | null; looked: boolean};
    }
  | {type: 'payment.canceled'; payment: string; data: {reason: string; message: string}}
  | {
      type: 'payment.quarantined';
      payment: string;
      data: {code: string; message: string; error: ApiError | null};
    }
  | {type: 'payment.claimed'; payment: string; data: Record<string, never>}
  | {type: 'payment.held'; payment: string; data: OperatorAct}
  | {type: 'payment.released'; payment: string; data: OperatorAct}
  /** Durable before anything is sent: from here on it is never confirmed and never captured any more. */
  | {type: 'payment.cancel_requested'; payment: string; data: OperatorAct}
  | {
      type: 'payment.restored';
      payment: string;
      /** `abandons`: its intent was cancelled at the API before it was ever confirmed, so another one may be made. */
      data: OperatorAct & {abandons?: string};
    }
  | {type: 'payment.acknowledged'; payment: string; data: OperatorAct};

/** Who did it, and why they say they did. */
export interface OperatorAct {
  /** The user of the operating system. */
  readonly operator: string;
  readonly reason: string | null;
}

/** `by alice: wrong amount`, as timelines and messages say it. */
export function whoAndWhy({operator, reason}: OperatorAct): string {
  return `by ${operator}${reason === null ? '' : `: ${reason}`}`;
}

/** Records that a repair could not save, and where they stood. Null: how many is not known. */
export interface LostRange {
  readonly segment: string;
  /** 1-based. */
  readonly line: number;
  readonly byte: number;
  readonly first_seq: number | null;
  readonly last_seq: number | null;
  readonly reason: string;
  /** Whole payments may have been among them that nothing names any more. */
  readonly unnamed: boolean;
}

export type EventType = EventBody['type'];
export type PaymentEvent = Extract<EventBody, {payment: string}>;

/** The newest version of each record type this program can read. A newer one is refused, never guessed. */
export const EVENT_VERSIONS: Readonly<Record<EventType, number>> = {
  'journal.opened': 1,
  'journal.recovered': 1,
  'journal.lost': 1,
  'journal.repaired': 1,
  'journal.adopted': 1,
  'journal.acknowledged': 1,
  'reader.paired': 1,
  'payment.created': 1,
  'payment.authorizing': 1,
  'payment.accepted_offline': 1,
  'payment.refused': 1,
  'payment.attempted': 1,
  'payment.delivered': 1,
  'payment.declined': 1,
  'payment.attempt_failed': 1,
  'payment.capture_attempted': 1,
  'payment.captured': 1,
  'payment.canceled': 1,
  'payment.quarantined': 1,
  'payment.claimed': 1,
  'payment.held': 1,
  'payment.released': 1,
  'payment.cancel_requested': 1,
  'payment.restored': 1,
  'payment.acknowledged': 1,
};

/** What the journal adds to an event when it writes it. */
export interface RecordMeta {
  readonly v: number;
  readonly seq: number;
  /** First sequence number of the commit it was written in. */
  readonly commit: number;
  /** RFC 3339 UTC, wall clock. */
  readonly at: string;
  readonly boot: string;
  /** Milliseconds since boot. */
  readonly mono: number;
}

/** An event as it comes back from the journal; the private part is read apart. */
export type JournalRecord = RecordMeta & EventBody;
