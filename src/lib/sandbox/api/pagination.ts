import type {Fields, Range} from './params.js';
import {invalidRequest, resourceMissing} from './problem.js';

/** The parameters of every list. */
export const LIST_FIELDS = {
  limit: {kind: 'integer', least: 1, most: 100},
  starting_after: {kind: 'string'},
  ending_before: {kind: 'string'},
  expand: {kind: 'strings'},
} as const satisfies Fields;

export interface PageRequest {
  readonly limit: number | undefined;
  readonly starting_after: string | undefined;
  readonly ending_before: string | undefined;
}

export interface List<T> {
  readonly object: 'list';
  readonly url: string;
  readonly has_more: boolean;
  readonly data: T[];
}

/** One page, newest first, as the API cuts them; `show` makes the API's object of a record. */
export function page<R extends {readonly id: string}, T>(
  records: Iterable<R>,
  request: PageRequest,
  url: string,
  show: (record: R) => T,
): List<T> {
  const newestFirst = [...records].reverse();
  const {window, more} = cut(newestFirst, request);
  return {object: 'list', url, has_more: more, data: window.map(show)};
}

function cut<R extends {readonly id: string}>(
  records: R[],
  request: PageRequest,
): {window: R[]; more: boolean} {
  const limit = request.limit ?? 10;
  if (request.starting_after !== undefined && request.ending_before !== undefined) {
    throw invalidRequest('Give starting_after or ending_before, not both.', {param: 'ending_before'});
  }
  if (request.ending_before !== undefined) {
    const before = records.slice(0, position(records, request.ending_before, 'ending_before'));
    return {window: before.slice(-limit), more: before.length > limit};
  }
  const from =
    request.starting_after === undefined
      ? 0
      : position(records, request.starting_after, 'starting_after') + 1;
  return {window: records.slice(from, from + limit), more: records.length > from + limit};
}

function position(records: readonly {readonly id: string}[], id: string, param: string): number {
  const at = records.findIndex((record) => record.id === id);
  if (at < 0) throw resourceMissing('object', id, param);
  return at;
}

/** Whether a time in unix seconds lies in the range; no range holds everything. */
export function inRange(time: number, range: Range | undefined): boolean {
  if (range === undefined) return true;
  return (
    time > (range.gt ?? -1) &&
    time >= (range.gte ?? 0) &&
    time < (range.lt ?? Number.POSITIVE_INFINITY) &&
    time <= (range.lte ?? Number.POSITIVE_INFINITY)
  );
}
