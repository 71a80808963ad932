import {randomBytes} from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const LENGTH = 24;

/** A new identifier in the API's style, e.g. `pi_…`. */
export function newId(prefix: string): string {
  let id = '';
  // 62 does not divide 256; the slight bias does not matter for names.
  for (const byte of randomBytes(LENGTH)) id += ALPHABET[byte % ALPHABET.length];
  return `${prefix}_${id}`;
}

/** Six digits, as issuers give them. */
export function newAuthorizationCode(): string {
  return String(randomBytes(4).readUInt32BE() % 1_000_000).padStart(6, '0');
}
