import {otherHolders} from '../port-facts.js';

/**
 * Programs other than this one that have a port open, e.g. `minicom (process 4711)`, as far as this user may look into
 * other processes. The lock of a port is advisory: such a program reads its bytes away. Never throws.
 */
export function otherPrograms(path: string): readonly string[] {
  return otherHolders(path).map(({pid, name}) => `${name || 'a program'} (process ${pid})`);
}
