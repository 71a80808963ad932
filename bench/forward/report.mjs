// The results of one run as a section of docs/BENCHMARKS.md.
import {median} from '../journal/machine.mjs';

const CPU_GOAL = 1.3;
const RATE_GOAL = 0.9;

const NOTES = {
  stowpay:
    '`Terminal.forward` with its journal: every step synced before the next, {concurrency} payments in hand',
  gateway: 'stowpay’s gateway alone, without a journal, one payment after the other',
  stripe: 'the plain loop: `stripe` {stripe}, as it comes, one payment after the other, nothing written down',
  bare: '`node:http` with keep-alive, one payment after the other, nothing written down',
};

function number(value, digits = value < 10 ? 2 : value < 100 ? 1 : 0) {
  if (value === null || Number.isNaN(value)) return 'n/a';
  return value.toLocaleString('en-US', {minimumFractionDigits: digits, maximumFractionDigits: digits});
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

const of = (turns, key) => median(turns.map((turn) => turn[key]));
const turnsOf = ({rows}, name) => rows.find((row) => row.name === name).turns;

/** Ratios are taken within a round, between neighbours. */
function ratio(compared, name, other, key) {
  const others = turnsOf(compared, other);
  return median(turnsOf(compared, name).map((turn, round) => turn[key] / others[round][key]));
}

/** The most payments a second that so many in hand can bring, each waiting twice for the API. */
function bound({compared, concurrency}, latencyMs) {
  const own = of(turnsOf(compared[0], 'stowpay'), 'ms');
  return (concurrency * 1000) / (2 * latencyMs + own);
}

function comparison(results, one) {
  const {latencyMs, rows} = one;
  const body = rows.map(({name, turns}) => [
    name,
    number(of(turns, 'rate')),
    number(ratio(one, name, 'stripe', 'rate')),
    number(of(turns, 'cpu')),
    number(ratio(one, name, 'stripe', 'cpu')),
    number(ratio(one, name, 'bare', 'cpu')),
    number(of(turns, 'rss') / 1e6, 0),
  ]);
  const head = ['', 'payments/s', '÷ stripe', 'CPU ms a payment', '÷ stripe', '÷ bare', 'RSS, MB'];
  const most =
    latencyMs === 0
      ? []
      : [`${results.concurrency} in hand can bring ${number(bound(results, latencyMs))} payments/s.`];
  return [`### ${latencyMs} ms latency`, ...most, table(head, body)].join('\n\n');
}

function goals(results) {
  const [zero, ...late] = results.compared;
  const cpu = ratio(zero, 'stowpay', 'stripe', 'cpu');
  const met = (yes) => (yes ? 'met' : '**not met**');
  const rows = late.map((one) => {
    const part = of(turnsOf(one, 'stowpay'), 'rate') / bound(results, one.latencyMs);
    const what = `${one.latencyMs} ms latency: within 10 % of what ${results.concurrency} in hand can bring`;
    return [what, `${number(part * 100, 0)} %`, met(part >= RATE_GOAL)];
  });
  const limit = of(results.limited.turns, 'rate') / (results.requestsPerS / 2);
  rows.push([
    `${results.requestsPerS} requests/s allowed, ${results.limited.ms} ms latency: within 10 % of ${results.requestsPerS / 2} payments/s`,
    `${number(limit * 100, 0)} %`,
    met(limit >= RATE_GOAL && limit <= 1.1),
  ]);
  rows.push([
    `no latency: at most ${CPU_GOAL} × the CPU of the plain stripe loop, the synced journal included`,
    `${number(cpu)} ×`,
    met(cpu <= CPU_GOAL),
  ]);
  return table(['goal', 'measured', ''], rows);
}

function memory({queues}) {
  const [small, large] = queues;
  const body = queues.map(({payments, rss, rssAtThousand, rate}) => [
    number(payments, 0),
    number(rss / 1e6, 0),
    rssAtThousand === null ? 'n/a' : number(rssAtThousand / 1e6, 0),
    number(rate),
  ]);
  const growth = (large.rss - small.rss) / (large.payments - small.payments) / 1000;
  return [
    'No latency; the resident memory of the forwarding process, sampled all the time.',
    table(['payments in the queue', 'most, MB', 'most until 1,000 were done, MB', 'payments/s'], body),
    `From ${number(small.payments, 0)} to ${number(large.payments, 0)} payments it grows by ` +
      `${number((large.rss - small.rss) / 1e6, 0)} MB, ${number(growth, 1)} kB a payment.`,
  ].join('\n\n');
}

function facts({date, seconds, words, machine, stripe, plan, background}) {
  const command = ['npm run bench:forward', ...(words.length > 0 ? ['--', ...words] : [])].join(' ');
  return [
    `Made by \`${command}\` on ${date}, in ${seconds} s: ${machine.cores} cores, ${machine.fileSystem}, ${machine.kernel}, ` +
      `Node ${machine.node}, stripe ${stripe}.`,
    `Medians of ${plan.rounds} rounds; in each, everybody has a turn in a process of its own, in changing order, and ratios ` +
      'are taken within a round. The API is a process of its own: in memory, strict about keys and states, its latency a ' +
      'timer for every request; after each turn it must have every payment confirmed exactly once. A payment is a create ' +
      `and a confirm, with the parameters of a real stored one. The first payments (${plan.warm} where there is no latency) ` +
      'bring each to speed and are not counted. CPU is user and system time of the forwarding process, all its threads.',
    `Before the run, others loaded the machine by ${number(background.load, 1)}.`,
  ].join('\n\n');
}

/** @param results what `run.mjs` measured */
export function report(results) {
  const note = (name) =>
    NOTES[name].replace('{concurrency}', results.concurrency).replace('{stripe}', results.stripe);
  return `${[
    '# Benchmarks of forwarding',
    facts(results),
    '## Goals',
    goals(results),
    '## Payments a second, and what each costs',
    Object.keys(NOTES)
      .map((name) => `- ${name}: ${note(name)}`)
      .join('\n'),
    ...results.compared.map((one) => comparison(results, one)),
    '## Memory',
    memory(results),
  ].join('\n\n')}\n`;
}
