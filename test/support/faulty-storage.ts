import {disk} from '../../src/lib/storage/disk.js';
import type {Storage, StorageFile} from '../../src/lib/storage/storage.js';

export type Operation = 'write' | 'sync' | 'truncate' | 'create' | 'rename' | 'syncDirectory';

/** A disk that fails when told to. `short` writes that many bytes of the failing write first. */
export interface FaultyStorage extends Storage {
  /** The next operation of this kind on a path that matches fails with this error code; `times` of them. */
  fail(operation: Operation, code: string, options?: {path?: RegExp; times?: number; short?: number}): void;
  heal(): void;
  /** What was done since the last call. */
  log(): string[];
}

interface Fault {
  readonly operation: Operation;
  readonly code: string;
  readonly path: RegExp;
  readonly short: number;
  times: number;
}

export function faultyStorage(): FaultyStorage {
  let faults: Fault[] = [];
  let done: string[] = [];
  const check = (operation: Operation, path: string): Fault | null => {
    const fault = faults.find((one) => one.operation === operation && one.times > 0 && one.path.test(path));
    done.push(`${operation} ${path.split('/').at(-1)}`);
    if (fault === undefined) return null;
    fault.times -= 1;
    return fault;
  };
  const guard = (operation: Operation, path: string): void => {
    const fault = check(operation, path);
    if (fault !== null) throw Object.assign(new Error(`${fault.code}: injected`), {code: fault.code});
  };
  const wrap = (file: StorageFile): StorageFile => ({
    ...file,
    write: (offset, bytes) => {
      const fault = check('write', file.path);
      if (fault === null) return file.write(offset, bytes);
      file.write(offset, bytes.subarray(0, fault.short));
      throw Object.assign(new Error(`${fault.code}: injected`), {code: fault.code});
    },
    sync: () => {
      guard('sync', file.path);
      file.sync();
    },
    truncate: (size) => {
      guard('truncate', file.path);
      file.truncate(size);
    },
  });
  return {
    ...disk,
    open: (path) => wrap(disk.open(path)),
    create: (path) => {
      guard('create', path);
      return wrap(disk.create(path));
    },
    rename: (from, to) => {
      guard('rename', from);
      disk.rename(from, to);
    },
    syncDirectory: (directory) => {
      guard('syncDirectory', directory);
      disk.syncDirectory(directory);
    },
    fail: (operation, code, {path = /./, times = 1, short = 0} = {}) => {
      faults.push({operation, code, path, times, short});
    },
    heal: () => {
      faults = [];
    },
    log: () => {
      const seen = done;
      done = [];
      return seen;
    },
  };
}
