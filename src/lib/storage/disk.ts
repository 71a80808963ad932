import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import {dirname} from 'node:path';
import {openLockFile} from './lock-file.js';
import {type FileIdentity, identityOf, isNamed, namesVersion} from './names.js';
import type {Storage, StorageFile} from './storage.js';

/** The real file system. Synchronous calls: twice as fast here as asynchronous ones, and nothing runs in between. */
export const disk: Storage = {
  list(directory) {
    return unlessMissing(() => readdirSync(directory).sort());
  },
  makeDirectory(directory) {
    makePath(directory);
  },
  open(path, mode) {
    return diskFile(path, openSync(path, mode === 'read' ? constants.O_RDONLY : constants.O_RDWR));
  },
  create(path) {
    return diskFile(path, openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600));
  },
  openLock(path) {
    return openLockFile(path);
  },
  has(path) {
    return existsSync(path);
  },
  sizeOf(path) {
    const found = statSync(path, {throwIfNoEntry: false});
    return found === undefined ? null : found.size;
  },
  namesOf(directory) {
    const found = statSync(directory, {throwIfNoEntry: false});
    return found === undefined ? null : namesVersion(found, Date.now());
  },
  readFile(path) {
    return unlessMissing(() => readFileSync(path));
  },
  syncDirectory(directory) {
    const fd = openSync(directory, constants.O_RDONLY);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  },
  rename(from, to) {
    renameSync(from, to);
  },
  remove(path) {
    unlessMissing(() => unlinkSync(path));
  },
};

/**
 * Creates a directory and its parents, mode 0700. Node's own recursive mkdir never returns where the file system
 * answers ENOENT for a parent that exists (as /proc does); this ends.
 */
export function makePath(directory: string): void {
  try {
    mkdirSync(directory, {mode: 0o700});
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(directory).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(directory) === directory) throw error;
    makePath(dirname(directory));
    mkdirSync(directory, {mode: 0o700});
  }
}

function diskFile(path: string, fd: number): StorageFile {
  let identity: FileIdentity | null = null;
  return {
    path,
    size: () => fstatSync(fd).size,
    read: (offset, length) => readFully(fd, offset, length),
    write: (offset, bytes) => writeFully(fd, offset, bytes),
    sync: () => fdatasyncSync(fd),
    truncate: (size) => ftruncateSync(fd, size),
    isCurrent: () => {
      identity ??= identityOf(fd);
      return isNamed(path, identity);
    },
    close: () => closeSync(fd),
  };
}

function readFully(fd: number, offset: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const count = readSync(fd, buffer, done, length - done, offset + done);
    if (count === 0) break;
    done += count;
  }
  return buffer.subarray(0, done);
}

function writeFully(fd: number, offset: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
}

function unlessMissing<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
