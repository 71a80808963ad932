import {createHash} from 'node:crypto';
import type Stripe from 'stripe';
import type {Context, Reply} from './context.js';
import {readParams} from './params.js';
import {unauthorized} from './problem.js';

/** The key of a sandbox device that was told no other. */
const DEFAULT_KEY = 'sk_test_stowpay_sandbox';
const DEFAULT_ACCOUNT = 'acct_sandbox';

/**
 * The account a request's credentials belong to (Bearer, or Basic with the key as name). Every other test key is
 * another account. Throws a 401 Problem for no key, a live key, anything else.
 */
export function accountIdOf(authorization: string | undefined): string {
  const key = keyOf(authorization);
  if (key === null) throw unauthorized('This request names no API key. Send it as a Bearer token.');
  if (!/^sk_test_[A-Za-z0-9_]+$/.test(key)) {
    throw unauthorized(`The sandbox takes only test keys (sk_test_…), not ${redacted(key)}.`);
  }
  if (key === DEFAULT_KEY) return DEFAULT_ACCOUNT;
  return `acct_${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
}

/** GET /v1/account */
export function retrieve(context: Context): Reply {
  readParams(context.form, {expand: {kind: 'strings'}});
  return {status: 200, body: accountObject(context.account.id)};
}

function accountObject(id: string): Stripe.Account {
  return {
    id,
    object: 'account',
    business_type: 'company',
    capabilities: {card_payments: 'active', transfers: 'active'},
    charges_enabled: true,
    country: 'US',
    default_currency: 'usd',
    details_submitted: true,
    email: null,
    metadata: {},
    payouts_enabled: true,
    type: 'standard',
  };
}

function keyOf(authorization: string | undefined): string | null {
  const [scheme = '', value = ''] = (authorization ?? '').split(' ');
  if (value === '') return null;
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return null;
  return Buffer.from(value, 'base64').toString('latin1').split(':')[0] ?? null;
}

function redacted(key: string): string {
  const kind = /^[a-z]{2}_(?:live|test)_/.exec(key)?.[0] ?? '';
  return `${kind}****`;
}
