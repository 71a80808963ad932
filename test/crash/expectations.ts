import {createPrivateKey} from 'node:crypto';
import {apply} from '../../src/lib/core/apply.js';
import {freesReference} from '../../src/lib/core/decide.js';
import type {EventBody, JournalRecord} from '../../src/lib/core/events.js';
import type {Payment, PrivateData} from '../../src/lib/core/payment.js';
import {awaitsNotice, STATES} from '../../src/lib/core/payment.js';
import {emptyState, nobodyRunning, referenceKey, type State, tallies} from '../../src/lib/core/state.js';
import {initialiseJournal} from '../../src/lib/journal/genesis.js';
import {FileJournal} from '../../src/lib/journal/journal.js';
import {type DiskImage, filesOf, find, without} from '../support/disk-image.js';
import {createdEvent, storedEvent} from '../support/events.js';
import {type SimulatedDisk, simulatedDisk} from '../support/simulated-disk.js';
import {nothingLanded} from './power-cuts.js';
import {type Attempt, clockOfBoot, DATA, type Run} from './run.js';

/** What a disk may look like after a crash at a point of a run, and what was known then. */
export interface CrashState {
  readonly image: DiskImage;
  readonly boot: number;
  /** So many operations were done. */
  readonly point: number;
}

/** What must be true of an attempt at a point: its commit is there, is not, or may be. */
type Demand = 'there' | 'absent' | 'open';

const PROBE = 'pay_probe';
const PROBE_EVENTS = [createdEvent(PROBE, {reference: 'probe'}), storedEvent(PROBE)];

/**
 * Opens a journal on what a crash left, as the next command would, and tells what is wrong with it.
 * Empty: every promise holds.
 */
export async function violationsOf(run: Run, state: CrashState): Promise<readonly string[]> {
  const found: string[] = [];
  try {
    await examine(run, state, found);
  } catch (error) {
    found.push(`it cannot be used: ${(error as Error).stack}`);
  }
  return found;
}

async function examine(run: Run, state: CrashState, found: string[]): Promise<void> {
  const disk = simulatedDisk(state.image, run.mutation);
  const clock = clockOfBoot(state.boot);
  const open = (on = disk): FileJournal => openOn(on, run, state.boot);
  if (run.initialised === null || run.initialised > state.point) {
    await initialiseJournal(disk.process('next').storage, DATA, clock, 'machine');
  }
  const journal = open();
  const seen = await look(journal, found, 'before anything is written');
  checkBeginning(disk.image, seen.records, found);
  const present = matchHistory(seen.records, run.attempts, state.point, found);

  const {references} = await probe(journal, seen.fold);
  const after = await look(journal, found, 'after the next commit');
  if (
    JSON.stringify(payments(after.records)) !== JSON.stringify([...payments(seen.records), ...probed(after)])
  ) {
    found.push('what was shown before the next commit is not what is there after it, and the commit');
  }
  checkReferences(seen.fold, references, found);
  await checkPrivate(journal, after.fold, present, found);
  await checkStories(journal, after, found);
  checkKept(disk.image, state.image, after.records, seen.records, run, found);
  await checkRemoved(disk, run, state, after, found);
  const {ok, damage} = await journal.verify();
  if (!ok) found.push(`verify: ${damage?.message}`);
  journal.close();

  await showsTheSame(open(), after, 'opened again', found);
  await withoutCaches(disk.image, run, after, open, found);
}

function openOn(disk: SimulatedDisk, {sizes}: Run, boot: number): FileJournal {
  const {storage} = disk.process('next');
  return new FileJournal({storage, directory: DATA, clock: clockOfBoot(boot), lockWaitMs: 0, ...sizes});
}

const identities = new WeakSet<Buffer>();

/** What genesis gives a device, it has: a journal that begins, and a whole identity. */
function checkBeginning(image: DiskImage, [first]: readonly JournalRecord[], found: string[]): void {
  if (first?.type !== 'journal.opened') found.push(`the journal begins with ${first?.type ?? 'nothing'}`);
  const identity = filesOf(image).get(`${DATA}/identity.key`)?.cache ?? Buffer.alloc(0);
  if (identities.has(identity)) return;
  try {
    createPrivateKey(identity);
    identities.add(identity);
  } catch {
    found.push(`the identity of the device is no key: ${identity.length} bytes`);
  }
}

/** A checkpoint and its index are a cache: the journal says the same without them. */
async function withoutCaches(
  image: DiskImage,
  run: Run,
  after: Look,
  open: (on: SimulatedDisk) => FileJournal,
  found: string[],
): Promise<void> {
  if (find(image, `${DATA}/journal/checkpoint.json`) === null) return;
  const bare = without(without(image, `${DATA}/journal/checkpoint.json`), `${DATA}/journal/index`);
  await showsTheSame(open(simulatedDisk(bare, run.mutation)), after, 'without its checkpoint', found);
}

export interface Look {
  readonly records: readonly JournalRecord[];
  /** The fold of all of them, nothing dropped. */
  readonly fold: State;
}

/** What the journal shows, held against a fold of its own history. */
export async function look(journal: FileJournal, found: string[], when: string): Promise<Look> {
  const {state, health} = await journal.view();
  if (!health.ok) throw new Error(`${when} it looks damaged: ${health.damage?.message}`);
  const records: JournalRecord[] = [];
  for await (const {record} of journal.history()) records.push(record);
  const fold = records.reduce(apply, emptyState());
  checkShown(state, fold, when, found);
  return {records, fold};
}

function checkShown(state: State, fold: State, when: string, found: string[]): void {
  const [counted, expected] = [tallies(state, nobodyRunning), tallies(fold, nobodyRunning)];
  if (JSON.stringify(counted) !== JSON.stringify(expected)) {
    found.push(`${when} the counts are not those of the history: ${JSON.stringify({counted, expected})}`);
  }
  for (const payment of fold.payments.values()) {
    const shown = state.payments.get(payment.local_id);
    if (shown === undefined ? !mayLeave(payment) : JSON.stringify(shown) !== JSON.stringify(payment)) {
      found.push(`${when} ${payment.local_id} is not shown as its history says (${payment.state})`);
    }
  }
  for (const id of state.payments.keys()) if (!fold.payments.has(id)) found.push(`${when} ${id} is invented`);
}

function mayLeave(payment: Payment): boolean {
  const {bucket} = STATES[payment.state];
  const {leftover, stray, unclaimed} = payment;
  return bucket === 'done' && !awaitsNotice(payment) && !unclaimed && !leftover && !stray;
}

/** Another opening shows the same: the same payments as far as both still list them, the same counts, to the same record. */
async function showsTheSame(journal: FileJournal, after: Look, when: string, found: string[]): Promise<void> {
  const {state, health} = await journal.view();
  if (!health.ok) throw new Error(`${when} it looks damaged: ${health.damage?.message}`);
  checkShown(state, after.fold, when, found);
  if (health.seq !== after.records.length) found.push(`${when} it ends at record ${health.seq}`);
  journal.close();
}

export function demandOf({began, settled}: Attempt, point: number): Demand {
  if (settled !== null && settled.at <= point) return settled.outcome === 'stored' ? 'there' : 'absent';
  return began < point ? 'open' : 'absent';
}

/** Every commit of the history is a whole one that somebody asked for, and none that was promised is missing. */
export function matchHistory(
  records: readonly JournalRecord[],
  attempts: readonly Attempt[],
  point: number,
  found: string[],
): readonly Attempt[] {
  const left = payments(records);
  const present: Attempt[] = [];
  for (const attempt of attempts) {
    const texts = attempt.events.map(textOf);
    const there = texts.every((text, index) => left[index] === text);
    const demand = demandOf(attempt, point);
    const what = attempt.events.map((event) => `${event.type} ${'payment' in event ? event.payment : ''}`);
    if (there && demand === 'absent') found.push(`there, though it was never stored: ${what}`);
    if (!there && demand === 'there') found.push(`acknowledged and lost: ${what}`);
    if (!there) continue;
    present.push(attempt);
    left.splice(0, texts.length);
  }
  if (left.length > 0) found.push(`invented, halved or doubled: ${left.map((text) => text.slice(0, 60))}`);
  return present;
}

function payments(records: readonly JournalRecord[]): string[] {
  return records.filter((record) => 'payment' in record).map(textOf);
}

const texts = new WeakMap<EventBody | JournalRecord, string>();

export function textOf(event: EventBody | JournalRecord): string {
  const known = texts.get(event);
  if (known !== undefined) return known;
  const text = `${event.type} ${'payment' in event ? event.payment : ''} ${JSON.stringify(event.data)}`;
  texts.set(event, text);
  return text;
}

function probed({records}: Look): string[] {
  return payments(records.filter((record) => 'payment' in record && record.payment === PROBE));
}

/** One more sale; under the lock, every reference is asked for. */
async function probe(
  journal: FileJournal,
  fold: State,
): Promise<{readonly references: ReadonlyMap<string, string | undefined>}> {
  const references = new Map<string, string | undefined>();
  await journal.transact((state) => {
    for (const payment of fold.payments.values()) {
      if (payment.reference === null) continue;
      const key = referenceKey(payment.binding.account, payment.reference);
      references.set(key, state.references.get(key)?.payment);
    }
    return {events: PROBE_EVENTS, result: null};
  });
  return {references};
}

function checkReferences(
  fold: State,
  references: ReadonlyMap<string, string | undefined>,
  found: string[],
): void {
  for (const [key, {payment}] of fold.references) {
    const holder = fold.payments.get(payment);
    if (holder === undefined || freesReference(holder, nobodyRunning)) continue;
    if (references.get(key) !== payment) found.push(`reference ${key} does not lead to ${payment} any more`);
  }
}

/** Sealed data of what is open is whole; of what is closed it is gone. */
async function checkPrivate(
  journal: FileJournal,
  fold: State,
  present: readonly Attempt[],
  found: string[],
): Promise<void> {
  const sealed = new Map<string, PrivateData>();
  for (const event of present.flatMap(({events}) => events)) {
    if ('private' in event && event.private !== undefined) sealed.set(event.payment, event.private);
  }
  for (const {local_id, private_data} of fold.payments.values()) {
    if (local_id === PROBE) continue;
    const expected = private_data === 'present' ? sealed.get(local_id) : null;
    const read = await journal.privateData(local_id);
    if (JSON.stringify(read) !== JSON.stringify(expected ?? null)) {
      found.push(
        `the sealed data of ${local_id} (${private_data}) reads ${read === null ? 'nothing' : 'else'}`,
      );
    }
  }
}

/** The records of one payment are those of the history, wherever they are looked up. */
async function checkStories(journal: FileJournal, {records, fold}: Look, found: string[]): Promise<void> {
  for (const local_id of fold.payments.keys()) {
    const own = records.filter((record) => 'payment' in record && record.payment === local_id);
    const story = await journal.story(local_id);
    if (JSON.stringify(story.map(textOf)) !== JSON.stringify(own.map(textOf))) {
      found.push(`the story of ${local_id} is not its history`);
    }
  }
}

/** Bytes that recovery cut off are kept whole. */
function checkKept(
  image: DiskImage,
  before: DiskImage,
  after: readonly JournalRecord[],
  seen: readonly JournalRecord[],
  run: Run,
  found: string[],
): void {
  const files = filesOf(image);
  for (const [index, record] of after.entries()) {
    if (record.type !== 'journal.recovered') continue;
    const {segment, offset, bytes, kept_as} = record.data;
    const kept = files.get(`${DATA}/journal/damaged/${kept_as}`)?.cache;
    const cut = filesOf(before)
      .get(`${DATA}/journal/${segment}`)
      ?.cache.subarray(offset, offset + bytes);
    const expected = index < seen.length ? run.kept.get(kept_as) : cut;
    if (kept === undefined || expected === undefined || !holds(kept, expected)) {
      found.push(`the ${bytes} bytes cut off ${segment} are not kept as ${kept_as}`);
    }
  }
}

/** The same bytes, where they are not blanked. */
export function holds(kept: Buffer, cut: Buffer): boolean {
  return kept.length === cut.length && kept.every((byte, at) => byte === cut[at] || byte === 0x20);
}

/**
 * Sealed data that nobody needs any more stands in no file: of payments that are closed, and of commits that were cut
 * off. What still stands on the platter is removed by the first writer after a power cut.
 */
async function checkRemoved(
  disk: SimulatedDisk,
  run: Run,
  state: CrashState,
  after: Look,
  found: string[],
): Promise<void> {
  const gone = run.attempts
    .filter((attempt) => demandOf(attempt, state.point) !== 'absent')
    .flatMap(({events}) => events)
    .flatMap((event) => ('private' in event && event.private !== undefined ? [event] : []))
    .filter((event) => !needs(after, event));
  for (const path of standing(disk.image, gone, 'cache'))
    found.push(`sealed data that must be gone stands in ${path}`);
  if (standing(disk.image, gone, 'durable').length === 0) return;
  const cut = simulatedDisk(nothingLanded(disk.image), run.mutation);
  const journal = openOn(cut, run, state.boot + 1);
  await journal.transact(() => ({events: [createdEvent(`${PROBE}_2`)], result: null}));
  journal.close();
  for (const path of standing(cut.image, gone, 'cache')) {
    found.push(`sealed data that must be gone is back after a power cut, and stays, in ${path}`);
  }
}

/** Whether the sealed data of this very record may still be asked for. */
function needs({fold, records}: Look, event: EventBody & {payment: string}): boolean {
  if (fold.payments.get(event.payment)?.private_data !== 'present') return false;
  return records.some((record) => textOf(record) === textOf(event));
}

export function standing(
  image: DiskImage,
  events: readonly {readonly private?: PrivateData}[],
  where: 'cache' | 'durable',
): readonly string[] {
  const pieces = events.flatMap((event) => (event.private === undefined ? [] : partsOf(event.private)));
  return [...filesOf(image)]
    .filter(([path]) => !path.endsWith('/reserve'))
    .filter(([, file]) => pieces.some((piece) => file[where].includes(piece)))
    .map(([path]) => path);
}

const parts = new WeakMap<PrivateData, readonly string[]>();

/** Pieces of the base64 of a private part, so that a half of it is found too. */
function partsOf(data: PrivateData): readonly string[] {
  let known = parts.get(data);
  if (known === undefined) {
    const base64 = Buffer.from(JSON.stringify(data), 'utf8').toString('base64');
    const distinct = base64.slice(base64.length >> 2, -40);
    known = Array.from({length: Math.floor(distinct.length / 96)}, (_, n) =>
      distinct.slice(n * 96, n * 96 + 32),
    );
    parts.set(data, known);
  }
  return known;
}
