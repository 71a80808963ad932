import {expect} from 'chai';
import {apply} from '../../../src/lib/core/apply.js';
import type {EventBody} from '../../../src/lib/core/events.js';
import type {RemoteIntent} from '../../../src/lib/core/ports.js';
import {recordOf} from '../../../src/lib/journal/encode.js';
import {dropClosed, emptyFold} from '../../../src/lib/journal/fold.js';
import {createdEvent} from '../../support/events.js';

const STAMP = {at: '2026-11-24T12:00:00.000Z', boot: 'boot', mono: 1};

function delivered(payment: string, operation: 'create' | 'cancel', status: string): EventBody {
  const intent = {id: `pi_${payment}`, status, charge: null} as unknown as RemoteIntent;
  return {type: 'payment.delivered', payment, data: {operation, intent, request_id: null, looked: false}};
}

function canceled(payment: string, reason: 'interrupted' | 'voided'): EventBody {
  return {type: 'payment.canceled', payment, data: {reason, message: ''}};
}

describe('a fold without an index', () => {
  it('lets go of a payment whose reference another one took and closed with', () => {
    const fold = emptyFold();
    let seq = 0;
    const write = (...events: EventBody[]): void => {
      for (const event of events) {
        seq += 1;
        apply(fold.state, recordOf(event, seq, seq, STAMP));
      }
    };
    write(createdEvent('pay_first', {reference: 'order'}));
    write(delivered('pay_first', 'create', 'requires_payment_method'), canceled('pay_first', 'interrupted'));
    write(createdEvent('pay_second', {reference: 'order'}), canceled('pay_second', 'voided'));
    expect(dropClosed(fold).map(({local_id}) => local_id)).to.deep.equal(['pay_second']);
    write(delivered('pay_first', 'cancel', 'canceled'));
    expect(dropClosed(fold)).to.deep.include({
      local_id: 'pay_first',
      seq: 1,
      id: 'pi_pay_first',
      reference: null,
      places: [],
    });
  });
});
