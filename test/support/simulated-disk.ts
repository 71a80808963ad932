import {basename, dirname} from 'node:path';
import type {LockFile, Storage, StorageFile} from '../../src/lib/storage/storage.js';
import {callSite} from './call-site.js';
import {
  addNode,
  changeEntries,
  changeFile,
  type DiskImage,
  directoryOf,
  failSync,
  fileOf,
  find,
  syncDirectoryNode,
  syncFile,
} from './disk-image.js';

/** One operation that changed what the disk or its cache holds, in the order they happened. */
export interface Step {
  readonly before: DiskImage;
  readonly after: DiskImage;
  readonly process: string;
  readonly operation: string;
  /** For a write: the place and the bytes, so that it can be cut short. */
  readonly write: {readonly node: number; readonly offset: number; readonly bytes: Buffer} | null;
}

/** An operation fails with this code when path and kind match; `times` of them. */
export interface Fault {
  readonly operation: 'write' | 'sync' | 'create';
  readonly path: RegExp;
  readonly code: 'ENOSPC' | 'EIO';
  /** So many bytes of the failing write still land. */
  readonly short?: number;
  times: number;
}

/** What a power cut or a kill does to syncs in a mutated program: by the name of the place that calls for one. */
export type SyncMutation = (site: string) => 'kept' | 'skipped' | 'late';

export interface SimulatedDisk {
  readonly image: DiskImage;
  readonly steps: readonly Step[];
  /** Places in the program that asked for a sync, with how often. */
  readonly sites: ReadonlyMap<string, number>;
  /** The files as one process sees them. All processes share one disk and one set of locks. */
  process(name: string): SimulatedProcess;
  fail(fault: Fault): void;
  heal(): void;
}

export interface SimulatedProcess {
  readonly storage: Storage;
  /** Dies before its next operation: nothing it does any more reaches the disk, its locks are free. */
  kill(): void;
  /** Dies once it has done so many more operations. */
  killAfter(operations: number): void;
}

interface Held {
  readonly node: number;
  readonly owner: symbol;
  readonly process: string;
  readonly start: number;
  readonly end: number;
}

/**
 * A disk in memory that keeps cache and platter apart and remembers every operation, so that each moment at which a
 * process could have died or the power could have failed can be looked at afterwards.
 *
 * @param watched who asks for a sync is noted in `sites`; costs a look at the stack each time
 */
export function simulatedDisk(
  start: DiskImage,
  mutation: SyncMutation | null = null,
  watched = false,
): SimulatedDisk {
  let image = start;
  const steps: Step[] = [];
  const sites = new Map<string, number>();
  let faults: Fault[] = [];
  let held: Held[] = [];
  let late: {
    readonly process: string;
    readonly sync: (before: DiskImage) => DiskImage;
    readonly operation: string;
  }[] = [];

  const record = (
    process: string,
    operation: string,
    after: DiskImage,
    write: Step['write'] = null,
  ): void => {
    steps.push({before: image, after, process, operation, write});
    image = after;
    const due = late.filter((one) => one.process === process);
    late = late.filter((one) => one.process !== process);
    for (const one of due) record(process, one.operation, one.sync(image));
  };

  const faultOf = (operation: Fault['operation'], path: string): Fault | undefined => {
    const fault = faults.find((one) => one.operation === operation && one.times > 0 && one.path.test(path));
    if (fault !== undefined) fault.times -= 1;
    return fault;
  };

  const sync = (process: string, what: string, act: (before: DiskImage) => DiskImage): void => {
    if (mutation === null && !watched) {
      record(process, what, act(image));
      return;
    }
    const site = callSite(what);
    sites.set(site, (sites.get(site) ?? 0) + 1);
    const choice = mutation?.(site) ?? 'kept';
    if (choice === 'kept') record(process, `sync: ${site}`, act(image));
    if (choice === 'late') late.push({process, sync: act, operation: `late sync: ${site}`});
  };

  const newProcess = (name: string): SimulatedProcess => {
    let left = Number.POSITIVE_INFINITY;
    const die = (): void => {
      left = 0;
      held = held.filter((lock) => lock.process !== name);
      late = late.filter((one) => one.process !== name);
    };
    const alive = (): void => {
      if (left <= 0) throw systemError('EKILLED');
    };
    /** Counts an operation; a process that dies now has not done it. */
    const begin = (): void => {
      alive();
      left -= 1;
      if (left < 0) {
        die();
        alive();
      }
    };
    const lookUp = (path: string): number => {
      alive();
      const node = find(image, path);
      if (node === null) throw systemError('ENOENT', path);
      return node;
    };
    const create = (path: string): number => {
      if (find(image, path) !== null) throw systemError('EEXIST', path);
      const parent = lookUp(dirname(path));
      begin();
      const fault = faultOf('create', path);
      if (fault !== undefined) throw systemError(fault.code, path);
      record(name, `create ${basename(path)}`, addNode(image, parent, basename(path), 'file'));
      return lookUp(path);
    };
    const write = (path: string, node: number, offset: number, bytes: Uint8Array): void => {
      begin();
      const fault = faultOf('write', path);
      const landing = Buffer.from(fault === undefined ? bytes : bytes.subarray(0, fault.short ?? 0));
      if (landing.length > 0) {
        const change = {kind: 'write' as const, offset, bytes: landing, doubtful: false};
        const operation = `write ${basename(path)} ${landing.length} bytes at ${offset}`;
        record(name, operation, changeFile(image, node, change), {node, offset, bytes: landing});
      }
      if (fault !== undefined) throw systemError(fault.code, path);
    };
    const read = (node: number, offset: number, length: number): Buffer => {
      alive();
      return Buffer.from(fileOf(image, node).cache.subarray(offset, offset + length));
    };
    const fileAt = (path: string, node: number): StorageFile => ({
      path,
      size: () => fileOf(image, node).cache.length,
      read: (offset, length) => read(node, offset, length),
      write: (offset, bytes) => write(path, node, offset, bytes),
      truncate: (size) => {
        begin();
        record(
          name,
          `truncate ${basename(path)} to ${size}`,
          changeFile(image, node, {kind: 'truncate', size}),
        );
      },
      sync: () => {
        begin();
        const fault = faultOf('sync', path);
        if (fault !== undefined) {
          record(name, `failed sync of ${basename(path)}`, failSync(image, node));
          throw systemError(fault.code, path);
        }
        sync(name, `sync ${path}`, (before) => syncFile(before, node));
      },
      isCurrent: () => find(image, path) === node,
      close: () => {},
    });
    const lockAt = (path: string, node: number): LockFile => {
      const owner = Symbol(path);
      const range = (offset: number, length: number): {start: number; end: number} => ({
        start: offset,
        end: length === 0 ? Number.POSITIVE_INFINITY : offset + length,
      });
      return {
        path,
        tryLock: (offset, length) => {
          alive();
          const {start, end} = range(offset, length);
          const clash = held.some(
            (lock) => lock.node === node && lock.owner !== owner && lock.start < end && start < lock.end,
          );
          if (!clash) held.push({node, owner, process: name, start, end});
          return !clash;
        },
        unlock: (offset, length) => {
          const {start, end} = range(offset, length);
          held = held.filter((lock) => lock.owner !== owner || lock.start < start || lock.end > end);
        },
        read: (offset, length) => read(node, offset, length),
        write: (offset, bytes) => write(path, node, offset, bytes),
        isCurrent: () => find(image, path) === node,
        close: () => {
          held = held.filter((lock) => lock.owner !== owner);
        },
      };
    };
    const storage: Storage = {
      list: (directory) => {
        alive();
        const node = find(image, directory);
        return node === null ? null : [...directoryOf(image, node).cache.keys()].sort();
      },
      makeDirectory: (directory) => {
        if (find(image, directory) !== null) return;
        storage.makeDirectory(dirname(directory));
        const parent = lookUp(dirname(directory));
        begin();
        record(
          name,
          `mkdir ${basename(directory)}`,
          addNode(image, parent, basename(directory), 'directory'),
        );
      },
      open: (path) => fileAt(path, lookUp(path)),
      create: (path) => fileAt(path, create(path)),
      openLock: (path) => lockAt(path, find(image, path) ?? create(path)),
      has: (path) => {
        alive();
        return find(image, path) !== null;
      },
      namesOf: (directory) => {
        const node = lookUp(directory);
        return `${node} ${versionOf(directoryOf(image, node).cache)}`;
      },
      sizeOf: (path) => {
        alive();
        const node = find(image, path);
        return node === null ? null : fileOf(image, node).cache.length;
      },
      readFile: (path) => {
        alive();
        const node = find(image, path);
        return node === null ? null : Buffer.from(fileOf(image, node).cache);
      },
      syncDirectory: (directory) => {
        const node = lookUp(directory);
        begin();
        sync(name, `syncDirectory ${directory}`, (before) => syncDirectoryNode(before, node));
      },
      rename: (from, to) => {
        const node = lookUp(from);
        const [source, target] = [lookUp(dirname(from)), lookUp(dirname(to))];
        begin();
        const operation = `rename ${basename(from)} to ${basename(to)}`;
        const after = changeEntries(image, {
          remove: [{directory: source, name: basename(from), node}],
          set: [{directory: target, name: basename(to), node}],
          waiting: [...new Set([source, target])],
        });
        record(name, operation, after);
      },
      remove: (path) => {
        const node = find(image, path);
        if (node === null) return;
        const directory = lookUp(dirname(path));
        begin();
        const remove = [{directory, name: basename(path), node}];
        record(
          name,
          `remove ${basename(path)}`,
          changeEntries(image, {remove, set: [], waiting: [directory]}),
        );
      },
    };
    return {
      storage,
      kill: die,
      killAfter: (operations) => {
        left = operations;
      },
    };
  };

  return {
    get image() {
      return image;
    },
    steps,
    sites,
    process: newProcess,
    fail: (fault) => faults.push(fault),
    heal: () => {
      faults = [];
    },
  };
}

const versions = new WeakMap<ReadonlyMap<string, number>, number>();
let versionCount = 0;

/** Entries are never changed in place: another list is another version. */
function versionOf(entries: ReadonlyMap<string, number>): number {
  const known = versions.get(entries) ?? ++versionCount;
  versions.set(entries, known);
  return known;
}

function systemError(code: string, path = ''): Error {
  return Object.assign(new Error(`${code}: simulated, ${path}`), {code});
}
