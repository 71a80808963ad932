import {expect} from 'chai';
import fc from 'fast-check';
import Stripe from 'stripe';
import type {JsonObject} from '../../../src/lib/core/ports.js';
import {formOf} from '../../../src/lib/gateway/form.js';

/** The body the `stripe` client itself makes of these parameters. */
async function clientsForm(params: JsonObject): Promise<string> {
  let form = '';
  const httpClient = {
    getClientName: () => 'test',
    makeRequest: async (...[, , , , , body]: readonly unknown[]) => {
      form = String(body);
      throw new Error('never sent');
    },
  } as unknown as Stripe.HttpClient;
  const client = new Stripe('sk_test_nothing', {httpClient, maxNetworkRetries: 0});
  await client.paymentIntents.create(params as unknown as Stripe.PaymentIntentCreateParams).catch(() => {});
  return form;
}

describe('gateway: the form of a request', () => {
  it('is what the stripe client makes of the same parameters, byte for byte', async () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({unit: 'grapheme'}),
      fc.constantFrom("a b!*()'[]%&=+~._-", 'é', '%5B', ''),
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        {maxDepth: 3},
        text,
        fc.integer(),
        fc.double(),
        fc.boolean(),
        fc.constant(null),
        tie('list'),
        tie('map'),
      ),
      list: fc.array(tie('any'), {maxLength: 4}),
      map: fc.dictionary(text, tie('any'), {maxKeys: 4}),
    })).map as fc.Arbitrary<JsonObject>;
    await fc.assert(
      fc.asyncProperty(value, async (params) => {
        expect(formOf(params)).to.equal(await clientsForm(params));
      }),
      {numRuns: 500},
    );
  });

  it('names what is nested in brackets', () => {
    expect(formOf({a: {b: ['c', {d: null}]}, amount: 100, sure: true, note: 'x & y'})).to.equal(
      'a[b][0]=c&a[b][1][d]=&amount=100&sure=true&note=x%20%26%20y',
    );
  });
});
