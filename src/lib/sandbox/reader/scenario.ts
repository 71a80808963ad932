import {StowpayError} from '../../core/errors.js';
import {namedCard, TEST_CARDS} from '../cards.js';
import {BEHAVIORS, type Behavior} from './behaviors.js';
import {FAULTS, type Fault, type FaultKind, MOMENTS} from './faults.js';
import {LATE_ANSWERS, OUTPUTS, type ReaderSettings} from './world.js';

/** What happens at the emulated reader, one thing after the other. */
export interface Scenario {
  readonly description: string;
  /** How the reader is set up, on top of its own settings. */
  readonly reader: ReaderSettings;
  /** Keys left when it begins; null: as many as there are. */
  readonly keys_left: number | null;
  readonly steps: readonly Step[];
  /** What comes after the last step: ordinary cards, nobody, or the first step again. */
  readonly afterwards: (typeof ENDINGS)[number];
}

export type Step =
  /** The next card read. */
  | {
      readonly kind: 'card';
      readonly pan: string;
      readonly behavior: Behavior;
      readonly after_ms: number | null;
      readonly faults: readonly Fault[];
      readonly repeat: number;
    }
  /** The next time the host sends this command. A card read passes it over. */
  | {
      readonly kind: 'command';
      readonly command: number;
      readonly sub: number;
      readonly faults: readonly Fault[];
      readonly repeat: number;
    }
  /** When nothing was said on the line for so long. A card read passes it over. */
  | {readonly kind: 'idle'; readonly idle_ms: number; readonly faults: readonly Fault[]}
  /** From here on the reader is set up like this. */
  | {readonly kind: 'reader'; readonly reader: ReaderSettings};

export const ENDINGS = ['cards', 'nobody', 'repeat'] as const;

const MAX_MS = 600_000;
const MAX_STEPS = 1000;
const MAX_REPEAT = 10_000;
const MAX_NOISE = 1_000_000;
const MAX_KEYS = 10_000;
const MAX_CLOCK_S = 10 * 366 * 86_400;
/** So many names are told one by one. */
const FEW = 12;
/** More would not be read. */
const MAX_PROBLEMS = 10;

/**
 * Reads the text of a scenario file. Throws `scenario_invalid`, which names every place that is wrong and what may
 * stand there.
 */
export function parseScenario(text: string): Scenario {
  const problems: string[] = [];
  const scenario = scenarioOf(new Place('', parsed(text), problems));
  if (problems.length > 0) throw invalid(problems);
  return scenario;
}

/** Checks settings of the reader by the same rules. Throws `invalid_usage`, which repeats nothing of what was typed. */
export function checkSettings(settings: unknown): ReaderSettings {
  const problems: string[] = [];
  const unknown = isObject(settings) && Object.keys(settings).some((name) => !SETTING_NAMES.includes(name));
  if (unknown) problems.push('there is no such setting');
  const checked = unknown ? {} : readerOf(new Place('', settings, problems, false));
  if (problems.length === 0) return checked;
  throw new StowpayError(
    'invalid_usage',
    `The emulated reader cannot be set up like that: ${problems.join('; ')}.`,
    {
      hint: `Settings: ${SETTING_NAMES.join(', ')}.`,
    },
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StowpayError('scenario_invalid', `The scenario is no JSON: ${(error as Error).message}.`, {
      hint: HINT,
      cause: error,
    });
  }
}

function invalid(problems: readonly string[]): StowpayError {
  const shown = problems.slice(0, MAX_PROBLEMS);
  const more = problems.length > shown.length ? [`and ${problems.length - shown.length} more`] : [];
  return new StowpayError('scenario_invalid', `The scenario is wrong: ${[...shown, ...more].join('; ')}.`, {
    hint: HINT,
    details: {problems},
  });
}

const HINT =
  'docs/SCENARIOS.md has every field; `stowpay sandbox card` lists the cards, behaviours and faults.';

/** A value of the file and where it stands. What is wrong with it is noted, never thrown. */
class Place {
  readonly path: string;
  readonly value: unknown;
  readonly problems: string[];
  readonly #quotes: boolean;

  /** @param quotes may what stands there be repeated? */
  constructor(path: string, value: unknown, problems: string[], quotes = true) {
    this.path = path;
    this.value = value;
    this.problems = problems;
    this.#quotes = quotes;
  }

  wrong(what: string): undefined {
    this.problems.push(`${this.path === '' ? 'the file' : this.path} ${what}`);
    return undefined;
  }

  /** The fields of an object; others than these are wrong. */
  fields(...names: readonly string[]): (name: string) => Place {
    const {value} = this;
    const object = isObject(value) ? value : {};
    if (!isObject(value)) this.wrong(`is ${shown(value)}, not an object`);
    for (const name of Object.keys(object)) {
      if (!names.includes(name)) this.at(safeName(name), null).wrong(`is no field here${meant(name, names)}`);
    }
    return (name) => this.at(name, object[name]);
  }

  items(min: number, max: number): readonly Place[] {
    const {value} = this;
    if (!Array.isArray(value)) {
      this.wrong(`is ${shown(value)}, not a list`);
      return [];
    }
    if (value.length < min || value.length > max)
      this.wrong(`has ${value.length} entries, not ${min} to ${max}`);
    return value.slice(0, max).map((item, index) => new Place(`${this.path}[${index}]`, item, this.problems));
  }

  oneOf<T extends string>(names: readonly T[]): T | undefined {
    const found = names.find((name) => name === this.value);
    if (found !== undefined || this.value === undefined) return found;
    const choice = names.length > FEW ? 'there is none of that name' : `it can be ${names.join(', ')}`;
    return this.wrong(`is ${this.shown}; ${choice}${meant(this.value, names)}`);
  }

  integer(min: number, max: number): number | undefined {
    const {value} = this;
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    return this.wrong(`is ${this.shown}, not a whole number from ${min} to ${max}`);
  }

  boolean(): boolean | undefined {
    if (this.value === undefined || typeof this.value === 'boolean') return this.value;
    return this.wrong(`is ${this.shown}, not true or false`);
  }

  text(max: number): string | undefined {
    const {value} = this;
    if (value === undefined) return undefined;
    if (typeof value === 'string' && value.length <= max && /^[\x20-\x7e]*$/.test(value)) return value;
    return this.wrong(`is not a text of at most ${max} printable ASCII characters`);
  }

  at(name: string, value: unknown): Place {
    return new Place(this.path === '' ? name : `${this.path}.${name}`, value, this.problems, this.#quotes);
  }

  get shown(): string {
    return this.#quotes ? shown(this.value) : 'something else';
  }
}

function scenarioOf(place: Place): Scenario {
  const field = place.fields('description', 'reader', 'steps', 'afterwards');
  const reader = field('reader');
  return {
    description: field('description').text(200) ?? '',
    ...(reader.value === undefined ? {reader: {}, keys_left: null} : firstReaderOf(reader)),
    steps: field('steps')
      .items(1, MAX_STEPS)
      .flatMap((step) => stepOf(step) ?? []),
    afterwards: field('afterwards').oneOf(ENDINGS) ?? 'cards',
  };
}

function firstReaderOf(place: Place): Pick<Scenario, 'reader' | 'keys_left'> {
  if (!isObject(place.value)) return {reader: readerOf(place), keys_left: null};
  const {keys_left, ...settings} = place.value;
  const left = new Place(`${place.path}.keys_left`, keys_left, place.problems).integer(0, MAX_KEYS);
  return {reader: readerOf(new Place(place.path, settings, place.problems)), keys_left: left ?? null};
}

/** Every setting of the reader and what it takes. */
const READER: {readonly [Name in keyof Required<ReaderSettings>]: (place: Place) => unknown} = {
  encryption_off: (place) => place.boolean(),
  key: (place) => place.oneOf(['missing', 'exhausted']),
  tampered: (place) => place.boolean(),
  without_contact: (place) => place.boolean(),
  paced: (place) => place.boolean(),
  late_answer: (place) => place.oneOf(LATE_ANSWERS),
  output: (place) => place.oneOf(OUTPUTS),
  firmware: (place) => place.text(64),
  serial_number: (place) => (place.value === null ? null : place.text(14)),
  clock_offset_s: (place) => place.integer(-MAX_CLOCK_S, MAX_CLOCK_S),
  clock_drift_s: (place) => place.integer(-86_400, 86_400),
  refuses_settings: (place) => place.boolean(),
  forgets_poll_mode: (place) => place.boolean(),
};

export const SETTING_NAMES: readonly string[] = Object.keys(READER);

function readerOf(place: Place): ReaderSettings {
  const field = place.fields(...SETTING_NAMES);
  const settings = Object.entries(READER).map(([name, check]) => [name, check(field(name))] as const);
  return Object.fromEntries(settings.filter(([, value]) => value !== undefined));
}

const STEP_KINDS: readonly (readonly [kind: Step['kind'], fields: readonly string[]])[] = [
  ['card', ['card', 'behavior']],
  ['command', ['command']],
  ['idle', ['idle_ms']],
  ['reader', ['reader']],
];

/** The fields it has tell what kind of step it is. */
function stepOf(place: Place): Step | undefined {
  const {value} = place;
  if (!isObject(value)) return place.wrong(`is ${shown(value)}, not an object`);
  const kinds = STEP_KINDS.filter(([, fields]) => fields.some((name) => name in value)).map(([kind]) => kind);
  const [kind] = kinds;
  if (kinds.length > 1) return place.wrong(`is both a ${kinds.join(' and a ')} step: make two of it`);
  switch (kind) {
    case 'card':
      return cardStep(place);
    case 'command':
      return commandStep(place);
    case 'idle':
      return idleStep(place);
    case 'reader':
      return {kind, reader: readerOf(place.fields('note', 'reader')('reader'))};
    default:
      return place.wrong('says nothing: give it a card, a behavior, a command, idle_ms or a reader');
  }
}

function cardStep(place: Place): Step {
  const field = place.fields('note', 'card', 'behavior', 'after_ms', 'faults', 'repeat');
  return {
    kind: 'card',
    pan: panOf(field('card')),
    behavior: field('behavior').oneOf(Object.keys(BEHAVIORS) as Behavior[]) ?? 'approve',
    after_ms: field('after_ms').integer(0, MAX_MS) ?? null,
    faults: faultsOf(field('faults'), false),
    repeat: field('repeat').integer(1, MAX_REPEAT) ?? 1,
  };
}

function panOf(place: Place): string {
  const {value} = place;
  if (value === undefined) return (TEST_CARDS[0] as (typeof TEST_CARDS)[number]).pan;
  const card = typeof value === 'string' ? namedCard(value) : undefined;
  // What is no test number may be a real one: it is not repeated.
  if (card === undefined) place.wrong('is none of the sandbox’s cards');
  return card?.pan ?? '';
}

function commandStep(place: Place): Step {
  const field = place.fields('note', 'command', 'faults', 'repeat');
  const [command = 0, sub = 0] = codeOf(field('command'));
  return {
    kind: 'command',
    command,
    sub,
    faults: faultsOf(field('faults'), true),
    repeat: field('repeat').integer(1, MAX_REPEAT) ?? 1,
  };
}

const CARD_READ = 0x02;

function codeOf(place: Place): readonly number[] {
  const match = typeof place.value === 'string' ? /^([0-9a-f]{2})-([0-9a-f]{2})$/i.exec(place.value) : null;
  const code = (match ?? []).slice(1).map((hex) => Number.parseInt(hex, 16));
  if (match === null) place.wrong(`is ${shown(place.value)}, not a command and sub-command like "18-01"`);
  else if (code[0] === CARD_READ) place.wrong('is a card read: that is a step with a card or a behavior');
  return code;
}

function idleStep(place: Place): Step {
  const field = place.fields('note', 'idle_ms', 'faults');
  return {
    kind: 'idle',
    idle_ms: field('idle_ms').integer(0, MAX_MS) ?? 0,
    faults: faultsOf(field('faults'), true),
  };
}

function faultsOf(place: Place, needed: boolean): readonly Fault[] {
  if (place.value === undefined && !needed) return [];
  return place.items(1, 10).flatMap((fault) => faultOf(fault) ?? []);
}

function faultOf(place: Place): Fault | undefined {
  const field = place.fields('kind', 'at', 'for_ms', 'bytes', 'status');
  const named = field('kind');
  const kind = named.oneOf(Object.keys(FAULTS) as FaultKind[]);
  if (kind === undefined) return named.value === undefined ? place.wrong('has no kind') : undefined;
  const fault = {
    kind,
    at: field('at').oneOf(MOMENTS),
    for_ms: field('for_ms').integer(0, MAX_MS),
    bytes: field('bytes').integer(1, MAX_NOISE),
    status: statusOf(field('status')),
  };
  if (kind === 'status' && field('status').value === undefined) place.wrong('needs a status, like "0B"');
  if (kind === 'delay' && field('for_ms').value === undefined) place.wrong('needs for_ms');
  return Object.fromEntries(
    Object.entries(fault).filter(([, value]) => value !== undefined),
  ) as unknown as Fault;
}

function statusOf(place: Place): number | undefined {
  const {value} = place;
  if (value === undefined) return undefined;
  if (typeof value === 'string' && /^[0-9a-f]{2}$/i.test(value)) return Number.parseInt(value, 16);
  return place.wrong(`is ${shown(value)}, not two hexadecimal digits like "0B"`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as a message may show it: never a whole one, and no digits that could be a card number. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  if (isObject(value)) return 'an object';
  const text = JSON.stringify(value);
  return text.length > 40 || /\d{9,}/.test(text) ? 'something else' : text;
}

/** A name that may be shown: no digits that could be a card number, nothing a terminal would act on. */
function safeName(name: string): string {
  return /^[a-z_]\w{0,39}$/i.test(name) && !/\d{9}/.test(name) ? name : '(a name)';
}

/** The nearest of the names, where one is near. */
function meant(value: unknown, names: readonly string[]): string {
  if (typeof value !== 'string') return '';
  const near = names
    .map((name) => ({name, distance: distance(value.toLowerCase(), name)}))
    .filter(({name, distance: far}) => far <= Math.max(1, name.length / 3))
    .sort((a, b) => a.distance - b.distance)[0];
  return near === undefined ? '' : ` (meant: ${near.name}?)`;
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({length: b.length + 1}, (_, index) => index);
  for (let at = 1; at <= a.length; at += 1) {
    const next = [at];
    for (let to = 1; to <= b.length; to += 1) {
      const change = (row[to - 1] ?? 0) + (a[at - 1] === b[to - 1] ? 0 : 1);
      next.push(Math.min(change, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
