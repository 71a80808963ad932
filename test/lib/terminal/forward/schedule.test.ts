import {expect} from 'chai';
import fc from 'fast-check';
import {LASTING} from '../../../../src/lib/core/retry.js';
import {Schedule} from '../../../../src/lib/terminal/forward/schedule.js';

/** A schedule whose time and chance the test sets. */
class Scene {
  now = 1000;
  chance = 0.5;
  readonly schedule = new Schedule({backoff: LASTING, mono: () => this.now, jitter: () => this.chance});

  /** Milliseconds until it is due. */
  wait(id: string): number | null {
    return this.schedule.untilNext([id]);
  }
}

const MINUTE = 60_000;

describe('when a payment is tried again', () => {
  it('is now for one that is not known', () => {
    const {schedule} = new Scene();
    expect(schedule.isDue('a')).to.equal(true);
    expect(schedule.untilNext(['a'])).to.equal(0);
    expect(schedule.untilNext([])).to.equal(null);
  });

  it('is later with every failure, and as late as the API asked', () => {
    const scene = new Scene();
    scene.chance = 1;
    const waits = [1, 2, 3].map(() => {
      scene.schedule.failed('a', null);
      return scene.wait('a');
    });
    expect(waits).to.deep.equal([1000, 2000, 4000]);
    scene.schedule.failed('a', 20_000);
    expect(scene.wait('a')).to.equal(20_000);
    scene.now += 19_999;
    expect(scene.schedule.isDue('a')).to.equal(false);
    scene.now += 1;
    expect(scene.schedule.isDue('a')).to.equal(true);
    expect(scene.wait('a')).to.equal(0);
  });

  it('begins anew once it is forgotten', () => {
    const scene = new Scene();
    scene.schedule.failed('a', null);
    scene.schedule.failed('a', null);
    scene.schedule.forget('a');
    expect(scene.schedule.failures('a')).to.equal(0);
    expect(scene.schedule.isDue('a')).to.equal(true);
  });

  it('counts a payment in the hand of another process as no failure, and looks again soon', () => {
    const scene = new Scene();
    for (let time = 0; time < 50; time += 1) scene.schedule.busy('a');
    expect(scene.schedule.failures('a')).to.equal(0);
    expect(scene.wait('a')).to.be.within(1, 2000);
  });

  it('is minutes away after a soft decline, however the dice fall, and however often the network failed before', () => {
    for (const chance of [0, 0.5, 1]) {
      const scene = new Scene();
      scene.chance = chance;
      for (let time = 0; time < 20; time += 1) scene.schedule.failed('a', null);
      scene.schedule.softDeclined('a', 1);
      expect(scene.wait('a')).to.be.within(5 * MINUTE, 10 * MINUTE);
      scene.schedule.softDeclined('a', 5);
      expect(scene.wait('a')).to.be.within(80 * MINUTE, 160 * MINUTE);
    }
  });

  it('counts the time since a soft decline of an earlier run, and never waits longer for a clock that jumped', () => {
    fc.assert(
      fc.property(
        fc.integer({min: -(10 ** 12), max: 10 ** 12}),
        fc.integer({min: 1, max: 5}),
        (ago, declines) => {
          const scene = new Scene();
          scene.chance = 1;
          const pause = 10 * MINUTE * 2 ** (declines - 1);
          scene.schedule.softDeclined('a', declines, ago);
          expect(scene.wait('a')).to.equal(pause - Math.min(Math.max(ago, 0), pause));
        },
      ),
    );
  });
});

describe('the return of the network', () => {
  it('makes due what failed; what an issuer asked time for, and what is finished, stay as they are', () => {
    const scene = new Scene();
    scene.schedule.failed('failed', null);
    scene.schedule.busy('busy');
    scene.schedule.softDeclined('soft', 2);
    scene.schedule.finished('finished');
    const soft = scene.wait('soft');
    scene.schedule.reset();
    expect(scene.schedule.isDue('failed')).to.equal(true);
    expect(scene.schedule.failures('failed')).to.equal(0);
    expect(scene.schedule.isDue('busy')).to.equal(true);
    expect(scene.wait('soft')).to.equal(soft);
    expect(scene.schedule.isDue('finished')).to.equal(false);
    expect(scene.schedule.isFinished('finished')).to.equal(true);
  });
});

describe('a schedule', () => {
  it('tells the soonest of those asked for, without those that are finished', () => {
    const scene = new Scene();
    scene.chance = 1;
    scene.schedule.failed('a', 5000);
    scene.schedule.failed('b', 3000);
    scene.schedule.failed('other', 1);
    scene.schedule.finished('done');
    expect(scene.schedule.untilNext(['a', 'b', 'done'])).to.equal(3000);
    expect(scene.schedule.untilNext(['done'])).to.equal(null);
    expect(scene.schedule.untilNext(['a', 'unknown'])).to.equal(0);
  });

  it('lets go of all but those it is told to keep', () => {
    const scene = new Scene();
    for (const id of ['a', 'b', 'c']) scene.schedule.failed(id, null);
    scene.schedule.finished('c');
    scene.schedule.keepOnly(new Set(['b', 'c', 'new']));
    expect(['a', 'b', 'c', 'new'].map((id) => scene.schedule.isKnown(id))).to.deep.equal([
      false,
      true,
      true,
      false,
    ]);
    expect(scene.schedule.isFinished('c')).to.equal(true);
  });
});
