import {createCipheriv, createDecipheriv} from 'node:crypto';

/**
 * TDES DUKPT (ANSI X9.24-1:2009) as card readers use it. Only the emulated reader, the emulated API and tests
 * may import this file: stowpay itself holds no key and never decrypts.
 */

/** The base derivation key ANSI X9.24 publishes for tests. It protects nothing. */
export const TEST_BDK: Buffer = Buffer.from('0123456789ABCDEFFEDCBA9876543210', 'hex');

/** What one transaction key is turned into. Data keys additionally pass a one-way step. */
export type KeyUse = 'pin' | 'mac_request' | 'data_request' | 'data_response';

const VARIANT: Readonly<Record<KeyUse, {readonly mask: string; readonly oneWay: boolean}>> = {
  pin: {mask: '00000000000000FF', oneWay: false},
  mac_request: {mask: '000000000000FF00', oneWay: false},
  data_request: {mask: '0000000000FF0000', oneWay: true},
  data_response: {mask: '000000FF00000000', oneWay: true},
};

/** Size of the transaction counter, the low bits of a KSN. */
const COUNTER_BITS = 21;
const HALF_MASK = Buffer.from('C0C0C0C000000000', 'hex');
const KEY_MASK = Buffer.concat([HALF_MASK, HALF_MASK]);
const ZERO_IV = Buffer.alloc(8);

/** The key (16 bytes) that seals card data on its way from the reader, for this KSN (10 bytes). */
export function dataRequestKey(bdk: Buffer, ksn: Buffer): Buffer {
  return variantKey(bdk, ksn, 'data_request');
}

/** The key (16 bytes) for one use, derived from the base key and a KSN (10 bytes). */
export function variantKey(bdk: Buffer, ksn: Buffer, use: KeyUse): Buffer {
  const half = Buffer.from(VARIANT[use].mask, 'hex');
  const variant = xor(transactionKey(bdk, ksn), Buffer.concat([half, half]));
  if (!VARIANT[use].oneWay) return variant;
  return Buffer.concat([
    tdesBlock(variant, variant.subarray(0, 8)),
    tdesBlock(variant, variant.subarray(8, 16)),
  ]);
}

/** The unique key (16 bytes) of the transaction the KSN counts. */
export function transactionKey(bdk: Buffer, ksn: Buffer): Buffer {
  if (ksn.length !== 10) throw new RangeError('a TDES KSN has 10 bytes');
  const counter = ksn.readUIntBE(7, 3) & ((1 << COUNTER_BITS) - 1);
  let key = initialKey(bdk, ksn);
  let register = counterCleared(ksn).subarray(2);
  for (let bit = 1 << (COUNTER_BITS - 1); bit > 0; bit >>= 1) {
    if ((counter & bit) === 0) continue;
    register = Buffer.from(register);
    register.writeUIntBE(register.readUIntBE(5, 3) | bit, 5, 3);
    key = nextKey(key, register);
  }
  return key;
}

/** The key (16 bytes) a reader is loaded with: derived from the base key and the KSN without its counter. */
export function initialKey(bdk: Buffer, ksn: Buffer): Buffer {
  const seed = counterCleared(ksn).subarray(0, 8);
  return Buffer.concat([tdesBlock(bdk, seed), tdesBlock(xor(bdk, KEY_MASK), seed)]);
}

/** Ciphertext under the data key: zero-padded to whole blocks, CBC, IV zero. */
export function encryptTag(key16: Buffer, plaintext: Buffer): Buffer {
  const padded = Buffer.alloc(Math.ceil(plaintext.length / 8) * 8);
  plaintext.copy(padded);
  return encryptCbc(key16, padded);
}

/** What `encryptTag` sealed, its padding still on. Throws RangeError unless the ciphertext is whole blocks. */
export function decryptTag(key16: Buffer, ciphertext: Buffer): Buffer {
  if (ciphertext.length % 8 !== 0) throw new RangeError('ciphertext is not whole blocks');
  const decipher = createDecipheriv('des-ede3-cbc', threeKeys(key16), ZERO_IV).setAutoPadding(false);
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
}

/** One step of the non-reversible key generation: both halves from the key and the counter register so far. */
function nextKey(key: Buffer, register: Buffer): Buffer {
  return Buffer.concat([oneWay(xor(key, KEY_MASK), register), oneWay(key, register)]);
}

function oneWay(key: Buffer, register: Buffer): Buffer {
  const left = key.subarray(0, 8);
  const right = key.subarray(8, 16);
  return xor(desBlock(left, xor(register, right)), right);
}

function counterCleared(ksn: Buffer): Buffer {
  const cleared = Buffer.from(ksn);
  cleared.writeUIntBE((cleared.readUIntBE(7, 3) >> COUNTER_BITS) << COUNTER_BITS, 7, 3);
  return cleared;
}

function tdesBlock(key16: Buffer, block: Buffer): Buffer {
  return encryptCbc(key16, block);
}

/** Single DES: three times the same key. OpenSSL 3 no longer offers `des-ecb`. */
function desBlock(key8: Buffer, block: Buffer): Buffer {
  return encryptCbc(Buffer.concat([key8, key8]), block);
}

function encryptCbc(key16: Buffer, blocks: Buffer): Buffer {
  const cipher = createCipheriv('des-ede3-cbc', threeKeys(key16), ZERO_IV).setAutoPadding(false);
  return Buffer.concat([cipher.update(blocks), cipher.final()]);
}

function threeKeys(key16: Buffer): Buffer {
  return Buffer.concat([key16, key16.subarray(0, 8)]);
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}
