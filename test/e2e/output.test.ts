import {expect} from 'chai';
import {type Cli, ended} from '../support/cli.js';
import {connectedCli, expectNoStack, freshCli, inPairs, network, taken} from '../support/world.js';

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is what is looked for
const ESCAPE = /\x1b/;

describe('what a command prints', () => {
  let cli: Cli;
  let id: string;
  before(async () => {
    cli = await connectedCli('off');
    id = (await taken(cli, 1250, 'A1')).local_id;
  });

  const COMMANDS: readonly (readonly string[])[] = [
    ['inspect'],
    ['sandbox', 'card'],
    ['sandbox', 'scenario', 'docs/examples/rough-morning.json', '--check'],
    ['status', '--check'],
    ['collect', 'abc', 'usd'],
    ['frobnicate'],
  ];

  it('has no colour in a pipe, is coloured by FORCE_COLOR=1, and never by NO_COLOR', async () => {
    const plainRuns = await inPairs([...COMMANDS, ['inspect', id]].map((words) => () => cli.run(words)));
    for (const plain of plainRuns) {
      expect(plain.stdout + plain.stderr, `${plain}`).not.to.match(ESCAPE);
      expect(plain.stdout + plain.stderr).to.match(/\S/);
      expect(plain.stdout, 'tabs are no columns').not.to.include('\t');
    }
    const forced = await cli.run(['status', '--check'], {env: {FORCE_COLOR: '1'}});
    expect(forced.stderr).to.match(ESCAPE);
    const stdout = await cli.run(['inspect'], {env: {FORCE_COLOR: '1'}});
    expect(stdout.stdout).to.match(ESCAPE);
    for (const [name, value] of [
      ['NO_COLOR', '1'],
      ['FORCE_COLOR', '0'],
      ['TERM', 'dumb'],
    ] as const) {
      const none = await cli.run(['status', '--check'], {env: {[name]: value}});
      expect(none.stdout + none.stderr, name).not.to.match(ESCAPE);
    }
  });

  it('is never coloured as JSON', async () => {
    const ran = await cli.run(['status', '--check', '--json'], {env: {FORCE_COLOR: '1'}});
    expect(ran.stdout + ran.stderr).not.to.match(ESCAPE);
    expect(ran.json.ok).to.equal(false);
    expect(ran.json.result, 'what it found out all the same').to.be.an('object');
  });

  it('says on stdout what was asked for, and on stderr everything else', async () => {
    const ran = await cli.run(['collect', '12.50', 'usd']);
    expect(ran.code).to.equal(0);
    expect(ran.stdout).to.match(/^Accepted offline +12\.50 usd/);
    expect(ran.stderr).to.contain('SANDBOX: no money moves.').and.contain('--reference');
  });

  it('may be cut short by its reader', async () => {
    for (const words of [
      ['sandbox', 'card', '--json'],
      ['inspect', id, '--json'],
      ['inspect', id],
    ]) {
      const child = cli.start(words);
      const end = ended(child, words);
      child.stdout.destroy();
      const ran = await end;
      expect(ran.code, `${ran}`).to.equal(0);
      expectNoStack(ran);
    }
  });

  it('is one object with ok, result and warnings for every command', async function () {
    this.timeout(40_000);
    const device = freshCli();
    network(device, 'on');
    const local = async (words: readonly string[]): Promise<Record<string, unknown>> => {
      const ran = await device.run([...words, '--json']);
      expect(ran.code, `${ran}`).to.equal(0);
      expect(ran.json.ok).to.equal(true);
      expect(Object.keys(ran.json)).to.have.members(['ok', 'result', 'warnings']);
      expect(ran.json.warnings.map(({message}) => message)).to.include('SANDBOX: no money moves.');
      expect(ran.stderr, `stderr of ${words.join(' ')}`).to.equal('');
      return ran.json.result as Record<string, unknown>;
    };
    await local(['sandbox', 'network', 'on']);
    await local(['sandbox', 'reader', '--set', 'clock_offset_s=300', '--keys-left', '100']);
    await local(['sandbox', 'scenario', 'docs/examples/rough-morning.json']);
    expect(await local(['sandbox', 'scenario'])).to.have.nested.property('scenario.next', 0);
    await local(['sandbox', 'scenario', '--stop']);
    await local(['sandbox', 'card', 'mastercard', '--fault', 'garbage', '--at', 'seen']);
    expect(await local(['connect', '--reader', 'sim:'])).to.include({livemode: false});
    const sale = await local(['collect', '12.50', 'usd', '--reference', 'A1']);
    expect(sale).to.include({livemode: false, object: 'payment_intent'});
    await local(['collect', '3.00', 'usd', '--reference', 'A2', '--offline-behavior', 'force_offline']);
    expect(await local(['status'])).to.include({livemode: false, profile: 'sandbox'});
    for (const words of [['forward', '--dry-run'], ['forward'], ['capture', '--all']]) {
      const {payments} = (await local(words)) as {payments: {payment?: object; livemode?: boolean}[]};
      expect(payments.length, words.join(' ')).to.be.greaterThan(0);
      for (const one of payments) expect(one.payment ?? one).to.include({livemode: false});
    }
    await local(['status', '--check']);
    for (const words of [['inspect'], ['inspect', String(sale.local_id)]]) {
      const {payments} = (await local(words)) as {payments: {livemode: boolean}[]};
      for (const one of payments) expect(one).to.include({livemode: false});
    }
  });

  it('answers --help and --version without a data directory', async () => {
    const device = freshCli();
    for (const words of [['--help'], ['--version'], ['collect', '--help'], ['sandbox', '--help']]) {
      const ran = await device.run(words);
      expect(ran.code, `${ran}`).to.equal(0);
      expect(ran.stdout).to.match(/stowpay/);
      expect(ran.stdout).not.to.match(ESCAPE);
    }
  });
});
