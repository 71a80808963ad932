import {join} from 'node:path';
import type {Clock} from '../../src/lib/core/ports.js';
import {type OpenOptions, openTerminal, sandboxDirectory, type Terminal} from '../../src/lib/index.js';
import {type SandboxApi, startSandboxApi} from '../../src/lib/sandbox/api/server.js';
import {type SandboxNetwork, sandboxNetwork} from '../../src/lib/sandbox/network.js';
import {type NextCard, presentNext} from '../../src/lib/sandbox/reader/directory-world.js';
import type {Collected, CollectRequest} from '../../src/lib/terminal/collect.js';
import type {ForwardResult} from '../../src/lib/terminal/forward/result.js';
import {temporaryDirectory} from './directories.js';
import {type Fate, type Hit, type Line, openProxy} from './proxy.js';

/** A kiosk in this process: the real terminal, journal, reader stack and gateway, and a standalone sandbox API. */
export interface Till {
  readonly directory: string;
  readonly api: SandboxApi;
  readonly network: SandboxNetwork;
  /** What is between the till and the API; null where nothing is. */
  readonly line: Line | null;
  /** A fresh terminal, as a new process would open it. */
  open(options?: OpenOptions): Promise<Terminal>;
  /** Opens, acts, closes. */
  run<T>(act: (terminal: Terminal) => Promise<T>): Promise<T>;
  collect(request?: Partial<CollectRequest>): Promise<Collected>;
  forward(): Promise<ForwardResult>;
  present(card: NextCard): void;
  /** Resolves when every request that was lost on the way has arrived late. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

export const SALE: CollectRequest = {
  amount: 1250,
  tip: 0,
  currency: 'usd',
  reference: null,
  capture_method: 'manual',
  offline_behavior: 'prefer_online',
  metadata: {},
  description: null,
  timeout_s: 5,
};

/** @param fateOf puts a bad network between the till and the API */
export async function openTill(clock?: Clock, fateOf?: (hit: Hit) => Fate): Promise<Till> {
  const directory = temporaryDirectory();
  const world = sandboxDirectory(directory);
  const api = await startSandboxApi({
    dir: join(world, 'api'),
    ...(clock === undefined ? {} : {now: () => clock.now()}),
  });
  const line = fateOf === undefined ? null : await openProxy(api.url, fateOf);
  const open = (options: OpenOptions = {}): Promise<Terminal> =>
    openTerminal({
      dataDirectory: {value: directory, from: 'test'},
      profile: {value: 'sandbox', from: 'test'},
      env: {STOWPAY_SANDBOX_API: line?.url ?? api.url},
      deadlines: {connect_ms: 500, total_ms: 700},
      lockWaitMs: 5000,
      ...(clock === undefined ? {} : {clock}),
      ...options,
    });
  const run = async <T>(act: (terminal: Terminal) => Promise<T>): Promise<T> => {
    const terminal = await open();
    try {
      return await act(terminal);
    } finally {
      await terminal.close();
    }
  };
  await run((terminal) => terminal.connect({address: 'sim:', location: null, offline: false}));
  return {
    directory,
    api,
    network: sandboxNetwork(world),
    line,
    open,
    run,
    collect: (request = {}) => run((terminal) => terminal.collect({...SALE, ...request})),
    forward: () => run((terminal) => terminal.forward({names: [], limit: null, dryRun: false})),
    present: (card) => presentNext(join(world, 'reader'), card),
    settle: async () => line?.settle(),
    close: async () => {
      line?.close();
      await api.close();
    },
  };
}
