import {createHash} from 'node:crypto';
import {cpSync, existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {createdPayment, foldPayment} from '../../src/lib/core/apply-payment.js';
import type {EventBody} from '../../src/lib/core/events.js';
import {type Payment, STATES} from '../../src/lib/core/payment.js';
import type {JournalReport, RemoteIntent, RepairReport, RepairRequest} from '../../src/lib/core/ports.js';
import type {State} from '../../src/lib/core/state.js';
import {FileJournalCare} from '../../src/lib/journal/care.js';
import {initialiseJournal} from '../../src/lib/journal/genesis.js';
import {FileJournal} from '../../src/lib/journal/journal.js';
import {machineDigest} from '../../src/lib/journal/machine.js';
import {disk} from '../../src/lib/storage/disk.js';
import type {Storage} from '../../src/lib/storage/storage.js';
import {type TestClock, testClock} from './clock.js';
import {temporaryDirectory} from './directories.js';
import {createdEvent, declinedEvent, PRIVATE, storedEvent} from './events.js';

export const MACHINE = 'machine';

/** A name as long and as unlike its neighbours as a real one. */
export function payId(n: number): string {
  const digits = createHash('sha256').update(`payment ${n}`).digest();
  const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  return `pay_${[...digits.subarray(0, 26)].map((byte) => alphabet[byte % 32]).join('')}`;
}

function intent(id: string, status: string, received = 0): RemoteIntent {
  return {
    id,
    status,
    amount: 1250,
    amount_capturable: status === 'requires_capture' ? 1250 : 0,
    amount_received: received,
    charge: null,
    last_payment_error: null,
  } as unknown as RemoteIntent;
}

/** The story of a payment that was stored, up to a step. */
export function story(n: number, steps: number): readonly (readonly EventBody[])[] {
  const payment = payId(n);
  const pi = `pi_${n}`;
  const ksn = `FFFF9876543210E${String(n + 1).padStart(5, '0')}`;
  const attempted = (operation: 'create' | 'confirm'): EventBody => ({
    type: 'payment.attempted',
    payment,
    data: {operation, key: `${payment}-${operation}-1`, generation: 1},
  });
  const delivered = (operation: 'create' | 'confirm', status: string): EventBody => ({
    type: 'payment.delivered',
    payment,
    data: {operation, intent: intent(pi, status), request_id: null, looked: false},
  });
  return [
    [createdEvent(payment, {reference: `order-${n}`}), storedEvent(payment, {ksn})],
    [attempted('create')],
    [delivered('create', 'requires_payment_method'), attempted('confirm')],
    [delivered('confirm', 'requires_capture')],
    [{type: 'payment.capture_attempted', payment, data: {amount: 1250, key: `${payment}-c`, generation: 1}}],
    [
      {
        type: 'payment.captured',
        payment,
        data: {intent: intent(pi, 'succeeded', 1250), request_id: null, looked: false},
      },
    ],
  ].slice(0, steps) as EventBody[][];
}

/** A journal on the real disk that can be damaged, looked at and repaired over and over. */
export interface DamagedJournal {
  readonly directory: string;
  readonly clock: TestClock;
  readonly device: string;
  /** Every payment as it was when nothing was damaged. */
  readonly payments: ReadonlyMap<string, Payment>;
  segments(): readonly string[];
  path(segment: string): string;
  read(segment: string): Buffer;
  write(segment: string, bytes: Buffer): void;
  open(machine?: string): FileJournal;
  care(storage?: Storage, machine?: string): FileJournalCare;
  survey(): Promise<JournalReport>;
  repair(request?: Partial<RepairRequest>): Promise<RepairReport>;
  /** A copy of it as it is now, in a directory of its own. */
  copy(): DamagedJournal;
}

/** What the little journals of the tests hold: payments in every state, over several segments. */
export async function smallJournal(
  options: {
    segmentBytes?: number;
    checkpointRecords?: number;
    commits?: readonly (readonly EventBody[])[];
  } = {},
): Promise<DamagedJournal> {
  const directory = temporaryDirectory();
  const clock = testClock();
  await initialiseJournal(disk, directory, clock, MACHINE);
  const journal = new FileJournal({
    storage: disk,
    directory,
    clock,
    segmentBytes: options.segmentBytes ?? 4000,
    ...(options.checkpointRecords === undefined ? {} : {checkpointRecords: options.checkpointRecords}),
  });
  for (const events of options.commits ?? standardCommits()) {
    clock.advance(1000);
    await journal.transact(() => ({events, result: null}));
  }
  journal.close();
  const payments = await everyPayment(directory, clock);
  const {state} = await read(directory, clock);
  return damagedJournal(directory, clock, state.device ?? '', payments);
}

/** Read from the first record on, so that settled payments are there, too. */
async function everyPayment(directory: string, clock: TestClock): Promise<ReadonlyMap<string, Payment>> {
  const payments = new Map<string, Payment>();
  const journal = new FileJournal({storage: disk, directory, clock});
  for await (const {record} of journal.history()) {
    if (!('payment' in record)) continue;
    const before = payments.get(record.payment);
    if (before !== undefined) payments.set(record.payment, foldPayment(before, record));
    else if (record.type === 'payment.created') payments.set(record.payment, createdPayment(record));
  }
  journal.close();
  return payments;
}

async function read(directory: string, clock: TestClock): Promise<{state: State}> {
  const journal = new FileJournal({storage: disk, directory, clock});
  const {state} = await journal.view();
  journal.close();
  return {state};
}

function standardCommits(): readonly (readonly EventBody[])[] {
  return [
    ...story(0, 6),
    ...story(1, 4),
    story(2, 1)[0] ?? [],
    [createdEvent(payId(3), {reference: 'order-3'})],
    ...story(4, 3),
    story(5, 1)[0] ?? [],
    [declinedEvent(payId(5))],
    story(6, 1)[0] ?? [],
    ...story(7, 2),
  ];
}

function damagedJournal(
  directory: string,
  clock: TestClock,
  device: string,
  payments: ReadonlyMap<string, Payment>,
): DamagedJournal {
  const path = (segment: string): string => join(directory, 'journal', segment);
  const care = (storage: Storage = disk, machine = MACHINE): FileJournalCare =>
    new FileJournalCare({
      storage,
      directory,
      clock,
      machine: machineDigest(machine),
      lockWaitMs: 500,
      segmentBytes: 4000,
    });
  return {
    directory,
    clock,
    device,
    payments,
    segments: () => readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.jsonl')),
    path,
    read: (segment) => readFileSync(path(segment)),
    write: (segment, bytes) => writeFileSync(path(segment), bytes),
    open: (machine = MACHINE) =>
      new FileJournal({storage: disk, directory, clock, machine: machineDigest(machine), lockWaitMs: 500}),
    care,
    survey: () => care().survey(),
    repair: (request = {}) => care().repair({confirm: device, rekey: false, ...request}),
    copy: () => {
      const target = temporaryDirectory();
      cpSync(directory, target, {recursive: true});
      return damagedJournal(target, clock, device, payments);
    },
  };
}

/** How a payment came through damage and repair. */
export type Fate =
  | 'intact'
  | 'quarantined'
  | 'orphaned'
  | 'settled, but named'
  | 'gone'
  | 'silently different';

/** What became of every payment of a journal. */
export function fates(
  before: ReadonlyMap<string, Payment>,
  after: State,
  {incomplete}: Pick<RepairReport, 'incomplete'>,
): Record<Fate, string[]> {
  const result: Record<Fate, string[]> = {
    intact: [],
    quarantined: [],
    orphaned: [],
    'settled, but named': [],
    gone: [],
    'silently different': [],
  };
  for (const [id, payment] of before) result[fateOf(payment, after, incomplete)].push(id);
  return result;
}

function fateOf(payment: Payment, after: State, incomplete: readonly string[]): Fate {
  const now = after.payments.get(payment.local_id);
  if (after.orphans.some((orphan) => isNearly(orphan, payment.local_id))) return 'orphaned';
  const same = now !== undefined && JSON.stringify(now) === JSON.stringify(payment);
  if (same) return 'intact';
  const settled =
    STATES[payment.state].bucket === 'done' && (now === undefined || now.state === payment.state);
  if (settled && incomplete.includes(payment.local_id)) return 'settled, but named';
  if (now === undefined) return 'gone';
  if (now.state === 'quarantined') return 'quarantined';
  return 'silently different';
}

function isNearly(a: string, b: string): boolean {
  return a.length === b.length && [...a].filter((letter, index) => letter !== b[index]).length <= 2;
}

/** Everything in `damaged/`, and whether a name is there. */
export function keptIn(directory: string): readonly string[] {
  const damaged = join(directory, 'journal', 'damaged');
  return existsSync(damaged) ? readdirSync(damaged, {recursive: true, encoding: 'utf8'}) : [];
}

export {PRIVATE};
