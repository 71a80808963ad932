import {Args, Flags} from '@oclif/core';
import {StowpayError} from '../core/errors.js';
import {operatorReason} from '../core/operate.js';
import type {OperateRequest} from '../terminal/operate.js';
import {namesFrom} from './names.js';

/** Names of payments, as every command takes them. */
export const ID_ARGS = {
  id: Args.string({
    description: 'pay_…, a unique beginning of it, or pi_…; several, or - to read them from stdin.',
  }),
};

export const REASON_FLAG = Flags.string({
  description: 'Why, for the record: one line of at most 200 characters.',
});

/**
 * What a person asks for: payments by name, or all with the word. Throws `invalid_usage` for neither and for both:
 * an empty list must never mean everything.
 * @param mayNameNone something else than payments was asked for
 */
export async function operateRequest(
  words: readonly string[],
  flags: {readonly all?: boolean; readonly reason?: string | undefined},
  signal: AbortSignal,
  mayNameNone = false,
): Promise<OperateRequest> {
  const names = await namesFrom(words);
  const all = flags.all === true;
  if (all === (names !== null) && !(mayNameNone && !all)) {
    throw new StowpayError('invalid_usage', 'Name the payments, or say --all; one of the two.', {
      hint: 'stowpay inspect lists them. Nothing was done.',
    });
  }
  return {names: names ?? [], all, reason: operatorReason(flags.reason), signal};
}
