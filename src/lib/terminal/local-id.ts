import {ulid} from 'ulid';
import type {Parts} from './parts.js';

/** `pay_` and a ULID: unique, and in the order of the wall clock as long as that is right. */
export function newLocalId(parts: Pick<Parts, 'clock' | 'random'>): string {
  const random = (): number => {
    const [byte = 0] = parts.random(1);
    // ulid takes one character per call from a number in [0, 1).
    return byte / 256;
  };
  return `pay_${ulid(Math.max(0, parts.clock.now()), random)}`;
}
