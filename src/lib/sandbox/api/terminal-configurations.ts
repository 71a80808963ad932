import type Stripe from 'stripe';
import type {Context, Reply} from './context.js';
import {newId} from './ids.js';
import {LIST_FIELDS, page} from './pagination.js';
import {type Fields, readParams} from './params.js';
import {resourceMissing} from './problem.js';
import type {ConfigurationRecord} from './state.js';

const URL = '/v1/terminal/configurations';
const WRITE = {
  name: {kind: 'string', longest: 100},
  offline: {kind: 'fields', fields: {enabled: {kind: 'boolean', required: true}}},
  expand: {kind: 'strings'},
} as const satisfies Fields;

/** POST /v1/terminal/configurations */
export function create(context: Context): Reply {
  const id = newId('tmc');
  return save(context, {id, name: null, is_account_default: false, offline_enabled: null});
}

/** POST /v1/terminal/configurations/{id} */
export function update(context: Context): Reply {
  return save(context, theConfiguration(context));
}

/** GET /v1/terminal/configurations/{id} */
export function retrieve(context: Context): Reply {
  readParams(context.form, {expand: {kind: 'strings'}});
  return {status: 200, body: configurationObject(theConfiguration(context))};
}

const LIST = {...LIST_FIELDS, is_account_default: {kind: 'boolean'}} as const satisfies Fields;

/** GET /v1/terminal/configurations */
export function list(context: Context): Reply {
  const params = readParams(context.form, LIST);
  const wanted = params.is_account_default;
  const records = [...context.account.configurations.values()].filter(
    (record) => wanted === undefined || record.is_account_default === wanted,
  );
  return {status: 200, body: page(records, params, URL, configurationObject)};
}

function save(context: Context, before: ConfigurationRecord): Reply {
  const params = readParams(context.form, WRITE);
  const offline = context.form.offline === '' ? null : params.offline?.enabled;
  const record: ConfigurationRecord = {
    ...before,
    name: params.name ?? before.name,
    offline_enabled: offline === undefined ? before.offline_enabled : offline,
  };
  context.changes.push({kind: 'configuration', account: context.account.id, record});
  return {status: 200, body: configurationObject(record)};
}

function theConfiguration(context: Context): ConfigurationRecord {
  const configuration = context.account.configurations.get(context.id);
  if (configuration === undefined) throw resourceMissing('configuration', context.id, 'configuration');
  return configuration;
}

function configurationObject(record: ConfigurationRecord): Stripe.Terminal.Configuration {
  return {
    id: record.id,
    object: 'terminal.configuration',
    is_account_default: record.is_account_default,
    livemode: false,
    name: record.name,
    ...(record.offline_enabled === null ? {} : {offline: {enabled: record.offline_enabled}}),
  };
}
