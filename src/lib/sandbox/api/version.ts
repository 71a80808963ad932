import type Stripe from 'stripe';

/** The API version whose shapes the sandbox answers in; the compiler holds it to the installed client's. */
export const API_VERSION: Stripe.LatestApiVersion = '2026-10-28.endive';
