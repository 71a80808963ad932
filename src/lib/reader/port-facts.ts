import {
  accessSync,
  constants,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import {userInfo} from 'node:os';
import type {PortFacts, PortHolder} from '../core/ports.js';
import {parseReaderAddress, type SerialPortName, usbAddress} from '../core/reader-address.js';
import {chooseUsb} from './ports/locate.js';
import {scanPorts} from './ports/scan.js';

/** What the system tells of the port behind an address that can be parsed. Opens nothing, never throws. */
export function inspectPort(address: string): PortFacts {
  const parsed = parseReaderAddress(address);
  switch (parsed.kind) {
    case 'sim':
      return {kind: 'emulated'};
    case 'tcp':
      return {kind: 'tcp'};
    case 'serial':
      return serialFacts(pathOf(parsed.port));
  }
}

/** Where a USB device is now; its own name while it is nowhere. */
function pathOf(name: SerialPortName): string {
  if (name.by === 'path') return name.path;
  return orNull(() => chooseUsb(name, scanPorts())) ?? usbAddress(name).slice('serial:'.length);
}

function serialFacts(path: string): PortFacts {
  const missing = {
    kind: 'serial',
    path,
    target: null,
    is_device: false,
    owner: null,
    mode: null,
    may_open: false,
    holders: null,
  } as const;
  try {
    const target = realpathSync(path);
    const stats = statSync(target);
    return {
      ...missing,
      target,
      is_device: stats.isCharacterDevice(),
      owner: `${nameOf('/etc/passwd', stats.uid)}:${nameOf('/etc/group', stats.gid)}`,
      mode: (stats.mode & 0o7777).toString(8).padStart(4, '0'),
      may_open: mayOpen(target),
      holders: holdersOf(target, stats),
    };
  } catch {
    return missing;
  }
}

function mayOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The name of a user or group; its number where the system has none. */
function nameOf(file: '/etc/passwd' | '/etc/group', id: number): string {
  if (file === '/etc/passwd' && id === userInfo().uid) return userInfo().username;
  const line = orNull(() => readFileSync(file, 'utf8'))
    ?.split('\n')
    .map((entry) => entry.split(':'))
    .find((fields) => fields[2] === String(id));
  return line?.[0] ?? String(id);
}

/** Who else has the port at a path open. Empty where the system does not tell, or the port is gone. */
export function otherHolders(path: string): readonly PortHolder[] {
  return (
    orNull(() => {
      const target = realpathSync(path);
      return holdersOf(target, statSync(target));
    }) ?? []
  );
}

/**
 * Who else has the port open: those that lock it, which every user may see, and those that have it open, which only
 * root sees of other users. Null where the system does not tell (not Linux).
 */
function holdersOf(target: string, stats: Stats): readonly PortHolder[] | null {
  const table = orNull(() => readFileSync('/proc/locks', 'utf8'));
  if (table === null) return null;
  const locking = new Set(lockHolders(table, stats));
  const pids = new Set([...locking, ...openers(target)]);
  pids.delete(process.pid);
  return [...pids].map((pid) => ({
    pid,
    // A program names itself: nothing of it may act on a terminal.
    name: (orNull(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) ?? '').replace(
      /[^\x20-\x7e]/g,
      '?',
    ),
    locks: locking.has(pid),
  }));
}

/** Lines like `1: FLOCK  ADVISORY  WRITE 1234 00:05:678 0 EOF`: process, device, inode. */
export function lockHolders(table: string, {dev, ino}: Pick<Stats, 'dev' | 'ino'>): readonly number[] {
  const device = `${hex(major(dev))}:${hex(minor(dev))}:${ino}`;
  return table
    .split('\n')
    .map((line) => line.split(/\s+/))
    .filter((fields) => fields.includes(device))
    .map((fields) => Number(fields[fields.indexOf(device) - 1]))
    .filter((pid) => pid > 0);
}

/** How Linux packs device numbers into `st_dev`. */
function major(dev: number): number {
  return Math.floor(dev / 256) % 4096;
}

function minor(dev: number): number {
  return (dev % 256) + Math.floor(dev / 2 ** 20) * 256;
}

function hex(part: number): string {
  return part.toString(16).padStart(2, '0');
}

/** Of a pseudo terminal the far end has it open, too; that one is no rival. */
const FAR_END = /^\/dev\/(?:pts\/)?ptmx$/;

function openers(target: string): readonly number[] {
  return (orNull(() => readdirSync('/proc')) ?? [])
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const open = openFiles(pid);
      return open.includes(target) && !open.some((file) => FAR_END.test(file));
    })
    .map(Number);
}

function openFiles(pid: string): readonly string[] {
  return (orNull(() => readdirSync(`/proc/${pid}/fd`)) ?? []).flatMap(
    (fd) => orNull(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? [],
  );
}

/** Processes come and go while they are looked at, and many belong to others. */
function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
