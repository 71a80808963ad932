import type {EventBody} from '../../src/lib/core/events.js';
import type {CardDetails, PrivateData} from '../../src/lib/core/payment.js';

export const KSN = 'FFFF9876543210E00001';

export const CARD: CardDetails = {
  brand: 'visa',
  last4: '4242',
  exp_month: 12,
  exp_year: 2034,
  read_method: 'contactless_emv',
  receipt: {
    application_preferred_name: 'Visa',
    dedicated_file_name: 'A0000000031010',
    application_cryptogram: '1122334455667788',
    terminal_verification_results: '0000000000',
    transaction_status_information: null,
    cardholder_verification_method: 'none',
    authorization_code: null,
  },
  ksn: KSN,
};

export const READER = {serial: 'SIM0000001', type: 'idtech_neo2', firmware: 'test'};

export const PRIVATE: PrivateData = {
  sealed: {encryption: 'tdes_dukpt', ksn: KSN, tags: {'57': 'C0FFEE00C0FFEE00', '5A': 'DEADBEEFDEADBEEF'}},
  cardholder_name: null,
};

export function createdEvent(
  id: string,
  overrides: {amount?: number; reference?: string | null; currency?: string} = {},
): EventBody {
  return {
    type: 'payment.created',
    payment: id,
    data: {
      binding: {account: 'acct_test', livemode: false, origin: 'sandbox'},
      amount: overrides.amount ?? 1250,
      tip: 0,
      currency: overrides.currency ?? 'usd',
      capture_method: 'manual',
      offline_behavior: 'prefer_online',
      reference: overrides.reference ?? null,
      metadata: {},
      description: null,
      request: {api_version: '2026-10-28.endive', create: {amount: overrides.amount ?? 1250}},
    },
  };
}

export function storedEvent(id: string, overrides: {ksn?: string} = {}): EventBody {
  const ksn = overrides.ksn ?? KSN;
  return {
    type: 'payment.accepted_offline',
    payment: id,
    data: {
      card: {...CARD, ksn},
      reader: READER,
      request: {confirm: {payment_method_data: {type: 'card_present'}}},
      stored_at: '2026-11-23T10:00:00.000Z',
      clock_uncertain: false,
      policy: {
        allowed: true,
        inputs: {amount: 1250, currency: 'usd', stored_count: 0, stored_total: 0, oldest_age_s: null},
      },
    },
    private: {...PRIVATE, sealed: {...PRIVATE.sealed, ksn}},
  };
}

export function declinedEvent(id: string): EventBody {
  const error = {
    type: 'card_error',
    code: 'card_declined',
    decline_code: 'generic_decline',
    message: 'declined',
    http_status: 402,
    request_id: 'req_1',
  };
  return {
    type: 'payment.declined',
    payment: id,
    data: {operation: 'confirm', error, id: 'pi_1', looked: false},
  };
}
