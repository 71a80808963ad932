import type {SandboxApi} from './api/server.js';

/** Nobody listens there: a connection is refused at once. */
export const UNREACHABLE_PORT = 1;

export interface LazyApi {
  /** Where the API listens; started when first asked. */
  address(): Promise<{readonly host: string; readonly port: number}>;
  close(): Promise<void>;
}

/** The emulated API in this process, started only if a request is really made. */
export function lazyApi(directory: string, now: () => number): LazyApi {
  let starting: Promise<SandboxApi> | null = null;
  return {
    async address() {
      starting ??= import('./api/server.js').then(({startSandboxApi}) =>
        startSandboxApi({dir: directory, now}),
      );
      // An emulated API that cannot start (a full disk) is one that cannot be reached.
      const port = await starting.then((api) => api.port).catch(() => UNREACHABLE_PORT);
      return {host: '127.0.0.1', port};
    },
    async close() {
      const api = await starting?.catch(() => null);
      await api?.close();
    },
  };
}
