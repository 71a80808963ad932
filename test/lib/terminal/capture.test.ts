import {expect} from 'chai';
import {captureError} from '../../../src/lib/cli/capture-text.js';
import {systemClock} from '../../../src/lib/device/clock.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {disk} from '../../../src/lib/storage/disk.js';
import type {CaptureItem, CaptureRequest} from '../../../src/lib/terminal/capture.js';
import {openTill, SALE, type Till} from '../../support/till.js';
import {ask} from '../sandbox/api/client.js';

const ALL: CaptureRequest = {names: [], all: true, amount: null, dryRun: false};
const CAPTURE = {method: 'POST', path: '/v1/payment_intents/*/capture'};

async function authorized(till: Till, count: number): Promise<readonly string[]> {
  till.network.set(false);
  const ids: string[] = [];
  await till.run(async (terminal) => {
    for (let index = 0; index < count; index += 1) {
      ids.push((await terminal.collect({...SALE, reference: `c${index}`})).payment.local_id);
    }
  });
  till.network.set(true);
  await till.forward();
  return ids;
}

function capture(till: Till, request: Partial<CaptureRequest> = {}): Promise<readonly CaptureItem[]> {
  return till.run((terminal) => terminal.capture({...ALL, ...request}));
}

describe('a capture of a part whose sender was killed', () => {
  it('is sent again over the same amount, as the plan says, unless a person asks otherwise', async () => {
    for (const [asked, taken] of [
      [null, 500],
      [700, 700],
    ] as const) {
      const till = await openTill();
      const [local_id = ''] = await authorized(till, 1);
      // What stands in the journal when it dies between the record and the request.
      const journal = new FileJournal({storage: disk, directory: till.directory, clock: systemClock()});
      const data = {amount: 500, key: `stowpay-${local_id}-capture-0`, generation: 0};
      const event = {type: 'payment.capture_attempted', payment: local_id, data} as const;
      await journal.transact(() => ({events: [event], result: null}));
      journal.close();
      if (asked === null) {
        expect((await capture(till, {dryRun: true}))[0]).to.include({outcome: 'planned', amount: 500});
        expect((await capture(till))[0]).to.include({outcome: 'captured', amount: 500});
      } else {
        const one = {names: [local_id], all: false};
        const refused = await capture(till, {...one, amount: asked}).catch((thrown) => thrown);
        expect(refused, 'before a look').to.include({code: 'payment_intent_unexpected_state'});
        await till.api.addFault({...CAPTURE, count: 5, fault: {kind: 'conflict_409'}});
        await capture(till, one);
        await till.api.clearFaults();
        expect((await capture(till, {...one, amount: asked}))[0]).to.include({outcome: 'captured'});
      }
      expect((await till.api.ledger())[0]).to.include({captures: 1, amount_captured: taken});
      await till.close();
    }
  });
});

describe('capturing several payments', () => {
  let till: Till;
  beforeEach(async () => {
    till = await openTill();
  });
  afterEach(() => till.close());

  it('captures each once, whatever one of them meets, and tells them in the order they were asked', async () => {
    const ids = await authorized(till, 5);
    await till.api.addFault({...CAPTURE, count: 1, fault: {kind: 'drop_after'}});
    await till.api.addFault({...CAPTURE, count: 1, fault: {kind: 'error_500_before'}});
    const items = await capture(till);
    expect(items.map(({outcome}) => outcome)).to.deep.equal(ids.map(() => 'captured'));
    expect(items.map(({payment}) => payment.local_id)).to.deep.equal(ids);
    for (const entry of await till.api.ledger())
      expect(entry).to.include({captures: 1, amount_captured: 1250});
  });

  it('stops after few requests where the API is out of order, and captures all of them later', async () => {
    await authorized(till, 10);
    await till.api.addFault({path: '/v1/*', count: 500, fault: {kind: 'unavailable_503'}});
    await till.api.addFault({...CAPTURE, count: 1, fault: {kind: 'unavailable_503'}});
    const faults = async (): Promise<number> =>
      (await till.api.faults()).reduce((sum, {count}) => sum + count, 0);
    const failed = await capture(till).catch((error) => error);
    expect(failed).to.include({code: 'api_unavailable', exitCode: 5});
    expect(501 - (await faults()), 'requests').to.be.lessThan(5);
    await till.api.clearFaults();
    expect((await capture(till)).every(({outcome}) => outcome === 'captured')).to.equal(true);
    for (const entry of await till.api.ledger()) expect(entry.captures).to.equal(1);
  });

  it('goes no further when the network is lost on the way', async () => {
    await authorized(till, 10);
    await till.api.addFault({...CAPTURE, count: 500, fault: {kind: 'drop_before'}});
    await till.api.addFault({path: '/v1/account', count: 1, fault: {kind: 'hang', ms: 1}});
    const terminal = await till.open();
    const running = terminal.capture({
      ...ALL,
      onProgress: (done) => void (done > 0 && till.network.set(false)),
    });
    const items = await running;
    await terminal.close();
    expect(items).to.have.length(10);
    expect(items.every(({outcome}) => outcome === 'failed')).to.equal(true);
    expect(captureError(items)?.exitCode).to.equal(5);
    const untouched = items.filter(({payment}) => payment.state === 'authorized');
    expect(untouched.length, 'not begun').to.be.greaterThan(0);
    await till.api.clearFaults();
    till.network.set(true);
    expect((await capture(till)).every(({outcome}) => outcome === 'captured')).to.equal(true);
    for (const entry of await till.api.ledger()) expect(entry.captures).to.equal(1);
  });

  it('begins no further one after an interruption', async () => {
    await authorized(till, 10);
    const controller = new AbortController();
    const items = await capture(till, {
      signal: controller.signal,
      onProgress: (done) => done > 0 && controller.abort(),
    });
    expect(items).to.have.length(10);
    const captured = items.filter(({outcome}) => outcome === 'captured').length;
    expect(captured).to.be.within(1, 9);
    expect(items.filter(({error}) => error?.code === 'interrupted')).to.have.length(10 - captured);
    expect((await till.api.ledger()).filter(({captures}) => captures === 1)).to.have.length(captured);
  });

  it('says so when somebody else captured another amount', async () => {
    const [id = ''] = await authorized(till, 1);
    const [shown] = await till.run((terminal) => terminal.inspect([id]));
    await ask(till.api.url, 'POST', `/v1/payment_intents/${shown?.id}/capture`, {amount_to_capture: 900});
    const [item] = await capture(till, {names: [id], all: false, amount: 500});
    expect(item).to.include({outcome: 'captured', amount: 900, captured_elsewhere: true});
    expect(item?.error).to.include({code: 'payment_intent_unexpected_state', exitCode: 7});
    expect(item?.error?.message).to.match(/9\.00 usd.*5\.00 usd/);
    expect((await till.api.ledger())[0]).to.include({captures: 1, amount_captured: 900});
  });

  it('takes a capture by somebody else for what it is', async () => {
    const ids = await authorized(till, 2);
    const [shown] = await till.run((terminal) => terminal.inspect([ids[0] ?? '']));
    await ask(till.api.url, 'POST', `/v1/payment_intents/${shown?.id}/capture`);
    const items = await capture(till);
    expect(items.map(({outcome, captured_elsewhere}) => [outcome, captured_elsewhere])).to.deep.equal([
      ['captured', true],
      ['captured', false],
    ]);
    expect(captureError(items)).to.equal(null);
  });
});
