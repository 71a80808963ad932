import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import {StowpayError} from '../../../../src/lib/core/errors.js';
import type {Fate, Hit} from '../../../support/proxy.js';
import {
  apiError,
  count,
  isConfirm,
  isCreate,
  isLook,
  isProbe,
  openQueue,
  outcomes,
  type Queue,
} from '../../../support/queue.js';
import {SALE} from '../../../support/till.js';

let queue: Queue;

/** The intent of the first payment that is created is the bad one: `fate` meets its confirms. */
function badOldest(fate: Fate): void {
  let bad: string | null = null;
  queue.fate = (hit) => {
    if (!isConfirm(hit)) return undefined;
    bad ??= hit.path;
    return hit.path === bad ? fate : undefined;
  };
}

describe('one run of forward', () => {
  afterEach(() => queue.till.close());

  describe('a payment that fails at every try', () => {
    const BAD: Readonly<Record<string, [Fate, string]>> = {
      'that ends in 500': [apiError(500, 'api_error'), 'in_doubt'],
      'that hangs': ['hang', 'in_doubt'],
      'that is locked (429)': [apiError(429, 'lock_timeout'), 'left'],
      'that is unknown (404)': [apiError(404, 'resource_missing'), 'quarantined'],
    };
    for (const [what, [fate, outcome]] of Object.entries(BAD)) {
      for (const max_concurrency of fate === 'hang' ? [1, 4] : [1]) {
        it(`${what} keeps no other waiting, with ${max_concurrency} at a time`, async () => {
          queue = await openQueue({max_concurrency});
          const [bad, ...good] = await queue.store(8);
          badOldest(fate);
          const delivered: number[] = [];
          let finished = 0;
          const result = await queue.forward({
            onProgress: (_done, _total, item) => {
              if (item === null) return;
              finished += 1;
              if (item.outcome === 'authorized') delivered.push(finished);
            },
          });
          const told = outcomes(result);
          expect(told[bad ?? '']).to.equal(outcome);
          for (const id of good) expect(told[id], id).to.equal('authorized');
          expect(delivered.at(-1), 'all are delivered within the first visit to each').to.be.at.most(8);
          await queue.expectOnce(good);
        });
      }
    }
  });

  describe('a link', () => {
    it('that hangs from the middle on leaves a doubt a worker at most, and the rest as it was', async () => {
      queue = await openQueue({max_concurrency: 4});
      const ids = await queue.store(25);
      let confirms = 0;
      let dead = false;
      queue.fate = (hit) => {
        if (isConfirm(hit)) confirms += 1;
        dead ||= confirms > 6;
        return dead ? 'hang' : undefined;
      };
      const result = await queue.forward();
      outcomes(result);
      expect(result.total).to.equal(25);
      expect(result.forwarding_failure?.condition).to.equal('temporary');
      expect(count(result, 'in_doubt')).to.be.within(1, 4);
      expect(count(result, 'authorized')).to.be.within(3, 6);
      expect(count(result, 'left')).to.equal(25 - count(result, 'in_doubt') - count(result, 'authorized'));
      const states = await queue.states(ids);
      expect(states.filter((state) => state === 'in_doubt')).to.have.length(count(result, 'in_doubt'));
      expect(queue.created().length, 'payments begun').to.be.at.most(6 + 4);

      queue.fate = () => undefined;
      const after = await queue.forward();
      expect(count(after, 'authorized')).to.equal(25 - count(result, 'authorized'));
      await queue.expectOnce(ids);
    });

    it('that is gone leaves everything as it was, and says so of each', async () => {
      queue = await openQueue();
      const ids = await queue.store(6);
      let confirms = 0;
      queue.fate = (hit) => {
        if (!isConfirm(hit)) return undefined;
        confirms += 1;
        if (confirms === 3) queue.till.network.set(false);
        return undefined;
      };
      queue.setPace({max_concurrency: 1});
      const result = await queue.forward();
      expect(count(result, 'authorized')).to.equal(3);
      expect(count(result, 'left')).to.equal(3);
      expect((await queue.states(ids)).slice(3)).to.deep.equal(Array(3).fill('accepted_offline'));
      queue.till.network.set(true);
      expect(count(await queue.forward(), 'authorized')).to.equal(3);
      await queue.expectOnce(ids);
    });

    it('that dies under the last payment is known to be dead', async () => {
      queue = await openQueue();
      await queue.store(1);
      queue.fate = (hit) =>
        isProbe(hit) && queue.line.hits.filter(isCreate).length === 0 ? undefined : 'hang';
      const result = await queue.forward();
      expect(result.forwarding_failure?.condition).to.equal('temporary');
      expect(queue.line.hits.filter(isCreate), 'it was not tried again without network').to.have.length(1);
      expect((await queue.run((terminal) => terminal.status())).network_status).to.equal('offline');
    });
  });

  describe('an API that is out of order', () => {
    const ANSWERS: Readonly<Record<string, Fate>> = {
      503: apiError(503, 'api_error'),
      500: apiError(500, 'api_error'),
      'HTML 502': {status: 502, body: '<html>Bad gateway</html>', headers: {'content-type': 'text/html'}},
    };
    for (const [name, answer] of Object.entries(ANSWERS)) {
      it(`for everything (${name}) is left alone after few requests`, async () => {
        queue = await openQueue({max_concurrency: 4});
        await queue.store(20);
        let begun = 0;
        queue.fate = (hit) => {
          if (begun > 0 || isCreate(hit)) begun += 1;
          return begun > 0 ? answer : undefined;
        };
        const result = await queue.forward();
        expect(result.forwarding_failure?.condition).to.equal('temporary');
        expect(count(result, 'left')).to.equal(20);
        expect(begun, 'one create a worker, a probe').to.be.at.most(4 + 1);
      });
    }

    it('for its list keeps only those waiting that must be looked up, and is not asked in a loop', async () => {
      queue = await openQueue();
      const [old] = await queue.store(1);
      // Stored before the machine was started again: how long ago nobody knows for sure.
      const clock = {now: () => Date.now(), mono: () => performance.now(), boot: 'later'};
      const fresh = await queue.run(
        async (terminal) => {
          const sale = {...SALE, reference: 'fresh', offline_behavior: 'force_offline'} as const;
          return (await terminal.collect(sale)).payment.local_id;
        },
        {clock},
      );
      const isList = ({method, path}: Hit): boolean => method === 'GET' && path === '/v1/payment_intents';
      queue.fate = (hit) => (isList(hit) ? apiError(500, 'api_error') : undefined);
      const result = await queue.forward({}, {clock});
      expect(outcomes(result)).to.deep.equal({[old ?? '']: 'left', [fresh]: 'authorized'});
      expect(result.forwarding_failure).to.equal(null);
      const before = queue.line.hits.length;
      const waited = await queue.forward({waitMs: 1500}, {clock});
      expect(outcomes(waited)).to.deep.equal({[old ?? '']: 'left'});
      expect(waited.timed_out).to.equal(true);
      expect(queue.line.hits.length - before, 'requests in 1.5 s').to.be.below(20);
      queue.fate = () => undefined;
      expect(outcomes(await queue.forward({}, {clock}))).to.deep.equal({[old ?? '']: 'authorized'});
    });

    it('for one payment only stops nobody', async () => {
      queue = await openQueue({max_concurrency: 2});
      const ids = await queue.store(8);
      const bad = ids[2] ?? '';
      queue.fate = (hit) =>
        isCreate(hit) && hit.body.includes(bad) ? apiError(500, 'api_error') : undefined;
      const result = await queue.forward();
      expect(result.forwarding_failure).to.equal(null);
      expect(outcomes(result)).to.deep.equal(
        Object.fromEntries(ids.map((id) => [id, id === bad ? 'left' : 'authorized'])),
      );
    });
  });

  describe('credentials that are refused in the middle', () => {
    it('stop everything, and what was delivered is told', async () => {
      queue = await openQueue({max_concurrency: 2});
      const ids = await queue.store(12);
      let confirms = 0;
      queue.fate = (hit) => {
        if (isConfirm(hit)) confirms += 1;
        return confirms > 4 ? apiError(401, 'api_key_expired') : undefined;
      };
      const result = await queue.forward();
      outcomes(result);
      expect(result.forwarding_failure).to.include({code: 'authentication_failed', condition: 'credentials'});
      expect(result.total).to.equal(12);
      expect(count(result, 'authorized')).to.be.within(3, 4);
      expect(queue.created().length, 'payments begun').to.be.at.most(4 + 2 + 1);
      queue.fate = () => undefined;
      await queue.forward();
      await queue.expectOnce(ids);
    });
  });

  describe('the pace', () => {
    it('keeps the requests of a run within its rate', async () => {
      queue = await openQueue({max_concurrency: 4, max_requests_per_s: 20});
      const ids = await queue.store(12);
      await queue.forward();
      await queue.expectOnce(ids);
      const times = queue.line.hits.map(({at}) => at);
      for (const [index, from] of times.entries()) {
        for (const [later, to] of times.entries()) {
          if (later <= index) continue;
          // What the bucket allows in that time, and one that was held up on the way.
          expect(later - index + 1).to.be.at.most(4 + ((to - from) / 1000) * 20 + 2);
        }
      }
    });

    it('pauses everything while the API asks to be left alone', async () => {
      queue = await openQueue({max_concurrency: 4});
      const ids = await queue.store(8);
      let refusedAt = 0;
      queue.fate = (hit) => {
        if (!isCreate(hit) || refusedAt !== 0) return undefined;
        refusedAt = performance.now();
        return apiError(429, 'rate_limit', {'retry-after': '1'});
      };
      const result = await queue.forward();
      expect(count(result, 'authorized')).to.equal(8);
      const during = queue.line.hits.filter(({at}) => at > refusedAt + 60 && at < refusedAt + 990);
      // The probe asks whether there is a network at all, and waits for nothing.
      expect(during.filter((hit) => !isProbe(hit))).to.deep.equal([]);
      await queue.expectOnce(ids);
    });

    it('never has more requests under way than payments in hand', async () => {
      queue = await openQueue({max_concurrency: 3});
      const ids = await queue.store(12);
      queue.fate = () => ({slow_ms: 30});
      await queue.forward();
      expect(queue.line.most()).to.equal(3);
      await queue.expectOnce(ids);
    });
  });

  describe('the order', () => {
    it('is the oldest first, whatever fails on the way', async () => {
      queue = await openQueue({max_concurrency: 4});
      const ids = await queue.store(16);
      let confirms = 0;
      queue.fate = (hit) => {
        if (!isConfirm(hit)) return undefined;
        confirms += 1;
        return confirms % 5 === 0 ? apiError(409, 'idempotency_key_in_use') : undefined;
      };
      const result = await queue.forward();
      expect(count(result, 'authorized')).to.equal(16);
      const first = [...new Set(queue.created())];
      expect(first).to.have.length(16);
      for (const [index, id] of first.entries()) {
        expect(Math.abs(ids.indexOf(id) - index), 'places from its turn').to.be.below(4);
      }
      expect(
        result.payments.map(({payment}) => payment.local_id),
        'in the result',
      ).to.deep.equal(ids);
    });

    it('is strict with one at a time', async () => {
      queue = await openQueue({max_concurrency: 1});
      const ids = await queue.store(6);
      await queue.forward();
      expect(queue.created()).to.deep.equal(ids);
    });
  });

  describe('an interrupted run', () => {
    it('brings what is in hand to its end, tells of every payment once, and does not call the network down', async () => {
      queue = await openQueue({max_concurrency: 2});
      const ids = await queue.store(10);
      const controller = new AbortController();
      const interruption = new StowpayError('interrupted', 'Interrupted.');
      let confirms = 0;
      queue.fate = (hit) => {
        if (!isConfirm(hit)) return undefined;
        confirms += 1;
        if (confirms === 3) setTimeout(() => controller.abort(interruption), 20);
        return {slow_ms: 60};
      };
      const result = await queue.forward({signal: controller.signal});
      const told = outcomes(result);
      expect(Object.keys(told)).to.have.members(ids);
      expect(count(result, 'in_doubt')).to.equal(0);
      expect(count(result, 'authorized')).to.be.within(3, 5);
      expect(count(result, 'left')).to.equal(10 - count(result, 'authorized'));
      expect(result.payments.at(-1)?.reason).to.match(/interrupted/);
      expect(result.forwarding_failure).to.equal(null);
      const status = await queue.run((terminal) => terminal.status());
      expect(status.network_status).to.equal('online');
      await queue.forward();
      await queue.expectOnce(ids);
    });

    it('during its first question leaves all as it was', async () => {
      queue = await openQueue();
      const ids = await queue.store(3);
      const controller = new AbortController();
      queue.fate = (hit) => {
        if (isProbe(hit))
          setTimeout(() => controller.abort(new StowpayError('interrupted', 'Interrupted.')), 30);
        return 'hang';
      };
      const result = await queue.forward({signal: controller.signal});
      expect(outcomes(result)).to.deep.equal(Object.fromEntries(ids.map((id) => [id, 'left'])));
      expect(result.payments[0]?.reason).to.match(/interrupted/);
      expect(result.forwarding_failure).to.equal(null);
      expect((await queue.run((terminal) => terminal.status())).network_status).to.equal('online');
    });

    it('does not sit out a pause that the API asked for', async () => {
      queue = await openQueue({max_concurrency: 2});
      const ids = await queue.store(4);
      const controller = new AbortController();
      queue.fate = (hit) => {
        if (!isCreate(hit)) return undefined;
        setTimeout(() => controller.abort(new StowpayError('terminated', 'Terminated.')), 100);
        return apiError(429, 'rate_limit', {'retry-after': '50'});
      };
      const result = await queue.forward({signal: controller.signal});
      expect(outcomes(result)).to.deep.equal(Object.fromEntries(ids.map((id) => [id, 'left'])));
      expect((await queue.run((terminal) => terminal.status())).network_status).to.equal('online');
    }).timeout(15_000);
  });

  describe('a soft decline', () => {
    it('is tried again once in a run at most, and a bounded number of times in all', async () => {
      queue = await openQueue();
      queue.till.present({pan: '4000000000000119'});
      const [id] = await queue.store(1);
      const confirms = (): number => queue.line.hits.filter(isConfirm).length;
      for (let run = 1; run <= 5; run += 1) {
        const result = await queue.forward();
        expect(outcomes(result), `run ${run}`).to.deep.equal({[id ?? '']: 'left'});
        expect(confirms()).to.equal(run);
      }
      expect(outcomes(await queue.forward())).to.deep.equal({[id ?? '']: 'declined'});
      expect(confirms()).to.equal(6);
      expect((await queue.forward()).total).to.equal(0);
      expect(confirms()).to.equal(6);
      expect(queue.line.hits.filter(isLook)).to.deep.equal([]);
      await sleep(0);
    });
  });
});
