import type Stripe from 'stripe';
import type {Context, Reply} from './context.js';
import {newId} from './ids.js';
import {LIST_FIELDS, page} from './pagination.js';
import {type Fields, readParams} from './params.js';
import {mergeMetadata} from './payment-intents.js';
import {parameterMissing, resourceMissing} from './problem.js';
import type {AddressField, LocationRecord} from './state.js';

const URL = '/v1/terminal/locations';
const ADDRESS = {
  kind: 'fields',
  fields: {
    city: {kind: 'string'},
    country: {kind: 'string', longest: 2},
    line1: {kind: 'string'},
    line2: {kind: 'string'},
    postal_code: {kind: 'string'},
    state: {kind: 'string'},
  },
} as const;

const WRITE = {
  display_name: {kind: 'string', longest: 1000},
  address: ADDRESS,
  configuration_overrides: {kind: 'string', longest: 1000},
  metadata: {kind: 'map'},
  expand: {kind: 'strings'},
} as const satisfies Fields;

const EMPTY: LocationRecord = {
  id: '',
  display_name: '',
  address: {city: null, country: null, line1: null, line2: null, postal_code: null, state: null},
  configuration_overrides: null,
  metadata: {},
};

/** POST /v1/terminal/locations */
export function create(context: Context): Reply {
  const params = readParams(context.form, WRITE);
  if (params.display_name === undefined) throw parameterMissing('display_name');
  if (params.address?.country === undefined) throw parameterMissing('address[country]');
  return save(context, {...EMPTY, id: newId('tml')});
}

/** POST /v1/terminal/locations/{id} */
export function update(context: Context): Reply {
  return save(context, theLocation(context));
}

/** GET /v1/terminal/locations/{id} */
export function retrieve(context: Context): Reply {
  readParams(context.form, {expand: {kind: 'strings'}});
  return {status: 200, body: locationObject(theLocation(context))};
}

/** GET /v1/terminal/locations */
export function list(context: Context): Reply {
  const params = readParams(context.form, LIST_FIELDS);
  return {status: 200, body: page(context.account.locations.values(), params, URL, locationObject)};
}

function save(context: Context, before: LocationRecord): Reply {
  const params = readParams(context.form, WRITE);
  const overrides = params.configuration_overrides ?? before.configuration_overrides;
  if (overrides && !context.account.configurations.has(overrides)) {
    throw resourceMissing('configuration', overrides, 'configuration_overrides');
  }
  const record: LocationRecord = {
    ...before,
    display_name: params.display_name ?? before.display_name,
    address: {...before.address, ...(params.address as Partial<Record<AddressField, string>> | undefined)},
    // An empty value takes the override away.
    configuration_overrides: overrides === '' ? null : overrides,
    metadata: mergeMetadata(before.metadata, params.metadata ?? {}),
  };
  context.changes.push({kind: 'location', account: context.account.id, record});
  return {status: 200, body: locationObject(record)};
}

function theLocation(context: Context): LocationRecord {
  const location = context.account.locations.get(context.id);
  if (location === undefined) throw resourceMissing('location', context.id, 'location');
  return location;
}

function locationObject(record: LocationRecord): Stripe.Terminal.Location {
  return {
    id: record.id,
    object: 'terminal.location',
    address: {...record.address},
    ...(record.configuration_overrides === null
      ? {}
      : {configuration_overrides: record.configuration_overrides}),
    display_name: record.display_name,
    livemode: false,
    metadata: {...record.metadata},
  };
}
