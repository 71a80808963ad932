import {freesReference} from '../core/decide.js';
import {STATES} from '../core/payment.js';
import {addTo, nobodyRunning, referenceKey, type State} from '../core/state.js';
import {openJsonFile} from '../storage/json-file.js';
import type {Storage} from '../storage/storage.js';
import type {Fold, PrivatePlace} from './fold.js';
import {macOf} from './line.js';
import type {Position} from './scan.js';

const FORMAT = 2;
/**
 * How many records the reference of a closed payment is remembered for: some 40,000 payments. Counted, not timed:
 * a clock that was wrong once must never free the reference of an order that was charged.
 */
const REFERENCE_WINDOW = 200_000;

interface CheckpointFile {
  mac: string;
  /** JSON text, so that its MAC needs no canonical form. */
  body: string;
}

interface CheckpointBody {
  readonly format: number;
  readonly position: Position;
  readonly privates: readonly (readonly [string, PrivatePlace])[];
  readonly state: Record<string, unknown>;
}

/**
 * Lets go of payments that are closed: they become counts and sums. Declined ones stay, because they are listed
 * until a person has acknowledged them; so do those nobody has heard of yet, those with an intent left at the API,
 * and those whose sealed data still stands in the file.
 */
export function dropClosed(fold: Fold): void {
  const {state} = fold;
  for (const payment of state.payments.values()) {
    const listed = payment.state === 'declined' || payment.unclaimed || payment.leftover;
    const keep = STATES[payment.state].bucket !== 'done' || listed;
    if (keep || fold.redactable.has(payment.local_id)) continue;
    const tally = state.closed[payment.state] ?? {count: 0, amounts: {}};
    addTo(tally, payment);
    state.closed[payment.state] = tally;
    state.payments.delete(payment.local_id);
    fold.privates.delete(payment.local_id);
    if (payment.reference === null) continue;
    const key = referenceKey(payment.binding.account, payment.reference);
    const holds = state.references.get(key)?.payment === payment.local_id;
    if (holds && freesReference(payment, nobodyRunning)) state.references.delete(key);
  }
  forgetOldReferences(fold);
}

function forgetOldReferences({state, position}: Fold): void {
  for (const [key, entry] of state.references) {
    const old = entry.seq < position.seq - REFERENCE_WINDOW;
    if (old && !state.payments.has(entry.payment)) state.references.delete(key);
  }
}

/** Writes the checkpoint durably. Call it under the lock, for records that are synced. */
export function writeCheckpoint(storage: Storage, path: string, key: Buffer, fold: Fold): void {
  const body: CheckpointBody = {
    format: FORMAT,
    position: fold.position,
    privates: [...fold.privates],
    state: dehydrate(fold.state),
  };
  const text = JSON.stringify(body);
  const file = openJsonFile<CheckpointFile>(storage, path, {mac: '', body: ''});
  file.data = {mac: macOf(key, Buffer.from(text, 'utf8')), body: text};
  file.write();
  fold.tail = 0;
}

/** The fold a checkpoint holds, or null when there is none that can be trusted: then everything is read. */
export function readCheckpoint(storage: Storage, path: string, key: Buffer): Fold | null {
  const {data} = openJsonFile<CheckpointFile>(storage, path, {mac: '', body: ''});
  if (typeof data?.body !== 'string' || data.body === '') return null;
  if (macOf(key, Buffer.from(data.body, 'utf8')) !== data.mac) return null;
  const body = JSON.parse(data.body) as CheckpointBody;
  if (body.format !== FORMAT) return null;
  const state = hydrate(body.state);
  const privates = new Map(body.privates);
  const released = [...privates.keys()].filter((id) => state.payments.get(id)?.private_data === 'released');
  return {state, privates, redactable: new Set(released), position: body.position, expected: null, tail: 0};
}

const MAPS = ['payments', 'references', 'ksn', 'seen'] as const;

function dehydrate(state: State): Record<string, unknown> {
  const plain: Record<string, unknown> = {...state};
  for (const name of MAPS) plain[name] = [...(state[name] as Map<string, unknown>)];
  return plain;
}

function hydrate(plain: Record<string, unknown>): State {
  const state: Record<string, unknown> = {...plain};
  for (const name of MAPS) state[name] = new Map(plain[name] as [string, unknown][]);
  return state as unknown as State;
}
