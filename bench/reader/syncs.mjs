// Preloaded: notes when this process syncs a file, and for how long. With STOWPAY_BENCH_SYNC_FILE it tells at its end.
import fs, {writeFileSync} from 'node:fs';
import {syncBuiltinESMExports} from 'node:module';

/** Beginning and end of every sync, ms of the machine's clock. */
export const syncs = [];
const now = () => performance.timeOrigin + performance.now();

for (const name of ['fdatasyncSync', 'fsyncSync']) {
  const original = fs[name];
  fs[name] = (fd) => {
    const start = now();
    try {
      return original(fd);
    } finally {
      syncs.push([start, now()]);
    }
  };
}
syncBuiltinESMExports();

const file = process.env.STOWPAY_BENCH_SYNC_FILE;
if (file !== undefined) process.on('exit', () => writeFileSync(file, JSON.stringify(syncs)));
