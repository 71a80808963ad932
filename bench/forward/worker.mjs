// One forwarder in a process of its own: brought to speed by the first payments, measured by the rest, which the API
// answers with its latency.
import {FORWARDERS} from './forwarders.mjs';
import {prepareQueue} from './queue.mjs';

const {task, name, directory, origin, pace, warm, payments} = JSON.parse(process.argv[2]);
const SAMPLE_MS = 50;

async function measure() {
  const forwarder = await FORWARDERS[name]({directory, origin});
  const memory = {max: 0, atThousand: null, done: 0};
  const look = () => {
    memory.max = Math.max(memory.max, process.memoryUsage.rss());
  };
  const sampling = setInterval(look, SAMPLE_MS);
  await forwarder.forward(0, warm, () => {});
  await new Promise((resolve) => {
    process.once('message', resolve);
    process.send({warm: true});
  });
  const cpu = process.cpuUsage();
  const start = performance.now();
  await forwarder.forward(warm, warm + payments, () => {
    memory.done += 1;
    if (memory.done === 1000) {
      look();
      memory.atThousand = memory.max;
    }
  });
  const ms = performance.now() - start;
  const {user, system} = process.cpuUsage(cpu);
  look();
  clearInterval(sampling);
  await forwarder.close();
  return {ms, cpu: user + system, rss: memory.max, rssAtThousand: memory.atThousand};
}

async function prepare() {
  await prepareQueue(directory, {payments: warm + payments, origin, pace});
  return {};
}

const done = task === 'prepare' ? prepare() : measure();
done.then(
  (result) => process.send(result, () => process.exit(0)),
  (error) => process.send({error: String(error?.stack ?? error)}, () => process.exit(1)),
);
