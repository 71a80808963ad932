import {serveAnyCustomers} from '../../support/any-customer.js';

describe('any customer at a till', () => {
  it('has a payment that is stored once, or an error that says it is not; the next one is served', async () => {
    await serveAnyCustomers(8);
  });
});
