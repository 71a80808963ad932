import {expect} from 'chai';
import {statusWarnings} from '../../../src/lib/cli/status-text.js';
import {FORWARDER} from '../../../src/lib/core/ports.js';
import type {Status} from '../../../src/lib/terminal/status.js';
import {testClock} from '../../support/clock.js';
import {openTill, type Till} from '../../support/till.js';

const HOUR_MS = 3600 * 1000;

async function looked(till: Till): Promise<{status: Status; codes: readonly string[]}> {
  const status = await till.run((terminal) => terminal.status());
  return {status, codes: statusWarnings(status).map(({code}) => code)};
}

describe('an authorisation that is not captured', () => {
  it('is warned of a day before it lapses, and called lapsed afterwards', async () => {
    const clock = testClock();
    const till = await openTill(clock);
    const {payment} = await till.collect({reference: 'a'});
    expect(payment.state).to.equal('authorized');
    const first = await looked(till);
    const lapse = Date.parse(first.status.authorizations.next_lapse_at ?? '');
    expect(first.codes).to.deep.equal([]);
    expect(first.status.authorizations).to.include({lapsing: 0, lapsed: 0});
    clock.advance(lapse - clock.now() - 23 * HOUR_MS);
    const second = await looked(till);
    expect(second.status.authorizations).to.include({lapsing: 1, lapsed: 0});
    expect(second.codes).to.include('authorizations_lapse');
    clock.advance(24 * HOUR_MS);
    const third = await looked(till);
    expect(third.status.authorizations).to.deep.equal({next_lapse_at: null, lapsing: 0, lapsed: 1});
    expect(third.codes).to.include('authorizations_lapsed').and.not.to.include('authorizations_lapse');
    await till.close();
  });

  it('is not warned of once it is captured', async () => {
    const clock = testClock();
    const till = await openTill(clock);
    await till.collect({reference: 'a', capture_method: 'automatic'});
    const {status, codes} = await looked(till);
    expect(status.authorizations).to.deep.equal({next_lapse_at: null, lapsing: 0, lapsed: 0});
    expect(codes).to.deep.equal([]);
    await till.close();
  });
});

describe('a forwarder', () => {
  it('is seen by status while it runs, and a queue without one is warned of', async () => {
    const till = await openTill();
    till.network.set(false);
    await till.collect({reference: 'a'});
    const alone = await looked(till);
    expect(alone.status.forwarder_running).to.equal(false);
    expect(alone.codes).to.include('no_forwarder');
    const running = new AbortController();
    const terminal = await till.open();
    let beats = 0;
    const watching = terminal.watch({
      signal: running.signal,
      onEvent: () => {},
      onBeat: () => {
        beats += 1;
      },
    });
    while (beats === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const beside = await looked(till);
    expect(beside.status.forwarder_running).to.equal(true);
    expect(beside.codes).not.to.include('no_forwarder');
    running.abort();
    await watching;
    await terminal.close();
    expect((await looked(till)).status.forwarder_running).to.equal(false);
    await till.close();
  });

  it('owns the place of no payment: their numbers begin with 1', () => {
    expect(FORWARDER).to.equal(0);
  });
});
