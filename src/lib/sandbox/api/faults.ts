import {newId} from './ids.js';
import {invalidRequest} from './problem.js';
import type {ApiRequest} from './request.js';
import type {Fault, FaultRecord, State} from './state.js';

/** A fault as one asks for it; see `Fault` for the kinds. */
export interface FaultRequest {
  /** Default: any method. */
  readonly method?: string;
  /** `*` stands for any text. Default: every path. */
  readonly path?: string;
  /** How many requests it meets. Default 1. */
  readonly count?: number;
  readonly fault: Fault;
}

/** The first fault, in the order they were asked for, that this request meets. */
export function faultFor(state: State, request: ApiRequest): FaultRecord | undefined {
  for (const record of state.faults.values()) {
    const method = record.method === '*' || record.method === request.method;
    if (method && pathMatches(record.path, request.path)) return record;
  }
  return undefined;
}

/** The record of a fault. Throws a 400 Problem for one that could not work. */
export function faultRecord(asked: FaultRequest): FaultRecord {
  const count = asked.count ?? 1;
  if (!Number.isInteger(count) || count < 1) throw invalidRequest('count must be a positive integer.');
  return {
    id: newId('fault'),
    method: (asked.method ?? '*').toUpperCase(),
    path: asked.path ?? '*',
    count,
    fault: checked(asked.fault),
  };
}

/** A fault from JSON: `{"method", "path", "count", "kind", …}`. Throws a 400 Problem. */
export function parseFault(text: string): FaultRequest {
  const value = parseObject(text);
  const {method, path, count, ...fault} = value;
  return {
    ...(typeof method === 'string' ? {method} : {}),
    ...(typeof path === 'string' ? {path} : {}),
    ...(typeof count === 'number' ? {count} : {}),
    fault: fault as unknown as Fault,
  };
}

function checked(fault: Fault): Fault {
  switch (fault.kind) {
    case 'drop_before':
    case 'drop_after':
    case 'truncate':
    case 'error_500_before':
    case 'error_500_after':
    case 'html_502':
    case 'conflict_409':
    case 'unavailable_503':
    case 'forget_keys':
      return {kind: fault.kind};
    case 'rate_limit_429':
      return {kind: fault.kind, should_retry: fault.should_retry ?? null};
    case 'hang': {
      const ms = Number(fault.ms);
      if (!(ms >= 0 && ms <= 600_000)) throw invalidRequest('ms must be between 0 and 600000.');
      return {kind: fault.kind, ms};
    }
    default:
      throw invalidRequest('There is no fault of this kind.', {param: 'kind'});
  }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return {...value};
  } catch {
    // Reported below, with the same words.
  }
  throw invalidRequest('A fault is a JSON object.');
}

function pathMatches(pattern: string, path: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(path);
}
