import {chargeObject} from './charge-object.js';
import type {Context, Reply} from './context.js';
import {expansionOf} from './expand.js';
import {inRange, LIST_FIELDS, page} from './pagination.js';
import {type Fields, readParams} from './params.js';
import {resourceMissing} from './problem.js';

const EXPANDABLE = ['payment_intent'] as const;
const RETRIEVE = {expand: {kind: 'strings'}} as const satisfies Fields;

/** GET /v1/charges/{id} */
export function retrieve(context: Context): Reply {
  const params = readParams(context.form, RETRIEVE);
  const charge = context.account.charges.get(context.id);
  if (charge === undefined) throw resourceMissing('charge', context.id, 'charge');
  return {status: 200, body: chargeObject(context.account, charge, expansionOf(params.expand, EXPANDABLE))};
}

const LIST = {
  ...LIST_FIELDS,
  created: {kind: 'range'},
  payment_intent: {kind: 'string'},
} as const satisfies Fields;

/** GET /v1/charges */
export function list(context: Context): Reply {
  const params = readParams(context.form, LIST);
  const expand = expansionOf(params.expand, EXPANDABLE, 'data.');
  const records = [...context.account.charges.values()].filter(
    (charge) =>
      inRange(charge.created, params.created) &&
      (params.payment_intent === undefined || params.payment_intent === charge.intent),
  );
  const show = (record: (typeof records)[number]) => chargeObject(context.account, record, expand);
  return {status: 200, body: page(records, params, '/v1/charges', show)};
}
