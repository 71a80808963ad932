const HIDDEN = '[hidden]';

/** What looks like an API key of Stripe's form, whoever wrote it where. */
const KEY = /\b(?:sk|rk|pk|whsec)_[A-Za-z0-9_]{4,}/g;
/** A run of 13 digits or more, as long as a card number, with the usual separators; identifiers that begin with letters stay. */
const NUMBER = /(?<![A-Za-z0-9_.-])\d(?:[ -]?\d){12,}/g;

/** As long as a card number, whatever stands before it. */
const ANY_NUMBER = /\d(?:[ .-]?\d){12,}/g;

/** A free text without anything as long as a card number: unlike a message it names no identifiers that would have to stay. */
export function maskNumbers(text: string): string {
  return text.replace(ANY_NUMBER, HIDDEN);
}

/**
 * A text without API keys and card numbers: the last line of defence for messages that quote what somebody typed.
 * Everything printed about a failure goes through it.
 */
export function maskSecrets(text: string): string {
  return text.replace(KEY, HIDDEN).replace(NUMBER, HIDDEN);
}
