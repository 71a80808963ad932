import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {SealedCardData} from '../../../src/lib/core/card.js';
import type {FrozenCall, Gateway, JsonObject, Outcome, RemoteIntent} from '../../../src/lib/core/ports.js';
import {type GatewayOptions, openGateway} from '../../../src/lib/gateway/open-gateway.js';
import {type SandboxApi, startSandboxApi} from '../../../src/lib/sandbox/api/server.js';
import {cardRead, sealCard, VISA} from '../sandbox/api/sealing.js';

export const KEY = 'sk_test_stowpay_sandbox';

/** A sandbox API on a fresh directory and a gateway to it. */
export interface World {
  readonly dir: string;
  readonly api: SandboxApi;
  readonly gateway: Gateway;
  close(): Promise<void>;
}

export async function openWorld(options: Partial<GatewayOptions> = {}): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'stowpay-gateway-'));
  const api = await startSandboxApi({dir});
  const gateway = gatewayTo(api.url, options);
  return {
    dir,
    api,
    gateway,
    close: async () => {
      await gateway.close();
      await api.close();
      rmSync(dir, {recursive: true, force: true});
    },
  };
}

export function gatewayTo(baseUrl: string, options: Partial<GatewayOptions> = {}): Gateway {
  return openGateway({baseUrl, apiKey: KEY, origin: 'sandbox', acceptsSealedData: true, ...options});
}

let serial = 0;

export function call(gateway: Gateway, params: JsonObject, key?: string): FrozenCall {
  serial += 1;
  return {
    api_version: gateway.apiVersion,
    idempotency_key: key ?? `test-${process.pid}-${serial}`,
    params,
  };
}

export interface Sale {
  readonly amount?: number;
  readonly pan?: string;
  readonly capture_method?: 'manual' | 'automatic';
  readonly stored_at?: number | null;
}

/** Creates an intent and returns its id with the frozen confirm and the sealed data for it. */
export async function prepared(
  gateway: Gateway,
  sale: Sale = {},
): Promise<{id: string; confirm: FrozenCall; sealed: SealedCardData}> {
  const created = delivered(await createIntent(gateway, sale));
  const sealed = sealCard(sale.pan ?? VISA);
  const params = gateway.freezeConfirm({
    card: cardRead(sealed),
    reader: {serial: 'SIM0001', type: 'idtech_neo2', firmware: 'SIM 1.0'},
    stored_at: sale.stored_at === undefined ? 1_790_000_000 : sale.stored_at,
  });
  return {id: created.id, confirm: call(gateway, params), sealed};
}

export function createIntent(gateway: Gateway, sale: Sale = {}): Promise<Outcome<RemoteIntent>> {
  const params = gateway.freezeCreate({
    local_id: `pay_test_${serial}`,
    device: 'dev_test',
    amount: sale.amount ?? 1200,
    currency: 'usd',
    capture_method: sale.capture_method ?? 'manual',
    description: 'A test',
    metadata: {order: 'A-1'},
  });
  return gateway.createPaymentIntent(call(gateway, params));
}

/** Creates and confirms. */
export async function forwarded(gateway: Gateway, sale: Sale = {}): Promise<Outcome<RemoteIntent>> {
  const {id, confirm, sealed} = await prepared(gateway, sale);
  return gateway.confirmPaymentIntent(id, confirm, sealed);
}

export function delivered<T>(outcome: Outcome<T>): T {
  if (outcome.kind === 'delivered') return outcome.value;
  throw new Error(`expected delivered, got ${outcome.kind}: ${JSON.stringify(outcome.error)}`);
}

export function failed<K extends Outcome<unknown>['kind']>(
  outcome: Outcome<unknown>,
  kind: K,
): Extract<Outcome<unknown>, {kind: K}> {
  if (outcome.kind === kind) return outcome as Extract<Outcome<unknown>, {kind: K}>;
  throw new Error(`expected ${kind}, got ${JSON.stringify(outcome)}`);
}
