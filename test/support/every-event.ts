import type {EventBody, EventType} from '../../src/lib/core/events.js';
import type {RemoteIntent} from '../../src/lib/core/ports.js';
import {CARD, createdEvent, declinedEvent, PRIVATE, READER, storedEvent} from './events.js';

const BINDING = {account: 'acct_test', livemode: false, origin: 'sandbox'};

function intent(id: string, status: string, received = 0): RemoteIntent {
  return {
    id,
    status,
    amount: 1250,
    amount_capturable: status === 'requires_capture' ? 1250 : 0,
    amount_received: received,
    currency: 'usd',
    capture_method: 'manual',
    livemode: false,
    created: 1_795_000_000,
    metadata: {stowpay_id: 'pay_A'},
    cancellation_reason: null,
    last_payment_error: null,
    charge: {
      id: `ch_${id}`,
      authorization_code: '123456',
      authorization_response_code: '00',
      account_type: null,
      capture_before: 1_795_600_000,
      offline_stored_at: 1_795_000_000,
    },
  };
}

const PAIRED: EventBody = {
  type: 'reader.paired',
  data: {
    profile: 'sandbox',
    address: 'sim:',
    identity: {
      type: 'idtech_neo2',
      serial_number: READER.serial,
      firmware: READER.firmware,
      encryption_enabled: true,
      key: {state: 'valid', ksn: CARD.ksn},
      test_key: true,
    },
    location: {id: 'tml_test', display_name: 'Test', country: 'US'},
    configuration: {id: 'tmc_test', offline_enabled: true},
    binding: BINDING,
    how: 'online',
  },
};

const API_ERROR = {
  type: 'api_error',
  code: null,
  decline_code: null,
  message: 'try again',
  http_status: 503,
  request_id: 'req_2',
};

function attempted(payment: string, operation: 'create' | 'confirm'): EventBody {
  const key = `${payment}-${operation}-1`;
  return {type: 'payment.attempted', payment, data: {operation, key, generation: 1}};
}

function delivered(payment: string, operation: 'create' | 'confirm', status: string): EventBody {
  const data = {operation, intent: intent(`pi_${payment}`, status), request_id: 'req_1', looked: false};
  return {type: 'payment.delivered', payment, data};
}

/**
 * Commits that hold every type of record a journal writes but those it writes by itself when it is begun
 * (`journal.opened`). A fixture of each version of the format is made from them.
 */
export const EVERY_EVENT: readonly (readonly EventBody[])[] = [
  [PAIRED],
  [createdEvent('pay_A', {reference: 'order-1'}), storedEvent('pay_A')],
  [attempted('pay_A', 'create')],
  [delivered('pay_A', 'create', 'requires_payment_method'), attempted('pay_A', 'confirm')],
  [
    {
      type: 'payment.attempt_failed',
      payment: 'pay_A',
      data: {operation: 'confirm', outcome: 'retry', error: API_ERROR},
    },
  ],
  [attempted('pay_A', 'confirm')],
  [delivered('pay_A', 'confirm', 'requires_capture')],
  [
    {
      type: 'payment.capture_attempted',
      payment: 'pay_A',
      data: {amount: 1000, key: 'pay_A-capture-1', generation: 1},
    },
  ],
  [
    {
      type: 'payment.captured',
      payment: 'pay_A',
      data: {intent: intent('pi_pay_A', 'succeeded', 1000), request_id: 'req_3', looked: true},
    },
  ],
  [
    createdEvent('pay_B', {amount: 700, currency: 'jpy'}),
    storedEvent('pay_B', {ksn: 'FFFF9876543210E00002'}),
  ],
  [declinedEvent('pay_B')],
  [createdEvent('pay_C')],
  [
    {
      type: 'payment.refused',
      payment: 'pay_C',
      data: {
        code: 'card_expired',
        message: 'expired',
        card: {brand: 'visa', last4: '4242'},
        policy: null,
        used_key: {ksn: 'FFFF9876543210E00002', reader: READER},
      },
    },
  ],
  [createdEvent('pay_D', {reference: 'order-4'})],
  [
    {
      type: 'payment.authorizing',
      payment: 'pay_D',
      data: {card: {...CARD, ksn: 'FFFF9876543210E00003'}, reader: READER, request: {confirm: {a: 1}}},
      private: PRIVATE,
    },
    attempted('pay_D', 'confirm'),
  ],
  [delivered('pay_D', 'confirm', 'requires_capture')],
  [{type: 'payment.claimed', payment: 'pay_D', data: {}}],
  [createdEvent('pay_E', {reference: 'order-5'}), storedEvent('pay_E', {ksn: 'FFFF9876543210E00004'})],
  [
    {
      type: 'payment.quarantined',
      payment: 'pay_E',
      data: {code: 'sealed_data_damaged', message: 'set aside', error: null},
    },
  ],
  [createdEvent('pay_F')],
  [{type: 'payment.canceled', payment: 'pay_F', data: {reason: 'voided', message: 'by an operator'}}],
  [
    {
      type: 'journal.recovered',
      data: {kind: 'tear', segment: '000000000001.jsonl', offset: 9, bytes: 3, kept_as: 'x.bin'},
    },
  ],
  [{type: 'journal.lost', data: {reason: 'the MAC does not match', segment: '000000000001.jsonl', byte: 9}}],
  [
    {
      type: 'journal.repaired',
      data: {
        device: 'dev_fixture',
        machine: null,
        rekeyed: false,
        lost: [
          {
            segment: '000000000001.jsonl',
            line: 2,
            byte: 9,
            first_seq: 2,
            last_seq: 2,
            reason: 'the MAC does not match',
            unnamed: true,
          },
        ],
        quarantined: [],
        orphans: ['pay_Z'],
        incomplete: [],
        kept_as: 'repair-1',
      },
    },
  ],
  [{type: 'journal.adopted', data: {machine: null, previous: null}}],
  [createdEvent('pay_G', {reference: 'order-7'}), storedEvent('pay_G', {ksn: 'FFFF9876543210E00005'})],
  [{type: 'payment.held', payment: 'pay_G', data: {operator: 'op', reason: 'the goods are not there'}}],
  [{type: 'payment.released', payment: 'pay_G', data: {operator: 'op', reason: null}}],
  [createdEvent('pay_H', {reference: 'order-8'}), storedEvent('pay_H', {ksn: 'FFFF9876543210E00006'})],
  [
    {type: 'payment.cancel_requested', payment: 'pay_H', data: {operator: 'op', reason: 'wrong amount'}},
    {type: 'payment.canceled', payment: 'pay_H', data: {reason: 'requested', message: 'voided'}},
  ],
  [createdEvent('pay_I', {reference: 'order-9'}), storedEvent('pay_I', {ksn: 'FFFF9876543210E00007'})],
  [{type: 'payment.held', payment: 'pay_I', data: {operator: 'op', reason: null}}],
  [createdEvent('pay_J'), storedEvent('pay_J', {ksn: 'FFFF9876543210E00008'})],
  [attempted('pay_J', 'create')],
  [delivered('pay_J', 'create', 'requires_payment_method'), attempted('pay_J', 'confirm')],
  [
    {
      type: 'payment.attempt_failed',
      payment: 'pay_J',
      data: {operation: 'confirm', outcome: 'in_doubt', error: API_ERROR},
    },
  ],
  [{type: 'payment.cancel_requested', payment: 'pay_J', data: {operator: 'op', reason: null}}],
  [{type: 'payment.restored', payment: 'pay_E', data: {operator: 'op', reason: 'mended'}}],
  [{type: 'payment.acknowledged', payment: 'pay_B', data: {operator: 'op', reason: 'customer called'}}],
  [
    {
      type: 'journal.acknowledged',
      data: {operator: 'op', reason: 'looked up at the API', orphans: ['pay_Z'], unnamed_losses: 1},
    },
  ],
];

/** Types that a journal writes without being asked. */
export const OWN_EVENTS: readonly EventType[] = ['journal.opened'];
