import type Stripe from 'stripe';
import type {JsonObject, RemoteAccount} from '../core/ports.js';
import type {Reply} from './exchange.js';

/** The account a key belongs to; null when the answer is no account. */
export function remoteAccount(body: JsonObject, reply: Reply, apiKey: string): RemoteAccount | null {
  if (!isAccount(body)) return null;
  const date = Date.parse(reply.headers.date ?? '');
  return {
    id: body.id,
    livemode: livemodeOf(body, apiKey),
    server_time: Number.isNaN(date) ? null : date,
  };
}

function isAccount(body: JsonObject): body is JsonObject & Stripe.Account {
  return body.object === 'account' && typeof body.id === 'string' && body.id !== '';
}

/**
 * Stripe's Account has no `livemode`: the key decides it, and says so in its prefix. A compatible API may state it.
 * Unknown counts as live, for which stowpay is stricter.
 */
function livemodeOf(account: JsonObject, apiKey: string): boolean {
  if (/^[sr]k_test_/.test(apiKey)) return false;
  if (/^[sr]k_live_/.test(apiKey)) return true;
  return typeof account.livemode === 'boolean' ? account.livemode : true;
}
