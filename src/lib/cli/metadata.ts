import {StowpayError} from '../core/errors.js';

/** `key=value` words as an object. Throws `invalid_metadata`. The API's own limits are checked with the request. */
export function parseMetadata(words: readonly string[]): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    const key = word.slice(0, at);
    if (at < 1) throw invalid(`${JSON.stringify(word.slice(0, 40))} is not KEY=VALUE`);
    if (Object.hasOwn(metadata, key)) throw invalid(`${JSON.stringify(key.slice(0, 40))} is given twice`);
    metadata[key] = word.slice(at + 1);
  }
  return metadata;
}

function invalid(what: string): StowpayError {
  return new StowpayError('invalid_metadata', `--metadata: ${what}. Nothing was charged.`, {
    hint: 'Write --metadata order=1017, once for each key.',
  });
}
