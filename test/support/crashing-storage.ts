import type {Storage, StorageFile} from '../../src/lib/storage/storage.js';

/** What a process that dies here would have been about to do, or have just done. */
export class Crash extends Error {}

export interface CrashingStorage extends Storage {
  /** Operations that changed something so far. */
  readonly operations: number;
}

/**
 * A disk on which the process dies at its n-th change: before it, or right after it.
 * Counts only what changes the disk; looking is free.
 */
export function crashingStorage(storage: Storage, at: number, when: 'before' | 'after'): CrashingStorage {
  let operations = 0;
  const change = <T>(act: () => T): T => {
    operations += 1;
    if (operations > at) throw new Crash('dead already');
    if (operations === at && when === 'before') throw new Crash('died');
    const result = act();
    if (operations === at) throw new Crash('died');
    return result;
  };
  return {
    ...changedThrough(storage, change),
    get operations() {
      return operations;
    },
  };
}

/** A disk of which every change goes through `change`, which may refuse it, or throw after it. */
export function changedThrough(storage: Storage, change: <T>(act: () => T) => T): Storage {
  const file = (opened: StorageFile): StorageFile => ({
    ...opened,
    write: (offset, bytes) => change(() => opened.write(offset, bytes)),
    sync: () => change(() => opened.sync()),
    truncate: (size) => change(() => opened.truncate(size)),
  });
  return {
    ...storage,
    open: (path, mode) => file(storage.open(path, mode)),
    create: (path) => file(change(() => storage.create(path))),
    openLock: (path) => {
      const lock = storage.openLock(path);
      return {...lock, write: (offset, bytes) => change(() => lock.write(offset, bytes))};
    },
    makeDirectory: (path) => change(() => storage.makeDirectory(path)),
    rename: (from, to) => change(() => storage.rename(from, to)),
    syncDirectory: (path) => change(() => storage.syncDirectory(path)),
    remove: (path) => change(() => storage.remove(path)),
  };
}
