import {createHash} from 'node:crypto';

/** What the journal keeps of a machine's name: enough to tell it from another, and no more. */
export function machineDigest(machineId: string | null): string | null {
  if (machineId === null) return null;
  return createHash('sha256').update(`stowpay ${machineId}`).digest('base64url');
}

/** True when the journal belongs to another machine than this one; false while either is unknown. */
export function isOtherMachine(recorded: string | null, present: string | null): boolean {
  return recorded !== null && present !== null && recorded !== present;
}
