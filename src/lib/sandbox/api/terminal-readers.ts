import type Stripe from 'stripe';
import type {Context, Reply} from './context.js';
import {LIST_FIELDS, page} from './pagination.js';
import {type Fields, readParams} from './params.js';
import {resourceMissing} from './problem.js';

/** Every account has one simulated reader, at its first location. */
const READER: Stripe.Terminal.Reader = {
  id: 'tmr_sandbox',
  object: 'terminal.reader',
  action: null,
  device_sw_version: '1.0.0',
  device_type: 'simulated_stripe_s700',
  ip_address: null,
  label: 'Sandbox simulated reader',
  last_seen_at: null,
  livemode: false,
  location: 'tml_sandbox',
  metadata: {},
  serial_number: 'SANDBOX-0001',
  status: 'online',
};

/** GET /v1/terminal/readers/{id} */
export function retrieve(context: Context): Reply {
  readParams(context.form, {expand: {kind: 'strings'}});
  if (context.id !== READER.id) throw resourceMissing('reader', context.id, 'reader');
  return {status: 200, body: READER};
}

const LIST = {
  ...LIST_FIELDS,
  device_type: {kind: 'string'},
  location: {kind: 'string'},
  serial_number: {kind: 'string'},
  status: {kind: 'one_of', values: ['online', 'offline']},
} as const satisfies Fields;

/** GET /v1/terminal/readers */
export function list(context: Context): Reply {
  const params = readParams(context.form, LIST);
  const wanted = (['device_type', 'location', 'serial_number', 'status'] as const).every(
    (field) => params[field] === undefined || params[field] === READER[field],
  );
  const body = page(wanted ? [READER] : [], params, '/v1/terminal/readers', (reader) => reader);
  return {status: 200, body};
}
