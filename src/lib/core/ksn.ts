/**
 * A KSN names the key set and device in its upper part and counts transactions in its lower bits:
 * 21 bits for TDES (10 bytes, ANSI X9.24-1), 32 bits for AES (12 bytes, ANSI X9.24-3).
 */
export interface KsnParts {
  /** Upper-case hex of the part that never changes for one key. */
  readonly key: string;
  readonly counter: number;
}

/** Splits a KSN given as hex; null when it has no known length. */
export function splitKsn(ksn: string): KsnParts | null {
  if (!/^[0-9A-Fa-f]+$/.test(ksn)) return null;
  const bits = ksn.length === 20 ? 21n : ksn.length === 24 ? 32n : null;
  if (bits === null) return null;
  const value = BigInt(`0x${ksn}`);
  const mask = (1n << bits) - 1n;
  return {
    key: (value & ~mask).toString(16).toUpperCase().padStart(ksn.length, '0'),
    counter: Number(value & mask),
  };
}

/** One bits a counter may have: X9.24 skips the others, so that a key is never more steps than that from the first. */
const MAX_ONE_BITS: Readonly<Record<number, number>> = {21: 10, 32: 16};

/** How many times the key can still be used after this key serial number; null when its form is not known. */
export function ksnsLeft(ksn: string): number | null {
  const parts = splitKsn(ksn);
  if (parts === null) return null;
  const bits = ksn.length === 20 ? 21 : 32;
  const ones = MAX_ONE_BITS[bits] as number;
  return countersUpTo(2 ** bits - 1, bits, ones) - countersUpTo(parts.counter, bits, ones);
}

/** The same, for a key whose serial number was told once and whose counter has gone up since. */
export function ksnsLeftAfter(ksn: string, counter: number): number | null {
  const parts = splitKsn(ksn);
  if (parts === null || counter <= parts.counter) return ksnsLeft(ksn);
  const value = BigInt(`0x${parts.key}`) + BigInt(counter);
  return ksnsLeft(value.toString(16).padStart(ksn.length, '0'));
}

/** How many of the numbers 0 … `last` have at most `ones` one bits. */
function countersUpTo(last: number, bits: number, ones: number): number {
  let count = 0;
  let left = ones;
  for (let bit = bits - 1; bit >= 0; bit -= 1) {
    if (Math.floor(last / 2 ** bit) % 2 === 0) continue;
    // With this bit zero instead, every lower bit is free.
    count += atMost(left, bit);
    left -= 1;
    if (left < 0) return count;
  }
  return count + 1;
}

/** Numbers of `bits` bits with at most `ones` one bits. */
function atMost(ones: number, bits: number): number {
  let sum = 0;
  for (let choose = 0, ways = 1; choose <= Math.min(ones, bits); choose += 1) {
    sum += ways;
    ways = (ways * (bits - choose)) / (choose + 1);
  }
  return sum;
}
