/** Turns text of the API into text that may be shown and logged. */
export type Redact = (text: string) => string;

const LONGEST_MESSAGE = 500;
/** Card numbers have 12 to 19 digits (ISO/IEC 7812); separators are how people write them. */
const CARD_NUMBER = /\d(?:[ -]?\d){11,}/g;
/** One sealed block is 16 hex digits. */
const LONG_HEX = /[0-9a-f]{16,}/gi;
const API_KEY = /\b([sr]k_(?:test|live)_)\w*(?:\*+\w*)?/g;

/** A redactor that lets through neither this key, nor any API key, card number or sealed data an API may echo. */
export function redactor(apiKey: string): Redact {
  return (text) =>
    text
      .replaceAll(apiKey, '[key]')
      .replace(API_KEY, '$1[…]')
      .replace(LONG_HEX, '[…]')
      .replace(CARD_NUMBER, '[…]')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: text of a server must not steer a terminal
      .replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
      .slice(0, LONGEST_MESSAGE);
}
