import type {TestCard} from '../cards.js';
import {testCard} from '../cards.js';
import type {Fault} from './faults.js';
import type {Scenario, Step} from './scenario.js';
import {DEFAULT_PAN, type IdleFaults, type PresentedCard, presented, type ReaderSettings} from './world.js';

/** How far a scenario was played. */
export interface Progress {
  /** Index of the step that is next; the number of steps when all were played. */
  readonly step: number;
  /** How often that one was played already. */
  readonly played: number;
}

export const BEGINNING: Progress = {step: 0, played: 0};

/** A thing that was played, and how far the scenario is after it. */
export interface Played<T> {
  readonly what: T;
  readonly progress: Progress;
}

/** The next card read: passes over what waited for a command or for silence that did not come. */
export function playCard(scenario: Scenario, progress: Progress): Played<PresentedCard> {
  let {step, at} = stepAt(scenario, progress);
  while (step !== undefined && step.kind !== 'card') {
    ({step, at} = stepAt(scenario, {step: at.step + 1, played: 0}));
  }
  if (step === undefined) return {what: endingOf(scenario), progress: at};
  return {what: cardOf(step), progress: after(step, at)};
}

/** What goes wrong with a command, if the next step is about it. */
export function playCommand(
  scenario: Scenario,
  progress: Progress,
  command: number,
  sub: number,
): Played<readonly Fault[]> {
  const {step, at} = settled(scenario, progress);
  if (step?.kind !== 'command' || step.command !== command || step.sub !== sub) return {what: [], progress};
  return {what: step.faults, progress: after(step, at)};
}

/** What happens when nothing is said, if that is the next step. */
export function nextIdle(scenario: Scenario, progress: Progress): IdleFaults | null {
  const {step} = settled(scenario, progress);
  return step?.kind === 'idle' ? {idle_ms: step.idle_ms, faults: step.faults} : null;
}

export function playIdle(scenario: Scenario, progress: Progress): Progress {
  const {step, at} = settled(scenario, progress);
  return step?.kind === 'idle' ? after(step, at) : progress;
}

/** How the reader is set up by now: every such step up to here, and those that come next. */
export function settingsAt(scenario: Scenario, progress: Progress): ReaderSettings {
  const {at} = settled(scenario, progress);
  const reached = scenario.steps.slice(0, at.step);
  const changes = reached.flatMap((step) => (step.kind === 'reader' ? [step.reader] : []));
  return Object.assign({}, scenario.reader, ...changes);
}

interface Standing {
  readonly step: Step | undefined;
  readonly at: Progress;
}

/** The step that is next; the first one again where the scenario repeats itself. */
function stepAt({steps, afterwards}: Scenario, progress: Progress): Standing {
  const repeats = afterwards === 'repeat' && steps.some(({kind}) => kind === 'card');
  const at = progress.step >= steps.length && repeats ? BEGINNING : progress;
  return {step: steps[at.step], at};
}

/** The next step that waits for something: settings hold as soon as it is their turn. */
function settled(scenario: Scenario, progress: Progress): Standing {
  let now = stepAt(scenario, progress);
  while (now.step?.kind === 'reader')
    now = {step: scenario.steps[now.at.step + 1], at: {step: now.at.step + 1, played: 0}};
  return now;
}

function after(step: Step, {step: index, played}: Progress): Progress {
  const repeat = 'repeat' in step ? step.repeat : 1;
  return played + 1 < repeat ? {step: index, played: played + 1} : {step: index + 1, played: 0};
}

function cardOf({pan, behavior, after_ms, faults}: Extract<Step, {kind: 'card'}>): PresentedCard {
  return {...presented(pan, behavior), ...(after_ms === null ? {} : {after_ms}), faults};
}

function endingOf({afterwards}: Scenario): PresentedCard {
  const card = testCard(DEFAULT_PAN) as TestCard;
  return {card, behavior: afterwards === 'nobody' ? 'no_card' : 'approve'};
}
