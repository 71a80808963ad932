import {fstatSync, statSync} from 'node:fs';

/** True while the path names the very file that is open: not renamed, removed or replaced since. */
export function names(path: string, fd: number): boolean {
  const named = statSync(path, {throwIfNoEntry: false});
  if (named === undefined) return false;
  const held = fstatSync(fd);
  return held.ino === named.ino && held.dev === named.dev;
}
