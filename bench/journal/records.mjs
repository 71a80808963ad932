// The same payments for every store: what a till writes, in the journal's own events.
const BINDING = {account: 'acct_1P8sQ2LkdIwHu7ix', livemode: false, origin: 'https://api.example'};
const KSN_KEY = 'FFFF9876543210';

/** Unique, of the length and alphabet of a real one, and in order. */
export function paymentId(number) {
  return `pay_01KAT${String(number).padStart(21, '0')}`;
}

function cardOf(number) {
  return {
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
    ksn: `${KSN_KEY}E${(number % 0xfffff).toString(16).toUpperCase().padStart(5, '0')}`,
  };
}

export function created(number) {
  const reference = `order-${number}`;
  const create = {amount: 1250, currency: 'usd', capture_method: 'automatic', metadata: {reference}};
  return {
    type: 'payment.created',
    payment: paymentId(number),
    data: {
      binding: BINDING,
      amount: 1250,
      tip: 0,
      currency: 'usd',
      capture_method: 'automatic',
      offline_behavior: 'prefer_online',
      reference,
      metadata: {},
      description: null,
      request: {api_version: '2026-10-28.endive', create},
    },
  };
}

export function accepted(number) {
  const card = cardOf(number);
  return {
    type: 'payment.accepted_offline',
    payment: paymentId(number),
    data: {
      card,
      reader: {serial: 'SIM0000001', type: 'idtech_neo2', firmware: 'NEO2 1.0'},
      request: {confirm: {payment_method_data: {type: 'card_present'}}},
      stored_at: '2026-11-23T10:00:00.000Z',
      clock_uncertain: false,
      policy: {
        allowed: true,
        inputs: {amount: 1250, currency: 'usd', stored_count: 0, stored_total: 0, oldest_age_s: null},
      },
    },
    private: {
      sealed: {
        encryption: 'tdes_dukpt',
        ksn: card.ksn,
        tags: {57: 'C0FFEE00'.repeat(6), '5A': 'DEADBEEF'.repeat(4)},
      },
      cardholder_name: null,
    },
  };
}

export function attempted(number, operation) {
  const key = `stowpay-${paymentId(number)}-${operation}-0`;
  return {type: 'payment.attempted', payment: paymentId(number), data: {operation, key, generation: 0}};
}

function intentOf(number, status) {
  const captured = status === 'succeeded';
  return {
    id: `pi_3P8sQ2LkdIwHu7ix${String(number).padStart(8, '0')}`,
    status,
    amount: 1250,
    amount_capturable: 0,
    amount_received: captured ? 1250 : 0,
    currency: 'usd',
    capture_method: 'automatic',
    livemode: false,
    created: 1795428000,
    metadata: {},
    cancellation_reason: null,
    last_payment_error: null,
    charge: captured
      ? {
          id: `ch_3P8sQ2LkdIwHu7ix${String(number).padStart(8, '0')}`,
          authorization_code: '123456',
          authorization_response_code: '00',
          account_type: null,
          capture_before: null,
          offline_stored_at: 1795428000,
        }
      : null,
  };
}

/** `create` leaves an intent to confirm; `confirm` captures, which ends the payment. */
export function delivered(number, operation) {
  const intent = intentOf(number, operation === 'create' ? 'requires_payment_method' : 'succeeded');
  const data = {operation, intent, request_id: 'req_Zk3m1gqhXYc6vN', looked: false};
  return {type: 'payment.delivered', payment: paymentId(number), data};
}

/** Every durable step of a payment that is accepted without network and forwarded later. */
export function lifeOf(number) {
  return [
    ['created', created(number)],
    ['accepted offline (stored)', accepted(number)],
    ['create attempted', attempted(number, 'create')],
    ['create delivered', delivered(number, 'create')],
    ['confirm attempted', attempted(number, 'confirm')],
    ['confirm delivered: captured, closed, card data blanked', delivered(number, 'confirm')],
  ];
}

/** The n-th record a till without network writes: a sale is two of them. */
export function saleRecord(n) {
  const number = Math.floor(n / 2);
  return n % 2 === 0 ? created(number) : accepted(number);
}

/** A payment that is over, in as few records as the journal allows. */
export function closedPayment(number) {
  return [created(number), accepted(number), delivered(number, 'confirm')];
}
