import {spawnSync} from 'node:child_process';
import type {Context} from 'mocha';

/** Skips the test that needs socat where there is none – but never in CI, where skipping would hide a hole. */
export function requireSocat(test: Context): void {
  if (spawnSync('socat', ['-V'], {stdio: 'ignore'}).error === undefined) return;
  if (process.env.CI !== undefined) throw new Error('socat is missing in CI (apt-get install socat)');
  process.stderr.write('      skipped: needs socat (apt-get install socat)\n');
  test.skip();
}
