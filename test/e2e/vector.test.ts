import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {openPty, type Pty} from '../../src/lib/sandbox/reader/serve-pty.js';
import vectors from '../fixtures/reader-vectors.json' with {type: 'json'};
import type {Cli, Ran} from '../support/cli.js';
import {requireSocat} from '../support/socat.js';
import {attachVectorPeer} from '../support/vector-peer.js';
import {
  expectFailure,
  expectNothingStored,
  freshCli,
  network,
  payments,
  sealedData,
  statusOf,
} from '../support/world.js';

const CAPTURE = vectors.payloads.find(({name}) => name.startsWith('contactless Mastercard M/Chip'));
/** Before the card of the capture expired (December 2020). */
const THEN = '2019-12-01T12:00:00Z';

/**
 * A real capture of a contactless Mastercard, sent by a peer on a pseudo terminal as the answer to the activation.
 * The cryptogram in it is over 1.00 usd.
 */
describe('a captured Mastercard on a serial line', () => {
  let pty: Pty;
  let cli: Cli;

  beforeEach(async function () {
    requireSocat(this);
    cli = freshCli({STOWPAY_PROFILE: 'sandbox'});
    pty = await openPty(join(dirname(cli.dataDir), 'reader'));
    const data = Buffer.from(`E1${CAPTURE?.hex}`, 'hex');
    attachVectorPeer(pty.line, {status: 0x23, data, ksn: CAPTURE?.ksn ?? ''});
    network(cli, 'off');
  });
  afterEach(() => pty?.line.close());

  async function collectAt(clock: string | undefined, amount: string): Promise<Ran> {
    const options = clock === undefined ? {} : {clock};
    (await cli.run(['connect', '--reader', `serial:${pty.path}`, '--json'], options)).result();
    return cli.run(['collect', amount, 'usd', '--reference', 'MC', '--json'], options);
  }

  it('is stored with what the card said, its ciphertext byte for byte the reader’s', async () => {
    const payment = (await collectAt(THEN, '1.00')).result();
    expect(payment.state).to.equal('accepted_offline');
    expect(payment.amount).to.equal(100);
    expect(payment.offline_details?.stored_at).to.match(/^2019-12-01T12:00:/);
    const card = payment.offline_details?.card_present_details;
    expect(card).to.deep.equal({
      brand: 'mastercard',
      cardholder_name: null,
      exp_month: 12,
      exp_year: 2020,
      last4: '1513',
      read_method: 'contactless_emv',
      receipt: {
        application_preferred_name: 'MasterCard',
        dedicated_file_name: 'A0000000041010',
        application_cryptogram: 'E120C07356EA3DD8',
        terminal_verification_results: '0440000001',
        transaction_status_information: '0000',
        cardholder_verification_method: 'none',
        authorization_code: null,
      },
    });
    const stored = sealedData(cli);
    expect(stored).to.have.length(1);
    expect(stored[0]?.sealed.ksn).to.equal(CAPTURE?.ksn);
    expect(stored[0]?.sealed.tags).to.deep.equal(
      Object.fromEntries((CAPTURE?.decrypt ?? []).map(({tag, cipher}) => [tag, cipher.toUpperCase()])),
    );
  });

  it('is refused as expired by today’s clock, and nothing is stored', async () => {
    const ran = await collectAt(undefined, '1.00');
    expectFailure(ran, 8, 'offline_and_card_expired');
    expect(ran.error.details).to.include({brand: 'mastercard', last4: '1513'});
    await expectNothingStored(cli);
  });

  it('is refused for another amount than its cryptogram says', async () => {
    const ran = await collectAt(THEN, '12.50');
    expectFailure(ran, 8, 'amount_mismatch');
    expect(ran.error.message).to.contain('1.00 usd');
    await expectNothingStored(cli);
  });

  it('is not taken twice: its key serial number was seen', async () => {
    (await collectAt(THEN, '1.00')).result();
    const again = await cli.run(['collect', '1.00', 'usd', '--reference', 'other', '--json'], {clock: THEN});
    expectFailure(again, 9, 'ksn_replayed');
    expect((await statusOf(cli)).offline_payments_count).to.equal(1);
    expect(await payments(cli, 'accepted_offline')).to.have.length(1);
  });
});
