import {createHash} from 'node:crypto';
import {join} from 'node:path';
import type {Clock} from '../core/ports.js';
import {createDurable} from '../storage/durable.js';
import type {LockFile, Storage} from '../storage/storage.js';
import {blankSegment} from './cut.js';
import {DEVICE_KEY} from './keys.js';
import {blank, isBlank, sliceLine} from './line.js';
import {readLines} from './lines.js';
import {writeMark} from './mark.js';
import {isBeingRepaired, listSegments} from './segments.js';

/** What a repair puts in place. Written before anything is moved, so that a crash can be gone on from. */
export interface Manifest {
  readonly format: 1;
  readonly device: string;
  /** Directory below `damaged/` that takes what was there. */
  readonly kept_as: string;
  /** Names in the journal directory that go. */
  readonly out: readonly string[];
  /** Segments that come. */
  readonly in: readonly string[];
  /** A new device key comes, too. */
  readonly key: boolean;
  /** Where the repaired journal ends. */
  readonly end: {readonly segment: string; readonly offset: number};
}

const BLANK = 0x20;
const MANIFEST = 'manifest.json';
export const BUILDING = 'repair.new';
const READY = 'repair';

/** Makes a rebuilt journal the one that counts: from the rename on, it is put in place, whatever happens. */
export function commitRepair(storage: Storage, directory: string, manifest: Manifest): void {
  const building = join(directory, BUILDING);
  createDurable(storage, join(building, MANIFEST), Buffer.from(JSON.stringify(manifest), 'utf8'));
  storage.rename(building, join(directory, READY));
  storage.syncDirectory(directory);
}

/** The repair that is being put in place; null when there is none. */
export function readManifest(storage: Storage, directory: string): Manifest | null {
  if (!isBeingRepaired(storage, directory)) return null;
  const bytes = storage.readFile(join(directory, READY, MANIFEST));
  return bytes === null ? null : (JSON.parse(bytes.toString('utf8')) as Manifest);
}

/**
 * Moves the old out and the new in. Every step can be done again: what was moved out stands in `damaged/` under its
 * own name, and what was moved in is no longer where it came from.
 */
export function swapIn(
  storage: Storage,
  dataDirectory: string,
  lock: LockFile,
  clock: Clock,
  manifest: Manifest,
): void {
  const directory = join(dataDirectory, 'journal');
  const places: Places = {
    data: dataDirectory,
    directory,
    ready: join(directory, READY),
    kept: join(directory, 'damaged', manifest.kept_as),
  };
  makeKept(storage, directory, manifest.kept_as);
  takeOut(storage, places, manifest);
  putIn(storage, places, manifest);
  markEnd(storage, directory, lock, clock, manifest);
  blankCopies(storage, directory, places.kept, manifest);
  storage.rename(places.ready, join(places.kept, READY));
  storage.syncDirectory(places.kept);
  storage.syncDirectory(directory);
}

interface Places {
  readonly data: string;
  /** The journal. */
  readonly directory: string;
  /** Where the new comes from. */
  readonly ready: string;
  /** Where the old goes. */
  readonly kept: string;
}

/** Before anything moves in: what loses its name with its directory is lost. */
function makeKept(storage: Storage, directory: string, kept_as: string): void {
  const damaged = join(directory, 'damaged');
  storage.makeDirectory(join(damaged, kept_as));
  storage.syncDirectory(directory);
  storage.syncDirectory(damaged);
}

/** All of the old is out, durably, before anything of the new takes its names. */
function takeOut(storage: Storage, {data, directory, ready, kept}: Places, manifest: Manifest): void {
  for (const name of manifest.out) moveOut(storage, directory, kept, name);
  if (manifest.key && storage.has(join(ready, DEVICE_KEY))) moveOut(storage, data, kept, DEVICE_KEY);
  storage.syncDirectory(kept);
  storage.syncDirectory(directory);
  storage.syncDirectory(data);
}

function putIn(storage: Storage, {data, directory, ready}: Places, manifest: Manifest): void {
  for (const name of manifest.in) moveIn(storage, ready, directory, name);
  if (manifest.key) moveIn(storage, ready, data, DEVICE_KEY);
  storage.syncDirectory(directory);
  storage.syncDirectory(data);
  storage.syncDirectory(ready);
}

function moveOut(storage: Storage, from: string, kept: string, name: string): void {
  if (storage.has(join(kept, name)) || !storage.has(join(from, name))) return;
  storage.rename(join(from, name), join(kept, name));
}

function moveIn(storage: Storage, from: string, to: string, name: string): void {
  if (storage.has(join(from, name))) storage.rename(join(from, name), join(to, name));
}

/** The old mark speaks of files that are gone. A journal that somebody wrote to since has its own. */
function markEnd(storage: Storage, directory: string, lock: LockFile, clock: Clock, {end}: Manifest): void {
  if (listSegments(storage, directory).at(-1) !== end.segment) return;
  const file = storage.open(join(directory, end.segment));
  try {
    if (file.size() === end.offset) writeMark(lock, {boot: clock.boot, ...end});
  } finally {
    file.close();
  }
}

/**
 * Blanks the sealed card data in the originals that the rebuilt journal holds as well: it is wiped there when its
 * payment closes, and a copy nobody looks after would stay for ever. What could not be saved stays in the original.
 */
function blankCopies(storage: Storage, directory: string, kept: string, manifest: Manifest): void {
  const originals = manifest.out.filter((name) => name.endsWith('.jsonl')).map((name) => join(kept, name));
  const halves = new Set(originals.flatMap((path) => halfBlanked(storage, path)));
  const saved = new Set<string>();
  const wholes = new Map<number, Buffer>();
  for (const name of manifest.in) {
    for (const {seq, bytes} of privatesOf(storage, join(directory, name))) {
      saved.add(digestOf(bytes));
      if (halves.has(seq)) wholes.set(seq, bytes);
    }
  }
  for (const path of originals) {
    blankIn(storage, path, ({seq, bytes}) => saved.has(digestOf(bytes)) || isHalfOf(bytes, wholes.get(seq)));
  }
}

/** Records whose private part a crash left blank in a part only: they are not equal to any other any more. */
function halfBlanked(storage: Storage, path: string): readonly number[] {
  return [...privatesOf(storage, path)].filter(({bytes}) => bytes.includes(BLANK)).map(({seq}) => seq);
}

/** True when everything that is not blank stands in the whole as well. */
function isHalfOf(bytes: Buffer, whole: Buffer | undefined): boolean {
  return (
    whole?.length === bytes.length && bytes.every((byte, index) => byte === BLANK || byte === whole[index])
  );
}

function blankIn(storage: Storage, path: string, wanted: (place: PrivatePlace) => boolean): void {
  if (!storage.has(path)) return;
  const copies = [...privatesOf(storage, path)].filter(wanted);
  const file = storage.open(path);
  try {
    for (const {start, bytes} of copies) file.write(start, blank(bytes.length));
    // Also when all is blank already: whoever did it may have died before the sync.
    file.sync();
  } finally {
    file.close();
  }
}

interface PrivatePlace {
  /** The record it belongs to; 0 where its line does not tell. */
  readonly seq: number;
  readonly start: number;
  readonly bytes: Buffer;
}

function* privatesOf(storage: Storage, path: string): Generator<PrivatePlace> {
  if (!storage.has(path)) return;
  const file = storage.open(path, 'read');
  try {
    for (const line of readLines(file, 0, file.size())) {
      const slices = sliceLine(line.bytes);
      const place = slices?.private ?? null;
      if (slices === null || place === null) continue;
      const bytes = line.bytes.subarray(place.start, place.start + place.length);
      if (!isBlank(bytes)) yield {seq: seqIn(slices.rec), start: line.start + place.start, bytes};
    }
  } finally {
    file.close();
  }
}

function seqIn(rec: Buffer): number {
  return Number(/^\{"v":\d+,"seq":(\d{1,15}),/.exec(rec.toString('latin1', 0, 60))?.[1] ?? 0);
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64');
}

/** A name below `damaged/` that nothing has yet. */
export function freeDirectory(storage: Storage, directory: string, name: string): string {
  const taken = new Set(storage.list(join(directory, 'damaged')) ?? []);
  for (let count = 1; ; count += 1) if (!taken.has(`${name}-${count}`)) return `${name}-${count}`;
}

/** Moves what a crash left of a repair that never counted out of the way, without its copies of sealed card data. */
export function putAside(storage: Storage, directory: string): void {
  if (!storage.has(join(directory, BUILDING))) return;
  for (const name of listSegments(storage, join(directory, BUILDING))) {
    // Not line by line: a power cut may have torn any of them.
    blankSegment(storage.open(join(directory, BUILDING, name)));
  }
  const damaged = join(directory, 'damaged');
  makeDamaged(storage, directory);
  storage.rename(join(directory, BUILDING), join(damaged, freeDirectory(storage, directory, 'unfinished')));
  storage.syncDirectory(damaged);
  storage.syncDirectory(directory);
}

function makeDamaged(storage: Storage, directory: string): void {
  storage.makeDirectory(join(directory, 'damaged'));
  storage.syncDirectory(directory);
}
