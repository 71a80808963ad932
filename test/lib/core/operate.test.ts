import {expect} from 'chai';
import fc from 'fast-check';
import {apply} from '../../../src/lib/core/apply.js';
import {captureAmount, nextKey} from '../../../src/lib/core/attempts.js';
import {decideCancel} from '../../../src/lib/core/cancel.js';
import {type Decision, freesReference} from '../../../src/lib/core/decide.js';
import {StowpayError} from '../../../src/lib/core/errors.js';
import type {OperatorAct} from '../../../src/lib/core/events.js';
import {
  decideAcknowledge,
  decideAcknowledgeLosses,
  decideHold,
  decideRelease,
  decideRetry,
  type Known,
  operatorReason,
} from '../../../src/lib/core/operate.js';
import {
  abandonedState,
  awaitsCancel,
  awaitsNotice,
  bucketOf,
  mayHaveBeenConfirmed,
  type Payment,
  STATES,
} from '../../../src/lib/core/payment.js';
import {emptyState, nobodyRunning} from '../../../src/lib/core/state.js';
import {recordOf} from '../../../src/lib/journal/encode.js';
import {anyPayment, foldedOver} from '../../support/any-payment.js';

const ACT: OperatorAct = {operator: 'op', reason: 'because'};
const NOW = Date.parse('2026-11-24T12:00:00.000Z');

const known = fc.record<Known>({
  sealed: fc.boolean(),
  canceled: fc.constantFrom(null, 'never_confirmed' as const, 'confirmed' as const),
});

/** What was decided; null when it was refused the one way that is allowed. */
function decided<T>(decide: () => Decision<T>): Decision<T> | null {
  try {
    return decide();
  } catch (error) {
    if (!(error instanceof StowpayError)) throw error;
    expect(error).to.include({code: 'payment_intent_unexpected_state', exitCode: 7});
    expect(error.message).to.match(/^pay_ANY \(12\.50 USD\) cannot be .*\. Nothing was changed/i);
    expect(error.hint).to.match(/\S/);
    return null;
  }
}

/** Holds for every payment, whatever was known of it. */
function always(check: (payment: Payment, about: Known) => void): void {
  fc.assert(fc.property(anyPayment, known, check), {numRuns: 1000});
}

describe('hold', () => {
  it('keeps back only what is stored, which still counts and blocks a wipe, and says so only once', () => {
    always((payment) => {
      const decision = decided(() => decideHold(payment, ACT));
      const was = abandonedState(payment);
      expect(decision === null).to.equal(
        was !== 'held' && (was !== 'accepted_offline' || awaitsCancel(payment)),
      );
      if (decision === null) return;
      const held = foldedOver(payment, decision.events);
      expect(held.state).to.equal('held');
      expect(was).to.be.oneOf(['accepted_offline', 'held']);
      expect(decision.events.length > 0).to.equal(decision.result === 'held');
      expect(STATES.held).to.include({offline: true, blocksWipe: true});
      expect(decideHold(held, ACT)).to.deep.equal({events: [], result: 'unchanged'});
    });
  });
});

describe('release', () => {
  it('lets go only of what is held, and brings it back where it was', () => {
    always((payment) => {
      const decision = decided(() => decideRelease(payment, ACT));
      if (decision === null) return;
      const released = foldedOver(payment, decision.events);
      expect(awaitsCancel(payment)).to.equal(false);
      expect(abandonedState(released)).to.equal('accepted_offline');
      expect(decision.result).to.equal(payment.state === 'held' ? 'released' : 'unchanged');
      expect(decideRelease(released, ACT).result).to.equal('unchanged');
    });
  });
});

describe('cancel', () => {
  it('voids without asking only what was surely never confirmed', () => {
    always((payment) => {
      const decision = decided(() => decideCancel(payment, ACT));
      if (decision?.result !== 'voided') return;
      const end = foldedOver(payment, decision.events);
      expect(end.state).to.equal('canceled');
      expect(end.private_data).not.to.equal('present');
      expect(end.cancel_requested).to.include(ACT);
      expect(awaitsCancel(end)).to.equal(false);
      // What a dead collect left without effect is void by itself: nothing of it can take effect.
      if (abandonedState(payment) === 'canceled') return;
      expect(mayHaveBeenConfirmed(payment)).to.equal(false);
      expect(end.leftover, 'its intent is tidied up').to.equal(payment.id !== null);
      if (payment.id === null && payment.generations.create !== undefined) expect(end.stray).to.equal(true);
      expect(freesReference(end, nobodyRunning), 'its reference stays its own').to.equal(false);
    });
  });

  it('of anything else keeps the request until the API has been told', () => {
    always((payment) => {
      const decision = decided(() => decideCancel(payment, ACT));
      if (decision?.result !== 'requested') return;
      const asked = foldedOver(payment, decision.events);
      expect(awaitsCancel(asked)).to.equal(true);
      expect(STATES[abandonedState(asked)].bucket).not.to.equal('done');
      for (const refused of [
        () => decideHold(asked, ACT),
        () => decideRetry(asked, ACT, {sealed: true, canceled: null}),
      ]) {
        const other = decided(refused);
        expect(other === null || other.result === 'unchanged').to.equal(true);
      }
      expect(decided(() => decideRelease(asked, ACT))).to.equal(null);
      expect(() => captureAmount(asked, asked.state, null)).to.throw(StowpayError, /cancel was requested/);
      expect(decideCancel(asked, {operator: 'other', reason: null})).to.deep.equal({
        events: [],
        result: 'requested',
      });
    });
  });

  it('never touches what has ended', () => {
    always((payment) => {
      const decision = decided(() => decideCancel(payment, ACT));
      if (STATES[payment.state].bucket !== 'done') return;
      expect(decision).to.deep.equal(payment.state === 'canceled' ? {events: [], result: 'unchanged'} : null);
    });
  });
});

describe('retry', () => {
  it('takes out of quarantine only what can be sent or looked up, and looks before it sends', () => {
    always((payment, about) => {
      const decision = decided(() => decideRetry(payment, ACT, about));
      if (decision === null) return;
      expect(awaitsCancel(payment)).to.equal(false);
      const open = foldedOver(payment, decision.events);
      expect(open.state).not.to.be.oneOf(['held', 'quarantined']);
      if (decision.events.length === 0) return;
      expect(payment.state).to.equal('quarantined');
      expect(open.look_first).to.equal(true);
      const asks = open.id !== null && mayHaveBeenConfirmed(payment);
      expect(open.state).to.equal(asks ? 'in_doubt' : 'accepted_offline');
      if (open.state === 'accepted_offline')
        expect(about.sealed && payment.stored_at !== null).to.equal(true);
    });
  });

  it('makes another intent only for one that was never confirmed, with keys that were never used', () => {
    always((payment, about) => {
      const decision = decided(() => decideRetry(payment, ACT, about));
      if (decision?.result !== 'restored') return;
      const open = foldedOver(payment, decision.events);
      if (open.id === payment.id) return;
      expect(about.canceled).to.equal('never_confirmed');
      for (const operation of ['create', 'confirm'] as const) {
        const used = payment.generations[operation] ?? 0;
        expect(nextKey(open, operation, NOW).generation).to.be.greaterThan(used);
      }
    });
  });

  it('never charges again what was charged once and cancelled', () => {
    always((payment) => {
      const decision = decided(() => decideRetry(payment, ACT, {sealed: true, canceled: 'confirmed'}));
      expect(decision?.result).not.to.equal('restored');
    });
  });
});

describe('acknowledge', () => {
  it('never hides open money', () => {
    always((payment) => {
      const decision = decided(() => decideAcknowledge(payment, ACT));
      const {blocksWipe, bucket} = STATES[payment.state];
      expect(decision === null).to.equal(blocksWipe || bucket !== 'done');
      if (decision === null) return;
      const noted = foldedOver(payment, decision.events);
      expect(noted.state).to.equal(payment.state);
      expect(awaitsNotice(noted)).to.equal(false);
      expect(bucketOf(noted, noted.state)).to.equal('done');
      expect(decideAcknowledge(noted, ACT).result).to.equal('unchanged');
    });
  });

  it('lifts what a repair had lost, once, and nothing that was lost since', () => {
    const state = emptyState();
    Object.assign(state, {orphans: ['pay_A', 'pay_B'], unnamed_losses: 2});
    const lift = (orphans: readonly string[], unnamed_losses: number) => {
      const decision = decideAcknowledgeLosses(state, {orphans, unnamed_losses}, ACT);
      for (const event of decision.events)
        apply(state, recordOf(event, 1, 1, {at: '2026-11-24T12:00:00.000Z', boot: 'b', mono: 1}));
      return decision.result;
    };
    expect(lift(['pay_A', 'pay_X'], 0)).to.deep.equal({orphans: ['pay_A'], unnamed_losses: 0});
    expect(lift([], 1)).to.deep.equal({orphans: [], unnamed_losses: 1});
    expect({orphans: state.orphans, unnamed: state.unnamed_losses}).to.deep.equal({
      orphans: ['pay_B'],
      unnamed: 1,
    });
    expect(decideAcknowledgeLosses(state, {orphans: ['pay_A'], unnamed_losses: 0}, ACT).events).to.deep.equal(
      [],
    );
  });
});

describe('the reason of an operator', () => {
  it('is one short line without what looks like a card number or a key', () => {
    expect(operatorReason(undefined)).to.equal(null);
    expect(operatorReason('  ')).to.equal(null);
    expect(operatorReason(' wrong amount ')).to.equal('wrong amount');
    for (const secret of [
      '4242424242424242',
      'card:4242 4242 4242 4242',
      'PAN4242-4242-4242-4242',
      '4242.4242.4242.4242',
    ])
      expect(operatorReason(`it was ${secret}.`))
        .to.match(/\[hidden\]/)
        .and.not.to.match(/4242/);
    expect(operatorReason('key sk_test_abcdefgh1234')).to.equal('key [hidden]');
    expect(operatorReason('order 1017 of 2026-11-23')).to.equal('order 1017 of 2026-11-23');
    for (const bad of ['a\nb', 'a\u001b[2Jb', 'a\u202eb', 'x'.repeat(201)])
      expect(() => operatorReason(bad)).to.throw(StowpayError, /--reason/);
  });
});
