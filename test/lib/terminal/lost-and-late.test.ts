import {join} from 'node:path';
import {expect} from 'chai';
import {forwardError} from '../../../src/lib/cli/forward-text.js';
import {StowpayError} from '../../../src/lib/core/errors.js';
import {systemClock} from '../../../src/lib/device/clock.js';
import {FileJournal} from '../../../src/lib/journal/journal.js';
import {disk} from '../../../src/lib/storage/disk.js';
import {FileLock} from '../../../src/lib/storage/file-lock.js';
import {testClock} from '../../support/clock.js';
import {createdEvent} from '../../support/events.js';
import type {Fate, Hit} from '../../support/proxy.js';
import {openTill, SALE, type Till} from '../../support/till.js';

const isConfirm = ({path}: Hit): boolean => path.endsWith('/confirm');
const isLook = ({method, path}: Hit): boolean => method === 'GET' && path.startsWith('/v1/payment_intents/');
const NOT_NOW = {
  status: 409,
  body: {error: {type: 'invalid_request_error', code: 'lock_timeout', message: 'in use'}},
};
const DECLINED = {
  status: 402,
  body: {
    error: {
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'issuer_not_available',
      message: 'unreachable',
    },
  },
};

async function failure(act: Promise<unknown>): Promise<StowpayError> {
  const error = await act.then(
    () => new Error('it did not fail'),
    (thrown) => thrown,
  );
  if (error instanceof StowpayError) return error;
  throw error;
}

async function charged(till: Till): Promise<number> {
  return (await till.api.ledger()).filter(({confirms}) => confirms > 0).length;
}

/** Runs the n-th confirm through `fates[n]`; what is not named passes. */
function confirms(...fates: Fate[]): (hit: Hit) => Fate {
  let seen = 0;
  return (hit) => {
    if (!isConfirm(hit)) return 'pass';
    seen += 1;
    return fates[seen - 1] ?? 'pass';
  };
}

describe('a confirm that was lost and arrives late', () => {
  it('cannot charge an order again that was declined in between', async () => {
    const till = await openTill(undefined, confirms({late_ms: 1500}, DECLINED));
    const error = await failure(till.collect({reference: 'o1'}));
    expect(error.code).to.equal('card_declined');
    const {payment} = await till.collect({reference: 'o1'});
    expect(payment.state).to.equal('authorized');
    await till.settle();
    expect(await charged(till)).to.equal(1);
    await till.close();
  });

  it('cannot charge an order again whose network went in between', async () => {
    let till: Till | undefined;
    const fate = confirms({late_ms: 4000});
    let looks = 0;
    till = await openTill(undefined, (hit) => {
      if (isLook(hit) && ++looks === 1) setTimeout(() => till?.network.set(false), 0);
      return fate(hit);
    });
    const request = {reference: 'o1', offline_behavior: 'require_online'} as const;
    expect((await failure(till.collect(request))).code).to.equal('payment_in_doubt');
    till.network.set(true);
    const {payment} = await till.collect(request);
    expect(payment.state).to.equal('authorized');
    await till.settle();
    expect(await charged(till)).to.equal(1);
    await till.close();
  });

  it('is not called "never sent" when the collect dies before it tries again', async () => {
    const till = await openTill(undefined, confirms({late_ms: 3000}, NOT_NOW));
    let pauses = 0;
    // Dying in the second pause: after a lost confirm, a look, and a "not now".
    const dying = await till.open({
      random: (count) => {
        if (count === 1 && new Error().stack?.includes('pause') && ++pauses === 2) throw new Error('killed');
        return new Uint8Array(count);
      },
    });
    await dying.collect({...SALE, reference: 'o1'}).catch(() => null);
    await dying.close();
    expect(pauses).to.equal(2);
    const {payments} = await till.forward();
    expect(payments[0]).to.include({outcome: 'canceled'});
    expect((await till.api.ledger())[0]).to.include({status: 'canceled'});
    const {payment} = await till.collect({reference: 'o1'});
    await till.settle();
    expect(payment.state).to.equal('authorized');
    expect(await charged(till)).to.equal(1);
    await till.close();
  });
});

describe('a lost answer', () => {
  it('to a cancel never makes a canceled payment a success', async () => {
    const till = await openTill();
    await till.api.addFault({
      method: 'POST',
      path: '/v1/payment_intents/*/confirm',
      count: 4,
      fault: {kind: 'drop_before'},
    });
    expect((await failure(till.collect({reference: 'o1'}))).code).to.equal('payment_in_doubt');
    await till.api.addFault({
      method: 'POST',
      path: '/v1/payment_intents/*/cancel',
      count: 1,
      fault: {kind: 'drop_after'},
    });
    expect((await failure(till.collect({reference: 'o1'}))).code).to.equal('payment_in_doubt');
    const {payment, fresh} = await till.collect({reference: 'o1'});
    expect({fresh, state: payment.state}).to.deep.equal({fresh: true, state: 'authorized'});
    expect(await charged(till)).to.equal(1);
    await till.close();
  });

  it('after a soft decline is not read as that decline again', async () => {
    const till = await openTill();
    till.network.set(false);
    till.present({pan: '4000000000000119'});
    const {payment} = await till.collect({reference: 's1'});
    till.network.set(true);
    await till.forward();
    await till.api.addFault({
      method: 'POST',
      path: '/v1/payment_intents/*/confirm',
      count: 1,
      fault: {kind: 'drop_before'},
    });
    expect((await till.forward()).payments[0]).to.include({outcome: 'left'});
    const [shown] = await till.run((terminal) => terminal.inspect([payment.local_id]));
    expect(shown?.timeline.map(({text}) => text)).to.include('confirm: untouched');
    await till.close();
  });

  it('of a soft decline is still a soft decline', async () => {
    const till = await openTill();
    till.network.set(false);
    till.present({pan: '4000000000000119'});
    await till.collect();
    till.network.set(true);
    await till.api.addFault({
      method: 'POST',
      path: '/v1/payment_intents/*/confirm',
      count: 1,
      fault: {kind: 'drop_after'},
    });
    expect((await till.forward()).payments[0]).to.include({outcome: 'left'});
    await till.close();
  });

  for (const fate of ['cut_after', 'cut_before'] as const) {
    it(`to a capture (${fate}) keeps its amount until a look has told, also without network`, async () => {
      let till: Till | undefined;
      let captures = 0;
      till = await openTill(undefined, (hit) => {
        if (!hit.path.endsWith('/capture') || ++captures > 1) return 'pass';
        setTimeout(() => till?.network.set(false), 0);
        return fate;
      });
      const {payment} = await till.collect();
      const request = {names: [payment.local_id], all: false, amount: 500, dryRun: false};
      const [item] = await till.run((terminal) => terminal.capture(request));
      expect(item?.outcome).to.equal('failed');
      expect(item?.error?.message).to.match(/not known yet/);
      const check = await till.run((terminal) => terminal.checkSafeToWipe(true));
      expect(check.error?.code).to.equal('payments_pending');
      till.network.set(true);
      await till.run((terminal) => terminal.capture({names: [], all: true, amount: null, dryRun: false}));
      expect((await till.api.ledger())[0]).to.include({captures: 1, amount_captured: 500});
      await till.close();
    });
  }

  it('to a create, whose leftover somebody cancelled, does not close the sale', async () => {
    const clock = testClock();
    const till = await openTill(clock);
    till.network.set(false);
    await till.collect({reference: 's1'});
    till.network.set(true);
    await till.api.addFault({
      method: 'POST',
      path: '/v1/payment_intents',
      count: 4,
      fault: {kind: 'drop_after'},
    });
    await till.forward();
    clock.advance(25 * 3600_000);
    for (const {id} of await till.api.ledger()) {
      const headers = {Authorization: 'Bearer sk_test_stowpay_sandbox'};
      await fetch(`${till.api.url}/v1/payment_intents/${id}/cancel`, {method: 'POST', headers});
    }
    expect((await till.forward()).payments[0]).to.include({outcome: 'authorized'});
    await till.close();
  });

  it('that cannot be journalled is never called "nothing happened"', async () => {
    let other: FileLock | undefined;
    const till = await openTill(undefined, (hit) => {
      if (isConfirm(hit)) other?.tryLock();
      return 'pass';
    });
    other = FileLock.open(join(till.directory, 'journal', 'lock'));
    const terminal = await till.open({lockWaitMs: 200});
    const error = await failure(terminal.collect({...SALE, reference: 'o1'}));
    expect(error).to.include({code: 'payment_in_doubt', exitCode: 6});
    expect(error.message).to.match(/may have been charged/);
    await terminal.close();
    other.close();
    const {payment} = await till.collect({reference: 'o1'});
    expect(payment.state).to.equal('authorized');
    expect(await charged(till)).to.equal(1);
    await till.close();
  });
});

describe('a look that is refused', () => {
  const answers = {
    resource_missing: {outcome: 'quarantined', state: 'quarantined'},
    parameter_unknown: {outcome: 'in_doubt', state: 'in_doubt'},
  } as const;
  for (const [code, expected] of Object.entries(answers)) {
    it(`with ${code} leaves the payment ${expected.state}`, async () => {
      let looks: Fate = 'pass';
      let confirms: Fate = 'cut_after';
      const till = await openTill(undefined, ({method, path}) => {
        if (path.endsWith('/confirm')) return confirms;
        return method === 'GET' && path.startsWith('/v1/payment_intents/pi_') ? looks : 'pass';
      });
      till.network.set(false);
      const {payment} = await till.collect({reference: 'a'});
      till.network.set(true);
      looks = {status: 404, body: {error: {type: 'invalid_request_error', code, message: 'no'}}};
      const {payments} = await till.forward();
      expect(payments[0]).to.include({outcome: expected.outcome});
      const [shown] = await till.run((terminal) => terminal.inspect([payment.local_id]));
      expect(shown?.state).to.equal(expected.state);
      [looks, confirms] = ['pass', 'pass'];
      if (code === 'parameter_unknown') {
        expect((await till.forward()).payments[0]).to.include({outcome: 'authorized'});
      }
      expect(await charged(till)).to.equal(1);
      await till.close();
    });
  }
});

describe('one drain', () => {
  it('reports what it charged before the credentials failed', async () => {
    const revoked = {status: 401, body: {error: {type: 'invalid_request_error', message: 'revoked'}}};
    const till = await openTill(undefined, confirms('pass', 'pass', revoked));
    till.network.set(false);
    for (const reference of ['a', 'b', 'c']) await till.collect({reference});
    till.network.set(true);
    const result = await till.forward();
    // Three are under way at once, so that any of them may be the one that is refused.
    const outcomes = result.payments.map(({outcome}) => outcome);
    expect(outcomes).to.have.members(['authorized', 'authorized', 'left']);
    const error = forwardError(result, new AbortController().signal);
    expect(error).to.include({code: 'authentication_failed', exitCode: 4});
    expect(error?.message).to.match(/2 payments of 3 were delivered/);
    await till.close();
  });

  it('never acts on a stale copy of a payment that another process settled', async () => {
    // The first payment keeps A busy ("not now", twice) while B settles the second and a checkpoint lets go of it.
    const till = await openTill(undefined, confirms(NOT_NOW, 'pass', NOT_NOW));
    till.network.set(false);
    await till.collect({reference: 'first', capture_method: 'automatic'});
    const {payment} = await till.collect({reference: 'second', capture_method: 'automatic'});
    till.network.set(true);
    const journal = new FileJournal({storage: disk, directory: till.directory, clock: systemClock()});
    const gate: Promise<unknown>[] = [];
    const a = await till.open({random: (count) => new Uint8Array(count).fill(255)});
    const slow = a.forward({
      names: [],
      limit: null,
      dryRun: false,
      onProgress: (done) => {
        if (done !== 0 || gate.length > 0) return;
        gate.push(
          till.run(async (b) => {
            await b.forward({names: [payment.local_id], limit: null, dryRun: false});
            for (let n = 0; n < 300; n += 1) {
              await journal.transact(() => ({events: [createdEvent(`pay_FILL${n}`)], result: null}));
            }
          }),
        );
      },
    });
    const result = await slow;
    await Promise.all(gate);
    await a.close();
    const [shown] = await till.run((terminal) => terminal.inspect([payment.local_id]));
    expect(shown?.state).to.equal('captured');
    expect(result.payments[1]?.outcome).to.be.oneOf(['captured', 'busy', 'elsewhere']);
    const {payment: again} = await till.collect({reference: 'second', capture_method: 'automatic'});
    expect(again.state).to.equal('captured');
    journal.close();
    await till.close();
  }).timeout(30_000);

  it('names a payment that another process is sending, instead of "nothing to forward"', async () => {
    const till = await openTill();
    till.network.set(false);
    await till.collect();
    till.network.set(true);
    await till.api.addFault({
      method: 'POST',
      path: '/v1/payment_intents/*/confirm',
      count: 1,
      fault: {kind: 'hang', ms: 500},
    });
    const first = till.forward();
    await new Promise((resolve) => setTimeout(resolve, 250));
    const second = await till.forward();
    expect(second.payments.map(({outcome}) => outcome)).to.deep.equal(['busy']);
    expect((await first).payments.map(({outcome}) => outcome)).to.deep.equal(['authorized']);
    await till.close();
  });
});

describe('a collect that ended before its confirm left', () => {
  it('can be collected again with its reference', async () => {
    let permitted = false;
    const till = await openTill(undefined, (hit) =>
      !permitted && isConfirm(hit)
        ? {status: 403, body: {error: {type: 'invalid_request_error', message: 'not permitted'}}}
        : 'pass',
    );
    expect((await failure(till.collect({reference: 'o1'}))).exitCode).to.equal(4);
    permitted = true;
    const {payment} = await till.collect({reference: 'o1'});
    expect(payment.state).to.equal('authorized');
    await till.close();
  });
});
