import {readFileSync} from 'node:fs';
import {hostname, uptime} from 'node:os';
import type {Clock} from '../core/ports.js';

/** The machine's clock. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    mono: () => Number(process.hrtime.bigint() / 1000n) / 1000,
    boot: bootId(),
  };
}

/** Linux names each boot; elsewhere the time of boot has to do. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    const minutes = Math.round((Date.now() / 1000 - uptime()) / 60);
    return `${hostname()}-${minutes}`;
  }
}

/** What tells this machine from a clone of its disk; null where the system has no such name. */
export function machineId(): string | null {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim() || null;
  } catch {
    return null;
  }
}
