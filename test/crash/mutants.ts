import type {SyncMutation} from '../support/simulated-disk.js';
import {REPAIRS, surveyRepair} from './repairs.js';
import {type Survey, type SurveyOptions, surveyKilled, surveyWorkload} from './survey.js';
import {WORKLOADS} from './workloads.js';

/** One thing to crash in every way. */
export interface Exercise {
  readonly name: string;
  /** Looking at a state takes longer: a bounded run looks at so many times fewer points. */
  readonly slower?: number;
  survey(options: SurveyOptions): Promise<Survey>;
}

export const EXERCISES: readonly Exercise[] = [
  ...WORKLOADS.map((workload) => ({
    name: workload.name,
    survey: (options: SurveyOptions) => surveyWorkload(workload, options),
  })),
  ...REPAIRS.map((repair) => ({
    name: repair.name,
    slower: 7,
    survey: (options: SurveyOptions) => surveyRepair(repair, options),
  })),
  {name: 'one is killed in the middle, another goes on', survey: (options) => surveyKilled(options)},
  {
    name: 'one is killed in the middle, another goes on, with room',
    survey: (options) =>
      surveyKilled(options, {segmentBytes: 6000, checkpointRecords: 4, room: {bytes: 5000, after: 0}}),
  },
];

/** A program without one of its syncs, or with it one operation too late. */
export interface Mutant {
  readonly site: string;
  readonly how: 'skipped' | 'late';
}

/** The first violation that gives a mutant away; null when it is as good as the program itself, as far as we see. */
export async function caught(
  mutant: Mutant,
  exercises: readonly Exercise[],
  options: SurveyOptions,
): Promise<string | null> {
  const mutation: SyncMutation = (site) => (site === mutant.site ? mutant.how : 'kept');
  for (const exercise of exercises) {
    const {violations} = await exercise.survey({...options, mutation, hasty: true});
    if (violations[0] !== undefined) return violations[0];
  }
  return null;
}

/** Every place that asks for a sync, with the exercises that reach it. */
export async function sitesOf(
  exercises: readonly Exercise[],
  options: SurveyOptions,
): Promise<Map<string, Exercise[]>> {
  const reached = new Map<string, Exercise[]>();
  for (const exercise of exercises) {
    const {sites} = await exercise.survey(options);
    for (const site of sites.keys()) reached.set(site, [...(reached.get(site) ?? []), exercise]);
  }
  return reached;
}
