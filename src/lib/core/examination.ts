import type {ReaderKey} from './ports.js';

/** What came of one question to a reader. */
export type Told<T> =
  | {readonly kind: 'told'; readonly value: T}
  /** The reader does not answer this: its firmware does not know the question, or it may not tell. */
  | {readonly kind: 'refused'; readonly status: string; readonly meaning: string}
  /** It answered in a form that is not known. */
  | {readonly kind: 'unreadable'}
  /** No answer in time, though the reader was there before. */
  | {readonly kind: 'silent'}
  /** The reader had been silent too often by then. */
  | {readonly kind: 'not_asked'};

/** A setting that stowpay makes at the reader: at every connect, before every sale, and by `doctor --fix`. */
export type ReaderSetting = 'clock' | 'masking' | 'poll_mode' | 'first_response';

/** One setting, and what it is set to where that is not always the same. */
export type SettingChange =
  | {readonly setting: 'clock'; readonly now: Date}
  | {readonly setting: Exclude<ReaderSetting, 'clock'>};

/** Every setting, in the order in which they are made; without the clock where no time can be trusted. */
export function settingChanges(now: Date | null): readonly SettingChange[] {
  return [
    {setting: 'poll_mode'},
    ...(now === null ? [] : [{setting: 'clock', now} as const]),
    {setting: 'masking'},
    {setting: 'first_response'},
  ];
}

/** What the reader made of being told a setting. */
export type SettingOutcome = Told<'set'>;

/** Digits of a card number that the reader leaves readable. */
export interface Masking {
  readonly leading: number;
  readonly trailing: number;
}

/** What a reader tells of itself when it is asked everything and told nothing. */
export interface Examination {
  /** Milliseconds from a ping to its answer; null when none came. */
  readonly round_trip_ms: number | null;
  readonly serial_number: Told<string>;
  readonly firmware: Told<string>;
  readonly main_firmware: Told<string>;
  readonly processor: Told<string>;
  readonly encryption: Told<'all' | 'part' | 'off'>;
  readonly key: Told<ReaderKey>;
  readonly masking: Told<Masking>;
  readonly first_response: Told<boolean>;
  /** The minute its clock shows, read as UTC, and when it was asked by this machine's clock; ms since the epoch. */
  readonly clock: Told<{readonly reader: number; readonly host: number}>;
  /** It answered at least one question by saying that it was tampered with. */
  readonly tampered: boolean;
}

/** Nothing came, so nothing is known: neither yes nor no. */
export function isMute(told: Told<unknown>): boolean {
  return told.kind === 'silent' || told.kind === 'not_asked';
}

/** Why something is not known, for a person. */
export function whyNot(told: Told<unknown>): string {
  switch (told.kind) {
    case 'told':
      return 'told';
    case 'refused':
      return `the reader does not tell (${told.status}, ${told.meaning})`;
    case 'unreadable':
      return 'its answer has no form that is known';
    case 'silent':
      return 'it did not answer this in time';
    case 'not_asked':
      return 'not asked: the reader was silent before';
  }
}

/** Why a setting was not made, for a person. */
export function whyNotSet(outcome: SettingOutcome): string {
  return outcome.kind === 'refused'
    ? `The reader refuses the setting (${outcome.status}, ${outcome.meaning})`
    : `The reader did not take the setting (${whyNot(outcome)})`;
}

/** What was told; null when it was not. */
export function toldOrNull<T>(told: Told<T>): T | null {
  return told.kind === 'told' ? told.value : null;
}
