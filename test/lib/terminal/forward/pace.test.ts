import {expect} from 'chai';
import fc from 'fast-check';
import {fullBucket, rateOf, takeToken} from '../../../../src/lib/core/pace.js';
import type {Gateway, Outcome, RemoteAccount, RemoteIntent} from '../../../../src/lib/core/ports.js';
import {pacedGateway} from '../../../../src/lib/terminal/forward/pace.js';

const ACCOUNT: RemoteAccount = {id: 'acct_1', livemode: false, server_time: null};
const DELIVERED: Outcome<RemoteAccount> = {kind: 'delivered', value: ACCOUNT, request_id: null};

function limited(retryAfterMs: number | null, code: string | null = 'rate_limit'): Outcome<RemoteAccount> {
  const error = {type: 'x', code, decline_code: null, message: '', http_status: 429, request_id: null};
  return {kind: 'retry', error, retry_after_ms: retryAfterMs};
}

/** Time that passes only while everybody sleeps, and a gateway whose calls take some of it. */
class Scene {
  now = 0;
  /** When each request started at the API, milliseconds. */
  readonly starts: number[] = [];
  readonly order: number[] = [];
  oversleep: () => number = () => 0;
  random = 128;
  private timers: {at: number; wake: () => void}[] = [];

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.timers.push({at: this.now + ms, wake: resolve});
      signal?.addEventListener('abort', () => resolve(), {once: true});
    });
  }

  paced(
    rate: {per_s: number; burst: number},
    answer: (n: number) => Outcome<RemoteAccount>,
    takesMs = 0,
  ): Gateway {
    const account = async () => {
      const n = this.starts.push(this.now) - 1;
      const outcome = answer(n);
      if (takesMs > 0) await this.sleep(takesMs);
      return outcome;
    };
    const gateway = {account, probe: account} as Partial<Gateway> as Gateway;
    return pacedGateway(gateway, {
      rate,
      clock: {mono: () => this.now},
      random: () => Uint8Array.of(this.random),
      sleep: (ms, signal) => this.sleep(ms + this.oversleep(), signal),
    });
  }

  /** Lets time pass until nobody waits for it. */
  async play(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.timers.reduce<number>((least, {at}) => Math.min(least, at), Number.POSITIVE_INFINITY);
      if (next === Number.POSITIVE_INFINITY) return;
      this.now = next;
      const due = this.timers.filter(({at}) => at <= next);
      this.timers = this.timers.filter(({at}) => at > next);
      for (const {wake} of due) wake();
    }
  }
}

/** Holds the promise of the bucket over every window that begins and ends with a start. */
function expectWithin(starts: readonly number[], {per_s, burst}: {per_s: number; burst: number}): void {
  for (let from = 0; from < starts.length; from += 1) {
    for (let to = from; to < starts.length; to += 1) {
      const seconds = ((starts[to] ?? 0) - (starts[from] ?? 0)) / 1000;
      expect(to - from + 1, `calls ${from} to ${to} in ${seconds} s`).to.be.at.most(
        burst + per_s * seconds + 0.001,
      );
    }
  }
}

const rates = fc.record({
  per_s: fc.oneof(fc.double({min: 0.5, max: 200, noNaN: true}), fc.constantFrom(1, 20, 80, 100)),
  burst: fc.integer({min: 1, max: 10}),
});

describe('the token bucket', () => {
  it('never gives more than burst + rate × time, and always gives when the time it named has passed', () => {
    const steps = fc.array(fc.oneof(fc.integer({min: -200, max: 200}), fc.constant(0)), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(rates, steps, (rate, gaps) => {
        let now = 1000;
        let latest = now;
        let bucket = fullBucket(rate, now);
        const taken: number[] = [];
        for (const gap of gaps) {
          now += gap;
          latest = Math.max(latest, now);
          const asked = takeToken(rate, bucket, now);
          bucket = asked.bucket;
          if (asked.wait_ms === 0) taken.push(latest);
          else {
            expect(asked.wait_ms).to.be.at.least(1);
            expect(takeToken(rate, bucket, latest + asked.wait_ms).wait_ms).to.equal(0);
          }
        }
        expectWithin(taken, rate);
      }),
    );
  });

  it('is not passed by a burst on top of a second, at the limits Stripe names', () => {
    expect(rateOf({requests_per_s: 80, concurrency: 8})).to.deep.equal({per_s: 80, burst: 8});
    expect(rateOf({requests_per_s: 20, concurrency: 8})).to.deep.equal({per_s: 20, burst: 5});
    expect(rateOf({requests_per_s: 0.5, concurrency: 64})).to.deep.equal({per_s: 0.5, burst: 1});
  });
});

describe('a paced gateway', () => {
  it('starts at most burst + rate × time calls in any window, every one in turn, whatever sleeps too long', async () => {
    const arrivals = fc.array(fc.integer({min: 0, max: 400}), {minLength: 1, maxLength: 40});
    const lates = fc.array(fc.integer({min: 0, max: 300}), {minLength: 1});
    const refusals = fc.array(fc.boolean(), {maxLength: 6});
    await fc.assert(
      fc.asyncProperty(
        rates,
        arrivals,
        lates,
        refusals,
        fc.integer({min: 0, max: 50}),
        async (rate, gaps, late, refused, takes) => {
          const scene = new Scene();
          let naps = 0;
          scene.oversleep = () => late[naps++ % late.length] ?? 0;
          const gateway = scene.paced(rate, (n) => (refused[n] === true ? limited(null) : DELIVERED), takes);
          const done: number[] = [];
          let at = 0;
          for (const [n, gap] of gaps.entries()) {
            at += gap;
            void scene.sleep(at).then(async () => {
              await gateway.account();
              done.push(n);
            });
          }
          await scene.play();
          expect(scene.starts).to.have.length(gaps.length);
          expect(done).to.have.length(gaps.length);
          if (takes === 0) expect(done).to.deep.equal([...done].sort((a, b) => a - b));
          expectWithin(scene.starts, rate);
        },
      ),
      {numRuns: 100},
    );
  });

  it('is no slower than its rate', async () => {
    const scene = new Scene();
    const gateway = scene.paced({per_s: 80, burst: 8}, () => DELIVERED);
    const calls = Array.from({length: 408}, () => gateway.account());
    await scene.play();
    await Promise.all(calls);
    expect(scene.starts.at(-1)).to.be.within(4995, 5020);
  });

  it('pauses every call for as long as a 429 asks, and a little of its own', async () => {
    const scene = new Scene();
    const gateway = scene.paced({per_s: 10, burst: 4}, (n) => (n === 1 ? limited(3000) : DELIVERED), 10);
    const calls = Array.from({length: 8}, () => gateway.account());
    await scene.play();
    await Promise.all(calls);
    // Four had started together; the answers came at 10 ms.
    expect(scene.starts.slice(0, 4)).to.deep.equal([0, 0, 0, 0]);
    expect(scene.starts[4]).to.be.within(3010, 3010 + 250);
  });

  it('pauses ever longer while it is refused, up to 5 s, and starts over when it is not', async () => {
    const scene = new Scene();
    scene.random = 255;
    const gateway = scene.paced({per_s: 100, burst: 1}, (n) => (n < 8 ? limited(null) : DELIVERED));
    for (let n = 0; n < 12; n += 1) void gateway.account();
    await scene.play();
    const gaps = scene.starts.slice(1).map((start, n) => start - (scene.starts[n] ?? 0));
    expect(gaps.slice(0, 8)).to.deep.equal([250, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
    expect(gaps.slice(8).every((gap) => gap <= 10)).to.equal(true);
  });

  it('takes refusals of calls that were under way together for one', async () => {
    const scene = new Scene();
    scene.random = 255;
    const gateway = scene.paced({per_s: 100, burst: 8}, (n) => (n < 8 ? limited(null) : DELIVERED), 5);
    for (let n = 0; n < 9; n += 1) void gateway.account();
    await scene.play();
    expect(scene.starts[8]).to.equal(255);
  });

  it('does not stand for a day because a limit asks for one', async () => {
    const scene = new Scene();
    const gateway = scene.paced({per_s: 100, burst: 1}, (n) => (n === 0 ? limited(86_400_000) : DELIVERED));
    for (let n = 0; n < 2; n += 1) void gateway.account();
    await scene.play();
    expect(scene.starts[1]).to.be.within(60_000, 60_250);
  });

  it('does not pause for a lock, which is about one object', async () => {
    const scene = new Scene();
    const gateway = scene.paced({per_s: 100, burst: 2}, () => limited(9000, 'lock_timeout'));
    for (let n = 0; n < 3; n += 1) void gateway.account();
    await scene.play();
    expect(scene.starts).to.deep.equal([0, 0, 10]);
  });

  it('a call given up while it waits was never sent, costs no token and leaves nobody asleep', async () => {
    const scene = new Scene();
    const gateway = scene.paced({per_s: 1, burst: 1}, () => DELIVERED);
    const stopping = new AbortController();
    const calls = [gateway.account(), gateway.account(stopping.signal), gateway.account()];
    void scene.sleep(100).then(() => stopping.abort());
    await scene.play();
    const [first, given, third] = await Promise.all(calls);
    expect([first?.kind, third?.kind]).to.deep.equal(['delivered', 'delivered']);
    expect(given?.kind === 'never_sent' ? given.error.code : given).to.equal('aborted');
    expect(scene.starts).to.deep.equal([0, 1000]);
    expect((await gateway.account(AbortSignal.abort())).kind).to.equal('never_sent');
    expect(scene.starts).to.have.length(2);
  });

  it('a stop wakes whoever sleeps at once: the last call given up ends the wait', async () => {
    let woken = false;
    const gateway = pacedGateway({account: async () => DELIVERED} as Partial<Gateway> as Gateway, {
      rate: {per_s: 0.001, burst: 1},
      clock: {mono: () => 0},
      random: () => Uint8Array.of(0),
      sleep: (_ms, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            woken = true;
            resolve();
          });
        }),
    });
    await gateway.account();
    const stopping = new AbortController();
    const call = gateway.account(stopping.signal);
    stopping.abort();
    expect((await call).kind).to.equal('never_sent');
    expect(woken).to.equal(true);
  });

  it('lets a probe through at any time', async () => {
    const scene = new Scene();
    const gateway = scene.paced({per_s: 0.01, burst: 1}, () => limited(60_000));
    await gateway.account();
    await gateway.probe();
    expect(scene.starts).to.deep.equal([0, 0]);
  });

  it('takes a turn for every page of a list', async () => {
    const scene = new Scene();
    const pages = async function* (): AsyncGenerator<Outcome<readonly RemoteIntent[]>> {
      for (let page = 0; page < 3; page += 1) {
        scene.starts.push(scene.now);
        yield {kind: 'delivered', value: [], request_id: null};
      }
    };
    const gateway = pacedGateway({listPaymentIntents: pages} as Partial<Gateway> as Gateway, {
      rate: {per_s: 10, burst: 1},
      clock: {mono: () => scene.now},
      random: () => Uint8Array.of(0),
      sleep: (ms, signal) => scene.sleep(ms, signal),
    });
    let seen = 0;
    void (async () => {
      for await (const page of gateway.listPaymentIntents(0)) seen += page.kind === 'delivered' ? 1 : 0;
    })();
    await scene.play();
    expect(seen).to.equal(3);
    expect(scene.starts).to.deep.equal([0, 100, 200]);
  });
});
