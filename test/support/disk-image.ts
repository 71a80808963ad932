/**
 * What a disk holds at one moment, with what is on the platter kept apart from what is only in the cache.
 * Immutable: every operation gives a new image and shares what it did not touch.
 */
export interface DiskImage {
  readonly nodes: ReadonlyMap<number, DiskNode>;
  /** Entry operations no directory sync has made durable yet, in order. */
  readonly pending: readonly EntryOperation[];
  readonly nextNode: number;
}

export type DiskNode = FileNode | DirectoryNode;

export interface FileNode {
  readonly kind: 'file';
  readonly durable: Buffer;
  readonly cache: Buffer;
  /** Writes and truncations no sync has made durable yet, in order. */
  readonly pending: readonly FileChange[];
}

export interface DirectoryNode {
  readonly kind: 'directory';
  readonly durable: ReadonlyMap<string, number>;
  readonly cache: ReadonlyMap<string, number>;
}

export type FileChange =
  /** `doubtful`: a sync of it failed. The cache calls it clean, so that no later sync writes it. */
  | {readonly kind: 'write'; readonly offset: number; readonly bytes: Buffer; readonly doubtful: boolean}
  | {readonly kind: 'truncate'; readonly size: number};

/** One atomic change of names (A3): all of it survives a power cut, or nothing of it. */
export interface EntryOperation {
  readonly remove: readonly EntryPlace[];
  readonly set: readonly EntryPlace[];
  /** Directories whose sync it still waits for. */
  readonly waiting: readonly number[];
}

export interface EntryPlace {
  readonly directory: number;
  readonly name: string;
  readonly node: number;
}

export const ROOT = 0;
export const PAGE = 4096;

/** A disk with one directory in it, durable. */
export function emptyImage(name: string): DiskImage {
  const entries = new Map([[name, 1]]);
  const nodes = new Map<number, DiskNode>([
    [ROOT, {kind: 'directory', durable: entries, cache: entries}],
    [1, {kind: 'directory', durable: new Map(), cache: new Map()}],
  ]);
  return {nodes, pending: [], nextNode: 2};
}

/** The node a path names in the cache; null when there is none. */
export function find(image: DiskImage, path: string): number | null {
  let node = ROOT;
  for (const name of path.split('/').filter((part) => part !== '')) {
    const directory = image.nodes.get(node);
    if (directory?.kind !== 'directory') return null;
    const next = directory.cache.get(name);
    if (next === undefined) return null;
    node = next;
  }
  return node;
}

export function fileOf(image: DiskImage, node: number): FileNode {
  const file = image.nodes.get(node);
  if (file?.kind !== 'file') throw new Error(`node ${node} is no file`);
  return file;
}

export function directoryOf(image: DiskImage, node: number): DirectoryNode {
  const directory = image.nodes.get(node);
  if (directory?.kind !== 'directory') throw new Error(`node ${node} is no directory`);
  return directory;
}

/** A new file or directory under a name; only the cache knows of it. */
export function addNode(image: DiskImage, parent: number, name: string, kind: DiskNode['kind']): DiskImage {
  const node = image.nextNode;
  const empty: DiskNode =
    kind === 'file'
      ? {kind, durable: Buffer.alloc(0), cache: Buffer.alloc(0), pending: []}
      : {kind, durable: new Map(), cache: new Map()};
  const nodes = new Map(image.nodes).set(node, empty);
  return changeEntries(
    {...image, nodes, nextNode: node + 1},
    {remove: [], set: [{directory: parent, name, node}], waiting: [parent]},
  );
}

export function changeEntries(image: DiskImage, operation: EntryOperation): DiskImage {
  const nodes = new Map(image.nodes);
  applyEntries(nodes, operation, 'cache');
  return {...image, nodes, pending: [...image.pending, operation]};
}

/** Applies a change of names to what is in the cache or on the platter. A name that means another file stays. */
export function applyEntries(
  nodes: Map<number, DiskNode>,
  {remove, set}: EntryOperation,
  where: 'cache' | 'durable',
): void {
  const edit = (id: number, change: (entries: Map<string, number>) => void): void => {
    const node = nodes.get(id);
    if (node?.kind !== 'directory') return;
    const entries = new Map(node[where]);
    change(entries);
    nodes.set(id, {...node, [where]: entries});
  };
  for (const {directory, name, node} of remove) {
    edit(directory, (entries) => {
      if (entries.get(name) === node) entries.delete(name);
    });
  }
  for (const {directory, name, node} of set) edit(directory, (entries) => entries.set(name, node));
}

export function changeFile(image: DiskImage, node: number, change: FileChange): DiskImage {
  const file = fileOf(image, node);
  const cache = changed(file.cache, change);
  // What is overwritten whole, or cut off, is in doubt no longer.
  const pending = file.pending.filter((old) => !isDoubtful(old) || !supersedes(change, old));
  return withNode(image, node, {...file, cache, pending: [...pending, change]});
}

/** After a successful sync: everything but what a failed sync left in doubt is on the platter. */
export function syncFile(image: DiskImage, node: number): DiskImage {
  const file = fileOf(image, node);
  const kept = file.pending.filter(isDoubtful);
  if (kept.length === 0) return withNode(image, node, {...file, durable: file.cache, pending: []});
  const durable = file.pending.filter((change) => !isDoubtful(change)).reduce(changed, file.durable);
  return withNode(image, node, {...file, durable, pending: kept});
}

/** After a failed sync: what was written may be on the platter or not, and no later sync tries again. */
export function failSync(image: DiskImage, node: number): DiskImage {
  const file = fileOf(image, node);
  const pending = file.pending.map((change) =>
    change.kind === 'write' ? {...change, doubtful: true} : change,
  );
  return withNode(image, node, {...file, pending});
}

export function syncDirectoryNode(image: DiskImage, node: number): DiskImage {
  const nodes = new Map(image.nodes);
  const pending: EntryOperation[] = [];
  for (const operation of image.pending) {
    const waiting = operation.waiting.filter((one) => one !== node);
    if (waiting.length === 0) applyEntries(nodes, operation, 'durable');
    else pending.push({...operation, waiting});
  }
  return {...image, nodes, pending};
}

export function changed(bytes: Buffer, change: FileChange): Buffer {
  if (change.kind === 'truncate') return resized(bytes, change.size);
  const after = Buffer.from(resized(bytes, Math.max(bytes.length, change.offset + change.bytes.length)));
  change.bytes.copy(after, change.offset);
  return after;
}

export function resized(bytes: Buffer, size: number): Buffer {
  if (size <= bytes.length) return bytes.subarray(0, size);
  return Buffer.concat([bytes, Buffer.alloc(size - bytes.length)]);
}

function isDoubtful(change: FileChange): boolean {
  return change.kind === 'write' && change.doubtful;
}

function supersedes(change: FileChange, old: FileChange): boolean {
  if (old.kind === 'truncate') return false;
  if (change.kind === 'truncate') return old.offset >= change.size;
  return change.offset <= old.offset && change.offset + change.bytes.length >= old.offset + old.bytes.length;
}

function withNode(image: DiskImage, node: number, value: DiskNode): DiskImage {
  return {...image, nodes: new Map(image.nodes).set(node, value)};
}

/** Every file the cache (or the platter) has a name for, by path. */
export function filesOf(image: DiskImage, where: 'cache' | 'durable' = 'cache'): Map<string, FileNode> {
  const files = new Map<string, FileNode>();
  const walk = (id: number, path: string): void => {
    const node = image.nodes.get(id);
    if (node?.kind === 'file') files.set(path, node);
    if (node?.kind !== 'directory') return;
    for (const [name, child] of node[where]) walk(child, `${path}/${name}`);
  };
  walk(ROOT, '');
  return files;
}

/** The same disk without a file or directory, durably: as if somebody had removed it. */
export function without(image: DiskImage, path: string): DiskImage {
  const node = find(image, path);
  const parent = find(image, path.slice(0, path.lastIndexOf('/')));
  if (node === null || parent === null) return image;
  const name = path.slice(path.lastIndexOf('/') + 1);
  const removed = changeEntries(image, {
    remove: [{directory: parent, name, node}],
    set: [],
    waiting: [parent],
  });
  return syncDirectoryNode(removed, parent);
}
