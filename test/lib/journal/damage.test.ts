import {readFileSync} from 'node:fs';
import {expect} from 'chai';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {disk} from '../../../src/lib/storage/disk.js';
import {type DamagedJournal, payId, smallJournal, story} from '../../support/damaged-journal.js';
import {ALL_FLIPS, countsText, expectNothingSilent, flipMany} from '../../support/flip-run.js';
import {FlipBench} from '../../support/flips.js';

/** Every so many bytes one is changed; `npm run torture` changes every one. */
const STRIDE = 67;

describe('a journal with a changed byte', () => {
  for (const rebooted of [false, true]) {
    it(`is found damaged in its very line, and nothing is silently different after the repair (${rebooted ? 'after a reboot' : 'same boot'})`, async () => {
      const journal = await smallJournal();
      if (rebooted) journal.clock.reboot();
      const counts = await flipMany(journal, rebooted, (index) =>
        index % STRIDE === 0 ? [ALL_FLIPS[(index / STRIDE) % ALL_FLIPS.length] ?? 'NUL'] : [],
      );
      expect(counts.flips).to.be.greaterThan(250);
      expect(counts.verdicts.damage).to.be.greaterThan(counts.flips * 0.9);
      console.log(`      ${countsText(counts)}`);
    }).timeout(60_000);
  }

  it('never takes two lines that ran into one for a tear, although the commit before them has no end then', async () => {
    const journal = await smallJournal({commits: [...story(1, 4), ...story(4, 2)], segmentBytes: 3000});
    journal.clock.reboot();
    const bench = new FlipBench(journal);
    const last = journal.segments().at(-1) ?? '';
    const bytes = journal.read(last);
    let tried = 0;
    for (let at = bytes.indexOf(0x0a); at >= 0 && at < bytes.length - 1; at = bytes.indexOf(0x0a, at + 1)) {
      for (const flip of ['lowest bit', 'highest bit', 'space'] as const) {
        const {verdict, fates, report} = await bench.flip(last, at, flip);
        expect(verdict).to.equal('damage');
        expect(report.notes).to.deep.equal([]);
        expectNothingSilent(journal, fates ?? {}, `${last}, byte ${at}, ${flip}`);
        tried += 1;
      }
    }
    expect(tried).to.be.greaterThan(5);
  });

  it('takes a NUL byte in the last commit for a tear only after a reboot, and not if a checkpoint knows better', async () => {
    const plain = await smallJournal();
    const known = await smallJournal({checkpointRecords: 1});
    await writeUntilCheckpoint(known);
    for (const [journal, expected] of [
      [plain, 'like a tear'],
      [known, 'damage'],
    ] as const) {
      const last = journal.segments().at(-1) ?? '';
      expect(
        (await new FlipBench(journal).flip(last, journal.read(last).length - 100, 'NUL')).verdict,
      ).to.equal('damage');
      journal.clock.reboot();
      const bench = new FlipBench(journal);
      for (const [at, flip] of [
        [bench.size(last) - 100, 'NUL'],
        [bench.size(last) - 1, 'space'],
      ] as const) {
        expect((await bench.flip(last, at, flip)).verdict, `${at} ${flip}`).to.equal(expected);
      }
      expect((await bench.flip(last, bench.size(last) - 100, 'lowest bit')).verdict).to.equal('damage');
    }
  });
});

describe('a journal that is cut off', () => {
  for (const checkpoint of [false, true]) {
    for (const rebooted of [false, true]) {
      const name = `${checkpoint ? 'with' : 'without'} a checkpoint, ${rebooted ? 'after a reboot' : 'same boot'}`;
      it(`is damage, or like a tear, and never anything else (${name})`, async () => {
        const journal = await smallJournal(checkpoint ? {checkpointRecords: 12} : {});
        if (rebooted) journal.clock.reboot();
        const counts = await cutEverywhere(journal, 97);
        console.log(`      ${JSON.stringify(counts)}`);
        if (!rebooted) expect([counts.tear, counts.shorter]).to.deep.equal([0, 0]);
        else expect(counts.tear).to.be.greaterThan(2);
      }).timeout(60_000);
    }
  }

  it('is like a tear at every byte of the last commit after a reboot, and keeps everything before it', async () => {
    const journal = await smallJournal();
    const before = journal.open();
    const {events} = {events: [...(story(70, 1)[0] ?? []), ...(story(71, 1)[0] ?? [])]};
    const last = journal.segments().at(-1) ?? '';
    const size = journal.read(last).length;
    await before.transact(() => ({events, result: null}));
    before.close();
    journal.clock.reboot();
    const bench = new FlipBench(journal);
    expect(bench.size(last)).to.be.greaterThan(size);
    for (let at = size + 1; at < bench.size(last); at += 5) {
      const {report, opens} = await bench.cut(last, at);
      expect({opens, damage: report.damage}, `cut at ${at}`).to.deep.equal({opens: true, damage: []});
      expect(report.notes.join(), `cut at ${at}`).to.match(/power cut/);
      expect(report.records).to.equal(31);
    }
    expect(journal.payments.has(payId(7))).to.equal(true);
  }).timeout(60_000);
});

interface CutCounts {
  cuts: number;
  damage: number;
  tear: number;
  /** After a reboot, between two commits, with nothing that remembers more: no journal can know. */
  shorter: number;
}

async function cutEverywhere(journal: DamagedJournal, stride: number): Promise<CutCounts> {
  const bench = new FlipBench(journal);
  const counts = {cuts: 0, damage: 0, tear: 0, shorter: 0};
  for (const segment of journal.segments()) {
    for (let size = 0; size < bench.size(segment); size += stride) {
      const where = `${segment} cut at ${size}`;
      const {report, storage, opens} = await bench.cut(segment, size);
      counts.cuts += 1;
      expect(
        bench.agrees(opens, report.damage.length),
        `${where}: ${JSON.stringify(report.damage)}`,
      ).to.equal(true);
      if (report.damage.length === 0) {
        expect(segment, where).to.equal(journal.segments().at(-1));
        counts[report.notes.some((note) => note.includes('power cut')) ? 'tear' : 'shorter'] += 1;
        continue;
      }
      counts.damage += 1;
      const {line} = bench.placeOf(segment, size);
      expect(
        report.damage.some((one) => one.segment === segment && one.line === line) ||
          report.damage[0]?.line === 1,
        `${where}: line ${line} in ${JSON.stringify(report.damage)}`,
      ).to.equal(true);
      const {gone, ...fates} = await bench.repaired(storage, report);
      expectNothingSilent(journal, fates, where);
      for (const payment of gone) {
        const left = [...storage.files].some(
          ([path, bytes]) => path.endsWith('.jsonl') && bytes.includes(payment),
        );
        expect(left, `${where}: ${payment} is gone, and its name is not`).to.equal(false);
      }
    }
  }
  return counts;
}

/** Afterwards the checkpoint stands after the very last record. */
async function writeUntilCheckpoint({directory, clock, path}: DamagedJournal): Promise<void> {
  const journal = new FileJournal({storage: disk, directory, clock, checkpointRecords: 1});
  const content = (): string => readFileSync(path('checkpoint.json'), 'latin1');
  for (const before = content(); content() === before; ) {
    const event = {type: 'payment.claimed', payment: payId(6), data: {}} as const;
    await journal.transact(() => ({events: [event], result: null}));
  }
  journal.close();
}
