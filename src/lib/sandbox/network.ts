import {mkdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {UNREACHABLE_PORT} from './embedded.js';

const NOWHERE = {host: '127.0.0.1', port: UNREACHABLE_PORT};

/** The network between this device and the payment API, as far as the sandbox can cut it. */
export interface SandboxNetwork {
  isUp(): boolean;
  set(up: boolean): void;
  /** Where a request really goes: the API, or nowhere while the network is off. Asked for every request. */
  route(host: string, port: number): {readonly host: string; readonly port: number};
}

/** The network switch of a data directory; on until it was switched off. Seen by every process at once. */
export function sandboxNetwork(directory: string): SandboxNetwork {
  const path = join(directory, 'network.json');
  const isUp = (): boolean => {
    try {
      return (JSON.parse(readFileSync(path, 'utf8')) as {up?: unknown}).up !== false;
    } catch {
      return true;
    }
  };
  return {
    isUp,
    set: (up) => {
      mkdirSync(directory, {recursive: true, mode: 0o700});
      const temporary = `${path}.${process.pid}.new`;
      writeFileSync(temporary, `${JSON.stringify({up})}\n`, {mode: 0o600});
      renameSync(temporary, path);
    },
    route: (host, port) => (isUp() ? {host, port} : NOWHERE),
  };
}
