import {apply} from '../core/apply.js';
import type {LostRange} from '../core/events.js';
import {STATES} from '../core/payment.js';
import type {Storage} from '../storage/storage.js';
import type {Beginning, Loss, Step} from './arrange.js';
import {type GoodLine, readLine, type Told} from './line-record.js';
import {readLines} from './lines.js';
import type {SegmentFile} from './segments.js';
import {forgetDone, type Run, type Survey, withoutReferences} from './survey.js';

/** What a repair would do. */
export interface RepairPlan {
  readonly from: Beginning;
  readonly steps: readonly Step[];
  readonly lost: readonly LostRange[];
  /** Payments that are set aside, and why. */
  readonly quarantined: ReadonlyMap<string, string>;
  /** Payments of which the first record is lost and that nothing proves settled. */
  readonly orphans: readonly string[];
  /** Payments that a later record settles, of which others are lost or may be. */
  readonly incomplete: readonly string[];
  readonly device: string | null;
  readonly machine: string | null;
}

export interface PlanRequest {
  readonly storage: Storage;
  readonly segments: readonly SegmentFile[];
  /** MAC key; null where it is lost. */
  readonly key: Buffer | null;
  readonly survey: Survey;
  readonly from: Beginning;
  readonly steps: readonly Step[];
  /** Payments that a checkpoint remembers as not done. */
  readonly remembered: readonly string[];
}

/** Folds what would be kept, and finds every payment that what is lost may concern. */
export function planRepair(request: PlanRequest): RepairPlan {
  return new Planner(request).plan();
}

/** Records that settle a payment for good. */
const SETTLING: ReadonlySet<string> = new Set([
  'payment.captured',
  'payment.declined',
  'payment.canceled',
  'payment.refused',
  'payment.acknowledged',
]);

const FORGET_EVERY = 4096;

class Planner {
  readonly #request: PlanRequest;
  readonly #state = withoutReferences();
  readonly #touched = new Map<string, string>();
  /** Payments with records but without their first, by the type of their last. */
  readonly #strange = new Map<string, string>();
  /** Payments that only damaged bytes name, and why that matters. */
  readonly #named = new Map<string, string>();
  /** Records that were dropped for others with the same number. */
  readonly #dropped = new Map<number, {mac: string; payment: string | null}[]>();
  #folded = 0;

  constructor(request: PlanRequest) {
    this.#request = request;
  }

  plan(): RepairPlan {
    const {steps, segments, from, remembered, storage} = this.#request;
    for (const step of steps) {
      if (step.kind === 'drop') for (const line of this.#linesOf(step.run)) this.#drop(line, step.below);
    }
    for (const {path} of segments.slice(0, from.segments)) {
      for (const line of this.#lines(path, 0, sizeOf(storage, path))) this.#keep(line);
    }
    for (const step of steps) {
      if (step.kind === 'loss') this.#lose(step);
      if (step.kind === 'keep') {
        for (const line of this.#linesOf(step.run)) if (line.record.seq >= step.from) this.#keep(line);
      }
    }
    for (const payment of remembered) {
      if (!this.#state.payments.has(payment) && !this.#strange.has(payment)) this.#strange.set(payment, '');
    }
    this.#recognise();
    return this.#result();
  }

  #result(): RepairPlan {
    const {from, steps} = this.#request;
    const strange = [...this.#strange];
    const unsettled = strange.filter(([, type]) => !SETTLING.has(type)).map(([payment]) => payment);
    const settled = strange.filter(([, type]) => SETTLING.has(type)).map(([payment]) => payment);
    const closed = [...this.#touched.keys()].filter(
      (payment) => !this.#isOpen(payment) && !this.#strange.has(payment),
    );
    return {
      from,
      steps,
      lost: steps.filter((step) => step.kind === 'loss').map((loss) => rangeOf(loss, loss === steps.at(-1))),
      quarantined: new Map([...this.#touched].filter(([payment]) => this.#isOpen(payment))),
      orphans: [...new Set([...unsettled, ...this.#onlyNamed()])].sort(),
      incomplete: [...settled, ...closed].sort(),
      device: this.#state.device,
      machine: this.#state.machine,
    };
  }

  /** Payments that damaged bytes name and nothing else does, not even by a name that differs by a changed byte. */
  #onlyNamed(): readonly string[] {
    const strange = [...this.#strange.keys()];
    return [...this.#named.keys()].filter((named) => !strange.some((known) => isNearly(known, named)));
  }

  #isOpen(payment: string): boolean {
    const known = this.#state.payments.get(payment);
    return known !== undefined && STATES[known.state].bucket !== 'done';
  }

  #keep({record, mac}: GoodLine): void {
    const payment = 'payment' in record ? record.payment : null;
    for (const dropped of this.#dropped.get(record.seq) ?? []) {
      if (dropped.mac === mac) continue;
      const why = `record ${record.seq} stands in the journal twice, with different contents`;
      if (payment !== null) this.#touch(payment, why);
      if (dropped.payment === null) continue;
      if (this.#state.payments.has(dropped.payment)) this.#touch(dropped.payment, why);
      else this.#named.set(dropped.payment, why);
    }
    const spoilt = this.#request.survey.spoilt.has(record.seq);
    if (spoilt && payment !== null) this.#touch(payment, 'its sealed card data was removed or altered');
    apply(this.#state, record);
    if (payment !== null && !this.#state.payments.has(payment)) this.#strange.set(payment, record.type);
    this.#folded += 1;
    if (this.#folded % FORGET_EVERY === 0) forgetDone(this.#state);
  }

  #drop({record, mac}: GoodLine, below: number): void {
    if (record.seq >= below) return;
    const others = this.#dropped.get(record.seq) ?? [];
    this.#dropped.set(record.seq, [...others, {mac, payment: 'payment' in record ? record.payment : null}]);
  }

  #lose(loss: Loss): void {
    const why = whyOf(loss);
    if (!loss.attributed || !loss.told.every((told) => this.#isMeant(told))) {
      for (const payment of this.#state.payments.keys()) if (this.#isOpen(payment)) this.#touch(payment, why);
    }
    for (const {payment} of loss.told) {
      if (payment === null) continue;
      // A changed byte may stand in the name itself: whoever is called nearly so is meant too.
      for (const known of this.#state.payments.keys()) if (isNearly(known, payment)) this.#touch(known, why);
      if (!this.#state.payments.has(payment)) this.#named.set(payment, why);
    }
  }

  /** Whether what a damaged line says of its payment can be true: it is known, or the line is its first. */
  #isMeant({payment, type}: Told): boolean {
    if (payment === null || type === 'payment.created') return true;
    return [...this.#state.payments.keys()].some((known) => isNearly(known, payment));
  }

  #touch(payment: string, why: string): void {
    if (!this.#touched.has(payment)) this.#touched.set(payment, why);
  }

  /** A payment that is settled was let go of on the way: its first record tells it from one that lost that. */
  #recognise(): void {
    if (this.#strange.size === 0 && this.#named.size === 0) return;
    const {segments, from, steps, storage} = this.#request;
    for (const {path} of segments.slice(0, from.segments)) {
      for (const line of this.#lines(path, 0, sizeOf(storage, path))) this.#meet(line);
    }
    for (const step of steps) {
      if (step.kind !== 'keep') continue;
      for (const line of this.#linesOf(step.run)) if (line.record.seq >= step.from) this.#meet(line);
    }
  }

  #meet({record}: GoodLine): void {
    if (record.type !== 'payment.created') return;
    this.#strange.delete(record.payment);
    for (const [payment, why] of this.#named) {
      if (!isNearly(payment, record.payment)) continue;
      this.#named.delete(payment);
      this.#touch(record.payment, why);
    }
  }

  #linesOf(run: Run): Generator<GoodLine> {
    return this.#lines(run.path, run.start, run.end);
  }

  *#lines(path: string, start: number, end: number): Generator<GoodLine> {
    yield* goodLines(this.#request.storage, this.#request.key, path, start, end);
  }
}

/** Lines that were found good before. */
export function* goodLines(
  storage: Storage,
  key: Buffer | null,
  path: string,
  start: number,
  end: number,
): Generator<GoodLine> {
  const file = storage.open(path, 'read');
  try {
    for (const raw of readLines(file, start, end)) {
      const line = readLine(key, raw);
      if (!line.ok) throw Object.assign(new Error(`${path} changed while it was read`), {code: 'EIO'});
      yield line;
    }
  } finally {
    file.close();
  }
}

function sizeOf(storage: Storage, path: string): number {
  const file = storage.open(path, 'read');
  try {
    return file.size();
  } finally {
    file.close();
  }
}

/** @param atEnd nobody knows then whether anything more is lost than has a number */
function rangeOf({segment, line, byte, reason, range, attributed}: Loss, atEnd: boolean): LostRange {
  const unnamed = !attributed && (range !== null || atEnd);
  const [first_seq, last_seq] = [range?.first ?? null, range?.last ?? null];
  return {segment, line, byte, reason, first_seq, last_seq, unnamed};
}

function whyOf({segment, line, byte, reason, range}: Loss): string {
  const records =
    range === null
      ? 'records'
      : range.first === range.last
        ? `record ${range.first}`
        : `records ${range.first} to ${range.last}`;
  return `${records} at segment ${segment}, line ${line}, byte ${byte} could not be saved (${reason})`;
}

const NEARLY = 2;

/** True when two names differ in no more places than a damaged byte or two can explain. */
function isNearly(a: string, b: string): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  let different = 0;
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) different += 1;
  return different <= NEARLY;
}
