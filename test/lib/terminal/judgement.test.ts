import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import fc from 'fast-check';
import type {StowpayError} from '../../../src/lib/core/errors.js';
import type {OpenReader} from '../../../src/lib/core/ports.js';
import {readerOverLine} from '../../../src/lib/reader/open.js';
import {BEHAVIORS, type Behavior} from '../../../src/lib/sandbox/reader/behaviors.js';
import {type CableEnd, memoryCable} from '../../../src/lib/sandbox/reader/cable.js';
import {attachEmulator} from '../../../src/lib/sandbox/reader/emulator.js';
import {memoryWorld} from '../../../src/lib/sandbox/reader/memory-world.js';
import {presented} from '../../../src/lib/sandbox/reader/world.js';
import {anyMeant, anyShape, write} from '../../support/answer-shapes.js';
import {quickSeller} from '../../support/quick-seller.js';
import {openTill, SALE, type Till} from '../../support/till.js';
import {attachVectorPeer} from '../../support/vector-peer.js';

/** What a sale without network comes to, by what card and reader do. */
const OFFLINE: Readonly<Record<Behavior, string>> = {
  approve: 'accepted_offline',
  approve_offline: 'accepted_offline',
  phone: 'accepted_offline',
  contact: 'accepted_offline',
  contact_approve_offline: 'accepted_offline',
  signature: 'accepted_offline',
  old_output: 'accepted_offline',
  strict_output: 'accepted_offline',
  contact_decline: 'offline_transaction_declined',
  decline_by_card: 'offline_transaction_declined',
  aac_despite_ok: 'offline_transaction_declined',
  chip_removed_early: 'card_unusable',
  chip_seated_late: 'accepted_offline',
  chip_unreadable: 'card_swipe_not_available',
  chip_error: 'card_unusable',
  no_card: 'no_card_presented',
  swipe: 'card_swipe_not_available',
  fallback: 'card_swipe_not_available',
  msd: 'card_swipe_not_available',
  expired: 'offline_and_card_expired',
  reader_says_expired: 'offline_and_card_expired',
  online_pin: 'online_pin_not_supported_offline',
  wrong_amount: 'amount_mismatch',
  wrong_currency: 'amount_mismatch',
  two_amounts: 'missing_emv_data',
  missing_emv: 'missing_emv_data',
  unencrypted: 'reader_not_encrypting',
  half_clear: 'reader_not_encrypting',
  number_in_label: 'reader_not_encrypting',
  no_ksn: 'reader_fault',
  repeated_ksn: 'ksn_replayed',
  collision: 'card_unusable',
  tap_again: 'card_unusable',
  removed_early: 'card_unusable',
  torn: 'card_unusable',
  see_phone: 'card_unusable',
  use_contact: 'card_unusable',
  use_other_interface: 'card_unusable',
  over_limit: 'card_unusable',
  blocked: 'card_unusable',
  unsupported: 'card_unusable',
  use_another: 'card_unusable',
  insert_or_swipe: 'card_unusable',
  communication: 'card_unusable',
  not_authentic: 'card_unusable',
  restricted: 'card_unusable',
  cvm_failed: 'card_unusable',
  unreadable: 'card_unusable',
  offline_only: 'reader_fault',
  tamper: 'reader_tampered',
  key_missing: 'reader_key_missing',
  key_exhausted: 'reader_key_exhausted',
  reboot: 'reader_fault',
  silent: 'no_card_presented',
};

/** These say which card it was: its data came along, or enough of it to name it. */
const NAMED: readonly Behavior[] = [
  'contact_decline',
  'decline_by_card',
  'aac_despite_ok',
  'swipe',
  'fallback',
  'msd',
  'expired',
  'online_pin',
  'wrong_amount',
  'wrong_currency',
  'two_amounts',
  'missing_emv',
  'unencrypted',
  'half_clear',
  'number_in_label',
  'no_ksn',
  'repeated_ksn',
  'offline_only',
];

interface Sold {
  readonly state: string;
  readonly error: StowpayError | null;
}

describe('a sale is judged by what the reader answers', () => {
  let till: Till;
  let serial = '';
  before(async () => {
    till = await openTill();
    serial = await till.run(async (terminal) => (await terminal.status()).reader?.serial_number ?? '');
  });
  after(() => till.close());

  /** Sells without network at whatever is attached to the far end of the line. */
  async function sell(attach: (far: CableEnd) => void): Promise<Sold> {
    const openReader: OpenReader = async (address, signal) => {
      const [host, far] = memoryCable();
      attach(far);
      return readerOverLine(host, address, signal, {retry_pause: 0});
    };
    const terminal = quickSeller(till.directory, till.api.url, {openReader});
    try {
      const {payment} = await terminal.collect({...SALE, timeout_s: 1});
      return {state: payment.state, error: null};
    } catch (error) {
      return {state: (error as StowpayError).code, error: error as StowpayError};
    } finally {
      await terminal.close();
    }
  }

  function sellTo(behavior: Behavior, ksn: string): Promise<Sold> {
    const world = memoryWorld();
    world.memory.save({...world.memory.load(), serial_number: serial, ksn});
    // Whoever is asked again presents the same card.
    const always = {...world, nextCard: () => presented('4242424242424242', behavior)};
    return sell((far) => attachEmulator(far, always, {card_delay_ms: 0, frame_delay_ms: 0}));
  }

  it('and everything card and reader can do comes to the one end the contract names', async function () {
    this.timeout(40_000);
    const behaviors = (Object.keys(BEHAVIORS) as Behavior[]).filter((name) => name !== 'silent');
    // Each has key serial numbers of its own, but the one that repeats what is used before it.
    const first = await sellTo('approve', ksnOf(0));
    expect(first.state).to.equal('accepted_offline');
    const sold = await Promise.all(
      behaviors.map((name, index) => sellTo(name, name === 'repeated_ksn' ? ksnOf(0) : ksnOf(1 + index))),
    );
    const states = Object.fromEntries(behaviors.map((name, index) => [name, sold[index]?.state]));
    const {silent, ...expected} = OFFLINE;
    expect(silent).to.equal('no_card_presented');
    expect(states).to.deep.equal(expected);
    for (const [index, name] of behaviors.entries()) {
      const error = sold[index]?.error;
      if (error === null || error === undefined) continue;
      expect(error.hint, name).to.match(/\w.*\.$/);
      expect(`${error.message} ${JSON.stringify(error.details)}`, name).not.to.include('42424242');
      if (!NAMED.includes(name)) continue;
      expect(error.details, name).to.include({brand: 'visa', last4: '4242'});
    }
  });

  it('and in whatever shape a good card comes, it is stored with the ciphertext the reader sent', async () => {
    const samples = fc.sample(fc.tuple(anyMeant, anyShape), 24);
    const expected: string[] = [];
    const got: string[] = [];
    for (const [index, [meant, shape]] of samples.entries()) {
      const written = write({...meant, amount: SALE.amount, counter: 0x100 + index}, shape);
      const answer = {status: written.status, data: written.data, ksn: written.ksn, serial};
      const {state} = await sell((far) => attachVectorPeer(far, answer));
      got.push(state);
      const text = journalText(till.directory);
      const stored = sealedIn(text).filter(({ksn}) => ksn === written.ksn);
      expect(stored.map(({tags}) => tags)).to.deep.equal(
        state === 'accepted_offline' ? [written.sealed] : [],
      );
      expect(text, 'no card number is stored').not.to.include(meant.pan);
      expected.push(
        {online_pin: 'online_pin_not_supported_offline', failure: 'card_unusable'}[
          meant.verification as string
        ] ?? 'accepted_offline',
      );
    }
    expect(got).to.deep.equal(expected);
  });
});

function journalText(directory: string): string {
  const journal = join(directory, 'journal');
  const files = readdirSync(journal).filter((name) => name.endsWith('.jsonl'));
  return files.map((name) => readFileSync(join(journal, name), 'utf8')).join('');
}

/** The private parts of the journal, as far as they are not blanked. */
function sealedIn(text: string): {readonly ksn: string; readonly tags: object}[] {
  return [...text.matchAll(/"private":"([^"]+)"/g)].map(
    ([, base64 = '']) => JSON.parse(Buffer.from(base64, 'base64').toString()).sealed,
  );
}

/** The last one used by the reader of one sale: a key of its own for each, all of the test key set. */
function ksnOf(index: number): string {
  return `FFFF98765432${index.toString(16).padStart(2, '0')}E00000`.toUpperCase();
}
