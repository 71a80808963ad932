import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {Behavior} from '../../../src/lib/sandbox/reader/behaviors.js';
import {openTill, type Till} from '../../support/till.js';

describe('an answer of the reader that comes a second time', () => {
  let till: Till;
  beforeEach(async () => {
    till = await openTill();
  });
  afterEach(() => till.close());

  const codeOf = (reference: string, behavior: Behavior): Promise<string> => {
    till.present({behavior});
    return till.collect({reference}).then(
      ({payment}) => payment.state,
      (error) => error.code,
    );
  };

  for (const network of [true, false]) {
    const where = network ? 'with network' : 'without';
    it(`is refused, also where the first one was (${where})`, async () => {
      till.network.set(network);
      expect(await codeOf('o1', 'wrong_amount')).to.equal('amount_mismatch');
      expect(await codeOf('o2', 'repeated_ksn')).to.equal('ksn_replayed');
      expect(await codeOf('o3', 'approve')).to.equal(network ? 'authorized' : 'accepted_offline');
    });
  }

  it('is refused where a rule of the merchant refused the first one', async () => {
    till.network.set(false);
    const policy = join(till.directory, 'policy.json');
    writeFileSync(policy, JSON.stringify({version: 1, limits: {usd: {}}, brands: ['amex']}));
    expect(await codeOf('o1', 'approve')).to.equal('policy_refused');
    writeFileSync(policy, JSON.stringify({version: 1, limits: {usd: {}}}));
    expect(await codeOf('o2', 'repeated_ksn')).to.equal('ksn_replayed');
  });
});
