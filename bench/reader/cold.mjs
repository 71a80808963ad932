// One `stowpay collect` after the other, each a process of its own, at an emulated reader behind a TCP port.
import {spawn} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {dirname, join} from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';
import {socketEnd} from '../../dist/lib/sandbox/reader/cable.js';
import {attachEmulator} from '../../dist/lib/sandbox/reader/emulator.js';
import {memoryWorld} from '../../dist/lib/sandbox/reader/memory-world.js';
import {isFinalAnswer} from './line.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const program = join(here, '..', '..', 'bin', 'run.js');
const preload = pathToFileURL(join(here, 'syncs.mjs')).href;
const now = () => performance.timeOrigin + performance.now();

/** An emulated reader that notes when the last byte of a card's answer was handed to the line. */
async function serve(heard) {
  const world = memoryWorld();
  const server = createServer({noDelay: true}, (socket) => {
    socket.on('error', () => {});
    const end = socketEnd(socket);
    const line = {
      ...end,
      write: (bytes) => {
        end.write(bytes);
        if (isFinalAnswer(bytes)) heard(now());
      },
    };
    const emulator = attachEmulator(line, world, {card_delay_ms: 0, frame_delay_ms: 0});
    socket.once('close', () => emulator.detach());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {address: `tcp://127.0.0.1:${server.address().port}`, close: () => server.close()};
}

function run(words, directory, syncFile) {
  const env = {
    ...process.env,
    STOWPAY_DATA_DIR: directory,
    ...(syncFile === null ? {} : {STOWPAY_BENCH_SYNC_FILE: syncFile, NODE_OPTIONS: `--import=${preload}`}),
  };
  const child = spawn(process.execPath, [program, ...words], {env, stdio: ['ignore', 'pipe', 'ignore']});
  return new Promise((resolve, reject) => {
    let printedAt = null;
    child.stdout.on('data', (chunk) => {
      if (printedAt === null && chunk.includes('Accepted offline')) printedAt = now();
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve(printedAt);
      else reject(new Error(`stowpay ${words[0]} ended with ${code}`));
    });
  });
}

export async function coldSales(directory, sales) {
  let answeredAt = 0;
  const reader = await serve((at) => {
    answeredAt = at;
  });
  const turns = [];
  try {
    await run(['connect', '--reader', reader.address, '--profile', 'sandbox'], directory, null);
    for (let number = 0; number <= sales; number += 1) {
      const syncFile = join(directory, '..', `syncs-${number}.json`);
      const startedAt = now();
      const words = ['collect', '12.50', 'usd', '--reference', `order-${number}`, '--profile', 'sandbox'];
      const printedAt = await run([...words, '--offline-behavior', 'force_offline'], directory, syncFile);
      const endedAt = now();
      const own = JSON.parse(readFileSync(syncFile, 'utf8')).filter(([start]) => start >= answeredAt);
      // The first only fills the caches.
      if (number === 0) continue;
      turns.push({
        whole: printedAt - answeredAt,
        synced: own.filter(([, end]) => end <= printedAt).reduce((sum, [start, end]) => sum + end - start, 0),
        start: answeredAt - startedAt,
        all: endedAt - startedAt,
      });
    }
  } finally {
    reader.close();
  }
  return turns;
}
