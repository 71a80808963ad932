import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const made: string[] = [];

/** A fresh directory, removed when the tests are over. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'stowpay-test-'));
  made.push(path);
  return path;
}

process.on('exit', () => {
  for (const path of made) rmSync(path, {recursive: true, force: true});
});
