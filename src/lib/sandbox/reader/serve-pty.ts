import {type ChildProcessByStdio, spawn} from 'node:child_process';
import {existsSync, lstatSync, rmSync} from 'node:fs';
import {resolve as absolute} from 'node:path';
import type {Readable, Writable} from 'node:stream';
import {setTimeout as sleep} from 'node:timers/promises';
import {StowpayError} from '../../core/errors.js';
import type {CableEnd} from './cable.js';
import {attachEmulator, type EmulatorOptions} from './emulator.js';
import type {ServedReader} from './serve-tcp.js';
import type {EmulatorWorld} from './world.js';

type Socat = ChildProcessByStdio<Writable, Readable, null>;

const LINK_TIMEOUT_MS = 5000;
const LINK_POLL_MS = 10;

/** Serves the reader on a pseudo terminal whose name is `linkPath`. Needs socat. */
export async function servePty(
  world: EmulatorWorld,
  linkPath: string,
  options: EmulatorOptions = {},
): Promise<ServedReader> {
  let pty = await openPty(linkPath);
  const stop = new AbortController();
  let closing = false;
  let pulledFor: number | null = null;
  const pull = (forMs: number): void => {
    pulledFor = forMs;
    void pty.line.close();
  };
  const serve = async (): Promise<void> => {
    const emulator = attachEmulator(pty.line, world, {...options, pull});
    await pty.ended;
    emulator.detach();
  };
  const serveUntilClosed = async (): Promise<void> => {
    for (await serve(); pulledFor !== null && !closing; await serve()) {
      await sleep(pulledFor, undefined, {signal: stop.signal}).catch(() => {});
      pulledFor = null;
      if (closing) return;
      pty = await openPty(linkPath);
      if (closing) await pty.line.close();
    }
  };
  const ended = serveUntilClosed().finally(() => world.close());
  return {
    address: `serial:${pty.path}`,
    ended,
    close: async () => {
      closing = true;
      stop.abort();
      await pty.line.close();
      await ended;
    },
  };
}

/** The near end of a pseudo terminal: what is written to the line can be read from the port at `path`. */
export interface Pty {
  readonly path: string;
  readonly line: CableEnd;
  readonly ended: Promise<void>;
}

/** Makes a pseudo terminal under this name. Resolves once it can be opened. */
export async function openPty(linkPath: string): Promise<Pty> {
  const path = absolute(linkPath);
  removeLink(path);
  const child = spawn('socat', ['-', `pty,raw,echo=0,link=${path}`], {stdio: ['pipe', 'pipe', 'inherit']});
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  await linkMade(child, path);
  const ended = exited.then(() => removeLink(path));
  return {path, line: childLine(child, ended), ended};
}

function childLine(child: Socat, ended: Promise<void>): CableEnd {
  let closing = false;
  // Writing to a child that just died is not an error of ours; its exit is the news.
  child.stdin.on('error', () => {});
  return {
    write: (bytes) => {
      if (child.stdin.writable) child.stdin.write(bytes);
    },
    onData: (listener) => {
      child.stdout.on('data', listener);
    },
    onClose: (listener) => {
      void ended.then(() => {
        if (!closing) listener('socat ended');
      });
    },
    close: async () => {
      closing = true;
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function linkMade(child: Socat, path: string): Promise<void> {
  let failure: Error | undefined;
  child.once('error', (error) => {
    failure = error;
  });
  const deadline = performance.now() + LINK_TIMEOUT_MS;
  while (!existsSync(path)) {
    await sleep(LINK_POLL_MS);
    if (failure !== undefined) throw noSocat(failure);
    if (child.exitCode !== null || performance.now() > deadline) throw noTerminal(child, path);
  }
}

function noSocat(cause: Error): StowpayError {
  return new StowpayError(
    'reader_not_found',
    'A pseudo terminal needs the program socat, which could not be started.',
    {
      hint: 'Install it (apt-get install socat), or serve the emulated reader over TCP.',
      cause,
    },
  );
}

function noTerminal(child: Socat, path: string): StowpayError {
  child.kill('SIGKILL');
  return new StowpayError('reader_not_found', `socat made no pseudo terminal at ${path}.`, {
    hint: 'Check that the directory exists and may be written, or serve the emulated reader over TCP.',
  });
}

/** Only ever a symbolic link, left by us or by a run that was killed: never somebody's file. */
function removeLink(path: string): void {
  const found = lstatSync(path, {throwIfNoEntry: false});
  if (found?.isSymbolicLink() === true) rmSync(path, {force: true});
}
