import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {StowpayError} from '../../../src/lib/core/errors.js';
import type {ReaderInputEvent} from '../../../src/lib/terminal/collect.js';
import {openTill, type Till} from '../../support/till.js';

const KEY = 'sk_test_stowpay_sandbox';

/** Has the sandbox account put its location there, and connects to it. */
async function moveTo(till: Till, country: string): Promise<void> {
  const response = await fetch(`${till.api.url}/v1/terminal/locations/tml_sandbox`, {
    method: 'POST',
    headers: {Authorization: `Bearer ${KEY}`},
    body: new URLSearchParams({'address[country]': country}),
  });
  expect(response.status).to.equal(200);
  await till.run((terminal) => terminal.connect({address: 'sim:', location: 'tml_sandbox', offline: false}));
}

describe('a tap without network', () => {
  let till: Till;
  const inputs: ReaderInputEvent[] = [];
  const onInput = (input: ReaderInputEvent): void => void inputs.push(input);
  beforeEach(async () => {
    inputs.length = 0;
    till = await openTill();
  });
  afterEach(() => till.close());

  it('is neither asked for nor taken where the law wants chip and PIN', async () => {
    await moveTo(till, 'DE');
    till.network.set(false);
    const {payment} = await till.collect({reference: 'o1', onInput});
    expect(inputs[0]).to.deep.include({display_message: 'present_card', input_options: ['insert_card']});
    expect(inputs.flatMap(({input_options}) => input_options)).not.to.include('tap_card');
    expect(payment.offline_details?.card_present_details.read_method).to.equal('contact_emv');
  });

  it('is refused where the network went away after the card was tapped', async () => {
    await moveTo(till, 'DE');
    const goes = (): void => till.network.set(false);
    const error: StowpayError = await till
      .collect({
        reference: 'o1',
        onInput: (input) => {
          if (input.display_message === 'processing') goes();
        },
      })
      .catch((thrown) => thrown);
    expect(error.code).to.equal('contactless_not_supported_offline');
    expect(error.details).to.include({brand: 'visa', last4: '4242'});
    expect(await till.run((terminal) => terminal.status())).to.include({offline_payments_count: 0});
  });

  it('is taken there with network, and elsewhere without', async () => {
    await moveTo(till, 'DE');
    expect((await till.collect({reference: 'o1', onInput})).payment.state).to.equal('authorized');
    expect(inputs[0]?.input_options).to.include('tap_card');
    await moveTo(till, 'US');
    till.network.set(false);
    expect((await till.collect({reference: 'o2'})).payment.state).to.equal('accepted_offline');
  });
});

describe('a queue that is as long as the policy allows', () => {
  it('takes no more, and nobody presents a card in vain', async () => {
    const till = await openTill();
    writeFileSync(
      join(till.directory, 'policy.json'),
      JSON.stringify({version: 1, limits: {usd: {}}, stored_count: 1}),
    );
    till.network.set(false);
    await till.collect({reference: 'o1'});
    const inputs: ReaderInputEvent[] = [];
    const onInput = (input: ReaderInputEvent): void => void inputs.push(input);
    const error: StowpayError = await till.collect({reference: 'o2', onInput}).catch((thrown) => thrown);
    expect(error.code).to.equal('offline_payments_database_too_large');
    expect(error.exitCode).to.equal(7);
    expect(inputs.filter(({display_message}) => display_message === 'present_card')).to.deep.equal([]);
    await till.close();
  });
});
