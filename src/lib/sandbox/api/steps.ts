import type {Caller} from './caller.js';
import type {Context, Reply} from './context.js';
import {faultFor} from './faults.js';
import {parseForm} from './form.js';
import {replyBefore, replyRecord} from './idempotency.js';
import {lapse} from './payment-intent-actions.js';
import {invalidRequest} from './problem.js';
import {type ApiRequest, type Delivery, dropped, json} from './request.js';
import {findRoute, handle} from './router.js';
import {accountOf, type Change, type Fault, type State} from './state.js';
import type {Transaction} from './store.js';

/** What one look at the state makes of a request. */
export type Step =
  | {readonly kind: 'done'; readonly delivery: Delivery}
  /** The state was brought up to date first; look again. */
  | {readonly kind: 'again'}
  | {readonly kind: 'hang'; readonly ms: number};

/** Decides a request on this state, a waiting fault included. Throws a Problem where nothing at all is to be kept. */
export function nextStep(
  state: State,
  request: ApiRequest,
  caller: Caller,
  withFaults: boolean,
): Transaction<Step> {
  const record = withFaults ? faultFor(state, request) : undefined;
  if (record === undefined) return decide(state, request, caller);
  const used: Change = {kind: 'fault_used', id: record.id};
  const {changes, result} = faulty(state, request, caller, record.fault);
  // While the state is only brought up to date, the fault waits for the request itself.
  const waits = result.kind === 'again' && record.fault.kind !== 'forget_keys';
  return {changes: waits ? changes : [...changes, used], result};
}

function faulty(state: State, request: ApiRequest, caller: Caller, fault: Fault): Transaction<Step> {
  switch (fault.kind) {
    case 'drop_before':
      return done([], dropped());
    case 'drop_after':
      return altered(decide(state, request, caller), dropped);
    case 'truncate':
      return altered(decide(state, request, caller), (whole) => ({...whole, cut: 'truncate'}));
    case 'hang':
      return {changes: [], result: {kind: 'hang', ms: fault.ms}};
    case 'error_500_before':
      return keep(request, caller, [], SERVER_ERROR);
    case 'error_500_after':
      return decide(state, request, caller, SERVER_ERROR);
    case 'html_502':
      return done([], BAD_GATEWAY);
    case 'conflict_409':
      return done([], apiFailure(409, 'invalid_request_error', 'idempotency_key_in_use'));
    case 'rate_limit_429': {
      const advice: Record<string, string> = {};
      if (fault.should_retry !== null) advice['Stripe-Should-Retry'] = String(fault.should_retry);
      return done([], apiFailure(429, 'rate_limit_error', 'rate_limit', advice));
    }
    case 'unavailable_503':
      return done([], apiFailure(503, 'api_error', 'lock_timeout'));
    case 'forget_keys':
      return {changes: [{kind: 'keys_forgotten', account: caller.account}], result: {kind: 'again'}};
  }
}

/** Decides a request for good. With `instead` its effect happens, but the answer is another. */
function decide(state: State, request: ApiRequest, caller: Caller, instead?: Reply): Transaction<Step> {
  const account = accountOf(state, caller.account);
  const before = caller.key === null ? null : replyBefore(account, caller.key, request);
  if (before !== null) {
    const headers = {'Content-Type': 'application/json', 'Idempotent-Replayed': 'true'};
    return done([], {status: before.status, headers, body: before.body, cut: 'none'});
  }
  const route = findRoute(request.method, request.path);
  const context: Context = {
    account,
    form: formOf(request),
    id: route.id,
    now: Math.floor(request.at / 1000),
    request_id: request.request_id,
    idempotency_key: caller.key,
    changes: [],
  };
  if (lapse(context)) return {changes: context.changes, result: {kind: 'again'}};
  const reply = handle(route.handler, context);
  return keep(request, caller, context.changes, instead ?? reply);
}

/** The answer, kept for its key together with what it changed: never the one without the other. */
function keep(
  request: ApiRequest,
  caller: Caller,
  changes: readonly Change[],
  reply: Reply,
): Transaction<Step> {
  const delivery = json(reply.status, reply.body);
  const record =
    caller.key === null ? null : replyRecord(caller.key, request, delivery.status, delivery.body);
  if (record === null) return done(changes, delivery);
  return done([...changes, {kind: 'reply', account: caller.account, record}], delivery);
}

function done(changes: readonly Change[], delivery: Delivery): Transaction<Step> {
  return {changes, result: {kind: 'done', delivery}};
}

function altered(transaction: Transaction<Step>, alter: (whole: Delivery) => Delivery): Transaction<Step> {
  const {changes, result} = transaction;
  return result.kind === 'done' ? done(changes, alter(result.delivery)) : transaction;
}

function formOf(request: ApiRequest): Context['form'] {
  const text = request.method === 'POST' && request.body !== '' ? request.body : request.query;
  const result = parseForm(text);
  if (result.kind === 'form') return result.form;
  throw invalidRequest('The parameters of this request cannot be read.', {param: result.name.slice(0, 80)});
}

const SERVER_ERROR: Reply = {
  status: 500,
  body: {error: {type: 'api_error', message: 'The sandbox failed, because it was told to.'}},
};

const BAD_GATEWAY: Delivery = {
  status: 502,
  headers: {'Content-Type': 'text/html'},
  body: '<html><body>Bad gateway</body></html>\n',
  cut: 'none',
};

function apiFailure(
  status: number,
  type: string,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): Delivery {
  const message = 'The sandbox turned the request away, because it was told to.';
  return json(status, {error: {type, code, message}}, headers);
}
