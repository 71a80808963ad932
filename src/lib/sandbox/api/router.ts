import * as account from './account.js';
import * as charges from './charges.js';
import * as connectionTokens from './connection-tokens.js';
import type {Context, Reply} from './context.js';
import * as events from './events.js';
import * as actions from './payment-intent-actions.js';
import * as intents from './payment-intents.js';
import {Problem, unrecognizedUrl} from './problem.js';
import * as configurations from './terminal-configurations.js';
import * as locations from './terminal-locations.js';
import * as readers from './terminal-readers.js';

export type Handler = (context: Context) => Reply;

/** Every endpoint there is; a `:id` stands for one segment. The first match counts. */
const ROUTES: readonly (readonly [method: string, path: string, handler: Handler])[] = [
  ['GET', '/v1/account', account.retrieve],
  ['POST', '/v1/payment_intents', intents.create],
  ['GET', '/v1/payment_intents', intents.list],
  ['GET', '/v1/payment_intents/search', intents.search],
  ['GET', '/v1/payment_intents/:id', intents.retrieve],
  ['POST', '/v1/payment_intents/:id', intents.update],
  ['POST', '/v1/payment_intents/:id/confirm', actions.confirm],
  ['POST', '/v1/payment_intents/:id/capture', actions.capture],
  ['POST', '/v1/payment_intents/:id/cancel', actions.cancel],
  ['GET', '/v1/charges', charges.list],
  ['GET', '/v1/charges/:id', charges.retrieve],
  ['GET', '/v1/events', events.list],
  ['GET', '/v1/events/:id', events.retrieve],
  ['POST', '/v1/terminal/connection_tokens', connectionTokens.create],
  ['GET', '/v1/terminal/locations', locations.list],
  ['POST', '/v1/terminal/locations', locations.create],
  ['GET', '/v1/terminal/locations/:id', locations.retrieve],
  ['POST', '/v1/terminal/locations/:id', locations.update],
  ['GET', '/v1/terminal/configurations', configurations.list],
  ['POST', '/v1/terminal/configurations', configurations.create],
  ['GET', '/v1/terminal/configurations/:id', configurations.retrieve],
  ['POST', '/v1/terminal/configurations/:id', configurations.update],
  ['GET', '/v1/terminal/readers', readers.list],
  ['GET', '/v1/terminal/readers/:id', readers.retrieve],
];

export interface Route {
  readonly handler: Handler;
  /** The `:id` of the path, '' when it has none. */
  readonly id: string;
}

/** The endpoint of a method and path. Throws a 404 Problem when there is none. */
export function findRoute(method: string, path: string): Route {
  for (const [wanted, pattern, handler] of ROUTES) {
    const id = wanted === method ? matchPath(pattern, path) : null;
    if (id !== null) return {handler, id};
  }
  throw unrecognizedUrl(method, path);
}

/** Runs a handler; a Problem becomes its reply, and then nothing it had decided counts. */
export function handle(handler: Handler, context: Context): Reply {
  try {
    return handler(context);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    context.changes.length = 0;
    return {status: error.status, body: {error: error.body}};
  }
}

function matchPath(pattern: string, path: string): string | null {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return null;
  let id = '';
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? '';
    if (part === ':id' && value !== '') id = value;
    else if (part !== value) return null;
  }
  return id;
}
