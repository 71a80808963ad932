import {StowpayError} from '../core/errors.js';

/**
 * Payments named on the command line; `-` reads names from standard input, one a line.
 * Null when none was named at all. Throws `invalid_usage` when standard input was asked for and names nothing:
 * an empty list must never mean everything.
 */
export async function namesFrom(words: readonly string[]): Promise<readonly string[] | null> {
  if (words.length === 0) return null;
  if (!words.includes('-')) return words;
  const read = await readLines();
  const names = words.flatMap((word) => (word === '-' ? read : [word]));
  if (names.length > 0) return names;
  throw new StowpayError('invalid_usage', 'Standard input named no payment. Nothing was done.', {
    hint: 'Give one name a line.',
  });
}

const LARGEST_INPUT = 16 * 1024 * 1024;

async function readLines(): Promise<readonly string[]> {
  let text = '';
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin) {
    text += chunk;
    if (text.length > LARGEST_INPUT)
      throw new StowpayError('invalid_usage', 'Standard input is too long for a list of names.');
  }
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
