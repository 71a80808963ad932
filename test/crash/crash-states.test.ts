import {expect} from 'chai';
import {
  addNode,
  changeFile,
  emptyImage,
  fileOf,
  filesOf,
  find,
  syncDirectoryNode,
  syncFile,
} from '../support/disk-image.js';
import {simulatedDisk} from '../support/simulated-disk.js';
import {violationsOf} from './expectations.js';
import {caught, EXERCISES} from './mutants.js';
import {powerCuts, seededRandom} from './power-cuts.js';
import {type NamedRepair, REPAIRS, surveyBefore} from './repairs.js';
import {runWorkload} from './run.js';
import {canceled, sale} from './workloads.js';

/** A part that takes some seconds. A prime stride meets every kind of point. */
const OPTIONS = {seed: 1, perPoint: 3, recoveries: 1, stride: 5};
const TORN = {...OPTIONS, perPoint: 1, stride: 3};
const WHOLE = {...OPTIONS, perPoint: 4, stride: 1};

describe('every legal crash of a journal (a part; all of them: npm run torture)', () => {
  for (const {name, slower = 1, survey} of EXERCISES) {
    it(name, async () => {
      const stride = OPTIONS.stride * slower;
      const {violations, states} = await survey({...OPTIONS, stride});
      expect(violations).to.deep.equal([]);
      expect(states).to.be.greaterThan(10);
    }).timeout(60_000);
  }

  it('is noticed when the sync of a commit is missing, and when its segment gets no name', async () => {
    const append = {how: 'skipped' as const, site: 'append (writer.ts): sync <segment>'};
    expect(await caught(append, EXERCISES.slice(1, 2), WHOLE)).to.match(/acknowledged and lost/);
    const name = {how: 'skipped' as const, site: 'append (writer.ts): syncDirectory journal'};
    expect(await caught(name, EXERCISES.slice(2, 3), WHOLE)).to.match(/looks damaged|acknowledged and lost/);
  }).timeout(60_000);
});

describe('a process that dies between blanking card data and syncing that', () => {
  it('does not leave it for a power cut to bring back, after a checkpoint has let go of the payment', async () => {
    const genesis = await runWorkload({name: 'genesis', image: emptyImage('data')}, (rig) =>
      rig.initialise(),
    );
    const sizes = {segmentBytes: 3000, checkpointRecords: 3};
    const start = {name: 'blanked', image: genesis.disk.image, sizes, initialised: 0};
    const run = await runWorkload(start, async (rig) => {
      const [a, b] = [rig.open('A'), rig.open('B')];
      await rig.write(a, ...sale('pay_1'));
      await rig.write(a, ...sale('pay_2'));
      rig.begin();
      const dying = rig.open('dying');
      // Its name in the mark, the old segment, the new one with name and sync, the mark, and the blanks.
      rig.killAfter(dying, 8);
      await rig.write(dying, canceled('pay_1'));
      for (const n of [3, 4, 5, 6]) await rig.write(b, ...sale(`pay_${n}`));
    });
    const {steps, image} = run.disk;
    expect(steps.filter(({process}) => process === 'dying').at(-1)?.operation).to.match(
      /^write .* 656 bytes/,
    );
    expect(filesOf(image).has('/data/journal/checkpoint.json')).to.equal(true);
    expect(await violationsOf(run, {image, boot: 1, point: steps.length})).to.deep.equal([]);
  });
});

describe('a repair that a crash cuts off leaves no second copy of sealed card data', () => {
  const cases = [
    ['while a copy is being blanked, so that half of it stands there', /^write \d+\.jsonl 656 bytes/],
    ['when a copy is blank and that is not synced', /^sync: blankIn/],
    ['when lines of the rebuilt journal are torn', /^sync: finish \(rebuild.ts\)/],
  ] as const;
  for (const [when, operation] of cases) {
    it(when, async () => {
      const {points, violations} = await surveyBefore(REPAIRS[0] as NamedRepair, operation, TORN);
      expect(violations).to.deep.equal([]);
      expect(points).to.be.greaterThan(1);
    });
  }
});

describe('the simulated disk', () => {
  const written = (bytes: Buffer): ReturnType<typeof emptyImage> => {
    const created = addNode(emptyImage('data'), 1, 'file', 'file');
    return changeFile(created, find(created, '/data/file') ?? -1, write(0, bytes));
  };
  const write = (offset: number, bytes: Buffer) => ({kind: 'write' as const, offset, bytes, doubtful: false});
  const contents = (image: ReturnType<typeof emptyImage>): (string | null)[] =>
    powerCuts(image, 10_000, seededRandom(1)).images.map((cut) => {
      const node = find(cut, '/data/file');
      return node === null ? null : fileOf(cut, node).cache.toString('latin1');
    });

  it('keeps neither name nor content that was not synced, and may keep each without the other', () => {
    expect(new Set(contents(written(Buffer.from('abc'))))).to.deep.equal(
      new Set([null, '', 'abc', '\0\0\0', 'a', 'a\0\0', '\0bc', 'ab', 'ab\0', '\0\0c']),
    );
  });

  it('keeps content that was synced, but not its name, until the directory is synced', () => {
    const image = written(Buffer.from('abc'));
    const synced = syncFile(image, find(image, '/data/file') ?? -1);
    expect(new Set(contents(synced))).to.deep.equal(new Set([null, 'abc']));
    expect(contents(syncDirectoryNode(synced, 1))).to.deep.equal(['abc']);
  });

  it('lands the pages of a write in any order, with NUL where one is missing', () => {
    const image = syncDirectoryNode(written(Buffer.alloc(0)), 1);
    const node = find(image, '/data/file') ?? -1;
    const pages = Buffer.concat(['a', 'b', 'c'].map((letter) => Buffer.alloc(4096, letter)));
    const seen = contents(changeFile(image, node, write(0, pages))).map((text) =>
      [0, 1, 2]
        .map((page) => text?.[page * 4096 + 2000] ?? '-')
        .join('')
        .replaceAll('\0', '0'),
    );
    for (const expected of ['---', 'abc', '0bc', 'a0c', 'ab0', '00c', 'ab-', '0b-', 'a--']) {
      expect(seen).to.include(expected);
    }
  });

  it('loses what a failed sync was for, also when the next sync succeeds', () => {
    const disk = simulatedDisk(emptyImage('data'));
    const {storage} = disk.process('A');
    const file = storage.create('/data/file');
    storage.syncDirectory('/data');
    file.write(0, Buffer.from('abc'));
    disk.fail({operation: 'sync', path: /file/, code: 'EIO', times: 1});
    expect(() => file.sync()).to.throw('EIO');
    file.sync();
    expect(file.read(0, 3).toString()).to.equal('abc');
    expect(contents(disk.image)).to.include('').and.to.include('abc');
  });

  it('frees the locks of a process that dies, and lets it do nothing more', () => {
    const disk = simulatedDisk(emptyImage('data'));
    const [a, b] = [disk.process('A'), disk.process('B')];
    expect(a.storage.openLock('/data/lock').tryLock(0, 0)).to.equal(true);
    const lock = b.storage.openLock('/data/lock');
    expect(lock.tryLock(0, 0)).to.equal(false);
    a.kill();
    expect(lock.tryLock(0, 0)).to.equal(true);
    expect(() => a.storage.create('/data/file')).to.throw('EKILLED');
  });
});
