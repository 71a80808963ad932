import {closeSync, constants, openSync, readSync, writeSync} from 'node:fs';
import {createRequire} from 'node:module';
import {identityOf, isNamed} from './names.js';
import type {LockFile} from './storage.js';

/** What fs-native-extensions gives us of the kernel's open-file-description locks. */
interface NativeLocks {
  tryLock(fd: number, offset: number, length: number): boolean;
  unlock(fd: number, offset: number, length: number): void;
}

let native: NativeLocks | undefined;

function locks(): NativeLocks {
  // Loaded on first use: the native module costs start-up time that `--help` need not pay.
  native ??= createRequire(import.meta.url)('fs-native-extensions') as NativeLocks;
  return native;
}

/** A lock file on the real disk, held as OFD locks: never stale, seen across containers that share the directory. */
export function openLockFile(path: string): LockFile {
  const {fd, readOnly} = openFile(path);
  const identity = identityOf(fd);
  return {
    path,
    readOnly,
    tryLock: (offset, length) => {
      if (readOnly) throw Object.assign(new Error(`EROFS: ${path}`), {code: 'EROFS'});
      return locks().tryLock(fd, offset, length);
    },
    unlock: (offset, length) => locks().unlock(fd, offset, length),
    read: (offset, length) => {
      const buffer = Buffer.allocUnsafe(length);
      return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
    },
    write: (offset, bytes) => {
      writeSync(fd, bytes, 0, bytes.length, offset);
    },
    isCurrent: () => isNamed(path, identity),
    close: () => closeSync(fd),
  };
}

function openFile(path: string): {readonly fd: number; readonly readOnly: boolean} {
  try {
    return {fd: openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600), readOnly: false};
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EROFS') throw error;
    return {fd: openSync(path, constants.O_RDONLY), readOnly: true};
  }
}
