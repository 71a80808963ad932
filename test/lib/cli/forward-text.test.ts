import {expect} from 'chai';
import {forwardError} from '../../../src/lib/cli/forward-text.js';
import {settledElsewhere, summary} from '../../../src/lib/terminal/forward/result.js';
import {storedPayment} from '../../support/payments.js';

describe('what another process settled', () => {
  it('sets the exit code where it needs a person, whoever counts it', () => {
    const {signal} = new AbortController();
    const request = {at: '2026-11-23T10:00:00.000Z', operator: 'op', reason: null};
    const captured = {...storedPayment(), state: 'captured', amount_received: 1250} as const;
    const of = (payment: Parameters<typeof settledElsewhere>[0]) =>
      forwardError(summary([settledElsewhere(payment)]), signal);
    expect(of(captured)).to.equal(null);
    expect(of({...captured, cancel_requested: request})).to.include({exitCode: 6});
    expect(of({...captured, cancel_requested: request, acknowledged: true})).to.equal(null);
    expect(of({...storedPayment(), state: 'declined'})).to.include({exitCode: 6});
  });
});
