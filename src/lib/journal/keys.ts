import {generateKeyPairSync, hkdfSync, randomBytes} from 'node:crypto';
import {join} from 'node:path';
import {StowpayError} from '../core/errors.js';
import {replaceDurable} from '../storage/durable.js';
import type {Storage} from '../storage/storage.js';

export interface DeviceKeys {
  /** Signs every journal line. */
  readonly mac: Buffer;
  /** Signs checkpoints. */
  readonly checkpoint: Buffer;
  /** Salts digests of private parts. */
  readonly privateDigest: Buffer;
  /** Makes fingerprints of cards, which mean nothing on another device. */
  readonly fingerprint: Buffer;
}

export const DEVICE_KEY = 'device.key';
const IDENTITY_KEY = 'identity.key';
const KEY_BYTES = 32;

/**
 * Creates the device's secrets. Call it once, under the journal lock, before the first segment. Each gets its name
 * only when it is whole: half a key, left by a crash, would pass for a damaged one.
 */
export function createKeys(storage: Storage, directory: string): void {
  const present = storage.readFile(join(directory, DEVICE_KEY));
  if (present?.length !== KEY_BYTES) {
    replaceDurable(storage, join(directory, DEVICE_KEY), freshSecret());
  }
  if (storage.readFile(join(directory, IDENTITY_KEY)) === null) {
    const {privateKey} = generateKeyPairSync('ed25519');
    const pem = privateKey.export({type: 'pkcs8', format: 'pem'}) as string;
    replaceDurable(storage, join(directory, IDENTITY_KEY), Buffer.from(pem, 'utf8'));
  }
}

/** The keys derived from `device.key`. Throws `journal_damaged` when it is missing or has the wrong size. */
export function readKeys(storage: Storage, directory: string): DeviceKeys {
  const path = join(directory, DEVICE_KEY);
  const secret = storage.readFile(path);
  if (secret === null || secret.length !== KEY_BYTES) {
    const what = secret === null ? 'is missing' : `has ${secret.length} bytes instead of ${KEY_BYTES}`;
    throw new StowpayError(
      'journal_damaged',
      `The key of this journal ${what} (${path}), so nothing in it can be verified. The payments in it are still there.`,
      {
        hint:
          'Restore device.key from a backup of this device, and do not sell and do not wipe until then. If there is ' +
          'none: stowpay journal repair --rekey.',
      },
    );
  }
  return keysFrom(secret);
}

/** The secret a journal's keys are derived from. */
export function freshSecret(): Buffer {
  return randomBytes(KEY_BYTES);
}

export function keysFrom(secret: Buffer): DeviceKeys {
  const derive = (purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), `stowpay ${purpose} v1`, KEY_BYTES));
  return {
    mac: derive('journal line'),
    checkpoint: derive('checkpoint'),
    privateDigest: derive('private digest'),
    fingerprint: derive('card fingerprint'),
  };
}
