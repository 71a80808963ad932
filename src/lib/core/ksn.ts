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
