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

/** The size of the file of this name if it is that very file: not renamed, removed or replaced since; else null. */
export function sizeIfNamed(path: string, {ino, dev}: FileIdentity): number | null {
  const named = statSync(path, {throwIfNoEntry: false});
  return named !== undefined && named.ino === ino && named.dev === dev ? named.size : null;
}
