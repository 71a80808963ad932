/**
 * What a value that may hold a card number looks like. Readers write numbers and tracks in two notations:
 * packed nibbles (5A, 57: separator D, padding F, masked with a letter) and ASCII (tracks, masked with a sign).
 */

/** What a masked number or track leaves visible. */
export interface MaskedAccount {
  readonly leading: string;
  /** The last four digits, null when they are masked too. */
  readonly last4: string | null;
  /** Digits of the whole number; null when the mask hides how many there are. */
  readonly digits: number | null;
  /** `YYMM`, null when there is none or it is masked. */
  readonly expiry: string | null;
  /** From track 1. */
  readonly name: string | null;
}

/** Behind the separator are digits and the mask: ciphertext begins like a masked number now and then, but does not go on like one. */
const MASKED_NIBBLES = /^(\d{0,8})(([A-F])\3+)(\d{0,4})(?:F*|D((?:\d|\3)*F*))$/;
/** The sign that masks is a setting of the reader: `*`, `#`, `X`, … */
const MASKED_TEXT =
  /^(?:%?B|%?\*(?=\d)|%)?;?(\d{0,8})(([*#Xx$.+_-])\3+)(\d{0,4})(?:[?].*|\^([^^]*)\^(.*)|=(.*))?$/s;
const WHOLLY_MASKED_NIBBLES = /^([A-F])\1{11,}(?:F|D|\1)*$/;
const CLEAR_NIBBLES = /^(\d{12,19})(?:(F*$|D\d{2}(?:0[1-9]|1[0-2])|D\d{7})|D)/;
const CLEAR_TEXT = /^(?:%?B|;)?(\d{12,19})([=^?\0]|$)/;
const TRACK_INSIDE = /(?<!\d)(\d{13,19})D\d{7}|%B(\d{13,19})\^|;(\d{13,19})=|(?<!\d)(\d{13,19})=\d{7}/g;
const WHOLE_NUMBER = /^([1-9]\d{12,18})(?:F*|[\0 ]*)$/;
const DIGITS = /\d{12,}/g;

/** Shortest and longest card number. */
const MIN_DIGITS = 12;
const MAX_DIGITS = 19;
/** Bytes below which nothing can be a whole number, or a number with what follows it on a track. */
const SHORTEST_NUMBER = MIN_DIGITS / 2;
const SHORTEST_TRACK = 10;
/** Whole bytes of digits in the shortest number, wherever it begins: one nibble before them, one behind. */
const DIGIT_BYTES = MIN_DIGITS / 2 - 1;
/** Bytes of the longest field a number is padded to. */
const LONGEST_FIELD = 64;
/** Visible digits that tell a card number from other digits. */
const ENOUGH_VISIBLE = 6;

/** What a masked value shows; null when the value is not a masked number or track. */
export function maskedAccount(value: Buffer): MaskedAccount | null {
  return maskedNibbles(nibbles(value)) ?? maskedText(value.toString('latin1'));
}

/**
 * The digits of a readable card number, or of the one a readable track begins with; null when a value is neither.
 * Ciphertext begins so, too, now and then: `known`, what the masked copies show, tells it from this card's number.
 */
export function clearNumber(value: Buffer, known: readonly MaskedAccount[]): string | null {
  if (value.length < SHORTEST_NUMBER || !beginsLikeNumber(value)) return null;
  const [, digits, rest] =
    CLEAR_NIBBLES.exec(nibbles(value)) ?? CLEAR_TEXT.exec(value.toString('latin1')) ?? [];
  if (digits === undefined) return null;
  const formed = rest !== undefined;
  const valid = isLuhnValid(digits);
  const shown = known.filter(isRecognisable);
  if (shown.some((account) => agrees(digits, account))) return digits;
  return (shown.length === 0 ? formed || valid : formed && valid) ? digits : null;
}

/** True when a value is nothing but a valid card number, packed or as text. */
export function isCardNumber(value: Buffer): boolean {
  if (value.length < SHORTEST_NUMBER || value.length > LONGEST_FIELD || !beginsLikeNumber(value))
    return false;
  return readings(value).some((text) => isLuhnValid(WHOLE_NUMBER.exec(text)?.[1] ?? ''));
}

/** True when every byte is printable, in a value long enough that ciphertext would not be. */
export function isText(value: Buffer): boolean {
  for (let at = 0; at < value.length; at += 1) {
    const byte = value[at] as number;
    if (byte < 0x20 || byte > 0x7e) return false;
  }
  return value.length >= MIN_DIGITS;
}

/** True when a field was blanked: the same byte throughout, which stands for no digits. */
export function isBlank(value: Buffer): boolean {
  const first = value[0] ?? 0;
  const standsForDigits = first !== 0x00 && first !== 0x20 && first >> 4 <= 9 && (first & 0x0f) <= 9;
  if (standsForDigits) return false;
  for (let at = 1; at < value.length; at += 1) if (value[at] !== first) return false;
  return true;
}

/** True when a readable track with a valid card number is anywhere in a value. */
export function holdsClearTrack(value: Buffer): boolean {
  if (value.length < SHORTEST_TRACK) return false;
  return inBothNotations(value, TRACK_INSIDE).some(isLuhnValid);
}

/** False when no value within bytes that read so can hold a readable track: one look instead of one a value. */
export function mayHoldClearTrack([packed = '', text = '']: readonly string[]): boolean {
  return hasSeparator(packed, 'D') || hasSeparator(text, '=') || hasSeparator(text, '^');
}

/** True when a separator has as many digits before it as a card number. */
function hasSeparator(text: string, separator: string): boolean {
  for (let at = text.indexOf(separator); at !== -1; at = text.indexOf(separator, at + 1)) {
    let start = at;
    while (start > 0 && isDigit(text.charCodeAt(start - 1)) && at - start <= MIN_DIGITS) start -= 1;
    if (at - start > MIN_DIGITS) return true;
  }
  return false;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** True when anything in a value could be some card's number: for bytes that nobody can make sense of. */
export function holdsAnyNumber(value: Buffer): boolean {
  return inBothNotations(value, DIGITS).some(holdsValidPart);
}

/** The first of these whose very number is in a reading: as many digits, those the mask left visible, a right check digit. */
export function numberHeld(
  texts: readonly string[],
  accounts: readonly MaskedAccount[],
): MaskedAccount | null {
  const known = accounts.filter(isRecognisable);
  const holds = (account: Visible): boolean =>
    texts.some((text) => numbersLike(text, account).some(isLuhnValid));
  return known.find(holds) ?? null;
}

/**
 * True when a value holds digits that could be this card's number. Where the mask shows too few to go by, only a
 * valid number in a text, or one that is all of the value, counts: amounts and counters are digits, too.
 */
export function holdsNumberLike(value: Buffer, account: Visible): boolean {
  const known = isRecognisable(account);
  const shortest = (known ? account.digits : null) ?? MIN_DIGITS;
  if (value.length < shortest / 2) return false;
  const written = readings(value);
  if (known) return written.some((text) => numbersLike(text, account).length > 0);
  const [, text = ''] = written;
  return isCardNumber(value) || (text.match(DIGITS) ?? []).some(holdsValidPart);
}

/** True when the mask left enough to tell this card's number from other digits. */
export function isRecognisable({leading, last4}: Visible): boolean {
  return leading.length + (last4 ?? '').length >= ENOUGH_VISIBLE;
}

/** True when two masked copies show the same. */
export function isSame(one: MaskedAccount, other: MaskedAccount): boolean {
  return (
    one.leading === other.leading &&
    one.last4 === other.last4 &&
    one.digits === other.digits &&
    one.expiry === other.expiry &&
    one.name === other.name
  );
}

/** What is known of a card number. */
export type Visible = Pick<MaskedAccount, 'leading' | 'last4' | 'digits'>;

function agrees(number: string, {leading, last4, digits}: Visible): boolean {
  if (digits !== null && number.length !== digits) return false;
  return number.startsWith(leading) && number.endsWith(last4 ?? '');
}

/** True when the first byte, packed or as text, can be the first of a number or a track. */
function beginsLikeNumber(value: Buffer): boolean {
  const first = value[0] ?? 0;
  return (first >> 4 <= 9 && (first & 0x0f) <= 9) || first === 0x3b || first === 0x42;
}

/** Every run of digits that is as long as the card's number, and begins and ends like it. */
function numbersLike(text: string, account: Visible): string[] {
  const {leading, digits} = account;
  if (digits === null || text.length < digits) return [];
  const found: string[] = [];
  for (let at = text.indexOf(leading); at !== -1 && at < text.length; at = text.indexOf(leading, at + 1)) {
    const part = text.slice(at, at + digits);
    if (agrees(part, account) && /^[1-9]\d+$/.test(part)) found.push(part);
  }
  return found;
}

/** True when a part of a run of digits is a valid card number. */
function holdsValidPart(run: string): boolean {
  for (let at = 0; at + MIN_DIGITS <= run.length; at += 1) {
    // No card number begins with a zero.
    const valid =
      run[at] !== '0' &&
      LENGTHS.some((length) => at + length <= run.length && isLuhnValid(run.slice(at, at + length)));
    if (valid) return true;
  }
  return false;
}

const LENGTHS = Array.from({length: MAX_DIGITS - MIN_DIGITS + 1}, (_, index) => MIN_DIGITS + index);

/** A value in the notations in which it has digits enough for a card number: packed first, then text. */
export function readings(value: Buffer): string[] {
  const rows = digitRows(value);
  if (rows === NO_ROW) return [];
  return rows === TEXT_ROW ? [nibbles(value), value.toString('latin1')] : [nibbles(value)];
}

/** What a pattern finds in a value, in either notation: its first group, or all of it. */
function inBothNotations(value: Buffer, pattern: RegExp): string[] {
  return readings(value).flatMap((text) => {
    if (text.search(pattern) === -1) return [];
    return [...text.matchAll(pattern)].map(
      ([all, ...groups]) => groups.find((group) => group !== undefined) ?? all,
    );
  });
}

const NO_ROW = 0;
const PACKED_ROW = 1;
const TEXT_ROW = 2;

/**
 * Whether a value has digits enough for a card number in a row: packed, or as text, where every one of them looks like
 * two packed ones. Most values have not, and need not be written out to see it.
 */
function digitRows(value: Buffer): typeof NO_ROW | typeof PACKED_ROW | typeof TEXT_ROW {
  let packed = 0;
  let text = 0;
  let found: typeof NO_ROW | typeof PACKED_ROW = NO_ROW;
  for (let at = 0; at < value.length; at += 1) {
    const byte = value[at] as number;
    const digits = (byte & 0x0f) < 0x0a && byte < 0xa0;
    packed = digits ? packed + 1 : 0;
    text = digits && byte >> 4 === 3 ? text + 1 : 0;
    if (text === MIN_DIGITS) return TEXT_ROW;
    if (packed === DIGIT_BYTES) found = PACKED_ROW;
  }
  return found;
}

function maskedNibbles(text: string): MaskedAccount | null {
  if (WHOLLY_MASKED_NIBBLES.test(text)) return NOTHING_VISIBLE;
  const match = MASKED_NIBBLES.exec(text);
  if (match === null) return null;
  const [, leading = '', mask = '', letter, trailing = '', rest = ''] = match;
  // Padding is no mask: without digits behind it, it says nothing of being one.
  if (letter === 'F' && trailing === '') return null;
  return masked(leading, mask, trailing, rest, null);
}

const NOTHING_VISIBLE: MaskedAccount = {leading: '', last4: null, digits: null, expiry: null, name: null};

function maskedText(text: string): MaskedAccount | null {
  const match = MASKED_TEXT.exec(text);
  if (match === null) return null;
  const [, leading = '', mask = '', , trailing = '', name = null, rest1, rest2] = match;
  return masked(leading, mask, trailing, rest1 ?? rest2 ?? '', name);
}

function masked(
  leading: string,
  mask: string,
  trailing: string,
  rest: string,
  name: string | null,
): MaskedAccount | null {
  const digits = leading.length + mask.length + trailing.length;
  if (digits < MIN_DIGITS || digits > MAX_DIGITS) return null;
  return {
    leading,
    last4: trailing.length === 4 ? trailing : null,
    digits,
    expiry: /^\d\d(?:0[1-9]|1[0-2])/.exec(rest)?.[0] ?? null,
    name,
  };
}

export function isLuhnValid(digits: string): boolean {
  if (digits.length < MIN_DIGITS || digits.length > MAX_DIGITS || /^0+$/.test(digits)) return false;
  let sum = 0;
  for (let at = digits.length - 1, double = false; at >= 0; at -= 1, double = !double) {
    const value = (digits.charCodeAt(at) - 48) * (double ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

function nibbles(value: Buffer): string {
  return value.toString('hex').toUpperCase();
}
