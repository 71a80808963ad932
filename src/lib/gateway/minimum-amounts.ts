/**
 * The smallest charge per currency in its minor units, as Stripe documents it for accounts that settle in the same
 * currency (https://docs.stripe.com/currencies, "Minimum and maximum charge amounts").
 * Where an account settles in another currency the API compares after conversion and may refuse a little more:
 * this table can only spare a stored payment the certain refusal.
 */
export const MINIMUM_AMOUNTS: Readonly<Record<string, number>> = {
  aed: 200,
  aud: 50,
  bgn: 100,
  brl: 50,
  cad: 50,
  chf: 50,
  czk: 1500,
  dkk: 250,
  eur: 50,
  gbp: 30,
  hkd: 400,
  huf: 17_500,
  inr: 50,
  jpy: 50,
  mxn: 1000,
  myr: 200,
  nok: 300,
  nzd: 50,
  pln: 200,
  ron: 200,
  sek: 300,
  sgd: 50,
  thb: 1000,
  usd: 50,
};

/** The smallest amount that can be charged in a currency, in minor units; 1 where Stripe documents none. */
export function minimumAmount(currency: string): number {
  return Object.hasOwn(MINIMUM_AMOUNTS, currency) ? (MINIMUM_AMOUNTS[currency] ?? 1) : 1;
}
