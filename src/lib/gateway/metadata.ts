import {StowpayError} from '../core/errors.js';

/** The keys a payment's `local_id` and its device travel under. The operator's metadata may not use them. */
const ID_KEY = 'stowpay_id';
const DEVICE_KEY = 'stowpay_device';
const OWN_KEYS: readonly string[] = [ID_KEY, DEVICE_KEY];

/** https://docs.stripe.com/api/metadata; our own keys count too. */
const MOST_KEYS = 50;
const LONGEST_KEY = 40;
const LONGEST_VALUE = 500;

/**
 * The operator's metadata with ours. Throws `invalid_metadata` for what the API would refuse or drop:
 * a stored payment must not be refused hours later for a note on it.
 */
export function metadataWith(
  {local_id, device}: {readonly local_id: string; readonly device: string | null},
  metadata: Readonly<Record<string, string>>,
): Record<string, string> {
  const entries = Object.entries(metadata);
  const most = MOST_KEYS - OWN_KEYS.length;
  if (entries.length > most) {
    throw invalid(`${entries.length} metadata keys are too many.`, `Use at most ${most}.`);
  }
  for (const [key, value] of entries) checkEntry(key, value);
  const own = [[ID_KEY, local_id], ...(device === null ? [] : [[DEVICE_KEY, device]])];
  return Object.fromEntries([...entries, ...own]);
}

function checkEntry(key: string, value: string): void {
  const name = JSON.stringify(key.slice(0, LONGEST_KEY));
  if (OWN_KEYS.includes(key)) throw invalid(`The metadata key ${name} is reserved.`, 'Choose another key.');
  if (key === '' || length(key) > LONGEST_KEY) {
    throw invalid(`The metadata key ${name} is empty or too long.`, `Use 1 to ${LONGEST_KEY} characters.`);
  }
  if (/[[\]]/.test(key))
    throw invalid(`The metadata key ${name} has a square bracket.`, 'Leave brackets out.');
  if (!isWellFormed(key) || !isWellFormed(value)) {
    throw invalid(`The metadata entry ${name} is not valid text.`, 'Use well-formed Unicode.');
  }
  // The API takes an empty value as "remove this key", so it would silently vanish.
  if (value === '' || length(value) > LONGEST_VALUE) {
    throw invalid(
      `The metadata value of ${name} is empty or too long.`,
      `Use 1 to ${LONGEST_VALUE} characters.`,
    );
  }
}

/** False for lone surrogates, which cannot be encoded. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** Characters as the API counts them, not UTF-16 units. */
export function length(text: string): number {
  return [...text].length;
}

function invalid(message: string, hint: string): StowpayError {
  return new StowpayError('invalid_metadata', message, {hint});
}
