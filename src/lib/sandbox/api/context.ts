import type {Form} from './form.js';
import {newId} from './ids.js';
import type {AccountState, Change, EventType, IntentRecord} from './state.js';

/** One API request while it is decided. Handlers read `account` and add to `changes`; nothing else is touched. */
export interface Context {
  readonly account: AccountState;
  readonly form: Form;
  /** The variable part of the path, '' when there is none. */
  readonly id: string;
  /** Unix seconds. */
  readonly now: number;
  readonly request_id: string;
  readonly idempotency_key: string | null;
  readonly changes: Change[];
}

/** What a handler answers with; errors are thrown as Problem. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** Records that an intent changed and, for whoever listens, why. */
export function saveIntent(context: Context, record: IntentRecord, event: EventType | null): void {
  const account = context.account.id;
  context.changes.push({kind: 'intent', account, record});
  if (event === null) return;
  context.changes.push({
    kind: 'event',
    account,
    record: {
      id: newId('evt'),
      type: event,
      created: context.now,
      intent: record,
      request: {id: context.request_id, idempotency_key: context.idempotency_key},
    },
  });
}
