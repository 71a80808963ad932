import {join} from 'node:path';
import type {ReferenceEntry, State} from '../core/state.js';
import {signedJsonFile} from '../storage/json-file.js';
import type {Storage} from '../storage/storage.js';
import {ClosedIndex, type Place} from './closed-index.js';
import type {Fold, PrivatePlace} from './fold.js';
import {macOf} from './line.js';
import {IndexedReferences} from './references.js';
import type {Position} from './scan.js';
import type {TableInfo} from './table.js';

const FORMAT = 11;

interface CheckpointBody {
  readonly format: number;
  readonly position: Position;
  readonly segments: number;
  readonly privates: readonly (readonly [string, PrivatePlace])[];
  readonly places: readonly (readonly [string, readonly Place[]])[];
  readonly tables: readonly TableInfo[];
  readonly state: Record<string, unknown>;
}

/** The index over the tables a checkpoint names, or over none. */
export function indexOf(
  storage: Storage,
  directory: string,
  key: Buffer,
  tables: readonly TableInfo[] = [],
): ClosedIndex {
  return new ClosedIndex(storage, join(directory, 'index'), key, tables);
}

/** Writes the checkpoint durably. Call it under the lock, for records that are synced and tables that are durable. */
export function writeCheckpoint(storage: Storage, directory: string, key: Buffer, fold: Fold): void {
  const body: CheckpointBody = {
    format: FORMAT,
    position: fold.position,
    segments: fold.segments,
    privates: [...fold.privates],
    places: [...fold.places],
    tables: fold.index?.tables ?? [],
    state: dehydrate(fold.state),
  };
  const file = checkpointFile(storage, directory, key);
  file.data = body;
  file.write();
  fold.tail = 0;
}

/** The fold a checkpoint holds, or null when there is none that can be trusted: then everything is read. */
export function readCheckpoint(storage: Storage, directory: string, key: Buffer): Fold | null {
  const file = checkpointFile(storage, directory, key);
  file.read();
  const {data: body} = file;
  if (body?.format !== FORMAT) return null;
  const index = indexOf(storage, directory, key, body.tables);
  const state = hydrate(body.state, index);
  const privates = new Map(body.privates);
  const released = [...privates.keys()].filter((id) => state.payments.get(id)?.private_data === 'released');
  return {
    state,
    privates,
    redactable: new Set(released),
    unsynced: new Set(),
    places: new Map(body.places.map(([id, places]) => [id, [...places]])),
    index,
    segments: body.segments,
    checked: false,
    position: body.position,
    expected: null,
    tail: 0,
  };
}

function checkpointFile(
  storage: Storage,
  directory: string,
  key: Buffer,
): ReturnType<typeof signedJsonFile<CheckpointBody>> {
  return signedJsonFile<CheckpointBody>(storage, join(directory, CHECKPOINT), (body) => macOf(key, body));
}

const CHECKPOINT = 'checkpoint.json';
const MAPS = ['payments', 'ksn', 'cards', 'seen'] as const;

function dehydrate(state: State): Record<string, unknown> {
  const plain: Record<string, unknown> = {...state, references: [...state.references]};
  for (const name of MAPS) plain[name] = [...state[name]];
  return plain;
}

function hydrate(plain: Record<string, unknown>, index: ClosedIndex): State {
  const state: Record<string, unknown> = {...plain};
  for (const name of MAPS) state[name] = new Map(plain[name] as [string, unknown][]);
  state.references = new IndexedReferences(plain.references as [string, ReferenceEntry][], index);
  return state as unknown as State;
}
