import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import {forwardError} from '../../../../src/lib/cli/forward-text.js';
import {StowpayError} from '../../../../src/lib/core/errors.js';
import type {ForwardResult} from '../../../../src/lib/terminal/forward/result.js';
import {
  apiError,
  count,
  isConfirm,
  isCreate,
  isProbe,
  openQueue,
  outcomes,
  type Queue,
} from '../../../support/queue.js';

let queue: Queue;

const QUIET = new AbortController().signal;

function failureOf(result: ForwardResult, signal = QUIET): Pick<StowpayError, 'code' | 'exitCode'> | null {
  const error = forwardError(result, signal);
  return error === null ? null : {code: error.code, exitCode: error.exitCode};
}

function all(ids: readonly string[], outcome: string): Record<string, string> {
  return Object.fromEntries(ids.map((id) => [id, outcome]));
}

describe('forward --wait', () => {
  afterEach(() => queue.till.close());

  it('ends as soon as everything is settled', async () => {
    queue = await openQueue();
    const ids = await queue.store(3);
    const result = await queue.forward({waitMs: 60_000});
    expect(outcomes(result)).to.deep.equal(all(ids, 'authorized'));
    expect(result).to.include({timed_out: false, forwarding_failure: null});
    expect(failureOf(result)).to.equal(null);
    await queue.expectOnce(ids);
  });

  it('waits for the network', async () => {
    queue = await openQueue();
    const ids = await queue.store(3);
    queue.till.network.set(false);
    setTimeout(() => queue.till.network.set(true), 700);
    const result = await queue.forward({waitMs: 60_000});
    expect(outcomes(result)).to.deep.equal(all(ids, 'authorized'));
    expect(failureOf(result)).to.equal(null);
    expect((await queue.run((terminal) => terminal.status())).network_status).to.equal('online');
    await queue.expectOnce(ids);
  });

  it('waits for a link that hangs, and calls it up when it is up', async () => {
    queue = await openQueue();
    const ids = await queue.store(3);
    queue.fate = () => 'hang';
    setTimeout(() => {
      queue.fate = () => undefined;
    }, 1500);
    const result = await queue.forward({waitMs: 60_000});
    expect(outcomes(result)).to.deep.equal(all(ids, 'authorized'));
    // Probes from before hang still, and are given up: that says nothing of the network.
    expect((await queue.run((terminal) => terminal.status())).network_status).to.equal('online');
    await queue.expectOnce(ids);
  });

  it('waits for what another process is sending, and says what became of it', async () => {
    queue = await openQueue({max_concurrency: 1});
    const ids = await queue.store(2);
    queue.fate = (hit) => (isConfirm(hit) ? {slow_ms: 350} : undefined);
    const other = queue.forward();
    while (!queue.line.hits.some(isConfirm)) await sleep(10);
    const result = await queue.forward({waitMs: 60_000});
    expect(outcomes(await other)).to.include({[ids[0] ?? '']: 'authorized'});
    expect(result.payments.find(({payment}) => payment.local_id === ids[0])).to.deep.include({
      outcome: 'elsewhere',
    });
    expect(result.payments.map(({payment}) => payment.state)).to.deep.equal(['authorized', 'authorized']);
    expect(failureOf(result)).to.equal(null);
    await queue.expectOnce(ids);
  });

  it('includes what is stored meanwhile', async () => {
    queue = await openQueue({max_concurrency: 1});
    const ids = await queue.store(2);
    queue.fate = (hit) => (isConfirm(hit) ? {slow_ms: 300} : undefined);
    const waiting = queue.forward({waitMs: 60_000});
    const later = await queue.store(1, 3);
    const result = await waiting;
    expect(outcomes(result)).to.deep.equal(all([...ids, ...later], 'authorized'));
    await queue.expectOnce([...ids, ...later]);
  });

  it('ends at its time, says what is left and why, and that nothing may be wiped', async () => {
    queue = await openQueue({max_concurrency: 1});
    const ids = await queue.store(3);
    queue.fate = (hit) => {
      if (!isConfirm(hit)) return undefined;
      queue.till.network.set(false);
      return undefined;
    };
    const started = performance.now();
    const result = await queue.forward({waitMs: 1200});
    expect(performance.now() - started).to.be.within(1190, 5000);
    expect(outcomes(result)).to.deep.equal({...all(ids, 'left'), [ids[0] ?? '']: 'authorized'});
    expect(result.timed_out).to.equal(true);
    expect(failureOf(result)).to.deep.equal({code: 'payments_pending', exitCode: 3});
    const {message, hint} = forwardError(result, QUIET) ?? {};
    expect(message).to.match(
      /^The time to wait is over, and 2 payments of 3 are not settled yet\. No connection/,
    );
    expect(hint).to.match(/Do not wipe/);
  });

  it('does not run over its time for a long queue, nor for a pause the API asks for', async () => {
    queue = await openQueue({max_concurrency: 1});
    const ids = await queue.store(8);
    queue.fate = (hit) => (isConfirm(hit) ? {slow_ms: 150} : undefined);
    let started = performance.now();
    const slow = await queue.forward({waitMs: 600});
    expect(performance.now() - started, 'ms').to.be.below(1800);
    expect(count(slow, 'authorized')).to.be.within(1, 4);
    expect(count(slow, 'left')).to.equal(8 - count(slow, 'authorized'));
    expect(slow.payments.at(-1)?.reason).to.match(/time to wait was over/);
    expect(failureOf(slow)).to.deep.equal({code: 'payments_pending', exitCode: 3});

    queue.fate = (hit) => (isCreate(hit) ? apiError(429, 'rate_limit', {'retry-after': '30'}) : undefined);
    started = performance.now();
    const paused = await queue.forward({waitMs: 600});
    expect(performance.now() - started, 'ms').to.be.below(4000);
    expect(count(paused, 'left')).to.equal(paused.total);
    queue.fate = () => undefined;
    await queue.forward();
    await queue.expectOnce(ids);
  });

  it('tells of what needs a person first', async () => {
    queue = await openQueue();
    queue.till.present({pan: '4000000000000002'});
    const [bad, stuck] = await queue.store(2);
    queue.fate = (hit) =>
      isCreate(hit) && hit.body.includes(stuck ?? '') ? apiError(500, 'api_error') : undefined;
    const result = await queue.forward({waitMs: 900});
    expect(outcomes(result)).to.deep.equal({[bad ?? '']: 'declined', [stuck ?? '']: 'left'});
    expect(failureOf(result)).to.deep.equal({code: 'payments_need_attention', exitCode: 6});
  });

  it('is interrupted like any other run', async () => {
    queue = await openQueue();
    const ids = await queue.store(2);
    queue.till.network.set(false);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new StowpayError('interrupted', 'Interrupted.')), 500);
    const result = await queue.forward({waitMs: 60_000, signal: controller.signal});
    expect(outcomes(result)).to.deep.equal(all(ids, 'left'));
    expect(result.timed_out).to.equal(false);
    expect(failureOf(result, controller.signal)).to.deep.equal({code: 'interrupted', exitCode: 130});
  });

  it('waits for the payments that are named, and for no others', async () => {
    queue = await openQueue();
    const [first, second] = await queue.store(2);
    const result = await queue.forward({names: [second ?? ''], waitMs: 60_000});
    expect(outcomes(result)).to.deep.equal({[second ?? '']: 'authorized'});
    expect(await queue.states([first ?? ''])).to.deep.equal(['accepted_offline']);
  });

  it('does not wait for payments of another account: nothing here could settle them', async () => {
    queue = await openQueue();
    const ids = await queue.store(2);
    queue.fate = (hit) =>
      isProbe(hit) ? {status: 200, body: {id: 'acct_other', object: 'account'}} : undefined;
    const result = await queue.forward({waitMs: 60_000});
    expect(outcomes(result)).to.deep.equal(all(ids, 'left'));
    expect(result.forwarding_failure?.code).to.equal('account_mismatch');
    expect(failureOf(result)).to.deep.equal({code: 'account_mismatch', exitCode: 4});
    expect(queue.line.hits.filter(isCreate)).to.deep.equal([]);
  });

  it('without any time sends what can be sent now, and says when something is left', async () => {
    queue = await openQueue();
    const ids = await queue.store(2);
    expect(outcomes(await queue.forward({waitMs: 0}))).to.deep.equal(all(ids, 'authorized'));
    const later = await queue.store(2, 3);
    queue.till.network.set(false);
    const result = await queue.forward({waitMs: 0});
    expect(outcomes(result)).to.deep.equal(all(later, 'left'));
    expect(failureOf(result)).to.deep.equal({code: 'payments_pending', exitCode: 3});
    queue.till.network.set(true);
    expect(failureOf(await queue.forward({waitMs: 0}))).to.equal(null);
    expect(failureOf(await queue.forward({waitMs: 0})), 'with an empty queue').to.equal(null);
  });

  it('tells what it delivered when the credentials are refused after an outage', async () => {
    queue = await openQueue({max_concurrency: 1});
    const ids = await queue.store(3);
    let confirms = 0;
    let back = false;
    queue.fate = (hit) => {
      if (back) return apiError(401, 'api_key_expired');
      if (isConfirm(hit)) confirms += 1;
      if (confirms !== 2) return undefined;
      queue.till.network.set(false);
      setTimeout(() => {
        back = true;
        queue.till.network.set(true);
      }, 600);
      return 'cut_before';
    };
    const result = await queue.forward({waitMs: 60_000});
    expect(outcomes(result)).to.deep.equal({
      [ids[0] ?? '']: 'authorized',
      [ids[1] ?? '']: 'in_doubt',
      [ids[2] ?? '']: 'left',
    });
    expect(failureOf(result)).to.deep.equal({code: 'authentication_failed', exitCode: 4});
    expect(result.payments[2]?.reason).to.match(/credentials/);
  });
});
