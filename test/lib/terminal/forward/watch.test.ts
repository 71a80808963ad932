import {getEventListeners} from 'node:events';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import {StowpayError} from '../../../../src/lib/core/errors.js';
import type {Payment} from '../../../../src/lib/core/payment.js';
import type {Journal} from '../../../../src/lib/core/ports.js';
import {LASTING} from '../../../../src/lib/core/retry.js';
import {FileLock} from '../../../../src/lib/storage/file-lock.js';
import {type Doing, keepForwarding} from '../../../../src/lib/terminal/forward/keep-forwarding.js';
import {Schedule} from '../../../../src/lib/terminal/forward/schedule.js';
import type {Parts} from '../../../../src/lib/terminal/parts.js';
import {testClock} from '../../../support/clock.js';
import {apiError, isConfirm, isCreate, isProbe, openQueue, type Queue} from '../../../support/queue.js';
import {SALE} from '../../../support/till.js';
import {startWatch, type Watching} from '../../../support/watching.js';

let queue: Queue;
let watching: Watching | null = null;

function toldOf(one: Watching): readonly string[] {
  return one.of('payment_intent_forwarded').map(({payment}) => payment.local_id);
}

describe('forward --watch, in this process', () => {
  afterEach(async () => {
    await watching?.stop().catch(() => null);
    watching = null;
    await queue.till.close();
  });

  describe('a forwarder', () => {
    it('sends what is stored and what will be, and tells of each once', async () => {
      queue = await openQueue();
      const ids = await queue.store(3);
      watching = startWatch(queue);
      await watching.told(3);
      const later = await queue.store(2, 4);
      await watching.told(5);
      await sleep(700);
      expect(await watching.stop()).to.deep.equal({outcomes: {authorized: 5}, forwarding_failure: null});
      expect(toldOf(watching)).to.have.members([...ids, ...later]);
      expect(watching.of('forwarding_failure')).to.deep.equal([]);
      const counts = watching.of('offline_status_change').map((event) => event.offline_payments_count);
      expect([counts[0], counts.at(-1)]).to.deep.equal([3, 0]);
      await queue.expectOnce([...ids, ...later]);
    });

    it('is the only one of its directory, and leaves its place when it ends', async () => {
      queue = await openQueue();
      watching = startWatch(queue);
      await watching.until('it runs', () => (watching as Watching).doing.length > 0);
      const second = await startWatch(queue).ended.catch((error: StowpayError) => error);
      expect(second).to.be.instanceOf(StowpayError).and.to.include({code: 'forwarder_running'});
      await watching.stop();
      watching = startWatch(queue);
      await watching.until('the next one runs', () => (watching as Watching).doing.length > 0);
    });

    it('with nothing to send asks nobody anything', async () => {
      queue = await openQueue();
      const before = [queue.line.hits.length, queue.line.connections()];
      watching = startWatch(queue);
      await sleep(1500);
      await watching.stop();
      expect([queue.line.hits.length, queue.line.connections()]).to.deep.equal(before);
    });

    it('starts again when a link that hung is back, and knows that it is', async () => {
      queue = await openQueue();
      const ids = await queue.store(4);
      queue.fate = () => 'hang';
      watching = startWatch(queue);
      const running = watching;
      await running.until('it found out', () => running.doing.includes('offline'));
      await sleep(1200);
      queue.fate = () => undefined;
      await running.told(4);
      await running.stop();
      expect(running.of('forwarding_failure'), 'told once').to.have.length(1);
      expect((await queue.run((terminal) => terminal.status())).network_status).to.equal('online');
      await queue.expectOnce(ids);
    });

    it('tells that the network is gone when it is, and what is stored meanwhile', async () => {
      queue = await openQueue();
      await queue.store(1);
      queue.till.network.set(false);
      watching = startWatch(queue);
      const running = watching;
      const told = (): unknown[] =>
        running
          .of('offline_status_change')
          .map(({network_status, offline_payments_count}) => [network_status, offline_payments_count]);
      await running.until('it told', () => told().length === 2);
      await queue.store(1, 2);
      await running.until('it told again', () => told().length === 3);
      expect(told()).to.deep.equal([
        ['online', 1],
        ['offline', 1],
        ['offline', 2],
      ]);
    });

    it('asks about once a second while a link hangs, however long', async () => {
      queue = await openQueue();
      await queue.store(1);
      queue.fate = () => 'hang';
      watching = startWatch(queue);
      const running = watching;
      await running.until('it found out', () => running.doing.includes('offline'));
      const before = queue.line.connections();
      const others = queue.line.hits.filter((hit) => !isProbe(hit)).length;
      await sleep(3000);
      expect(queue.line.connections() - before).to.be.within(2, 4);
      expect(queue.line.hits.filter((hit) => !isProbe(hit)).length, 'nothing else is tried').to.equal(others);
    });

    it('asks an API that is out of order less and less often', async () => {
      queue = await openQueue();
      await queue.store(1);
      queue.fate = () => apiError(503, 'api_error', {'retry-after': '30'});
      watching = startWatch(queue);
      const running = watching;
      await running.until('it found out', () => running.doing.includes('offline'));
      await sleep(1000);
      const before = queue.line.hits.length;
      await sleep(2500);
      expect(queue.line.hits.length - before).to.equal(0);
    });

    it('keeps its place while it sits out a long pause, and still ends at once', async () => {
      queue = await openQueue();
      await queue.store(2);
      queue.fate = (hit) => (isCreate(hit) ? apiError(429, 'rate_limit', {'retry-after': '50'}) : undefined);
      watching = startWatch(queue);
      const running = watching;
      await running.until('it was refused', () => queue.line.hits.some(isCreate));
      // One that is new, and not yet refused itself.
      await queue.store(1, 3);
      await sleep(1000);
      const started = performance.now();
      await running.stop();
      expect(performance.now() - started, 'ms').to.be.below(4000);
    });

    it('with many calls that wait for their turn leaves no listeners behind and warns of none', async () => {
      queue = await openQueue({max_concurrency: 24, max_requests_per_s: 60});
      await queue.store(30);
      const warnings: string[] = [];
      const onWarning = ({name, message}: Error): void => void warnings.push(`${name}: ${message}`);
      process.on('warning', onWarning);
      try {
        watching = startWatch(queue);
        await watching.told(30);
        await watching.stop();
        expect(getEventListeners(watching.signal, 'abort')).to.deep.equal([]);
        await sleep(50);
      } finally {
        process.off('warning', onWarning);
      }
      expect(warnings).to.deep.equal([]);
    });

    it('lets nothing that is stored meanwhile wait behind a payment whose call hangs', async () => {
      queue = await openQueue({max_concurrency: 2});
      const [bad] = await queue.store(1);
      let released = false;
      queue.fate = (hit) => {
        const one = isCreate(hit) && hit.body.includes(bad ?? '');
        return one && !released ? {slow_ms: 3000} : undefined;
      };
      watching = startWatch(queue, {deadlines: {total_ms: 8000}});
      const running = watching;
      await running.until('it hangs', () => queue.line.hits.some(isCreate));
      const good = await queue.store(3, 2);
      await running.told(3);
      expect([...toldOf(running)].sort()).to.deep.equal([...good].sort());
      expect(
        queue.created().filter((id) => id === bad),
        'and it was in hand all the while',
      ).to.have.length(1);
      released = true;
      await running.told(4);
      await running.stop();
      await queue.expectOnce([bad ?? '', ...good]);
    });

    it('ends for credentials, and says so', async () => {
      queue = await openQueue();
      await queue.store(2);
      queue.fate = () => apiError(401, 'api_key_expired');
      watching = startWatch(queue);
      const {forwarding_failure: failure} = await watching.ended;
      expect(failure).to.include({code: 'authentication_failed', condition: 'credentials'});
      expect(watching.of('forwarding_failure').map(({error}) => error.code)).to.deep.equal([
        'authentication_failed',
      ]);
    });

    it('tells once of payments that belong to another account, and goes on', async () => {
      queue = await openQueue();
      const foreign = await queue.store(2);
      queue.fate = (hit) =>
        isProbe(hit) ? {status: 200, body: {id: 'acct_other', object: 'account'}} : undefined;
      watching = startWatch(queue);
      const running = watching;
      await running.until('it told', () => running.of('forwarding_failure').length > 0);
      await sleep(1200);
      expect(running.of('forwarding_failure').map(({error}) => error.code)).to.deep.equal([
        'account_mismatch',
      ]);
      expect(await queue.states(foreign)).to.deep.equal(['accepted_offline', 'accepted_offline']);
      expect(queue.line.hits.filter(isProbe).length, 'asked once who it is').to.be.below(5);
    });
  });

  describe('a soft decline', () => {
    it('is not sent again at once: not by the return of the network, not by the next forwarder, not beside another run', async () => {
      queue = await openQueue();
      queue.till.present({pan: '4000000000000119'});
      await queue.store(1);
      const confirms = (): number => queue.line.hits.filter(isConfirm).length;
      watching = startWatch(queue);
      await watching.until('it was declined', () => confirms() === 1);
      queue.till.network.set(false);
      const [good] = await queue.store(1, 2);
      const running = watching;
      await running.until('it found out', () => running.doing.includes('offline'));
      queue.till.network.set(true);
      await running.told(1);
      expect(toldOf(running)).to.deep.equal([good]);
      await sleep(800);
      await running.stop();
      expect(confirms(), 'the soft decline, and the other').to.equal(2);
      watching = startWatch(queue);
      await sleep(1200);
      expect(confirms(), 'a forwarder that was started again').to.equal(2);
      await queue.forward();
      expect(confirms(), 'a person asked').to.equal(3);
      await sleep(1200);
      expect(confirms(), 'and the forwarder beside').to.equal(3);
    });

    it('is sent again when its time has come, also by a forwarder that was started meanwhile', async () => {
      const clock = testClock(new Date().toISOString());
      queue = await openQueue({}, clock);
      queue.till.present({pan: '4000000000000119'});
      await queue.store(1);
      await queue.forward({}, {clock});
      clock.advance(11 * 60_000);
      watching = startWatch(queue, {clock});
      const confirms = (): number => queue.line.hits.filter(isConfirm).length;
      await watching.until('it was sent again', () => confirms() === 2);
      await sleep(800);
      expect(confirms()).to.equal(2);
    });
  });

  describe('a journal that is locked by somebody for long', () => {
    function lockOf(one: Queue): FileLock {
      return FileLock.open(join(one.till.directory, 'journal', 'lock'));
    }

    it('does not end a forwarder, and is told once', async () => {
      queue = await openQueue();
      const ids = await queue.store(3);
      const lock = lockOf(queue);
      expect(lock.tryLock()).to.equal(true);
      watching = startWatch(queue, {lockWaitMs: 200});
      const running = watching;
      await running.until('it is blocked', () => running.doing.includes('blocked'));
      await sleep(1500);
      expect(queue.line.hits.filter(isCreate), 'nothing is sent that cannot be written down').to.deep.equal(
        [],
      );
      lock.close();
      await running.told(3);
      await running.stop();
      expect(running.of('forwarding_failure').map(({error}) => error.code)).to.deep.equal(['journal_locked']);
      await queue.expectOnce(ids);
    });

    it('ends nobody who has to read under the lock: it is tried again', async () => {
      queue = await openQueue();
      const beats: Doing[] = [];
      let looks = 0;
      const select = async (): Promise<readonly Payment[]> => {
        looks += 1;
        if (looks === 1) throw new StowpayError('journal_locked', 'Locked.');
        if (looks === 2) throw new StowpayError('journal_full', 'Full.');
        return [];
      };
      const work = {
        schedule: new Schedule({backoff: LASTING, mono: () => 0, jitter: () => 0}),
        named: false,
        signal: undefined,
        select,
        isOver: () => true,
        onItem: () => {},
        onBeat: (doing: Doing) => beats.push(doing),
      };
      const nothing = {} as Parts & Journal;
      const kept = await keepForwarding(nothing, nothing, work);
      expect(kept).to.deep.include({lost: null});
      expect(beats).to.deep.equal(['blocked', 'blocked']);
      const damaged = new StowpayError('journal_damaged', 'Damaged.');
      const ended = keepForwarding(nothing, nothing, {...work, select: () => Promise.reject(damaged)});
      expect(await ended.catch((error: unknown) => error)).to.equal(damaged);
    });

    it('while an answer comes leaves a doubt that a look ends', async () => {
      queue = await openQueue({max_concurrency: 1});
      const ids = await queue.store(2);
      const lock = lockOf(queue);
      queue.fate = (hit) => {
        if (isConfirm(hit) && queue.line.hits.filter(isConfirm).length === 1) {
          expect(lock.tryLock()).to.equal(true);
          setTimeout(() => lock.close(), 2500);
        }
        return undefined;
      };
      watching = startWatch(queue, {lockWaitMs: 200});
      await watching.told(2);
      await watching.stop();
      expect([...toldOf(watching)].sort()).to.deep.equal([...ids].sort());
      await queue.expectOnce(ids);
    });
  });

  describe('what a dead collect left at the API', () => {
    it('is cancelled by the forwarder a quarter of an hour later', async () => {
      const clock = testClock(new Date().toISOString());
      queue = await openQueue({}, clock);
      queue.till.present({behavior: 'no_card'});
      const dying = await queue.till.open();
      void dying.collect({...SALE, timeout_s: 200}).catch(() => null);
      while (!queue.line.hits.some(isCreate)) await sleep(20);
      await sleep(150);
      await dying.close();
      watching = startWatch(queue, {clock});
      await sleep(1200);
      expect((await queue.till.api.ledger())[0]).to.include({status: 'requires_payment_method'});
      clock.advance(16 * 60_000);
      const deadline = performance.now() + 8000;
      while ((await queue.till.api.ledger())[0]?.status !== 'canceled') {
        if (performance.now() > deadline) throw new Error('it was not cancelled');
        await sleep(50);
      }
      await watching.stop();
      expect(toldOf(watching), 'no payment was forwarded').to.deep.equal([]);
    });

    it('holds up no stored payment, even where its cancel hangs', async () => {
      queue = await openQueue();
      for (let one = 0; one < 3; one += 1) {
        queue.till.present({behavior: 'decline_by_card'});
        await queue.till.collect().catch(() => null);
      }
      queue.fate = ({path}) => (path.endsWith('/cancel') ? 'hang' : undefined);
      const cancels = (): number => queue.line.hits.filter(({path}) => path.endsWith('/cancel')).length;
      watching = startWatch(queue);
      await watching.until('it began to tidy up', () => cancels() === 1);
      await queue.store(1);
      await watching.told(1);
      await sleep(1500);
      expect(cancels(), 'the others wait for their turn').to.equal(1);
    });
  });
});
