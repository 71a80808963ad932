import {createHash} from 'node:crypto';
import {
  applyEntries,
  changed,
  type DiskImage,
  type DiskNode,
  type FileChange,
  type FileNode,
  PAGE,
  ROOT,
  resized,
} from '../support/disk-image.js';

/** Numbers from 0 up to 1; a seeded generator, so that a run can be repeated. */
export type RandomNumbers = () => number;

export function seededRandom(seed: number): RandomNumbers {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface PowerCuts {
  /** What the platter may hold, each once. */
  readonly images: readonly DiskImage[];
  /** False when there were more than `limit` and they were drawn. */
  readonly complete: boolean;
}

/** Choices of what landed among so many changes are all tried; among more they are drawn. */
const ALL_SUBSETS = 6;
const DRAWN_SUBSETS = 24;
const TORN_CHUNKS = 6;
/** Of a file as large as the reserve fewer variants are drawn. */
const LARGE = 100_000;
const DRAWN_OF_LARGE = 6;

/**
 * Everything the platter may hold after a power cut at this moment (A1–A3): of the changes that no sync has made
 * durable, each entry operation and each page of each write landed or not, a file's size is any it went through,
 * and one page may be torn at any byte, of which a few odd ones are tried.
 */
export function powerCuts(image: DiskImage, limit: number, random: RandomNumbers): PowerCuts {
  const masks = subsets(image.pending.length, random);
  const found = new Map<string, DiskImage>();
  let complete = masks.complete;
  const variantsOf = new Map<number, Variants>();
  for (const mask of masks.list) {
    const nodes = new Map(image.nodes);
    image.pending.forEach((operation, index) => {
      if (mask[index] === true) applyEntries(nodes, operation, 'durable');
    });
    const reached = reachable(nodes);
    const open = reached.filter((id) => pendingOf(nodes.get(id)).length > 0);
    const choices = open.map((id) => {
      const variants = variantsOf.get(id) ?? fileVariants(nodes.get(id) as FileNode, random);
      variantsOf.set(id, variants);
      if (!variants.complete) complete = false;
      return variants.list;
    });
    const combinations = product(choices, Math.ceil(limit / masks.list.length), random);
    if (!combinations.complete) complete = false;
    for (const contents of combinations.list) {
      const cut = platter(
        nodes,
        reached,
        new Map(open.map((id, index) => [id, contents[index] as Buffer])),
        image,
      );
      found.set(fingerprint(cut), cut);
    }
  }
  return {images: [...found.values()], complete};
}

/** The power cut that takes everything no sync has made durable. */
export function nothingLanded(image: DiskImage): DiskImage {
  return platter(image.nodes, reachable(image.nodes), new Map(), image);
}

/** Same for disks that hold the same under the same names. */
export function fingerprint(image: DiskImage): string {
  const hash = createHash('sha1');
  const walk = (id: number, where: 'cache' | 'durable', path: string): void => {
    const node = image.nodes.get(id);
    if (node?.kind === 'file') hash.update(`${path} ${digest(node.cache)} ${digest(node.durable)}\n`);
    if (node?.kind !== 'directory') return;
    hash.update(`${path}/\n`);
    for (const name of [...node[where].keys()].sort())
      walk(node[where].get(name) ?? -1, where, `${path}/${name}`);
  };
  walk(ROOT, 'cache', '');
  if (image.pending.length > 0) walk(ROOT, 'durable', 'platter');
  return hash.digest('base64');
}

const digests = new WeakMap<Buffer, string>();

function digest(bytes: Buffer): string {
  let known = digests.get(bytes);
  if (known === undefined) {
    known = createHash('sha1').update(bytes).digest('base64');
    digests.set(bytes, known);
  }
  return known;
}

interface Variants {
  readonly list: readonly Buffer[];
  readonly complete: boolean;
}

/** A write within one page, or a truncation. */
type Chunk = FileChange;

/** Every content one file may have. */
export function fileVariants(file: FileNode, random: RandomNumbers): Variants {
  const chunks = chunksOf(file.pending);
  const masks = subsets(chunks.length, random, file.cache.length > LARGE);
  const sizes = sizesOf(file);
  const found = new Map<string, Buffer>();
  const add = (landed: readonly Chunk[], size: number): void => {
    const bytes = resized(landed.reduce(landing, file.durable), size);
    found.set(digest(bytes), bytes);
  };
  for (const mask of masks.list) {
    const landed = chunks.filter((_, index) => mask[index]);
    for (const size of sizes) add(landed, size);
  }
  const torn = chunks.flatMap((chunk, index) => (chunk.kind === 'write' ? [index] : []));
  for (const index of torn.slice(file.cache.length > LARGE ? -1 : -TORN_CHUNKS)) {
    const chunk = chunks[index];
    if (chunk?.kind !== 'write') continue;
    for (const length of oddLengths(chunk.bytes.length)) {
      const part = {...chunk, bytes: chunk.bytes.subarray(0, length)};
      const rest = {...chunk, offset: chunk.offset + length, bytes: chunk.bytes.subarray(length)};
      const before = chunks.slice(0, index);
      add([...before, part], Math.max(file.durable.length, chunk.offset + length));
      add([...before, part], file.cache.length);
      add([...before, rest], file.cache.length);
      add([...before, part, ...chunks.slice(index + 1)], file.cache.length);
    }
  }
  return {list: [...found.values()], complete: masks.complete && torn.length <= TORN_CHUNKS};
}

/** Odd places to stop at within so many bytes: the first, a sector, somewhere, the last but one. */
export function oddLengths(length: number): readonly number[] {
  const places = [1, 512, (length >> 1) | 1, length - 1];
  return [...new Set(places)].filter((place) => place > 0 && place < length);
}

/** A page in the cache is written as a whole: of writes that cover each other only the newest two are told apart. */
function chunksOf(changes: readonly FileChange[]): readonly Chunk[] {
  const chunks = changes.flatMap((change) => (change.kind === 'write' ? pagesOf(change) : [change]));
  return chunks.filter((chunk, index) => {
    if (chunk.kind === 'truncate') return true;
    const covering = chunks
      .slice(index + 1)
      .filter(
        (later) =>
          later.kind === 'write' &&
          later.offset <= chunk.offset &&
          later.offset + later.bytes.length >= chunk.offset + chunk.bytes.length,
      );
    return covering.length < 2;
  });
}

function pagesOf(change: FileChange & {kind: 'write'}): readonly Chunk[] {
  const chunks: Chunk[] = [];
  for (let start = 0; start < change.bytes.length; ) {
    const offset = change.offset + start;
    const length = Math.min(PAGE - (offset % PAGE), change.bytes.length - start);
    chunks.push({...change, offset, bytes: change.bytes.subarray(start, start + length)});
    start += length;
  }
  return chunks;
}

/** What lies behind a truncation is gone; how long the file is, is decided apart. */
function landing(bytes: Buffer, chunk: Chunk): Buffer {
  if (chunk.kind === 'write') return changed(bytes, chunk);
  const after = Buffer.from(bytes);
  after.fill(0, Math.min(chunk.size, after.length));
  return after;
}

/** Every size the file went through since its last sync, and the page boundaries its writes crossed. */
function sizesOf(file: FileNode): readonly number[] {
  const sizes = new Set([file.durable.length, file.cache.length]);
  const most = file.cache.length > LARGE ? 3 : 12;
  let bytes = file.durable;
  for (const change of file.pending) {
    const before = bytes.length;
    bytes = changed(bytes, change);
    sizes.add(bytes.length);
    const first = Math.ceil((before + 1) / PAGE) * PAGE;
    for (let size = first; size < bytes.length && sizes.size < most; size += PAGE) sizes.add(size);
  }
  return [...sizes];
}

function subsets(
  count: number,
  random: RandomNumbers,
  few = false,
): {readonly list: readonly (readonly boolean[])[]; readonly complete: boolean} {
  const each = Array.from({length: count}, (_, index) => index);
  if (count <= ALL_SUBSETS) {
    const list = Array.from({length: 2 ** count}, (_, mask) =>
      each.map((index) => ((mask >> index) & 1) === 1),
    );
    return {list, complete: true};
  }
  const list = [
    each.map(() => false),
    each.map(() => true),
    ...Array.from({length: few ? DRAWN_OF_LARGE : DRAWN_SUBSETS}, () => each.map(() => random() < 0.5)),
  ];
  if (few) return {list, complete: false};
  const oneMissing = each.map((missing) => each.map((index) => index !== missing));
  const beginnings = each.map((last) => each.map((index) => index <= last));
  return {list: [...list, ...oneMissing, ...beginnings], complete: false};
}

function product(
  choices: readonly (readonly Buffer[])[],
  limit: number,
  random: RandomNumbers,
): {readonly list: readonly (readonly Buffer[])[]; readonly complete: boolean} {
  const total = choices.reduce((count, list) => count * list.length, 1);
  if (total > limit) {
    const pick = (list: readonly Buffer[]): Buffer => list[Math.floor(random() * list.length)] as Buffer;
    return {list: Array.from({length: limit}, () => choices.map(pick)), complete: false};
  }
  const list = choices.reduce<readonly (readonly Buffer[])[]>(
    (lists, next) => lists.flatMap((chosen) => next.map((one) => [...chosen, one])),
    [[]],
  );
  return {list, complete: true};
}

function pendingOf(node: DiskNode | undefined): readonly FileChange[] {
  return node?.kind === 'file' ? node.pending : [];
}

function reachable(nodes: ReadonlyMap<number, DiskNode>): number[] {
  const found = new Set<number>();
  const walk = (id: number): void => {
    const node = nodes.get(id);
    if (node === undefined || found.has(id)) return;
    found.add(id);
    if (node.kind === 'directory') for (const child of node.durable.values()) walk(child);
  };
  walk(ROOT);
  return [...found];
}

/** The disk as it is found after the power is back: cache and platter are one. */
function platter(
  nodes: ReadonlyMap<number, DiskNode>,
  reached: readonly number[],
  contents: ReadonlyMap<number, Buffer>,
  image: DiskImage,
): DiskImage {
  const after = new Map<number, DiskNode>();
  for (const id of reached) {
    const node = nodes.get(id);
    if (node?.kind === 'directory') after.set(id, {...node, cache: node.durable});
    if (node?.kind === 'file') {
      const bytes = contents.get(id) ?? node.durable;
      after.set(id, {kind: 'file', durable: bytes, cache: bytes, pending: []});
    }
  }
  return {nodes: after, pending: [], nextNode: image.nextNode};
}
