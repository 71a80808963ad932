import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import type {StowpayError} from '../../../src/lib/core/errors.js';
import {sandboxDirectory} from '../../../src/lib/index.js';
import {loadScenario, scenarioOf} from '../../../src/lib/sandbox/reader/directory-world.js';
import {openTill, type Till} from '../../support/till.js';

const EXAMPLE = 'docs/examples/rough-morning.json';

describe('the scenario of the documentation', () => {
  let till: Till;
  before(async () => {
    till = await openTill();
    till.network.set(false);
  });
  after(() => till.close());

  it('takes the money of every whole read, and of none other', async function () {
    this.timeout(20_000);
    const reader = join(sandboxDirectory(till.directory), 'reader');
    const {steps} = loadScenario(reader, readFileSync(EXAMPLE, 'utf8'));
    const accepted: (string | null | undefined)[] = [];
    const refused: string[] = [];
    // A sale that is tried again by itself plays several steps.
    for (
      let sale = 0;
      sale < steps.length && (scenarioOf(reader)?.progress.step ?? 0) < steps.length;
      sale += 1
    ) {
      const error = await till
        .collect({reference: `morning-${sale}`, timeout_s: 1, offline_behavior: 'force_offline'})
        .then(
          ({payment}) => {
            accepted.push(payment.offline_details?.card_present_details.last4);
            return null;
          },
          (caught: StowpayError) => caught,
        );
      if (error !== null) refused.push(error.code);
      if (error?.code === 'reader_lost') await sleep(220);
    }
    expect(accepted).to.deep.equal(['4242', '4444', '0005', '1667', '1667', '0004']);
    expect(refused).to.include.members([
      'no_card_presented',
      'reader_fault',
      'reader_lost',
      'offline_transaction_declined',
    ]);
    const status = await till.run((terminal) => terminal.status());
    expect(status.offline_payments_count).to.equal(6);
    till.network.set(true);
    const {outcomes} = await till.forward();
    expect(outcomes.authorized?.count).to.equal(6);
  });
});
