/**
 * What a value that may hold a card number looks like. Readers write numbers and tracks in two notations:
 * packed nibbles (5A, 57: separator D, padding F, masked with a letter) and ASCII (tracks, masked with `*`).
 */

/** What a masked number or track leaves visible. */
export interface MaskedAccount {
  readonly leading: string;
  /** The last four digits, null when they are masked too. */
  readonly last4: string | null;
  /** `YYMM`, null when there is none or it is masked. */
  readonly expiry: string | null;
  /** From track 1. */
  readonly name: string | null;
}

const MASKED_NIBBLES = /^(\d{0,8})(([ABCE])\3+)(\d{0,4})(?:F*|D([\dABCEF]*))$/;
const MASKED_TEXT = /^(?:%?[*B])?;?(\d{0,8})(\*{2,})(\d{0,4})(?:[?].*|\^([^^]*)\^(.*)|=(.*))?$/s;
const WHOLLY_MASKED_NIBBLES = /^([ABCE])\1{11,}(?:F|D|\1)*$/;
const CLEAR_NIBBLES = /^\d{12,19}(?:F*$|D\d+F*0*$)/;
const CLEAR_NIBBLES_START = /^(?:\d{12,19}F*$|\d{8,19}D\d{4})/;
const CLEAR_TEXT_START = /^(?:%?B|;)?\d{12,19}(?:[=^?\0]|$)/;
const TRACK_INSIDE = /(?<!\d)(\d{13,19})D\d{7}|%B(\d{13,19})\^|;(\d{13,19})=/g;

/** Shortest and longest card number. */
const MIN_DIGITS = 12;
const MAX_DIGITS = 19;
const LENGTHS = Array.from({length: MAX_DIGITS - MIN_DIGITS + 1}, (_, index) => MIN_DIGITS + index);
/** Bytes below which nothing can be a whole number, or a number with what follows it on a track. */
const SHORTEST_NUMBER = MIN_DIGITS / 2;
const SHORTEST_TRACK = 10;
/** Visible digits that tell a card number from other digits. */
const ENOUGH_VISIBLE = 6;

/** What a masked value shows; null when the value is not a masked number or track. */
export function maskedAccount(value: Buffer): MaskedAccount | null {
  return maskedNibbles(nibbles(value)) ?? maskedText(value.toString('latin1'));
}

/** True when a value is a readable card number or track. Ciphertext practically never is. */
export function isClearAccount(value: Buffer): boolean {
  return CLEAR_NIBBLES.test(nibbles(value)) || CLEAR_TEXT_START.test(value.toString('latin1'));
}

/** True when a value begins like a readable card number or track. One ciphertext in some 10,000 does, too. */
export function mayBeClearAccount(value: Buffer): boolean {
  return isClearAccount(value) || CLEAR_NIBBLES_START.test(nibbles(value));
}

/** True when every byte is printable, in a value long enough that ciphertext would not be. */
export function isText(value: Buffer): boolean {
  return value.length >= MIN_DIGITS && value.every((byte) => byte >= 0x20 && byte <= 0x7e);
}

/** True when a readable track with a valid card number is anywhere in a value. */
export function holdsClearTrack(value: Buffer): boolean {
  if (value.length < SHORTEST_TRACK) return false;
  return [nibbles(value), value.toString('latin1')]
    .flatMap((text) => [...text.matchAll(TRACK_INSIDE)])
    .some(([, packed, first, second]) => isLuhnValid(packed ?? first ?? second ?? ''));
}

/**
 * True when a value holds digits that could be this card's number: of its length, with the digits that the mask
 * left visible. Where the mask shows too few to go by, the check digit has to be right as well.
 */
export function holdsNumberLike(value: Buffer, leading: string, last4: string | null): boolean {
  if (value.length < SHORTEST_NUMBER) return false;
  const trailing = last4 ?? '';
  const known = leading.length + trailing.length >= ENOUGH_VISIBLE;
  const runs = [nibbles(value), value.toString('latin1')].flatMap((text) => text.match(/\d{12,}/g) ?? []);
  const possible = runs.filter((run) => run.includes(leading) && run.includes(trailing));
  return possible.flatMap(candidates).some((number) => {
    if (!number.startsWith(leading) || !number.endsWith(trailing)) return false;
    return known || (number.length > MIN_DIGITS && isLuhnValid(number));
  });
}

/** Every part of a run that is as long as a card number and begins like one. */
function candidates(run: string): string[] {
  return [...run].flatMap((digit, at) =>
    digit === '0'
      ? []
      : LENGTHS.map((length) => run.slice(at, at + length)).filter(
          (part, index) => part.length === LENGTHS[index],
        ),
  );
}

/** The last four digits of a readable number or track; null when none can be made out. */
export function clearLast4(value: Buffer): string | null {
  const packed = /^(\d{12,19})(?:F*$|D)/.exec(nibbles(value));
  const text = /^(?:%?B|;)?(\d{12,19})(?!\d)/.exec(value.toString('latin1'));
  return (packed ?? text)?.[1]?.slice(-4) ?? null;
}

function maskedNibbles(text: string): MaskedAccount | null {
  if (WHOLLY_MASKED_NIBBLES.test(text)) return {leading: '', last4: null, expiry: null, name: null};
  const match = MASKED_NIBBLES.exec(text);
  if (match === null) return null;
  const [, leading = '', mask = '', , trailing = '', rest = ''] = match;
  return masked(leading, mask, trailing, rest, null);
}

function maskedText(text: string): MaskedAccount | null {
  const match = MASKED_TEXT.exec(text);
  if (match === null) return null;
  const [, leading = '', mask = '', trailing = '', name = null, rest1, rest2] = match;
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
    expiry: /^\d\d(?:0[1-9]|1[0-2])/.exec(rest)?.[0] ?? null,
    name,
  };
}

function isLuhnValid(digits: string): boolean {
  if (digits.length < MIN_DIGITS || digits.length > MAX_DIGITS || /^0+$/.test(digits)) return false;
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

function nibbles(value: Buffer): string {
  return value.toString('hex').toUpperCase();
}
