import {apply} from '../../src/lib/core/apply.js';
import {freesReference} from '../../src/lib/core/decide.js';
import type {EventBody, JournalRecord} from '../../src/lib/core/events.js';
import type {Payment, PrivateData} from '../../src/lib/core/payment.js';
import {STATES} from '../../src/lib/core/payment.js';
import {emptyState, nobodyRunning, referenceKey, type State, tallies} from '../../src/lib/core/state.js';
import {initialiseJournal} from '../../src/lib/journal/genesis.js';
import {FileJournal} from '../../src/lib/journal/journal.js';
import {type DiskImage, filesOf, find, without} from '../support/disk-image.js';
import {createdEvent, storedEvent} from '../support/events.js';
import {simulatedDisk} from '../support/simulated-disk.js';
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
  const open = (on = disk): FileJournal =>
    new FileJournal({
      storage: on.process('next').storage,
      directory: DATA,
      clock,
      lockWaitMs: 0,
      ...run.sizes,
    });
  const attempts = run.attempts.filter((attempt) => demandOf(attempt, state.point) !== 'absent');
  if (run.initialised === null || run.initialised > state.point) {
    await initialiseJournal(disk.process('next').storage, DATA, clock, 'machine');
  }
  const journal = open();
  const seen = await look(journal, found, 'before anything is written');
  const present = matchHistory(seen.records, run.attempts, state.point, found);

  const {references} = await probe(journal, seen.fold);
  const after = await look(journal, found, 'after the next commit');
  if (JSON.stringify(payments(after.records)) !== JSON.stringify([...payments(seen.records), ...probed(after)])) {
    found.push('what was shown before the next commit is not what is there after it, and the commit');
  }
  checkReferences(seen.fold, references, found);
  await checkPrivate(journal, after.fold, present, found);
  await checkStories(journal, after, found);
  checkKept(disk.image, state.image, after.records, seen.records, run, found);
  checkRemoved(disk.image, after.fold, attempts, found);
  const {ok, damage} = await journal.verify();
  if (!ok) found.push(`verify: ${damage?.message}`);
  journal.close();

  const again = open();
  same(after, await look(again, found, 'opened again'), 'opened again', found);
  again.close();
  await withoutCaches(disk.image, run, after, open, found);
}

/** A checkpoint and its index are a cache: the journal says the same without them. */
async function withoutCaches(
  image: DiskImage,
  run: Run,
  after: Look,
  open: (on: ReturnType<typeof simulatedDisk>) => FileJournal,
  found: string[],
): Promise<void> {
  if (find(image, `${DATA}/journal/checkpoint.json`) === null) return;
  const bare = without(without(image, `${DATA}/journal/checkpoint.json`), `${DATA}/journal/index`);
  const journal = open(simulatedDisk(bare, run.mutation));
  same(after, await look(journal, found, 'without checkpoint'), 'without checkpoint', found);
  journal.close();
}

interface Look {
  readonly records: readonly JournalRecord[];
  /** The fold of all of them, nothing dropped. */
  readonly fold: State;
  readonly shown: string;
}

/** What the journal shows, held against a fold of its own history. */
async function look(journal: FileJournal, found: string[], when: string): Promise<Look> {
  const {state, health} = await journal.view();
  if (!health.ok) throw new Error(`${when} it looks damaged: ${health.damage?.message}`);
  const records: JournalRecord[] = [];
  for await (const {record} of journal.history()) records.push(record);
  const fold = records.reduce(apply, emptyState());
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
  return {records, fold, shown: JSON.stringify(counted)};
}

function mayLeave(payment: Payment): boolean {
  const {bucket} = STATES[payment.state];
  return bucket === 'done' && payment.state !== 'declined' && !payment.unclaimed && !payment.leftover;
}

function same(a: Look, b: Look, when: string, found: string[]): void {
  if (JSON.stringify(a.records) !== JSON.stringify(b.records)) found.push(`${when} the history is another`);
  if (a.shown !== b.shown) found.push(`${when} the counts are others: ${a.shown} ${b.shown}`);
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

function textOf(event: EventBody | JournalRecord): string {
  return `${event.type} ${'payment' in event ? event.payment : ''} ${JSON.stringify(event.data)}`;
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
      found.push(`the sealed data of ${local_id} (${private_data}) reads ${read === null ? 'nothing' : 'else'}`);
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
    const cut = filesOf(before).get(`${DATA}/journal/${segment}`)?.cache.subarray(offset, offset + bytes);
    const expected = index < seen.length ? run.kept.get(kept_as) : cut;
    if (kept === undefined || expected === undefined || !kept.equals(expected)) {
      found.push(`the ${bytes} bytes cut off ${segment} are not kept as ${kept_as}`);
    }
  }
}

/** Sealed data of payments that are closed stands nowhere any more: not in the cache and not on the platter. */
function checkRemoved(
  image: DiskImage,
  fold: State,
  attempts: readonly Attempt[],
  found: string[],
): void {
  const files = [...filesOf(image)].filter(([path]) => !path.endsWith('/reserve'));
  for (const event of attempts.flatMap(({events}) => events)) {
    if (!('private' in event) || event.private === undefined) continue;
    if (fold.payments.get(event.payment)?.private_data !== 'released') continue;
    for (const [path, {cache, durable}] of files) {
      for (const part of partsOf(event.private)) {
        const where = cache.includes(part) ? 'the file' : durable.includes(part) ? 'the platter' : null;
        if (where === null) continue;
        found.push(`sealed data of ${event.payment}, which is closed, still stands on ${where} in ${path}`);
        break;
      }
    }
  }
}

const parts = new WeakMap<PrivateData, readonly string[]>();

/** Pieces of the base64 of a private part, so that a half of it is found too. */
function partsOf(data: PrivateData): readonly string[] {
  let known = parts.get(data);
  if (known === undefined) {
    const base64 = Buffer.from(JSON.stringify(data), 'utf8').toString('base64');
    const distinct = base64.slice(base64.length >> 2, -40);
    known = Array.from({length: Math.floor(distinct.length / 96)}, (_, n) => distinct.slice(n * 96, n * 96 + 32));
    parts.set(data, known);
  }
  return known;
}
