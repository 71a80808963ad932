/**
 * Syncs that may be left out, one at a time, without any crash telling: what else holds the promise they also hold.
 * A test fails when another one turns up, and when one of these starts to matter.
 */
export const EXPLAINED: ReadonlyMap<string, string> = new Map([]);
