import {execFileSync, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {Context} from 'mocha';
import {temporaryDirectory} from './directories.js';
import {requireSocat} from './socat.js';
import {skip} from './world.js';

/** What systemd is to a service: a socket that hears messages. */
export interface ServiceManager {
  /**
   * What a service is started with. The real systemd-notify sends the messages; it does not wait for the manager to have
   * read them, because socat cannot say that it has.
   */
  readonly env: Readonly<Record<string, string>>;
  /** Everything heard up to now. */
  heard(): string;
  /** How often this stands in it. */
  count(text: string): number;
  close(): Promise<void>;
}

/** Skips where systemd-notify or socat are missing – but never in CI, where skipping would hide a hole. */
export function requireSystemdNotify(test: Context): void {
  requireSocat(test);
  if (spawnSync('systemd-notify', ['--version'], {stdio: 'ignore'}).error === undefined) return;
  skip(test, 'needs systemd-notify (apt-get install systemd)');
}

export async function startServiceManager(): Promise<ServiceManager> {
  const directory = temporaryDirectory();
  const [socket, log] = [join(directory, 'notify'), join(directory, 'heard')];
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  const real = execFileSync('sh', ['-c', 'command -v systemd-notify'], {encoding: 'utf8'}).trim();
  writeFileSync(join(bin, 'systemd-notify'), `#!/bin/sh\nexec ${real} --no-block "$@"\n`, {mode: 0o755});
  const peer = spawn('socat', ['-u', `UNIX-RECV:${socket}`, `OPEN:${log},creat,append`], {stdio: 'ignore'});
  while (!existsSync(socket)) await sleep(10);
  const heard = (): string => (existsSync(log) ? readFileSync(log, 'utf8') : '');
  return {
    env: {NOTIFY_SOCKET: socket, PATH: `${bin}:${process.env.PATH}`},
    heard,
    count: (text) => heard().split(text).length - 1,
    close: async () => {
      peer.kill('SIGTERM');
      if (peer.exitCode === null && peer.signalCode === null) await once(peer, 'exit');
    },
  };
}
