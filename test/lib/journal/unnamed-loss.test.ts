import {expect} from 'chai';
import type {Parts} from '../../../src/lib/terminal/parts.js';
import {checkSafeToWipe} from '../../../src/lib/terminal/status.js';
import {payId, smallJournal, story} from '../../support/damaged-journal.js';

describe('status --check after a repair that lost unreadable records', () => {
  it('is not "safe": a whole stored payment may be gone with its name', async () => {
    const journal = await smallJournal({
      commits: [...story(0, 6), ...story(1, 1), ...story(2, 6)],
      segmentBytes: 1e9,
    });
    const [segment = ''] = journal.segments();
    const text = journal.read(segment).toString('latin1');
    const lines = text.split('\n').map((line) => (line.includes(payId(1)) ? '?'.repeat(line.length) : line));
    expect(lines.join('\n')).to.not.equal(text);
    journal.write(segment, Buffer.from(lines.join('\n'), 'latin1'));
    const report = await journal.repair();
    expect([report.lost.length, report.quarantined, report.orphans]).to.deep.equal([1, [], []]);
    const opened = journal.open();
    const parts = {
      journals: {open: () => opened},
      profile: {name: 'default', captures_elsewhere: false},
      directory: journal.directory,
      clock: journal.clock,
      device: {network: () => ({status: 'unknown', since: null})},
      policy: () => ({limits: {}}),
      policyFile: () => ({path: '/nowhere', exists: false}),
    } as unknown as Parts;
    const {error} = await checkSafeToWipe(parts, false);
    expect(error).to.include({code: 'payments_need_attention', exitCode: 6});
    expect(error?.message).to.match(/could not read one stretch/);
    opened.close();
  });
});
