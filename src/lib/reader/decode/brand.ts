import type {Brand} from '../../core/card.js';

/** Application identifiers by their beginning; the longest that fits decides. */
const BY_AID: ReadonlyArray<readonly [prefix: string, brand: Brand]> = [
  ['A000000003', 'visa'],
  ['A000000098', 'visa'],
  ['A0000000043060', 'maestro'],
  ['A000000004', 'mastercard'],
  ['A000000025', 'amex'],
  ['A000000152', 'discover'],
  ['A000000324', 'discover'],
  ['A000000065', 'jcb'],
  ['A000000333', 'unionpay'],
  ['A000000042', 'cartes_bancaires'],
  ['A000000384', 'eftpos_au'],
  ['A000000277', 'interac'],
];

/** Leading digits of the card number, first match decides. */
const BY_DIGITS: ReadonlyArray<readonly [pattern: RegExp, brand: Brand]> = [
  [/^4/, 'visa'],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, 'mastercard'],
  [/^3[47]/, 'amex'],
  [/^(?:6011|64[4-9]|65|30[0-59]|3[689])/, 'discover'],
  [/^35(?:2[89]|[3-8])/, 'jcb'],
  [/^62/, 'unionpay'],
  [/^(?:5018|5020|5038|58|6304|6759|676[1-3])/, 'maestro'],
];

const LONGEST_FIRST = [...BY_AID].sort(([a], [b]) => b.length - a.length);

/** The brand an application identifier stands for; only without one, what the leading digits suggest. */
export function brandOf(aid: Buffer | null, leadingDigits: string): Brand {
  if (aid === null) return BY_DIGITS.find(([pattern]) => pattern.test(leadingDigits))?.[1] ?? 'unknown';
  const text = aid.toString('hex').toUpperCase();
  return LONGEST_FIRST.find(([prefix]) => text.startsWith(prefix))?.[1] ?? 'unknown';
}
