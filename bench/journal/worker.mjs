// One store in a process of its own. It is prepared once and then measured in short turns, so that whatever else
// the machine does falls on all stores alike.
import {syncsSoFar} from './machine.mjs';

const [name, directory, history, lines] = JSON.parse(process.argv[2]);
/** The first time for the compiler, later only for the caches. */
const FIRST_WARM_UP_MS = 500;
const WARM_UP_MS = 30;
let warmed = false;

async function open() {
  if (name === 'stowpay') return (await import('./stowpay.mjs')).openStore(directory, history);
  return (await import('./peers.mjs')).openPeer(name, directory, history, lines);
}

/** As many records as fit in the time; at least one. */
async function turn(store, {milliseconds, waiting}) {
  const syncs = syncsSoFar();
  const start = performance.now();
  let records = 0;
  do {
    if (waiting === 1) await store.append();
    else await Promise.all(Array.from({length: waiting}, () => store.append()));
    records += waiting;
  } while (performance.now() - start < milliseconds);
  return {records, ms: performance.now() - start, syncs: syncsSoFar() - syncs};
}

/** Untimed: puts the store in order after the last turn, and brings it to speed. */
async function warmUp(store) {
  await store.settle();
  const until = performance.now() + (warmed ? WARM_UP_MS : FIRST_WARM_UP_MS);
  warmed = true;
  while (performance.now() < until) await store.append();
}

function tell(message) {
  return new Promise((resolve) => process.send(message, resolve));
}

/** One line, without a path of this machine: it goes into the table. */
function reasonOf(error) {
  const [line] = String(error?.message ?? error).split('\n');
  return line.replace(/ imported from .*/, '').replace(/(\/[^\s/'"]+)+\//g, '…/');
}

const opened = await open().then(
  (store) => ({store}),
  (error) => ({error: reasonOf(error)}),
);
await tell(opened.error === undefined ? {ready: true} : {error: opened.error});
if (opened.error !== undefined) process.exit(1);

process.on('message', async (message) => {
  const {store} = opened;
  if (message.end) {
    await store.close();
    process.exit(0);
  }
  try {
    if (message.warm) {
      await warmUp(store);
      await tell({});
      return;
    }
    await tell(await turn(store, message));
  } catch (error) {
    await tell({error: reasonOf(error)});
  }
});
