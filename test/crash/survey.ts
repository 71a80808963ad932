import {changeFile, type DiskImage, type DiskNode, emptyImage, PAGE} from '../support/disk-image.js';
import type {Step, SyncMutation} from '../support/simulated-disk.js';
import {type CrashState, demandOf, violationsOf} from './expectations.js';
import {fingerprint, oddLengths, powerCuts, type RandomNumbers, seededRandom} from './power-cuts.js';
import {type Attempt, type Run, runWorkload} from './run.js';
import {killedInTheMiddle, type NamedWorkload, recovering} from './workloads.js';

export interface SurveyOptions {
  readonly seed: number;
  /** At a point with more possible disks than this, so many are drawn. */
  readonly perPoint: number;
  /** Of the states found, so many are recovered from and crashed again. */
  readonly recoveries: number;
  readonly mutation?: SyncMutation | null;
  /** Only every so many points, and deaths in the middle, are looked at. */
  readonly stride?: number;
  /** Stop at the first violation. */
  readonly hasty?: boolean;
}

export interface Survey {
  points: number;
  /** Points at which every legal disk was looked at. */
  complete: number;
  states: number;
  /** States another crash had led to before. */
  repeated: number;
  recoveries: number;
  violations: string[];
  readonly sites: Map<string, number>;
}

/** A state, and the run as it had been told up to then. */
interface FoundState {
  readonly told: Run;
  readonly state: CrashState;
}

export function emptySurvey(): Survey {
  return {points: 0, complete: 0, states: 0, repeated: 0, recoveries: 0, violations: [], sites: new Map()};
}

/** Crashes a workload at every point, in every way, and looks at what each leaves; then some of the recoveries. */
export async function surveyWorkload(workload: NamedWorkload, options: SurveyOptions): Promise<Survey> {
  const survey = emptySurvey();
  const random = seededRandom(options.seed);
  const image = workload.bare === true ? emptyImage('data') : await initialised();
  const {name, sizes} = workload;
  const mutation = options.mutation ?? null;
  const start = {name, image, sizes, mutation, initialised: workload.bare === true ? null : 0};
  const run = await runWorkload(start, workload.run);
  const states: FoundState[] = [];
  const {denser = 1} = workload;
  const dense = denser === 1 ? options : {...options, perPoint: options.perPoint * denser, stride: 1};
  await surveyRun(run, dense, random, survey, states);
  for (const {told, state} of drawn(states, options.recoveries, random)) {
    if (options.hasty === true && survey.violations.length > 0) return survey;
    survey.recoveries += 1;
    await surveyRecovery(
      told,
      state,
      {...options, perPoint: Math.ceil(options.perPoint / 8)},
      random,
      survey,
    );
  }
  return survey;
}

/** A process dies after each of its operations in turn, and another one goes on. */
export async function surveyKilled(
  options: SurveyOptions,
  sizes: NamedWorkload['sizes'] = {segmentBytes: 6000, checkpointRecords: 4},
): Promise<Survey> {
  const survey = emptySurvey();
  const random = seededRandom(options.seed);
  const image = await initialised();
  const mutation = options.mutation ?? null;
  for (let operations = 0; ; operations += options.stride ?? 1) {
    const name = `A killed after ${operations} operations`;
    const run = await runWorkload(
      {name, image, sizes, mutation, initialised: 0},
      killedInTheMiddle(operations),
    );
    await surveyRun(run, {...options, perPoint: Math.ceil(options.perPoint / 4)}, random, survey, []);
    const finished = run.attempts.every(({settled}) => settled !== null);
    if (finished || (options.hasty === true && survey.violations.length > 0)) return survey;
  }
}

async function surveyRun(
  run: Run,
  options: SurveyOptions,
  random: RandomNumbers,
  survey: Survey,
  states: FoundState[],
): Promise<void> {
  for (const [site, count] of run.disk.sites) survey.sites.set(site, (survey.sites.get(site) ?? 0) + count);
  const seen = new Set<string>();
  const {steps} = run.disk;
  for (let point = run.from; point <= steps.length; point += options.stride ?? 1) {
    const image = steps[point]?.before ?? run.disk.image;
    const cuts = powerCuts(image, options.perPoint, random);
    survey.points += 1;
    if (cuts.complete) survey.complete += 1;
    const killed = [image, ...inside(steps[point])].map((one) => ({image: one, boot: run.boot, point}));
    // What was begun inside a write was asked for.
    const shown = killed.map((state, index) => (index === 0 ? state : {...state, point: point + 1}));
    const cut = cuts.images.map((one) => ({image: one, boot: run.boot + 1, point}));
    for (const [index, state] of [...shown, ...cut].entries()) {
      const known = settledBefore(run.attempts, state.point);
      const name = `${fingerprint(state.image)} ${state.boot} ${known}`;
      if (seen.has(name)) {
        survey.repeated += 1;
        continue;
      }
      seen.add(name);
      survey.states += 1;
      const told =
        index > 0 && index < shown.length ? {...run, attempts: unsettled(run.attempts, point)} : run;
      states.push({told, state});
      for (const violation of await violationsOf(told, state)) {
        survey.violations.push(`${whereOf(run, state, point)}: ${violation}`);
      }
      if (options.hasty === true && survey.violations.length > 0) return;
    }
  }
}

/** An attempt that is settled by the very write that was cut short is not settled. */
function unsettled(attempts: readonly Attempt[], point: number): readonly Attempt[] {
  return attempts.map((attempt) =>
    attempt.settled !== null && attempt.settled.at > point ? {...attempt, settled: null} : attempt,
  );
}

function settledBefore(attempts: readonly Attempt[], point: number): string {
  return attempts.map((attempt) => demandOf(attempt, point)[0]).join('');
}

function whereOf(run: Run, state: CrashState, point: number): string {
  const how = state.boot === run.boot ? 'killed' : 'power cut';
  const last = run.disk.steps[point - 1];
  return `${run.name}, ${how} at point ${point} (after ${last?.operation ?? 'nothing'})`;
}

/** A write that a kill cut short: after each page, and at a few odd bytes. */
export function inside(step: Step | undefined): readonly DiskImage[] {
  if (step === undefined || step.write === null) return [];
  const {node, offset, bytes} = step.write;
  const lengths = new Set(oddLengths(bytes.length));
  for (let page = PAGE - (offset % PAGE); page < bytes.length; page += PAGE) lengths.add(page);
  return [...lengths].map((length) =>
    changeFile(step.before, node, {kind: 'write', offset, bytes: bytes.subarray(0, length), doubtful: false}),
  );
}

/** Recovers from one state, and crashes the recovery at every point. */
async function surveyRecovery(
  run: Run,
  state: CrashState,
  options: SurveyOptions,
  random: RandomNumbers,
  survey: Survey,
): Promise<void> {
  const attempts = run.attempts
    .filter((attempt) => attempt.began < state.point || demandOf(attempt, state.point) !== 'absent')
    .map((attempt): Attempt => {
      const demand = demandOf(attempt, state.point);
      const outcome = demand === 'there' ? 'stored' : 'not_stored';
      return {...attempt, began: -1, settled: demand === 'open' ? null : {at: 0, outcome}};
    });
  const known = run.initialised !== null && run.initialised <= state.point ? 0 : null;
  const name = `recovery of ${whereOf(run, state, state.point)}`;
  const {image, boot} = state;
  const {sizes, mutation} = run;
  const again = await runWorkload(
    {name, image, boot, sizes, mutation, attempts, initialised: known},
    recovering,
  );
  await surveyRun({...again, kept: new Map([...run.kept, ...again.kept])}, options, random, survey, []);
}

export function drawn<T>(list: readonly T[], count: number, random: RandomNumbers): readonly T[] {
  if (list.length <= count) return list;
  return Array.from({length: count}, () => list[Math.floor(random() * list.length)] as T);
}

let ready: Promise<DiskImage> | null = null;

/** A disk with a journal on it, all of it on the platter. */
export function initialised(): Promise<DiskImage> {
  ready ??= runWorkload({name: 'genesis', image: emptyImage('data')}, (rig) => rig.initialise()).then(
    ({disk}) => settled(disk.image),
  );
  return ready;
}

/** The same disk with everything on the platter. */
export function settled(image: DiskImage): DiskImage {
  const nodes = new Map<number, DiskNode>();
  for (const [id, node] of image.nodes) {
    if (node.kind === 'file') nodes.set(id, {...node, durable: node.cache, pending: []});
    else nodes.set(id, {...node, durable: node.cache});
  }
  return {...image, nodes, pending: []};
}
