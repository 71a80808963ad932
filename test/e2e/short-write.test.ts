import {spawn} from 'node:child_process';
import {expect} from 'chai';
import type {PaymentIntent} from '../../src/lib/core/payment.js';
import {BINARY, type Cli, ended, type Ran} from '../support/cli.js';
import {expectFailure, freshCli} from '../support/world.js';

const SCRIPT = 'ulimit -f "$1"; shift; exec "$@"';

/** Runs a command that may make no file longer than so many KiB: the write that crosses it is cut short. */
function limited(cli: Cli, kib: number, words: readonly string[]): Promise<Ran> {
  const all = [...words, '--json'];
  const program = ['-c', SCRIPT, 'bash', String(kib), process.execPath, BINARY, ...all];
  return ended(spawn('bash', program, {env: {...cli.env}}), all);
}

describe('a write of which only a part reaches the file', () => {
  it('is final and said to be unknown; the next process cuts it, and the same order is one payment', async () => {
    const cli = freshCli({STOWPAY_PROFILE: 'sandbox'});
    await cli.ok('connect', '--reader', 'sim:');
    await cli.ok('sandbox', 'network', 'off');
    await cli.ok('collect', '11.50', 'usd', '--reference', 'before');
    const references: string[] = [];
    for (const kib of [4, 6]) {
      const reference = `cut-at-${kib}`;
      references.push(reference);
      const cut = await limited(cli, kib, ['collect', '2.50', 'usd', '--reference', reference]);
      expectFailure(cut, 10, 'journal_write_failed');
      expect(cut.error.message).to.match(/unknown whether the last record was stored/);
      const again = await cli.ok('collect', '2.50', 'usd', '--reference', reference);
      expect(again.state).to.equal('accepted_offline');
    }
    const {payments} = await cli.ok<{payments: PaymentIntent[]}>('inspect');
    const stored = payments.filter(({state}) => state === 'accepted_offline');
    expect(stored.map(({reference}) => reference)).to.have.members(['before', ...references]);
    expect(payments.length, 'nothing but what was asked for').to.equal(stored.length);
    expect((await cli.ok<{ok: boolean}>('journal', 'verify')).ok).to.equal(true);
  });
});
