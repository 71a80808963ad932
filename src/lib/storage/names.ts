import {fstatSync, statSync} from 'node:fs';

/** What a file is, whatever it is called. While it is open nothing else can become it. */
export interface FileIdentity {
  readonly ino: number;
  readonly dev: number;
}

export function identityOf(fd: number): FileIdentity {
  const {ino, dev} = fstatSync(fd);
  return {ino, dev};
}

/** True while the path names that very file: not renamed, removed or replaced since. */
export function isNamed(path: string, {ino, dev}: FileIdentity): boolean {
  const named = statSync(path, {throwIfNoEntry: false});
  return named !== undefined && named.ino === ino && named.dev === dev;
}

/** Three times what the clock of the slowest kernel takes from one tick to the next. */
const SETTLED_MS = 30;

/**
 * See `Storage.namesOf`. The kernel gives a directory a new change time with each change of a name, and nobody can set
 * it. Two changes within one tick of its clock have the same, and some file systems count in whole seconds: there
 * nothing can be told.
 */
export function namesVersion(
  {dev, ino, ctimeMs}: {readonly dev: number; readonly ino: number; readonly ctimeMs: number},
  now: number,
): string | null {
  const settled = now - ctimeMs > SETTLED_MS && ctimeMs % 1000 !== 0;
  return settled ? `${dev} ${ino} ${ctimeMs}` : null;
}
