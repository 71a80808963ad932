import type {Brand} from '../core/card.js';

/** One of Stripe's published test cards, with what a chip of that brand would tell a reader. */
export interface TestCard {
  readonly pan: string;
  /** What a person calls it. */
  readonly alias: string;
  /** What is special about it, for lists. */
  readonly note: string;
  readonly brand: Brand;
  /** Application identifier, upper-case hex (tag 84). */
  readonly aid: string;
  /** Application label (tag 50). */
  readonly label: string;
  readonly exp_month: number;
  /** Four digits. */
  readonly exp_year: number;
  /** As on the track: `LAST/FIRST`. */
  readonly name: string;
}

interface Scheme {
  readonly brand: Brand;
  readonly aid: string;
  readonly label: string;
}

const VISA: Scheme = {brand: 'visa', aid: 'A0000000031010', label: 'VISA CREDIT'};
const MASTERCARD: Scheme = {brand: 'mastercard', aid: 'A0000000041010', label: 'MASTERCARD'};
const AMEX: Scheme = {brand: 'amex', aid: 'A00000002501', label: 'AMERICAN EXPRESS'};
const DISCOVER: Scheme = {brand: 'discover', aid: 'A0000001523010', label: 'DISCOVER'};
const DINERS: Scheme = {brand: 'discover', aid: 'A0000001523010', label: 'DINERS CLUB'};
const JCB: Scheme = {brand: 'jcb', aid: 'A0000000651010', label: 'JCB CREDIT'};
const UNIONPAY: Scheme = {brand: 'unionpay', aid: 'A000000333010101', label: 'UNIONPAY'};

/** Every card the sandbox knows. What the emulated API does with each of them is that room's business. */
export const TEST_CARDS: readonly TestCard[] = [
  card('4242424242424242', VISA, 'visa'),
  card('5555555555554444', MASTERCARD, 'mastercard'),
  card('2223003122003222', MASTERCARD, 'mastercard_2', 'number that begins with 2'),
  card('378282246310005', AMEX, 'amex', '15 digits'),
  card('6011111111111117', DISCOVER, 'discover'),
  card('36227206271667', DINERS, 'diners', '14 digits'),
  card('3566002020360505', JCB, 'jcb'),
  card('6200000000000005', UNIONPAY, 'unionpay'),
  card('6205500000000000004', UNIONPAY, 'unionpay_19', '19 digits'),
  card('4000000000000002', VISA, 'generic_decline', 'declined by the issuer'),
  card('4000000000009995', VISA, 'insufficient_funds', 'declined by the issuer'),
  card('4000000000009987', VISA, 'lost_card', 'declined by the issuer, for good'),
  card('4000000000000069', VISA, 'expired_card', 'declined by the issuer as expired'),
  card('4000000000000119', VISA, 'processing_error', 'declined by the issuer, for now'),
];

/** The test card with this number, or undefined: the sandbox takes no other numbers. */
export function testCard(pan: string): TestCard | undefined {
  return TEST_CARDS.find((candidate) => candidate.pan === pan);
}

/** The test card with this number, written with or without spaces, or of this name. */
export function namedCard(name: string): TestCard | undefined {
  return testCard(name.replaceAll(' ', '')) ?? TEST_CARDS.find(({alias}) => alias === name);
}

function card(pan: string, scheme: Scheme, alias: string, note = ''): TestCard {
  return {pan, alias, note, ...scheme, exp_month: 12, exp_year: 2034, name: 'SANDBOX/TEST'};
}
