import {expect} from 'chai';
import type {Cli} from '../support/cli.js';
import {connectedCli, expectFailure, expectNothingStored, payments, present} from '../support/world.js';

const SALE = ['collect', '12.50', 'usd', '--reference'];

describe('what a customer should do', () => {
  let cli: Cli;
  before(async () => {
    cli = await connectedCli('off');
  });

  it('is told a person on stderr, line by line, and the result on stdout', async () => {
    present(cli, {behavior: 'over_limit'});
    const ran = await cli.run([...SALE, 'text']);
    expect(ran.code, `${ran}`).to.equal(0);
    expect(ran.stdout).to.match(/^Accepted offline {2}12\.50 usd {2}visa ••4242 {2}pay_\S+\nStored/);
    const lines = ran.stderr.split('\n');
    expect(lines.slice(0, 6)).to.deep.equal([
      'Collecting 12.50 usd',
      'Tap or insert the card.',
      'Please wait. Leave an inserted card where it is.',
      'Insert the card.',
      'Please wait. Leave an inserted card where it is.',
      'Remove the card.',
    ]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: nothing that draws or moves belongs in a pipe
    expect(ran.stderr).not.to.match(/[\x00-\x09\x0b-\x1f]/);
  });

  it('is streamed to a program with --json --watch, the one object last; with --json alone it is not', async () => {
    present(cli, {behavior: 'collision'});
    const ran = await cli.run([...SALE, 'stream', '--json', '--watch']);
    const lines = ran.stdout.trimEnd().split('\n');
    const last = JSON.parse(lines.pop() ?? '') as {ok: boolean; result: {local_id: string; state: string}};
    expect(last.ok, `${ran}`).to.equal(true);
    expect(last.result.state).to.equal('accepted_offline');
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const {event, at, local_id} of events) {
      expect(event).to.equal('reader_input');
      expect(at).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      expect(local_id).to.equal(last.result.local_id);
    }
    const tap = ['insert_card', 'tap_card'];
    expect(events.map(({display_message, input_options}) => [display_message, input_options])).to.deep.equal([
      ['present_card', tap],
      ['processing', []],
      ['multiple_contactless_cards_detected', tap],
      ['processing', []],
    ]);
    expect(ran.stderr).to.equal('');
    present(cli, {behavior: 'collision'});
    expect((await cli.run([...SALE, 'alone', '--json'])).result().state).to.equal('accepted_offline');
  });

  it('ends the stream with the failure, also when nothing was ever asked', async () => {
    present(cli, {behavior: 'swipe', sticky: true, after_ms: 0});
    const swiped = await cli.run([...SALE, 'swiped', '--json', '--watch']);
    present(cli, {});
    const last = JSON.parse(swiped.stdout.trimEnd().split('\n').at(-1) ?? '') as {
      error: {code: string; exit_code: number};
    };
    expect(last.error).to.include({code: 'card_swipe_not_available', exit_code: 8});
    expect(swiped.code).to.equal(8);
    expect(swiped.stdout).to.contain('"display_message":"try_another_read_method"');
    expectFailure(await cli.run(['collect', 'abc', 'usd', '--json', '--watch']), 2, 'invalid_amount');
  });

  it('may be read by nobody any more: the payment is what it is', async () => {
    for (const [reference, ...words] of [['out', '--json', '--watch'], ['err']] as const) {
      const ran = await cli.run([...SALE, reference, ...words], {
        onStart: (child) => (reference === 'out' ? child.stdout : child.stderr).destroy(),
      });
      expect(ran.code, `${ran}`).to.equal(0);
    }
    const stored = await payments(cli, 'accepted_offline');
    expect(stored.map(({reference}) => reference)).to.include.members(['out', 'err']);
  });

  it('can be broken off while somebody is asked to try again', async () => {
    const fresh = await connectedCli('off');
    // A card that cannot be inserted, and is asked to be.
    present(fresh, {behavior: 'use_contact', sticky: true});
    const ran = await fresh.run([...SALE, 'broken', '--json', '--watch', '--timeout', '60'], {
      onStart: (child) =>
        child.stdout.on('data', (chunk: Buffer) => {
          if (chunk.includes('"display_message":"insert_card"')) setTimeout(() => child.kill('SIGINT'), 50);
        }),
    });
    expect(ran.code, `${ran}`).to.equal(130);
    expect(ran.stdout.trimEnd().split('\n').at(-1)).to.contain('"code":"interrupted"');
    expect((await payments(fresh))[0]?.state).to.equal('canceled');
    await expectNothingStored(fresh);
    present(fresh, {});
    expect((await fresh.ok(...SALE, 'broken')).state).to.equal('accepted_offline');
  });
});
