import {readdirSync, readFileSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import type {LockFile, Storage, StorageFile} from '../../src/lib/storage/storage.js';

/** A disk in memory, for tests that need many thousand of them. Locks are always free: one process. */
export interface MemoryStorage extends Storage {
  /** Files by path. Bytes are never changed in place: a copy of the map is a copy of the disk. */
  files: Map<string, Buffer>;
}

export function memoryStorage(files: ReadonlyMap<string, Buffer> = new Map()): MemoryStorage {
  const storage: MemoryStorage = {
    files: new Map(files),
    list(directory) {
      const names = new Set<string>();
      for (const path of storage.files.keys()) {
        if (path.startsWith(`${directory}/`)) names.add(path.slice(directory.length + 1).split('/')[0] ?? '');
      }
      return names.size === 0 ? null : [...names].filter((name) => name !== '').sort();
    },
    makeDirectory(directory) {
      storage.files.set(`${directory}/`, Buffer.alloc(0));
    },
    open: (path) => memoryFile(storage, path, false),
    create: (path) => memoryFile(storage, path, true),
    openLock: (path) => memoryLock(storage, path),
    has: (path) => storage.files.has(path) || storage.list(path) !== null || storage.files.has(`${path}/`),
    namesOf: () => null,
    sizeOf: (path) => storage.files.get(path)?.length ?? null,
    readFile: (path) => storage.files.get(path) ?? null,
    syncDirectory() {},
    rename(from, to) {
      let moved = false;
      for (const [path, bytes] of [...storage.files]) {
        if (path !== from && !path.startsWith(`${from}/`)) continue;
        storage.files.delete(path);
        storage.files.set(`${to}${path.slice(from.length)}`, bytes);
        moved = true;
      }
      if (!moved) throw missing(from);
    },
    remove(path) {
      storage.files.delete(path);
    },
  };
  return storage;
}

function memoryFile(storage: MemoryStorage, path: string, fresh: boolean): StorageFile {
  if (fresh && storage.files.has(path)) throw Object.assign(new Error(`EEXIST ${path}`), {code: 'EEXIST'});
  if (fresh) storage.files.set(path, Buffer.alloc(0));
  if (!storage.files.has(path)) throw missing(path);
  const bytes = (): Buffer => storage.files.get(path) ?? Buffer.alloc(0);
  return {
    path,
    size: () => bytes().length,
    read: (offset, length) => bytes().subarray(offset, offset + length),
    write: (offset, added) => storage.files.set(path, spliced(bytes(), offset, added)),
    sync() {},
    truncate: (size) => storage.files.set(path, bytes().subarray(0, size)),
    isCurrent: () => true,
    close() {},
  };
}

function memoryLock(storage: MemoryStorage, path: string): LockFile {
  if (!storage.files.has(path)) storage.files.set(path, Buffer.alloc(0));
  const bytes = (): Buffer => storage.files.get(path) ?? Buffer.alloc(0);
  return {
    path,
    tryLock: () => true,
    unlock() {},
    read: (offset, length) => bytes().subarray(offset, offset + length),
    write: (offset, added) => storage.files.set(path, spliced(bytes(), offset, added)),
    isCurrent: () => true,
    close() {},
  };
}

function spliced(old: Buffer, offset: number, added: Uint8Array): Buffer {
  const size = Math.max(old.length, offset + added.length);
  const bytes = Buffer.alloc(size);
  old.copy(bytes);
  bytes.set(added, offset);
  return bytes;
}

function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT ${dirname(path)}/${basename(path)}`), {code: 'ENOENT'});
}

/** Every file below a directory of the real disk, by its absolute path. */
export function filesOf(directory: string): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(directory, {recursive: true, withFileTypes: true})) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(path, readFileSync(path));
  }
  return files;
}
