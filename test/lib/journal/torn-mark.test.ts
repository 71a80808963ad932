import {expect} from 'chai';
import {markOfBoot} from '../../../src/lib/journal/mark.js';
import {DATA, type Run, runWorkload} from '../../crash/run.js';
import {initialised, inside} from '../../crash/survey.js';
import {recovering} from '../../crash/workloads.js';
import {type DiskImage, filesOf} from '../../support/disk-image.js';
import {createdEvent, storedEvent} from '../../support/events.js';
import {simulatedDisk} from '../../support/simulated-disk.js';

/** Names of writers are drawn, and with them the checksum a mark begins with: one in 16 begins like another. */
const TRIES = 200;

describe('a mark that somebody died in the middle of writing', () => {
  it('never becomes an older one when the next one dies in the middle of it too', async () => {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const sold = await runWorkload(
        {name: 'sold', image: await initialised(), initialised: 0},
        async (rig) => {
          const journal = rig.open('first');
          await rig.write(journal, createdEvent('pay_1'));
          await rig.write(journal, storedEvent('pay_1'));
        },
      );
      const [torn, offset] = lastMarkTorn(sold);
      expect(offset, 'the record behind the older mark').to.be.lessThan(sizeOfSegment(torn));
      if (markOf(torn) !== null) continue;
      const recovery = await runWorkload({name: 'recovery', image: torn, initialised: 0}, recovering);
      for (const image of marksTorn(recovery)) expect(markOf(image)?.offset).to.not.equal(offset);
    }
  });
});

/** The disk with the first byte of the last mark on it, and where the mark before stands. */
function lastMarkTorn({disk}: Run): [DiskImage, number] {
  const step = disk.steps.findLast(({operation}) => operation.startsWith('write lock'));
  const [torn] = inside(step);
  if (step === undefined || torn === undefined) throw new Error('no mark was written');
  return [torn, markOf(step.before)?.offset ?? Number.NaN];
}

function marksTorn({disk}: Run): readonly DiskImage[] {
  return disk.steps.filter(({operation}) => operation.startsWith('write lock')).flatMap(inside);
}

function markOf(image: DiskImage): ReturnType<typeof markOfBoot> {
  return markOfBoot(
    simulatedDisk(image).process('reader').storage.openLock(`${DATA}/journal/lock`),
    'boot-1',
  );
}

function sizeOfSegment(image: DiskImage): number {
  const segments = [...filesOf(image)].filter(([path]) => path.endsWith('.jsonl'));
  return segments.at(-1)?.[1].cache.length ?? 0;
}
