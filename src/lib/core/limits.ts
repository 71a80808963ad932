import type {CurrencyLimits, Policy} from './policy.js';

/**
 * The hard cap of one offline payment: 10,000 USD or its equivalent (Stripe's rule; Stripe does not publish
 * the equivalents). Ours, in minor units, rounded down to a round figure, at rates of October 2026 as an order
 * of magnitude. A currency that is not listed cannot be sold offline.
 */
export const MAX_OFFLINE_AMOUNT: Readonly<Record<string, number>> = {
  usd: 1_000_000,
  eur: 900_000,
  gbp: 750_000,
  chf: 850_000,
  cad: 1_300_000,
  aud: 1_500_000,
  nzd: 1_600_000,
  sgd: 1_300_000,
  hkd: 7_500_000,
  sek: 10_000_000,
  nok: 10_000_000,
  dkk: 6_500_000,
  pln: 3_600_000,
  czk: 22_000_000,
  huf: 350_000_000,
  jpy: 1_400_000,
  krw: 13_000_000,
  mxn: 17_000_000,
  myr: 4_200_000,
  thb: 32_000_000,
  kwd: 3_000_000,
  bhd: 3_700_000,
};

/** Without a policy file: 2 % of the hard cap a payment, 10 % stored in all, 200 payments, three days. */
export function defaultPolicy(): Policy {
  return {version: 1, limits: shareOfCap(0.02, 0.1), stored_count: 200, oldest_age_hours: 72};
}

/** The sandbox's: as generous as the hard cap allows, so that nothing is refused by surprise. */
export function sandboxPolicy(): Policy {
  return {version: 1, limits: shareOfCap(1, 100), stored_count: 10_000};
}

function shareOfCap(perPayment: number, total: number): Record<string, CurrencyLimits> {
  return Object.fromEntries(
    Object.entries(MAX_OFFLINE_AMOUNT).map(([currency, cap]) => [
      currency,
      {per_payment: Math.floor(cap * perPayment), stored_total: Math.floor(cap * total)},
    ]),
  );
}
