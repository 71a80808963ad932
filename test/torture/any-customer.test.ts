import {serveAnyCustomers} from '../support/any-customer.js';

describe('very many customers at a till', () => {
  it('have a payment each that is stored once, or an error that says it is not', async function () {
    this.timeout(120_000);
    await serveAnyCustomers(300);
  });
});
