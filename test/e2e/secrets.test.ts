import {writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {TEST_CARDS} from '../../src/lib/sandbox/cards.js';
import {TEST_BDK} from '../../src/lib/sandbox/dukpt.js';
import type {Cli} from '../support/cli.js';
import {filesBelow, freshCli, network, payments, present, sealedData} from '../support/world.js';

const API_KEY = 'sk_test_PlantedForTheSecretsTest0815';

/** What must be found nowhere, by what it is. */
const SECRETS: ReadonlyMap<string, readonly string[]> = new Map([
  ...TEST_CARDS.map(
    ({pan}) => [`the card number …${pan.slice(-4)}`, forms(Buffer.from(pan, 'latin1'), pan)] as const,
  ),
  ['the API key', forms(Buffer.from(API_KEY, 'latin1'), API_KEY)],
  ['the base key', forms(TEST_BDK)],
]);

/** A secret as text, as hexadecimal in both cases, and as the bytes that a hexadecimal text stands for. */
function forms(bytes: Buffer, text?: string): readonly string[] {
  const hex = bytes.toString('hex');
  const packed =
    text !== undefined && /^(\d\d)+$/.test(text) ? [Buffer.from(text, 'hex').toString('latin1')] : [];
  return [bytes.toString('latin1'), hex, hex.toUpperCase(), ...packed];
}

/** A text, and everything that stands in it as base64, decoded. */
function layers(text: string): readonly string[] {
  const encoded = text.match(/[A-Za-z0-9+/_-]{16,}={0,2}/g) ?? [];
  return [text, ...encoded.map((one) => Buffer.from(one, 'base64').toString('latin1'))];
}

function expectFree(where: string, text: string): void {
  for (const layer of layers(text)) {
    for (const [name, all] of SECRETS) {
      expect(
        all.some((form) => layer.includes(form)),
        `${name} in ${where}`,
      ).to.equal(false);
    }
  }
}

/** Everything on the device but the card in the hand over the emulated reader. */
function expectDeviceFree(cli: Cli): void {
  for (const [path, bytes] of filesBelow(cli.dataDir)) {
    if (path !== join('sandbox', 'reader', 'card.json')) expectFree(path, bytes.toString('latin1'));
  }
}

describe('after a full run', () => {
  let cli: Cli;
  let sealed: readonly string[];

  /** Files of the journal that hold a part of these ciphertexts. Eight bytes in a row are nowhere by chance. */
  function placesOf(ciphertexts: readonly string[]): readonly string[] {
    const runs = ciphertexts.flatMap((hex) => hex.match(/.{16}/g) ?? []);
    const holds = (layer: string): boolean => {
      const upper = layer.toUpperCase();
      return runs.some(
        (run) => upper.includes(run) || layer.includes(Buffer.from(run, 'hex').toString('latin1')),
      );
    };
    return [...filesBelow(join(cli.dataDir, 'journal'))]
      .filter(([, bytes]) => layers(bytes.toString('latin1')).some(holds))
      .map(([path]) => path);
  }

  /** Online, offline, declined, refused, forwarded, captured in part, inspected; as text and as JSON. */
  before(async function () {
    this.timeout(60_000);
    cli = freshCli({STOWPAY_PROFILE: 'planted', STOWPAY_DEBUG: '1'});
    const keyFile = join(dirname(cli.dataDir), 'key');
    writeFileSync(keyFile, `${API_KEY}\n`);
    network(cli, 'on');
    const profiles = {planted: {gateway: 'sandbox', api_key_file: keyFile}};
    writeFileSync(join(cli.dataDir, 'config.json'), JSON.stringify({profiles}));
    await cli.ok('connect', '--reader', 'sim:');
    await cli.ok('collect', '12.50', 'usd', '--reference', 'online');
    present(cli, {pan: '4000000000000002'});
    await cli.run(['collect', '9.00', 'usd', '--reference', 'declined']);
    network(cli, 'off');
    for (const [index, {pan}] of TEST_CARDS.entries()) {
      present(cli, {pan});
      const sale = ['collect', `${index + 1}.00`, 'usd', '--reference', `offline-${index}`];
      // Every second one as text.
      expect((await cli.run(index % 2 === 0 ? sale : [...sale, '--json'])).code).to.equal(0);
    }
    for (const behavior of ['unencrypted', 'swipe', 'msd', 'expired', 'decline_by_card'] as const) {
      present(cli, {pan: '5555555555554444', behavior, sticky: true, after_ms: 0});
      const sale = ['collect', '6.00', 'usd', '--reference', behavior];
      expect((await cli.run([...sale, '--json', '--watch'])).code).to.be.oneOf([8, 9]);
    }
    present(cli, {});
    const privates = sealedData(cli);
    expect(privates, 'sealed data that waits').to.have.length(TEST_CARDS.length);
    sealed = privates.flatMap((one) => Object.values(one.sealed.tags));
    expect(placesOf(sealed), 'the search for ciphertext finds it while it waits').to.have.length(1);
    await cli.run(['status']);
    expectDeviceFree(cli);
    network(cli, 'on');
    await cli.run(['forward']);
    const authorized = await payments(cli, 'authorized');
    await cli.run(['capture', authorized[0]?.local_id ?? '', '--amount', '0.60']);
    await cli.run(['capture', '--all', '--json']);
    const all = await payments(cli);
    const names = all.map(({local_id}) => local_id);
    await cli.run(['inspect', ...names]);
    await cli.run(['inspect', ...names, '--json']);
    await cli.run(['status', '--check', '--json']);
    await cli.run(['inspect', 'pay_nobody', '--json']);
  });

  it('every command has said what it was asked', () => {
    expect(cli.transcript.length).to.be.greaterThan(25);
    const texts = cli.transcript.map((ran) => ran.stdout + ran.stderr).join('');
    // The search below would find something if something were there.
    for (const shown of ['4242', 'visa', 'amex', 'declined', 'captured']) expect(texts).to.contain(shown);
  });

  it('no card number, track or key was printed', () => {
    for (const ran of cli.transcript) expectFree(ran.words.join(' '), `${ran.stdout}\n${ran.stderr}`);
  });

  it('no card number, track or key is on the device', () => {
    expectDeviceFree(cli);
    const files = [...filesBelow(cli.dataDir).keys()];
    expect(files.some((path) => path.startsWith('journal'))).to.equal(true);
  });

  it('nothing the reader sealed is left in the journal of what was forwarded', async () => {
    const left = await payments(cli, 'accepted_offline');
    const kept = sealedData(cli).flatMap((one) => Object.values(one.sealed.tags));
    expect(kept.length, 'only what waits (a soft decline) is kept').to.equal(left.length * 2);
    const gone = sealed.filter((hex) => !kept.includes(hex));
    expect(gone.length).to.be.greaterThan(15);
    expect(placesOf(gone)).to.deep.equal([]);
  });
});
