import {expect} from 'chai';
import type {DamagedJournal, Fate} from './damaged-journal.js';
import {FLIPS, type Flip, FlipBench, type Verdict} from './flips.js';

/** What came of changing many bytes. */
export interface FlipCounts {
  flips: number;
  readonly verdicts: Record<Verdict, number>;
  /** Over every payment of every flip that was repaired. */
  readonly fates: Record<string, number>;
}

/**
 * Changes bytes of a journal, one at a time, and holds what must hold of each: found with its segment and line unless
 * it is like a tear; never a payment silently different after the repair.
 * @param flipsAt which changes to try at a byte (counted over all segments)
 */
export async function flipMany(
  journal: DamagedJournal,
  rebooted: boolean,
  flipsAt: (index: number) => readonly Flip[],
): Promise<FlipCounts> {
  const bench = new FlipBench(journal);
  const counts: FlipCounts = {
    flips: 0,
    verdicts: {damage: 0, 'removed data': 0, 'like a tear': 0, unchanged: 0},
    fates: {},
  };
  const segments = journal.segments();
  let index = 0;
  for (const segment of segments) {
    for (let at = 0; at < bench.size(segment); at += 1, index += 1) {
      for (const flip of flipsAt(index)) {
        const where = `${segment}, byte ${at}, ${flip}`;
        const {verdict, fates, report, newline} = await bench.flip(segment, at, flip);
        counts.flips += 1;
        counts.verdicts[verdict] += 1;
        if (verdict === 'like a tear') {
          expect(rebooted && segment === segments.at(-1), where).to.equal(true);
          expect(flip === 'NUL' || (newline && at === bench.size(segment) - 1), where).to.equal(true);
        }
        if (verdict !== 'damage') continue;
        const {line} = bench.placeOf(segment, at);
        expect(
          report.damage.some((one) => one.segment === segment && one.line === line),
          `${where}: line ${line} in ${JSON.stringify(report.damage)}`,
        ).to.equal(true);
        expectNothingSilent(journal, fates ?? {}, where);
        for (const [fate, payments] of Object.entries(fates ?? {})) {
          counts.fates[fate] = (counts.fates[fate] ?? 0) + payments.length;
        }
      }
    }
  }
  return counts;
}

/** A payment of which no card was read may go with its only line; no other may go, and none may differ unsaid. */
export function expectNothingSilent(
  journal: DamagedJournal,
  fates: Partial<Readonly<Record<Fate, readonly string[]>>>,
  where: string,
): void {
  expect(fates['silently different'], where).to.deep.equal([]);
  for (const payment of fates.gone ?? []) {
    expect(journal.payments.get(payment)?.state, `${where}: ${payment} is gone`).to.equal('created');
  }
}

/** One line for the log of a run. */
export function countsText({flips, verdicts, fates}: FlipCounts): string {
  const list = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .filter(([, count]) => count > 0)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ');
  return `${flips} bytes changed: ${list(verdicts)}; payments after the repair: ${list(fates)}`;
}

export const ALL_FLIPS = Object.keys(FLIPS) as readonly Flip[];
