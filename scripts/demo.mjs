// The main job, start to end, on the emulated world: the real binary, the real serial stack where socat is
// installed, real HTTP on loopback. Every exit code is checked; the demo fails when one is not what it must be.
import {spawn, spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const binary = join(root, 'bin', 'run.js');
const directory = mkdtempSync(join(tmpdir(), 'stowpay-demo-'));
const env = {...process.env, STOWPAY_DATA_DIR: join(directory, 'data'), STOWPAY_PROFILE: 'sandbox'};
delete env.STOWPAY_SANDBOX_API;

let failures = 0;
let steps = 0;

function say(text) {
  process.stdout.write(`\n\x1b[1m# ${text}\x1b[0m\n`);
}

/** Runs a command as a person would, shows it and what it prints, and checks its exit code. */
function stowpay(words, expected, {quiet = false} = {}) {
  process.stdout.write(`\x1b[36m$ stowpay ${words.join(' ')}\x1b[0m\n`);
  const done = spawnSync(process.execPath, [binary, ...words], {env, encoding: 'utf8', timeout: 60_000});
  if (!quiet) process.stdout.write(done.stdout);
  process.stdout.write(
    done.stderr
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => `\x1b[2m${line}\x1b[0m\n`)
      .join(''),
  );
  steps += 1;
  const right = done.status === expected;
  if (!right) failures += 1;
  process.stdout.write(
    `\x1b[2m→ exit ${done.status}${right ? '' : `, BUT ${expected} WAS EXPECTED`}\x1b[0m\n`,
  );
  return done.stdout;
}

function paymentOf(reference) {
  const listed = JSON.parse(
    spawnSync(process.execPath, [binary, 'inspect', '--json'], {env, encoding: 'utf8'}).stdout,
  );
  return listed.result.payments.find((payment) => payment.reference === reference);
}

/** The emulated reader on a pseudo terminal, as its own process; null when socat is missing. */
async function startReader() {
  if (spawnSync('socat', ['-V']).error !== undefined) return null;
  const link = join(directory, 'reader');
  const child = spawn(process.execPath, [binary, 'sandbox', 'reader', '--pty', link], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', () => reject(new Error('the emulated reader did not start')));
  });
  return {address: `serial:${link}`, child};
}

const reader = await startReader();
try {
  process.stdout.write('SANDBOX: no money moves in this demo.\n');
  if (reader === null) say('socat is not installed, so the emulated reader runs in the same process (sim:)');
  say('Connect the reader, with network');
  stowpay(['connect', '--reader', reader?.address ?? 'sim:'], 0);

  say('The network goes away. Three sales; the last one will be declined by its issuer later');
  stowpay(['sandbox', 'network', 'off'], 0);
  stowpay(['collect', '12.50', 'usd', '--reference', 'order-1'], 0);
  stowpay(['collect', '30.00', 'eur', '--reference', 'order-2'], 0);
  stowpay(['collect', '8.05', 'usd', '--reference', 'order-3'], 0);

  say('A script runs the first one again, by mistake: the same payment, no second one');
  stowpay(['collect', '12.50', 'usd', '--reference', 'order-1'], 0);

  say('May this device be wiped now? No');
  stowpay(['status', '--check'], 3);

  say('The network is back: everything is forwarded, once; one payment is declined');
  stowpay(['sandbox', 'network', 'on'], 0);
  stowpay(['forward'], 6);

  say('Capture a part of the first payment, all of the second');
  stowpay(['capture', paymentOf('order-1').local_id, '--amount', '10.00'], 0);
  stowpay(['capture', '--all'], 0);

  say('What happened to the declined one?');
  stowpay(['inspect', paymentOf('order-3').local_id], 0);

  say('May this device be wiped now? Yes');
  stowpay(['status', '--check'], 0);
} finally {
  reader?.child.kill('SIGTERM');
  rmSync(directory, {recursive: true, force: true});
}
process.stdout.write(`\nDemo: ${steps - failures} of ${steps} commands ended as they must.\n`);
process.exit(failures === 0 ? 0 : 1);
