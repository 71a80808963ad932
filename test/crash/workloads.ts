import {createHash} from 'node:crypto';
import type {EventBody} from '../../src/lib/core/events.js';
import type {FileJournal} from '../../src/lib/journal/journal.js';
import {createdEvent, declinedEvent, storedEvent} from '../support/events.js';
import type {JournalSizes, Rig, Workload} from './run.js';

export interface NamedWorkload {
  readonly name: string;
  readonly sizes: JournalSizes;
  /** Begins on a disk without a journal. */
  readonly bare?: boolean;
  /** Few points that matter much: all of them are looked at, and so many times more disks at each. */
  readonly denser?: number;
  readonly run: Workload;
}

let sales = 0;

/** The events of a sale that is stored offline, with sealed data nobody else has. */
export function sale(id: string, options: {reference?: string; metadata?: number} = {}): EventBody[] {
  const created = createdEvent(id, {amount: 1000 + id.length, reference: options.reference ?? null});
  if (created.type === 'payment.created' && options.metadata !== undefined) {
    Object.assign(created.data, {metadata: {note: 'n'.repeat(options.metadata)}});
  }
  return [created, accepted(id)];
}

export function accepted(id: string): EventBody {
  sales += 1;
  const ksn = `FFFF9876543210${(0xe00001 + sales).toString(16).toUpperCase()}`;
  const event = storedEvent(id, {ksn});
  if (event.type !== 'payment.accepted_offline') return event;
  const cipher = Array.from({length: 6}, (_, n) =>
    createHash('sha256').update(`${id} ${sales} ${n}`).digest('hex'),
  );
  const sealed = {encryption: 'tdes_dukpt' as const, ksn, tags: {'57': cipher.join('').toUpperCase()}};
  return {...event, private: {sealed, cardholder_name: null}};
}

export function canceled(id: string): EventBody {
  return {
    type: 'payment.canceled',
    payment: id,
    data: {reason: 'operator', message: 'canceled by the operator'},
  };
}

export function captured(id: string, amount: number): EventBody {
  const intent = {
    id: `pi_${id}`,
    status: 'succeeded',
    amount,
    amount_capturable: 0,
    amount_received: amount,
    currency: 'usd',
    capture_method: 'manual',
    livemode: false,
    created: 1_795_000_000,
    metadata: {},
    cancellation_reason: null,
    last_payment_error: null,
    charge: null,
  };
  return {type: 'payment.captured', payment: id, data: {intent, request_id: null, looked: false}};
}

const closings = [canceled, declinedEvent, (id: string) => captured(id, 900)];

function closing(id: string, n: number): EventBody {
  return closings[n % closings.length]?.(id) ?? canceled(id);
}

async function taking(
  rig: Rig,
  writers: readonly FileJournal[],
  commits: readonly EventBody[][],
): Promise<void> {
  for (const [n, events] of commits.entries()) {
    await rig.write(writers[n % writers.length] as FileJournal, ...events);
  }
}

/** Every workload has two writers, A and B, as two commands would be. */
const PLAIN: readonly NamedWorkload[] = [
  {
    name: 'genesis, twice, and the first sale',
    sizes: {},
    bare: true,
    run: async (rig) => {
      await rig.initialise();
      await rig.initialise(rig.disk.process('second'));
      const journal = rig.open('A');
      await rig.write(journal, ...sale('pay_1', {reference: 'order-1'}));
      journal.close();
    },
  },
  {
    name: 'single commits and group commits by turns',
    sizes: {},
    run: async (rig) => {
      const [a, b] = [rig.open('A'), rig.open('B')];
      await rig.write(a, createdEvent('pay_1', {reference: 'order-1'}));
      await rig.write(b, accepted('pay_1'));
      await Promise.all(
        [2, 3, 4, 5].map((n) => rig.write(a, ...sale(`pay_${n}`, {reference: `order-${n}`}))),
      );
      await rig.write(b, ...sale('pay_large', {metadata: 9000}));
      await rig.write(a, declinedEvent('pay_3'));
      a.close();
      b.close();
    },
  },
  {
    name: 'rolling segments',
    sizes: {segmentBytes: 2500},
    run: async (rig) => {
      const writers = [rig.open('A'), rig.open('B')];
      await taking(
        rig,
        writers,
        Array.from({length: 6}, (_, n) => sale(`pay_${n}`, {reference: `order-${n}`})),
      );
      await taking(rig, writers, [[canceled('pay_0')], [closing('pay_3', 1)]]);
      for (const journal of writers) journal.close();
    },
  },
  {
    name: 'removing sealed data',
    sizes: {},
    run: async (rig) => {
      const [a, b] = [rig.open('A'), rig.open('B')];
      for (const n of [1, 2, 3]) await rig.write(a, ...sale(`pay_${n}`));
      await rig.write(b, canceled('pay_1'));
      await rig.write(a, declinedEvent('pay_2'), captured('pay_3', 1000));
      await rig.write(b, ...sale('pay_4'), canceled('pay_4'));
      a.close();
      b.close();
    },
  },
  {
    name: 'checkpoints, the index of closed payments and its merges',
    sizes: {segmentBytes: 9000, checkpointRecords: 6},
    run: async (rig) => {
      const writers = [rig.open('A'), rig.open('B')];
      const commits = Array.from({length: 11}, (_, n) => n).flatMap((n) => [
        sale(`pay_${n}`, {reference: `order-${n}`}),
        ...(n >= 2 ? [[closing(`pay_${n - 2}`, n)]] : []),
      ]);
      await taking(rig, writers, commits);
      for (const journal of writers) journal.close();
    },
  },
  {
    name: 'a long commit of somebody who died, cut off by a short one',
    sizes: {},
    denser: 20,
    run: async (rig) => {
      const [a, b] = [rig.open('A'), rig.open('B')];
      await rig.write(a, createdEvent('pay_1'));
      rig.begin();
      rig.killAfter(a, 1);
      await rig.write(a, ...sale('pay_long', {metadata: 6000}), ...sale('pay_too'));
      await rig.write(b, createdEvent('pay_2'));
      b.close();
    },
  },
  {
    name: 'a segment begun by somebody who died before anybody was told, moved out of the way',
    // Every sale fills one.
    sizes: {segmentBytes: 2000},
    denser: 20,
    run: async (rig) => {
      const [a, b] = [rig.open('A'), rig.open('B')];
      await rig.write(a, ...sale('pay_1'));
      await rig.write(b, ...sale('pay_2'));
      rig.begin();
      // Claimed, the old one finished, created, written, synced, named: all but the mark.
      rig.killAfter(a, 6);
      await rig.write(a, ...sale('pay_untold'));
      await rig.write(b, createdEvent('pay_3'));
      b.close();
    },
  },
  {
    name: 'a full disk: a sale refused, an outcome written from the reserve, room again',
    sizes: {},
    run: async (rig) => {
      const [a, b] = [rig.open('A'), rig.open('B')];
      await rig.write(a, ...sale('pay_1'));
      rig.disk.fail({operation: 'write', path: /jsonl$/, code: 'ENOSPC', short: 700, times: 1});
      await rig.write(b, ...sale('pay_refused'));
      rig.disk.fail({operation: 'write', path: /jsonl$/, code: 'ENOSPC', short: 100, times: 1});
      await rig.write(a, canceled('pay_1'));
      await rig.write(b, ...sale('pay_2'));
      a.close();
      b.close();
    },
  },
  {
    name: 'a sync that fails once and then pretends',
    sizes: {segmentBytes: 4000},
    run: async (rig) => {
      const [a, b] = [rig.open('A'), rig.open('B')];
      await rig.write(a, ...sale('pay_1'));
      rig.disk.fail({operation: 'sync', path: /jsonl$/, code: 'EIO', times: 1});
      await rig.write(a, ...sale('pay_unsure'));
      await rig.write(a, ...sale('pay_never'));
      await rig.write(b, ...sale('pay_2'));
      await rig.write(b, canceled('pay_1'));
      rig.disk.fail({operation: 'sync', path: /jsonl$/, code: 'EIO', times: 1});
      await rig.write(b, ...sale('pay_unsure_too'));
      const c = rig.open('C');
      await rig.write(c, ...sale('pay_3'));
      for (const journal of [a, b, c]) journal.close();
    },
  },
];

/** Room as large as some commits, made by the first commit of whoever writes. */
const ROOM = {bytes: 5000, after: 0};

const IN_ROOM: readonly NamedWorkload[] = [
  {
    name: 'one writes alone and makes room, another takes over, segments are finished',
    sizes: {segmentBytes: 9000, room: {bytes: 5000, after: 1}},
    run: async (rig) => {
      const [a, b] = [rig.open('A'), rig.open('B')];
      for (const n of [1, 2, 3, 4]) await rig.write(a, ...sale(`pay_${n}`, {reference: `order-${n}`}));
      await rig.write(b, canceled('pay_1'));
      for (const n of [5, 6, 7]) await rig.write(b, ...sale(`pay_${n}`));
      await rig.write(a, canceled('pay_7'));
      await rig.write(a, ...sale('pay_8'));
      a.close();
      b.close();
    },
  },
  {
    name: 'a commit of somebody who died in his own room, cut off by a short one',
    sizes: {room: {bytes: 12_000, after: 0}},
    denser: 20,
    run: async (rig) => {
      const [a, b] = [rig.open('A'), rig.open('B')];
      await rig.write(a, createdEvent('pay_1'));
      rig.begin();
      rig.killAfter(a, 1);
      await rig.write(a, ...sale('pay_long', {metadata: 6000}), ...sale('pay_too'));
      await rig.write(b, createdEvent('pay_2'));
      b.close();
    },
  },
  ...[1, 2, 7, 8].map((index) => {
    const plain = PLAIN[index] as NamedWorkload;
    return {...plain, name: `${plain.name}, with room`, sizes: {...plain.sizes, room: ROOM}};
  }),
];

export const WORKLOADS: readonly NamedWorkload[] = [...PLAIN, ...IN_ROOM];

/** Takes up what a crash left, sells, closes what it sold, rolls: recovery itself, to be crashed again. */
export const recovering: Workload = async (rig) => {
  if (rig.initialised === null) await rig.initialise();
  const journal = rig.open('recovering');
  // Shorter than what was cut off: if that came back, its end would stand behind this.
  await rig.write(journal, createdEvent('pay_recovery', {reference: 'recovery'}));
  await rig.write(journal, accepted('pay_recovery'));
  await rig.write(journal, canceled('pay_recovery'));
  journal.close();
};

/** A dies in the middle of its commit, after so many operations; B, which was there before, goes on in the same boot. */
export function killedInTheMiddle(operations: number): Workload {
  return async (rig) => {
    const [a, b] = [rig.open('A'), rig.open('B')];
    await rig.write(a, ...sale('pay_1'));
    await rig.write(b, ...sale('pay_2'));
    await rig.write(a, ...sale('pay_3'));
    await rig.write(b, canceled('pay_2'));
    rig.killAfter(a, operations);
    await rig.write(a, ...sale('pay_killed', {metadata: 5000}), canceled('pay_1'));
    await rig.write(a, canceled('pay_3'));
    rig.kill(a);
    rig.begin();
    await rig.write(b, ...sale('pay_4'));
    await rig.write(b, captured('pay_4', 1000));
    b.close();
  };
}
