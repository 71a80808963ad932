// The results as Markdown, with the goals beside them. Nothing is rounded up to meet a goal.

const DURABLE_SYNCS = 0.99;
const GOALS = {single: 0.75, stretch: 0.9, many: 10, flat: 2};

/** No store: what Node itself needs for as many signed bytes. */
const BARE = 'bare Node';

function number(value, digits = 0) {
  if (value === undefined || value === null || Number.isNaN(value)) return 'n/a';
  return value.toLocaleString('en-US', {minimumFractionDigits: digits, maximumFractionDigits: digits});
}

const rate = (value) => number(value, value < 100 ? 1 : 0);
const ratio = (value) => number(value, value < 0.1 ? 4 : 2);
const perRecord = (value) => number(value, 2);
const megabytes = (bytes) => number(bytes / 1e6, 0);

function table(heads, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join(
    '\n',
  );
}

function verdict(met) {
  return met ? 'met' : '**not met**';
}

function durable({error, single}) {
  return error === null && single.syncs >= DURABLE_SYNCS;
}

function ownRow(rows) {
  return rows.find(({name}) => name === 'stowpay');
}

function goals(results) {
  const own = results.compared.map(({rows}) => ownRow(rows)).filter(({error}) => error === null);
  const lowest = Math.min(...own.map(({single}) => single.ratio));
  const lowestMany = Math.min(...own.map(({many}) => many.ratio));
  const slower = results.compared.flatMap(({history, rows}) =>
    rows
      .filter((row) => row.name !== 'stowpay' && row.name !== BARE && durable(row))
      .filter((row) => !(ownRow(rows).single.ratio > row.single.ratio))
      .map(({name}) => `${name} at ${number(history)}`),
  );
  const missing = new Set(
    results.compared.flatMap(({rows}) => rows.filter(({error}) => error !== null)).map(({name}) => name),
  );
  const {syncs} = results;
  const opened = results.looks.filter((one) => one.open?.first !== undefined);
  const growth = opened.length < 2 ? Number.NaN : opened.at(-1).open.first / opened[0].open.first;
  const largest = opened.at(-1)?.payments;
  const unseen = results.looks
    .filter((one) => one.open?.first === undefined)
    .map(({payments}) => number(payments));
  return table(
    ['goal', 'measured', ''],
    [
      [
        `one record a commit: ≥ ${GOALS.single} of the floor (hoped for: ${GOALS.stretch}), at every size`,
        ratio(lowest),
        verdict(lowest >= GOALS.single),
      ],
      [
        `${results.waiting} waiting: ≥ ${GOALS.many} × the floor, at every size`,
        ratio(lowestMany),
        verdict(lowestMany >= GOALS.many),
      ],
      [
        'exactly one sync of the segment a commit',
        syncs.error ?? `${number(syncs.segment)} in ${number(syncs.commits)} commits`,
        verdict(syncs.segment === syncs.commits && syncs.preloaded === syncs.segment + syncs.other),
      ],
      [
        'faster than every durable store, at every size',
        `${slower.length === 0 ? 'yes' : `slower than ${slower.join(', ')}`}${missing.size === 0 ? '' : `; not measured: ${[...missing].join(', ')}`}`,
        verdict(slower.length === 0 && missing.size === 0),
      ],
      [
        `opening costs the same with any history (≤ ${GOALS.flat} × of an empty journal)`,
        `${ratio(growth)} × with ${number(largest)}${unseen.length === 0 ? '' : `; not measured with ${unseen.join(', ')}`}`,
        verdict(growth <= GOALS.flat && unseen.length === 0),
      ],
    ],
  );
}

const NOTES = {
  stowpay: 'this journal',
  [BARE]:
    'no store: the same bytes as JSON lines with a chained MAC, one write and one sync for all who wait; no lock, no state, no reading',
  'better-sqlite3': 'WAL, `synchronous = FULL`; its calls block, so nothing ever waits together',
  level: '`sync: true`',
  'jsonl-db': 'syncs by itself, but tells nobody when: its writer was listened to',
  nedb: 'as it comes; has no setting that syncs an insert',
  'lowdb-durable': 'lowdb over temporary file, sync, rename, sync of the directory',
  lowdb: '`JSONFile`, as it comes',
};

function comparison(results, {history, floor, rows}) {
  const [slowest, fastest] = floor.range;
  const cells = rows.map(({name, error, single, many, turns}) => {
    if (error !== null) return [name, `not measured: ${error}`, '', '', '', '', '', '', ''];
    const mark = turns < results.plan.rounds ? ` (${turns} rounds)` : '';
    return [
      `${name}${mark}`,
      rate(single.rate),
      ratio(single.ratio),
      perRecord(single.syncs),
      perRecord(single.flushes),
      number(single.bytes),
      rate(many.rate),
      ratio(many.ratio),
      number(many.syncs * results.waiting, 1),
    ];
  });
  const spread = `${rate(floor.rate)} (${rate(slowest)} … ${rate(fastest)})`;
  const heads = [
    'store',
    'records/s',
    '÷ floor',
    'syncs',
    'flushes',
    'bytes',
    `${results.waiting} waiting`,
    '÷ floor',
    `syncs per ${results.waiting}`,
  ];
  return [
    `### ${number(history)} payments in the store`,
    '',
    table(heads, [
      ['floor in C', spread, '1.00', '1.00', perRecord(floor.flushes), number(floor.bytes), '', '', ''],
      ...cells,
    ]),
  ].join('\n');
}

function looksTable({looks}) {
  const cell = (part, text) => (part === undefined ? 'n/a' : (part.error ?? text(part)));
  return table(
    [
      'closed payments',
      'open + view, first, ms',
      'again, ms',
      'heap kept, MB',
      'RSS, MB',
      'find by id, ms',
      'again, ms',
      'verify, MB/s',
      'journal, MB',
      'peak RSS, MB',
    ],
    looks.map(({payments, error, open, find, verify}) =>
      error !== undefined
        ? [number(payments), error, '', '', '', '', '', '', '', '', '']
        : [
            number(payments),
            cell(open, ({first}) => number(first, 2)),
            cell(open, ({warm}) => number(warm, 2)),
            cell(open, ({heap}) => number(heap / 1e6, 1)),
            cell(open, ({rss}) => megabytes(rss)),
            cell(find, ({first}) => number(first, 1)),
            cell(find, ({again}) => number(again, 1)),
            cell(verify, ({bytes, ms}) => number(bytes / 1e3 / ms)),
            cell(verify, ({bytes}) => number(bytes / 1e6, 1)),
            cell(verify, ({rss}) => megabytes(rss)),
          ],
    ),
  );
}

function syncsText({syncs}) {
  if (syncs.error !== undefined) return `Not counted: ${syncs.error}`;
  const {commits, segment, other, preloaded, flushes} = syncs;
  return [
    `${number(commits)} commits of one record each on a new journal. Counted by the journal's own \`Storage\`: ` +
      `${number(segment)} syncs of the segment and ${number(other)} of the checkpoint. Counted between the process and ` +
      `the C library: ${number(preloaded)}. Flushes of the device by the kernel, everybody's: ${number(flushes)}.`,
    '',
    table(
      ["step of a payment's life, one commit each", 'syncs, usual', 'most (with a checkpoint)'],
      syncs.barriers.map(({step, usual, most}) => [step, number(usual), number(most)]),
    ),
  ].join('\n');
}

function facts(results) {
  const {machine, background, plan, lengths, date, seconds, words} = results;
  const command = ['npm run bench:journal', ...(words.length > 0 ? ['--', ...words] : [])].join(' ');
  const versions = Object.entries(results.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `Made by \`${command}\` on ${date}, in ${seconds} s: ${machine.cores} cores, ` +
      `${machine.fileSystem}, ${machine.kernel}, Node ${machine.node}. ` +
      `${versions.join(', ')}.`,
    '',
    `Medians of ${plan.rounds} rounds. In each, every store has a turn of ${plan.turnMs} ms in its own process, between ` +
      `two turns of the floor of ${plan.floorMs} ms: the C loop of \`bench/journal/floor.c\` writes records of the same ` +
      `${lengths.join(' and ')} bytes to a growing file, each with one \`fdatasync\`. A ratio is taken between neighbours.`,
    '',
    `Before the run, others did ${number(background.flushes)} flushes and ${number(background.bytes / 1e3)} kB of writing a ` +
      `second here, at a load of ${number(background.load, 1)}; what they do during the run disturbs flushes and bytes, ` +
      'not syncs.',
  ].join('\n');
}

/** @param results what `run.mjs` measured */
export function report(results) {
  const names = results.compared[0].rows.map(({name}) => name);
  return `${[
    '# Benchmarks of the journal',
    facts(results),
    '## Goals',
    goals(results),
    '## Writing, beside the floor and other stores',
    'A record is one half of a sale: `payment.created`, then `payment.accepted_offline` with sealed card data. The others ' +
      'write the same JSON under a key of its own. *Syncs*, *flushes* and *bytes* are per record: what the process asked ' +
      'for, what the device was told, and what it wrote at once (what a store leaves in memory comes later, or never). ' +
      'A store with less than one sync a record loses acknowledged payments in a power cut. What is written in the turns ' +
      'adds to the history: lowdb slows down by it already at 0.',
    names.map((name) => `- ${name}: ${NOTES[name]}`).join('\n'),
    ...results.compared.map((one) => comparison(results, one)),
    '## Syncs of a commit',
    syncsText(results),
    '## Opening, finding, verifying',
    'Every payment in the journal is closed. *Open + view* is what `status` costs in process; each in a fresh process, ' +
      'first without and then with warm code. *Find* is `inspect` of one closed payment by its full id.',
    looksTable(results),
  ].join('\n\n')}\n`;
}
