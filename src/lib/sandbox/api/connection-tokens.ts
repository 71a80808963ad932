import type Stripe from 'stripe';
import type {Context, Reply} from './context.js';
import {newId} from './ids.js';
import {type Fields, readParams} from './params.js';
import {resourceMissing} from './problem.js';

const CREATE = {location: {kind: 'string'}, expand: {kind: 'strings'}} as const satisfies Fields;

/** POST /v1/terminal/connection_tokens. Nothing redeems the token: this world's readers need none. */
export function create(context: Context): Reply {
  const {location} = readParams(context.form, CREATE);
  if (location !== undefined && !context.account.locations.has(location)) {
    throw resourceMissing('location', location, 'location');
  }
  const token: Stripe.Terminal.ConnectionToken = {
    object: 'terminal.connection_token',
    ...(location === undefined ? {} : {location}),
    secret: newId('pst_test'),
  };
  return {status: 200, body: token};
}
