import type {CardAnswer, CardFailure} from '../core/card.js';
import type {ReaderDisplayMessage, ReaderInput, ReaderInputOption} from '../core/reader-input.js';

/** Ways a card comes to the reader. */
export type Way = 'contact' | 'contactless' | 'swipe';

/** What one dialogue with a customer may do. */
export interface Terms {
  /** How long somebody may take to come with a card. */
  readonly timeout_ms: number;
  /** A magnetic stripe is taken: there is a network. */
  readonly stripe: boolean;
  /** Ways that are not taken at all. */
  readonly barred?: readonly Way[];
}

/** Nobody is asked for a card more often than this in one dialogue. */
export const MOST_CARDS = 8;
/** Whoever is asked to try again has this long, even at the end of the time. */
const RETRY_MS = 15_000;
/** So long after the time is over nobody is asked again. */
const OVERTIME_MS = 60_000;

/** Something that came of a card and gave no payment. Holds nothing of what the card sent. */
type Failed = Extract<CardAnswer, {kind: 'failed'}>;

interface Past {
  readonly terms: Terms;
  readonly failures: readonly Failed[];
  /** Ways that are of no use any more, or that this reader does not have. */
  readonly barred: readonly Way[];
  /** The reader knows no 60-10: it starts a chip by 02-40. */
  readonly knows_start: boolean;
}

/** The reader waits for a card, or reads one. */
export interface Reading extends Past {
  readonly kind: 'reading';
  readonly starter: 'activate' | 'start_contact';
  readonly ways: readonly Way[];
  readonly wait_ms: number;
  /** A chip could not be read: what is swiped now is its fallback. */
  readonly fallback: boolean;
  /** A card was seen, and the customer was told to wait. */
  readonly seen: boolean;
}

/** A chip was started, and is asked for its cryptogram. */
export interface Authenticating extends Past {
  readonly kind: 'authenticating';
}

export interface Ended {
  readonly kind: 'ended';
  readonly answer: CardAnswer;
  /** The chip waits for what its host says: it must be told, whatever that is. */
  readonly held: boolean;
  /** There is a card in the slot. */
  readonly in_slot: boolean;
}

/** The reader refused what it was asked, and there is no other way to ask. */
export interface Stuck {
  readonly kind: 'stuck';
  readonly in_slot: boolean;
}

export type Dialogue = Reading | Authenticating | Ended | Stuck;

/** What the reader says. */
export type Happening =
  | {readonly kind: 'seen'}
  /** The reader shows this to the customer by itself. */
  | {readonly kind: 'shown'; readonly message: ReaderDisplayMessage}
  | {readonly kind: 'started'}
  | {readonly kind: 'answered'; readonly answer: CardAnswer}
  /** The reader does not know the command, or not with this in it. */
  | {readonly kind: 'refused'};

/** The dialogue from here on, and what the customer is told now. */
export interface Step {
  readonly state: Dialogue;
  readonly say: readonly ReaderInput[];
}

const ALL_WAYS: readonly Way[] = ['contact', 'contactless', 'swipe'];

/** A customer is asked for a card for the first time. */
export function begin(terms: Terms): Step {
  const barred = terms.barred ?? [];
  const past: Past = {terms, failures: [], barred, knows_start: true};
  const ways = ALL_WAYS.filter((way) => !barred.includes(way));
  return ask(past, 'present_card', {ways, wait_ms: terms.timeout_ms, fallback: false});
}

/**
 * The whole dialogue, one happening at a time. Pure and total. Whatever comes, it ends after `MOST_CARDS` cards.
 * A retry knows of the card before it only why it failed.
 */
export function next(state: Dialogue, happening: Happening, elapsed_ms: number): Step {
  switch (state.kind) {
    case 'ended':
    case 'stuck':
      return {state, say: []};
    case 'reading':
      return whileReading(state, happening, elapsed_ms);
    case 'authenticating':
      return whileAuthenticating(state, happening, elapsed_ms);
  }
}

function whileReading(state: Reading, happening: Happening, elapsed_ms: number): Step {
  switch (happening.kind) {
    case 'seen':
      return {state: {...state, seen: true}, say: state.seen ? [] : [PROCESSING]};
    case 'shown':
      return {state, say: [{display_message: happening.message, input_options: optionsOf(state)}]};
    case 'started': {
      const {terms, failures, barred, knows_start} = state;
      const started: Authenticating = {kind: 'authenticating', terms, failures, barred, knows_start};
      return {state: started, say: state.seen ? [] : [PROCESSING]};
    }
    case 'refused':
      return {state: askOtherwise(state), say: []};
    case 'answered':
      return judge(state, asFallback(happening.answer, state.fallback), elapsed_ms);
  }
}

function whileAuthenticating(state: Authenticating, happening: Happening, elapsed_ms: number): Step {
  switch (happening.kind) {
    case 'seen':
    case 'started':
      return {state, say: []};
    case 'shown':
      return {state, say: [{display_message: happening.message, input_options: []}]};
    case 'refused':
      return {state: {kind: 'stuck', in_slot: true}, say: []};
    case 'answered':
      return judge(state, happening.answer, elapsed_ms);
  }
}

const PROCESSING: ReaderInput = {display_message: 'processing', input_options: []};

/** The same question in another command, as long as there is one. */
function askOtherwise(state: Reading): Dialogue {
  if (state.starter === 'start_contact') return {...state, starter: 'activate', knows_start: false};
  for (const dropped of ['contact', 'swipe'] as const) {
    const ways = state.ways.filter((way) => way !== dropped);
    if (ways.length === state.ways.length || !ways.some((way) => mayBeUsed(way, state.terms))) continue;
    return {...state, ways, barred: [...state.barred, dropped]};
  }
  return {kind: 'stuck', in_slot: false};
}

function judge(state: Reading | Authenticating, answer: CardAnswer, elapsed_ms: number): Step {
  const inside = state.kind === 'authenticating';
  switch (answer.kind) {
    case 'unsealed':
      return end(answer, {held: inside, in_slot: inside});
    case 'no_card':
      return end(nobodyCame(state, answer), {held: false, in_slot: inside});
    case 'failed':
      return retry(state, answer, elapsed_ms);
    case 'card': {
      const {read_method, cryptogram} = answer.card;
      if (isStripe(read_method) && !state.terms.stripe)
        return retry(state, stripeNotTaken(answer), elapsed_ms);
      const in_slot = inside || read_method === 'contact_emv';
      return end(answer, {held: inside && cryptogram !== 'tc' && cryptogram !== 'aac', in_slot});
    }
  }
}

function end(answer: CardAnswer, slot: Pick<Ended, 'held' | 'in_slot'>): Step {
  return {state: {kind: 'ended', answer, ...slot}, say: []};
}

/** Who failed and did not come back is told what failed; whose card was seen is not told that nobody came. */
function nobodyCame(
  state: Reading | Authenticating,
  answer: Extract<CardAnswer, {kind: 'no_card'}>,
): CardAnswer {
  if (answer.reason !== 'timeout') return answer;
  const seen = state.kind === 'authenticating' || state.seen;
  const failures = seen ? [...state.failures, UNHEARD] : state.failures;
  return failures.length > 0 ? lastOf(failures) : answer;
}

const UNHEARD: Failed = {
  kind: 'failed',
  reason: 'unreadable',
  brand: 'unknown',
  last4: null,
  technical: 'a card was seen, and no whole answer came',
};

function lastOf(failures: readonly Failed[]): CardAnswer {
  const last = failures.at(-1) as Failed;
  const earlier = failures.slice(0, -1).map(({reason, technical}) => `${reason}: ${technical}`);
  return earlier.length === 0 ? last : {...last, earlier};
}

function isStripe(method: string): boolean {
  return method.startsWith('magnetic_stripe') || method === 'contactless_magstripe_mode';
}

/** What was on the stripe is forgotten here. */
function stripeNotTaken({card}: Extract<CardAnswer, {kind: 'card'}>): Failed {
  const {brand, last4, read_method} = card;
  return {kind: 'failed', reason: 'magnetic_stripe', brand, last4, technical: `read as ${read_method}`};
}

/** The reader cannot know why a stripe is swiped that it was asked for alone. */
function asFallback(answer: CardAnswer, fallback: boolean): CardAnswer {
  if (!fallback || answer.kind !== 'card' || answer.card.read_method !== 'magnetic_stripe_track2')
    return answer;
  return {...answer, card: {...answer.card, read_method: 'magnetic_stripe_fallback'}};
}

function retry(state: Reading | Authenticating, failed: Failed, elapsed_ms: number): Step {
  const {terms, barred, knows_start} = state;
  const inside = state.kind === 'authenticating';
  const failures = [...state.failures, failed];
  const advice = adviceFor(state, failed.reason);
  const over = failures.length >= MOST_CARDS || elapsed_ms >= terms.timeout_ms + OVERTIME_MS;
  // A reader that gave no reason of its own may still have the chip wait.
  const held = inside && (failed.reason === 'missing_emv_data' || failed.reason === 'unusable_encryption');
  if (advice === null || over) return end(lastOf(failures), {held, in_slot: inside});
  const past: Past = {terms, failures, barred: [...barred, ...(advice.bars ?? [])], knows_start};
  const ways = (advice.ways ?? ALL_WAYS).filter((way) => !past.barred.includes(way));
  if (!ways.some((way) => mayBeUsed(way, terms)))
    return end(lastOf(failures), {held: false, in_slot: inside});
  const left = terms.timeout_ms - elapsed_ms;
  const wait_ms = Math.max(left, Math.min(terms.timeout_ms, RETRY_MS));
  const asked = ask(past, advice.message, {ways, wait_ms, fallback: advice.fallback ?? false});
  // Whoever shall come with another card has to take this one out first.
  return inside && advice.message === 'try_another_card'
    ? {...asked, say: [{display_message: 'remove_card', input_options: []}, ...asked.say]}
    : asked;
}

function ask(
  past: Past,
  message: ReaderDisplayMessage,
  how: Pick<Reading, 'ways' | 'wait_ms' | 'fallback'>,
): Step {
  const alone = how.ways.length === 1 && how.ways[0] === 'contact';
  const starter = alone && past.knows_start ? 'start_contact' : 'activate';
  const state: Reading = {kind: 'reading', ...past, ...how, starter, seen: false};
  return {state, say: [{display_message: message, input_options: optionsOf(state)}]};
}

const OPTIONS: Readonly<Record<Way, ReaderInputOption>> = {
  contact: 'insert_card',
  contactless: 'tap_card',
  swipe: 'swipe_card',
};

function optionsOf({ways, terms}: Pick<Reading, 'ways' | 'terms'>): readonly ReaderInputOption[] {
  return ways.filter((way) => mayBeUsed(way, terms)).map((way) => OPTIONS[way]);
}

/** A stripe that is not taken is still seen, so that its owner can be told. */
function mayBeUsed(way: Way, terms: Terms): boolean {
  return way !== 'swipe' || terms.stripe;
}

interface Advice {
  readonly message: ReaderDisplayMessage;
  /** All when left out. */
  readonly ways?: readonly Way[];
  /** Of no use for the rest of this payment. */
  readonly bars?: readonly Way[];
  readonly fallback?: boolean;
}

const AGAIN: Advice = {message: 'retry_card'};
const OTHER_CARD: Advice = {message: 'try_another_card'};

/** What a customer can do about it; null where nothing helps, or nothing should. */
function adviceFor(state: Reading | Authenticating, reason: CardFailure): Advice | null {
  const inside = state.kind === 'authenticating';
  switch (reason) {
    case 'card_error':
    case 'unreadable':
    case 'torn':
    case 'tap_again':
      return inside ? {message: 'card_removed_too_early'} : AGAIN;
    case 'missing_emv_data':
      // What a started chip did not give it will not give: it waits for its host.
      return inside ? null : AGAIN;
    case 'see_phone':
      return {message: 'check_mobile_device'};
    case 'collision':
      return {message: 'multiple_contactless_cards_detected'};
    case 'use_contact':
      return {message: 'insert_card', ways: ['contact']};
    case 'over_contactless_limit':
      return {message: 'insert_card', ways: ['contact'], bars: ['contactless']};
    case 'use_other_interface':
      return {message: 'try_another_read_method', ways: inside ? ['contactless'] : ['contact']};
    case 'use_magstripe':
      return state.terms.stripe ? {message: 'swipe_card', ways: ['swipe'], fallback: true} : OTHER_CARD;
    case 'magnetic_stripe':
      return state.terms.stripe ? AGAIN : {message: 'try_another_read_method'};
    case 'use_another_card':
    case 'card_blocked':
    case 'card_expired':
    case 'card_unsupported':
    case 'authentication_failed':
    case 'verification_failed':
    case 'restricted':
      return OTHER_CARD;
    default:
      return null;
  }
}
