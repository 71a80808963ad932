// What a till stored while it was offline: accepted payments with the frozen requests and the sealed data of real ones.
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {systemClock} from '../../dist/lib/device/clock.js';
import {API_VERSION} from '../../dist/lib/gateway/client.js';
import {freezeConfirm, freezeCreate, withSealedData} from '../../dist/lib/gateway/freeze.js';
import {initialiseJournal} from '../../dist/lib/journal/genesis.js';
import {FileJournal} from '../../dist/lib/journal/journal.js';
import {disk} from '../../dist/lib/storage/disk.js';

export const API_KEY = 'sk_test_bench_0123456789';
const READER = {serial: 'SIM0000001', type: 'idtech_neo2', firmware: 'NEO2 1.0'};
/** The tags a contactless EMV read has in clear, as the emulated reader sends them. */
const EMV_DATA =
  '9F0206000000001250' +
  '9F03060000000000009F1A0208405F2A0208409A032611239C01009F37041A2B3C4D820220009F3602001C9F2608112233445566' +
  '77889F2701809F10120110A00003220000000000000000000000FF95050000000000' +
  '9F34031F03029F3303E0F8C89F350122' +
  '9F1E0853494D303030303184074F0700000003101050045669736157115413330089600010D';
const BATCH = 500;

export function paymentId(number) {
  return `pay_01KAT${String(number).padStart(21, '0')}`;
}

function sealedOf(number) {
  const ksn = `FFFF9876543210E${(number % 0xfffff).toString(16).toUpperCase().padStart(5, '0')}`;
  return {encryption: 'tdes_dukpt', ksn, tags: {57: 'C0FFEE00'.repeat(6), '5A': 'DEADBEEF'.repeat(4)}};
}

/** The two frozen requests of one payment, and the confirm as it leaves, with the sealed data in it. */
export function requestsOf(number) {
  const sealed = sealedOf(number);
  const create = freezeCreate({
    local_id: paymentId(number),
    device: 'dev_01KAT0000000000000000BENCH',
    amount: 1250,
    currency: 'usd',
    capture_method: 'automatic',
    description: null,
    metadata: {order: `order-${number}`},
  });
  const confirm = freezeConfirm({
    card: {sealed, emv_data: EMV_DATA, read_method: 'contactless_emv'},
    reader: READER,
    stored_at: Math.floor(Date.now() / 1000),
  });
  return {sealed, create, confirm, wholeConfirm: withSealedData(confirm, sealed)};
}

function eventsOf(number, origin) {
  const {sealed, create, confirm} = requestsOf(number);
  const payment = paymentId(number);
  return [
    {
      type: 'payment.created',
      payment,
      data: {
        binding: {account: 'acct_bench', livemode: false, origin},
        amount: 1250,
        tip: 0,
        currency: 'usd',
        capture_method: 'automatic',
        offline_behavior: 'prefer_online',
        reference: `order-${number}`,
        metadata: {order: `order-${number}`},
        description: null,
        request: {api_version: API_VERSION, create},
      },
    },
    {
      type: 'payment.accepted_offline',
      payment,
      data: {
        card: {
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
          ksn: sealed.ksn,
        },
        reader: READER,
        request: {confirm},
        stored_at: new Date().toISOString(),
        clock_uncertain: false,
        policy: {
          allowed: true,
          inputs: {amount: 1250, currency: 'usd', stored_count: 0, stored_total: 0, oldest_age_s: null},
        },
      },
      private: {sealed, cardholder_name: null},
    },
  ];
}

/** A device with so many payments to forward to `origin`, and a profile that does so at this pace. */
export async function prepareQueue(directory, {payments, origin, pace}) {
  await initialiseJournal(disk, directory, systemClock(), null);
  const journal = new FileJournal({storage: disk, directory, clock: systemClock()});
  for (let from = 0; from < payments; from += BATCH) {
    const numbers = Array.from({length: Math.min(BATCH, payments - from)}, (_, index) => from + index);
    const events = numbers.flatMap((number) => eventsOf(number, origin));
    await journal.transact(() => ({events, result: null}));
  }
  journal.close();
  const key = join(directory, 'bench.key');
  writeFileSync(key, API_KEY, {mode: 0o600});
  const bench = {
    gateway: 'stripe-compatible',
    base_url: origin,
    api_key_file: key,
    max_requests_per_s: pace.requests_per_s,
    max_concurrency: pace.concurrency,
  };
  writeFileSync(join(directory, 'config.json'), JSON.stringify({profiles: {bench}}));
}
