import {StowpayError} from '../../src/lib/core/errors.js';
import type {EventBody} from '../../src/lib/core/events.js';
import type {RepairReport} from '../../src/lib/core/ports.js';
import {FileJournalCare} from '../../src/lib/journal/care.js';
import {FileJournal} from '../../src/lib/journal/journal.js';
import {changeFile, type DiskImage, filesOf, find} from '../support/disk-image.js';
import {createdEvent, declinedEvent} from '../support/events.js';
import {type SimulatedDisk, type SyncMutation, simulatedDisk} from '../support/simulated-disk.js';
import {type CrashState, holds, look, standing, textOf} from './expectations.js';
import {fingerprint, nothingLanded, powerCuts, type RandomNumbers, seededRandom} from './power-cuts.js';
import {type Attempt, clockOfBoot, DATA, runWorkload} from './run.js';
import {drawn, emptySurvey, initialised, inside, type Survey, type SurveyOptions, settled} from './survey.js';
import {canceled, sale} from './workloads.js';

/** A damaged journal that is repaired, and crashed while it is. */
export interface NamedRepair {
  readonly name: string;
  readonly rekey: boolean;
  damage(image: DiskImage): DiskImage;
}

const SIZES = {segmentBytes: 3500, checkpointRecords: 6};
const JOURNAL = `${DATA}/journal`;

export const REPAIRS: readonly NamedRepair[] = [
  {
    name: 'repairing a journal with one byte changed in the middle of a line',
    rekey: false,
    damage: (image) => {
      const bytes = bytesOf(image, SPOILT);
      const place = bytes.indexOf(`"payment":"pay_4"`);
      return overwritten(image, SPOILT, place - 20, Buffer.from([(bytes[place - 20] as number) ^ 1]));
    },
  },
  {
    name: 'rekeying a journal with the key of another device',
    rekey: true,
    damage: (image) => overwritten(image, `${DATA}/device.key`, 0, Buffer.alloc(32, 7)),
  },
];

/** The second segment: one before it stays as it is, others follow. */
const SPOILT = `${JOURNAL}/000000000006.jsonl`;

/** What there is to repair, and what an undisturbed repair makes of it. */
interface Damaged {
  readonly name: string;
  readonly rekey: boolean;
  readonly image: DiskImage;
  readonly device: string;
  /** Everything that must never be lost, by path. */
  readonly originals: ReadonlyMap<string, Buffer>;
  /** The sealed data of every payment, as it was stored. */
  readonly sealed: readonly Sealed[];
  readonly repaired: Repaired;
}

type Sealed = EventBody & {readonly payment: string; readonly private?: unknown};

/** A finished repair: what the journal tells, and what was kept. */
interface Repaired {
  readonly told: readonly string[];
  readonly kept: ReadonlyMap<string, Buffer>;
  readonly report: Pick<RepairReport, 'lost' | 'quarantined' | 'orphans' | 'incomplete'>;
}

interface RepairRun {
  readonly name: string;
  readonly damaged: Damaged;
  readonly disk: SimulatedDisk;
  readonly boot: number;
  readonly mutation: SyncMutation | null;
  /** Disks that repairs ended with and that were looked at: many crashes lead to the same. */
  readonly ended: Set<string>;
}

/** Crashes a repair at every point, in every way; then some of the repairs that go on from there. */
export async function surveyRepair(repair: NamedRepair, options: SurveyOptions): Promise<Survey> {
  const survey = emptySurvey();
  const random = seededRandom(options.seed);
  const damaged = await damagedOf(repair);
  const mutation = options.mutation ?? null;
  const start = {name: repair.name, damaged, mutation};
  const run = await runRepair({...start, image: damaged.image, boot: 1});
  const states: CrashState[] = [];
  await surveyRun(run, options, random, survey, states);
  // A repair has many more points than a recovery, so fewer of them are crashed again.
  const unfinished = states.filter(({image}) => filesOf(image).size > 0 && isUnfinished(image));
  for (const {image, boot, point} of drawn(unfinished, Math.ceil(options.recoveries / 2), random)) {
    if (options.hasty === true && survey.violations.length > 0) return survey;
    survey.recoveries += 1;
    const name = `repair after ${whereOf(run, {image, boot, point})}`;
    const again = await runRepair({...start, name, image, boot});
    const perPoint = Math.ceil(options.perPoint / 8);
    await surveyRun(again, {...options, perPoint}, random, survey, []);
  }
  return survey;
}

/** Crashes a repair right before, and inside, every operation of a kind. */
export async function surveyBefore(
  repair: NamedRepair,
  operation: RegExp,
  options: SurveyOptions,
): Promise<Survey> {
  const survey = emptySurvey();
  const damaged = await damagedOf(repair);
  const start = {name: repair.name, damaged, mutation: options.mutation ?? null};
  const run = await runRepair({...start, image: damaged.image, boot: 1});
  const points = [...run.disk.steps.keys()].filter((point) => {
    return operation.test(run.disk.steps[point]?.operation ?? '');
  });
  await surveyRun(run, options, seededRandom(options.seed), survey, [], points);
  return survey;
}

function isUnfinished(image: DiskImage): boolean {
  return find(image, `${JOURNAL}/repair`) !== null || find(image, `${JOURNAL}/repair.new`) !== null;
}

async function runRepair(start: {
  readonly name: string;
  readonly damaged: Damaged;
  readonly image: DiskImage;
  readonly boot: number;
  readonly mutation: SyncMutation | null;
}): Promise<RepairRun> {
  const disk = simulatedDisk(start.image, start.mutation, true);
  await repairOn(disk, start.damaged, start.boot);
  return {...start, disk, ended: new Set()};
}

async function surveyRun(
  run: RepairRun,
  options: SurveyOptions,
  random: RandomNumbers,
  survey: Survey,
  states: CrashState[],
  points = pointsOf(run.disk.steps.length, options.stride ?? 1),
): Promise<void> {
  const {disk, boot} = run;
  for (const [site, count] of disk.sites) survey.sites.set(site, (survey.sites.get(site) ?? 0) + count);
  const seen = new Set<string>();
  const {steps} = disk;
  for (const point of points) {
    const image = steps[point]?.before ?? disk.image;
    const cuts = powerCuts(image, options.perPoint, random);
    survey.points += 1;
    if (cuts.complete) survey.complete += 1;
    const killed = [image, ...inside(steps[point])].map((one) => ({image: one, boot, point}));
    const cut = cuts.images.map((one) => ({image: one, boot: boot + 1, point}));
    for (const state of [...killed, ...cut]) {
      const name = `${fingerprint(state.image)} ${state.boot} ${point === steps.length}`;
      if (seen.has(name)) {
        survey.repeated += 1;
        continue;
      }
      seen.add(name);
      survey.states += 1;
      states.push(state);
      for (const violation of await violationsOf(run, state)) {
        survey.violations.push(`${whereOf(run, state)}: ${violation}`);
      }
      if (options.hasty === true && survey.violations.length > 0) return;
    }
  }
}

/** The end is always looked at: what was said to be finished is. */
function pointsOf(last: number, stride: number): readonly number[] {
  const points = Array.from({length: Math.floor(last / stride) + 1}, (_, n) => n * stride);
  return points.at(-1) === last ? points : [...points, last];
}

function whereOf({name, disk, boot}: RepairRun, state: CrashState): string {
  const how = state.boot === boot ? 'killed' : 'power cut';
  return `${name}, ${how} at point ${state.point} (after ${disk.steps[state.point - 1]?.operation ?? 'nothing'})`;
}

/** What is wrong with what a crash left of a repair, or with what the next repair makes of it. */
async function violationsOf(run: RepairRun, state: CrashState): Promise<readonly string[]> {
  const found: string[] = [];
  try {
    await examine(run, state, found);
  } catch (error) {
    found.push(`it cannot be used: ${(error as Error).stack}`);
  }
  return found;
}

async function examine(run: RepairRun, state: CrashState, found: string[]): Promise<void> {
  const {damaged, mutation} = run;
  const {boot} = state;
  const finished = state.point === run.disk.steps.length;
  const disk = simulatedDisk(state.image, mutation);
  const before = await open(disk, boot);
  checkOriginals(state.image, damaged, found);
  if (before.kind === 'damaged' && finished) found.push(`after the repair it is refused: ${before.message}`);
  if (before.kind === 'healthy') checkTold(before.told, damaged.repaired.told, 'as it was left', found);
  // Nobody repairs what is healthy: it is sold with, and a repair may turn out not to be over after that.
  const sold = before.kind === 'healthy' ? await sell(disk, boot) : [];
  if (before.kind === 'damaged') checkReport(await repairOn(disk, damaged, boot), damaged, found);
  const end = `${fingerprint(disk.image)} ${boot} ${sold.length}`;
  if (run.ended.has(end)) return;
  run.ended.add(end);
  await checkRepaired(disk, damaged, boot, sold, found);

  const cut = simulatedDisk(nothingLanded(disk.image), mutation);
  if ((await open(cut, boot + 1)).kind === 'damaged') {
    if (before.kind === 'damaged') found.push('after it was repaired, a power cut damages it again');
    await repairOn(cut, damaged, boot + 1);
  }
  await checkRepaired(cut, damaged, boot + 1, sold, found);
}

type Opened =
  | {readonly kind: 'damaged'; readonly message: string}
  | {readonly kind: 'healthy'; readonly told: readonly string[]};

/** What the next command sees; of what it calls damaged nothing can be written. */
async function open(disk: SimulatedDisk, boot: number): Promise<Opened> {
  let journal: FileJournal | null = null;
  try {
    journal = journalOn(disk, boot);
    const {health} = await journal.view();
    if (health.ok) return {kind: 'healthy', told: await toldBy(journal)};
    await journal.transact(() => ({events: [createdEvent('pay_refused')], result: null}));
    throw new Error('it looks damaged, and is written to');
  } catch (error) {
    if (!(error instanceof StowpayError) || error.code !== 'journal_damaged') throw error;
    return {kind: 'damaged', message: error.message};
  } finally {
    journal?.close();
  }
}

async function toldBy(journal: FileJournal): Promise<readonly string[]> {
  const found: string[] = [];
  const {records} = await look(journal, found, 'opened');
  if (found.length > 0) throw new Error(found.join('; '));
  // What an unfinished repair left behind has its name already: which one this one got does not matter.
  return records.map((record) => textOf(record).replace(/"kept_as":"repair-\d+"/, ''));
}

/** A payment of which the repair moved the original away. */
const CLOSED = 'pay_5';

/** A sale, and a payment closed: its sealed data must be gone wherever the repair left it. */
async function sell(disk: SimulatedDisk, boot: number): Promise<readonly string[]> {
  const journal = journalOn(disk, boot);
  const events = [createdEvent('pay_after'), canceled(CLOSED)];
  await journal.transact(() => ({events, result: null}));
  journal.close();
  return events.map(textOf);
}

/** The whole repaired journal, what was sold since, every original, and each sealed data once. */
async function checkRepaired(
  disk: SimulatedDisk,
  damaged: Damaged,
  boot: number,
  sold: readonly string[],
  found: string[],
): Promise<void> {
  const {image} = disk;
  const journal = journalOn(disk, boot);
  checkTold(await toldBy(journal), [...damaged.repaired.told, ...sold], 'repaired', found);
  const {ok, damage} = await journal.verify();
  if (!ok) found.push(`repaired, it does not verify: ${damage?.message}`);
  const present: Sealed[] = [];
  for (const event of damaged.sealed) {
    if ((await journal.privateData(event.payment)) !== null) present.push(event);
  }
  journal.close();
  checkOriginals(image, damaged, found);
  const gone = sold.length === 0 ? [] : damaged.sealed.filter(({payment}) => payment === CLOSED);
  for (const path of standing(image, gone as never, 'cache')) {
    found.push(`sealed data of a payment that was closed after the repair stands in ${path}`);
  }
  const kept = keptIn(image);
  for (const [path, bytes] of damaged.repaired.kept) {
    if (kept.get(path)?.equals(bytes) !== true)
      found.push(`${path} is not kept as an undisturbed repair does`);
  }
  for (const path of standing(image, present as never, 'cache').filter(isAside)) {
    found.push(`sealed data that the repaired journal holds stands in ${path}, too`);
  }
}

function checkTold(
  told: readonly string[],
  expected: readonly string[],
  when: string,
  found: string[],
): void {
  if (JSON.stringify(told) === JSON.stringify(expected)) return;
  const missing = expected.filter((text) => !told.includes(text));
  const more = told.filter((text) => !expected.includes(text));
  found.push(
    `${when} it tells something else: ${missing.length} missing, more: ${more.join(' ').slice(0, 300)}`,
  );
}

function checkReport(report: RepairReport, {repaired}: Damaged, found: string[]): void {
  if (report.outcome === 'finished') return;
  if (report.outcome !== 'repaired') found.push(`the next repair does not repair it: ${report.outcome}`);
  if (JSON.stringify(partsOf(report)) !== JSON.stringify(repaired.report)) {
    found.push('the next repair finds something else than an undisturbed one');
  }
}

/** Every byte there was before the repair is still there, or is a blanked copy. */
function checkOriginals(image: DiskImage, {originals}: Damaged, found: string[]): void {
  const files = [...filesOf(image)];
  for (const [path, bytes] of originals) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const there = files.some(([one, file]) => one.endsWith(`/${name}`) && holds(file.cache, bytes));
    if (!there) found.push(`the original of ${path} is lost`);
  }
}

async function repairOn(
  disk: SimulatedDisk,
  {device, rekey}: Pick<Damaged, 'device' | 'rekey'>,
  boot: number,
): Promise<RepairReport> {
  const {storage} = disk.process('repair');
  const {segmentBytes} = SIZES;
  const care = new FileJournalCare({
    storage,
    directory: DATA,
    clock: clockOfBoot(boot),
    machine: null,
    lockWaitMs: 0,
    segmentBytes,
  });
  return care.repair({confirm: device, rekey});
}

function journalOn(disk: SimulatedDisk, boot: number): FileJournal {
  const {storage} = disk.process('next');
  return new FileJournal({storage, directory: DATA, clock: clockOfBoot(boot), lockWaitMs: 0, ...SIZES});
}

const known = new Map<NamedRepair, Promise<Damaged>>();

function damagedOf(repair: NamedRepair): Promise<Damaged> {
  const one = known.get(repair) ?? makeDamaged(repair);
  known.set(repair, one);
  return one;
}

/** Open, declined and canceled payments over several segments, a checkpoint, an index; then the damage. */
async function makeDamaged({name, rekey, damage}: NamedRepair): Promise<Damaged> {
  const image = await initialised();
  const run = await runWorkload({name, image, sizes: SIZES, initialised: 0}, async (rig) => {
    const journal = rig.open('A');
    for (const n of [1, 2, 3, 4]) await rig.write(journal, ...sale(`pay_${n}`, {reference: `order-${n}`}));
    await rig.write(journal, canceled('pay_1'));
    await rig.write(journal, ...sale('pay_large', {metadata: 5000}));
    await rig.write(journal, declinedEvent('pay_3'));
    await rig.write(journal, ...sale('pay_5'));
    journal.close();
  });
  const journal = journalOn(simulatedDisk(run.disk.image), 1);
  const device = (await journal.view()).state.device ?? '';
  journal.close();
  const start = damage(settled(run.disk.image));
  const sealed = run.attempts.flatMap(sealedOf);
  const whole = {name, rekey, image: start, device, originals: originalsOf(start), sealed};
  return {...whole, repaired: await undisturbed(whole)};
}

async function undisturbed(damaged: Omit<Damaged, 'repaired'>): Promise<Repaired> {
  const disk = simulatedDisk(damaged.image);
  const report = await repairOn(disk, damaged, 1);
  const journal = journalOn(disk, 1);
  const told = await toldBy(journal);
  journal.close();
  return {told, kept: keptIn(disk.image), report: partsOf(report)};
}

function partsOf({lost, quarantined, orphans, incomplete}: RepairReport): Repaired['report'] {
  return {lost, quarantined, orphans, incomplete};
}

function sealedOf({events}: Attempt): readonly Sealed[] {
  return events.flatMap((event) => ('private' in event && event.private !== undefined ? [event] : []));
}

/** The lock holds a mark and the reserve holds room: neither is anybody's data. */
function originalsOf(image: DiskImage): ReadonlyMap<string, Buffer> {
  const files = [...filesOf(image)].filter(([path]) => !/\/(lock|attempts|reserve)$/.test(path));
  return new Map(files.map(([path, file]) => [path, file.cache]));
}

/** What the repair moved away; not how it was told to, nor what never counted. */
function keptIn(image: DiskImage): ReadonlyMap<string, Buffer> {
  return new Map(
    [...filesOf(image)].flatMap(([path, file]) => {
      const name = /\/damaged\/repair-\d+\/(?!repair\/)(.+)$/.exec(path)?.[1];
      return name === undefined ? [] : [[name, file.cache] as const];
    }),
  );
}

function isAside(path: string): boolean {
  return path.startsWith(`${JOURNAL}/damaged/`) || path.startsWith(`${JOURNAL}/repair`);
}

function bytesOf(image: DiskImage, path: string): Buffer {
  const file = filesOf(image).get(path);
  if (file === undefined) throw new Error(`${path} is not there: ${[...filesOf(image).keys()]}`);
  return file.cache;
}

function overwritten(image: DiskImage, path: string, offset: number, bytes: Buffer): DiskImage {
  const node = find(image, path) ?? -1;
  return settled(changeFile(image, node, {kind: 'write', offset, bytes, doubtful: false}));
}
