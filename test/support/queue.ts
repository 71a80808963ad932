import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {PaymentState} from '../../src/lib/core/payment.js';
import type {OpenOptions, Terminal} from '../../src/lib/index.js';
import type {ForwardRequest} from '../../src/lib/terminal/forward/forward.js';
import type {ForwardResult} from '../../src/lib/terminal/forward/result.js';
import type {Fate, Hit, Line} from './proxy.js';
import {quickSeller} from './quick-seller.js';
import {openTill, SALE, type Till} from './till.js';

/** Short: what hangs in a test is given up soon. */
const DEADLINES = {
  deadlines: {connect_ms: 250, total_ms: 400},
  probeDeadlines: {connect_ms: 250, total_ms: 300},
} as const;

export interface Pace {
  readonly max_concurrency?: number;
  readonly max_requests_per_s?: number;
}

/** A till behind a line whose fate a test decides from request to request, with payments stored in it. */
export interface Queue {
  readonly till: Till;
  readonly line: Line;
  /** What becomes of a request; passed on where it says nothing. Set anew at will. */
  fate: (hit: Hit) => Fate | undefined;
  /** How hard the till may press from its next start on. */
  setPace(pace: Pace): void;
  /** Stores payments of 1.00, 2.00, … usd and gives their local ids, oldest first. */
  store(count: number, first?: number): Promise<readonly string[]>;
  run<T>(act: (terminal: Terminal) => Promise<T>, options?: OpenOptions): Promise<T>;
  forward(request?: Partial<ForwardRequest>, options?: OpenOptions): Promise<ForwardResult>;
  states(ids: readonly string[]): Promise<readonly PaymentState[]>;
  /** Holds that the API confirmed each of these once, with its amount, and nothing else. */
  expectOnce(ids: readonly string[]): Promise<void>;
  /** Local ids of the payments whose creates arrived, in the order in which they did. */
  created(): readonly string[];
}

export async function openQueue(pace: Pace = {}, clock?: Parameters<typeof openTill>[0]): Promise<Queue> {
  let queue: Queue | null = null;
  const till = await openTill(clock, (hit) => queue?.fate(hit) ?? 'pass');
  const line = till.line as Line;
  const amounts = new Map<string, number>();
  const run = async <T>(act: (terminal: Terminal) => Promise<T>, options: OpenOptions = {}): Promise<T> => {
    const terminal = await till.open({...DEADLINES, ...options});
    try {
      return await act(terminal);
    } finally {
      await terminal.close();
    }
  };
  const opened: Queue = {
    till,
    line,
    fate: () => undefined,
    setPace: (settings) => {
      const profiles = {sandbox: {gateway: 'sandbox', ...settings}};
      writeFileSync(join(till.directory, 'config.json'), JSON.stringify({profiles}));
    },
    store: async (count, first = 1) => {
      const seller = quickSeller(till.directory, line.url, {clock});
      const ids: string[] = [];
      try {
        for (let one = first; one < first + count; one += 1) {
          const sale = {amount: one * 100, reference: `R${one}`, offline_behavior: 'force_offline'} as const;
          const {payment} = await seller.collect({...SALE, ...sale});
          expect(payment.state).to.equal('accepted_offline');
          amounts.set(payment.local_id, payment.amount);
          ids.push(payment.local_id);
        }
      } finally {
        await seller.close();
      }
      return ids;
    },
    run,
    forward: (request = {}, options = {}) =>
      run((terminal) => terminal.forward({names: [], limit: null, dryRun: false, ...request}), options),
    states: (ids) => run(async (terminal) => (await terminal.inspect([...ids])).map(({state}) => state)),
    expectOnce: async (ids) => {
      const confirmed = (await till.api.ledger()).filter(({confirms}) => confirms > 0);
      expect(
        confirmed.map(({stowpay_id, amount, confirms}) => ({stowpay_id, amount, confirms})),
      ).to.have.deep.members(
        ids.map((id) => ({stowpay_id: id, amount: amounts.get(id) as number, confirms: 1})),
      );
    },
    created: () =>
      line.hits
        .filter(isCreate)
        .map(({body}) => new URLSearchParams(body).get('metadata[stowpay_id]') ?? 'none'),
  };
  opened.setPace({max_requests_per_s: 1000, ...pace});
  queue = opened;
  return opened;
}

export const isCreate = ({method, path}: Hit): boolean => method === 'POST' && path === '/v1/payment_intents';
export const isConfirm = ({path}: Hit): boolean => path.endsWith('/confirm');
export const isProbe = ({path}: Hit): boolean => path === '/v1/account';
export const isLook = ({method, path}: Hit): boolean =>
  method === 'GET' && path.startsWith('/v1/payment_intents/');

/** An answer of the API itself. */
export function apiError(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Fate {
  return {status, body: {error: {type: 'api_error', code, message: code}}, headers};
}

/** Outcomes by local id. */
export function outcomes(result: ForwardResult): Readonly<Record<string, string>> {
  const told = result.payments.map(({outcome, payment}) => [payment.local_id, outcome] as const);
  expect(new Set(told.map(([id]) => id)).size, 'a payment is in the result once').to.equal(told.length);
  const counted = Object.values(result.outcomes).reduce((sum, {count}) => sum + count, 0);
  expect(counted, 'counts').to.equal(told.length);
  expect(result.total, 'total').to.equal(told.length);
  return Object.fromEntries(told);
}

export function count(result: ForwardResult, outcome: keyof ForwardResult['outcomes']): number {
  return result.outcomes[outcome]?.count ?? 0;
}
