import type {CardRead} from '../../src/lib/core/card.js';
import {decodeAnswer} from '../../src/lib/reader/decode/answer.js';

export type {CardRead} from '../../src/lib/core/card.js';

/** The card of an answer that must be one. */
export function decodeOf(status: number, data: Buffer, earlier: readonly Buffer[] = []): CardRead {
  const answer = decodeAnswer({status, data, earlier});
  if (answer.kind !== 'card') throw new Error(`expected a card, got ${JSON.stringify(answer)}`);
  return answer.card;
}
