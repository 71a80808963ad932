import type {JsonObject, Outcome, RemoteTerminal} from '../core/ports.js';
import {ownError} from './api-error.js';
import type {Budget, Client} from './client.js';
import {
  type Configuration,
  configurationOf,
  type Location,
  locationOf,
  pageOf,
  remoteTerminal,
} from './remote-terminal.js';

/** The location and the configuration that applies to it, within one deadline over all requests needed. */
export async function terminal(
  client: Client,
  id: string | null,
  signal: AbortSignal | undefined,
): Promise<Outcome<RemoteTerminal>> {
  const budget = client.budget(signal);
  const location = await findLocation(client, budget, id);
  if (location.kind !== 'delivered') return location;
  const overrides = location.value.configuration_overrides;
  const own = overrides === undefined ? NONE : await configuration(client, budget, overrides);
  if (own.kind !== 'delivered') return own;
  const accountDefault = await defaultConfiguration(client, budget);
  if (accountDefault.kind !== 'delivered') return accountDefault;
  return {...accountDefault, value: remoteTerminal(location.value, own.value, accountDefault.value)};
}

const READ = {operation: 'read'} as const;

const NONE: Outcome<Configuration | null> = {kind: 'delivered', value: null, request_id: null};

async function findLocation(client: Client, budget: Budget, id: string | null): Promise<Outcome<Location>> {
  if (id !== null) {
    const isAsked = (body: JsonObject) => (body.id === id ? locationOf(body) : null);
    return client.request(
      READ,
      budget,
      (stripe, options) => stripe.terminal.locations.retrieve(id, undefined, options),
      isAsked,
    );
  }
  const page = await client.request(
    READ,
    budget,
    (stripe, options) => stripe.terminal.locations.list({limit: 1}, options),
    (body) => pageOf(body, locationOf),
  );
  if (page.kind !== 'delivered') return page;
  const [first] = page.value.items;
  if (first === undefined) {
    return {kind: 'refused', error: ownError('no_location', 'The account has no terminal location.')};
  }
  return {...page, value: first};
}

function configuration(client: Client, budget: Budget, id: string): Promise<Outcome<Configuration | null>> {
  return client.request(
    READ,
    budget,
    (stripe, options) => stripe.terminal.configurations.retrieve(id, undefined, options),
    (body) => (body.id === id ? configurationOf(body) : null),
  );
}

async function defaultConfiguration(client: Client, budget: Budget): Promise<Outcome<Configuration | null>> {
  const page = await client.request(
    READ,
    budget,
    (stripe, options) => stripe.terminal.configurations.list({is_account_default: true, limit: 1}, options),
    (body) => pageOf(body, configurationOf),
  );
  if (page.kind !== 'delivered') return page;
  return {...page, value: page.value.items.find((item) => item.is_account_default === true) ?? null};
}
