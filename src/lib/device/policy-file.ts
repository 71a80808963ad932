import {readFileSync} from 'node:fs';
import {StowpayError} from '../core/errors.js';
import {currencyOf} from '../core/money.js';
import {
  BRANDS,
  type CurrencyLimits,
  MOST_WINDOW_HOURS,
  OFFLINE_READ_METHODS,
  type Policy,
} from '../core/policy.js';
import {isObject} from './profiles.js';

const ENFORCED = new Set([
  'version',
  'limits',
  'stored_count',
  'oldest_age_hours',
  'per_card',
  'outage_shrink',
  'on_uncertain_clock',
  'deny_issuer_ranges',
  'read_methods',
  'brands',
]);

/**
 * The merchant's risk policy from its file; `fallback` when there is none.
 * A file that cannot be understood, or names a rule this version does not enforce, is never "no limits":
 * throws `policy_invalid`.
 */
export function readPolicy(path: string, fallback: Policy): Policy {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return fallback;
    throw invalid(path, `it cannot be read (${code})`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid(path, 'it is not JSON');
  }
  return checkPolicy(path, value);
}

function checkPolicy(path: string, value: unknown): Policy {
  if (!isObject(value)) throw invalid(path, 'it must hold one object');
  const unknown = Object.keys(value).find((key) => !ENFORCED.has(key));
  if (unknown !== undefined)
    throw invalid(path, `this version does not enforce the rule ${JSON.stringify(unknown)}`);
  if (value.version !== 1) throw invalid(path, '"version" must be 1');
  checkList(path, value, 'read_methods', OFFLINE_READ_METHODS);
  checkList(path, value, 'brands', BRANDS);
  checkRanges(path, value.deny_issuer_ranges);
  checkWhole(path, value, 'stored_count');
  checkPositive(path, value, 'oldest_age_hours');
  checkPerCard(path, value.per_card);
  checkShrink(path, value.outage_shrink);
  checkOneOf(path, value, 'on_uncertain_clock', ['strict', 'lower_bound']);
  return {...value, version: 1, limits: checkLimits(path, value.limits)};
}

function checkLimits(path: string, value: unknown): Record<string, CurrencyLimits> {
  if (!isObject(value)) throw invalid(path, '"limits" must name every currency sold offline');
  for (const [code, limits] of Object.entries(value)) {
    if (code !== code.toLowerCase()) throw invalid(path, `write currencies in lower case: ${code}`);
    try {
      currencyOf(code);
    } catch {
      throw invalid(path, `${JSON.stringify(code)} is not an ISO 4217 currency`);
    }
    if (!isObject(limits)) throw invalid(path, `limits of ${code} must be an object`);
    const unknown = Object.keys(limits).find((key) => key !== 'per_payment' && key !== 'stored_total');
    if (unknown !== undefined)
      throw invalid(path, `limits of ${code} have an unknown rule ${JSON.stringify(unknown)}`);
    checkWhole(path, limits, 'per_payment');
    checkWhole(path, limits, 'stored_total');
  }
  return value as Record<string, CurrencyLimits>;
}

function checkWhole(path: string, rules: Record<string, unknown>, name: string): void {
  const value = rules[name];
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0)) return;
  throw invalid(path, `"${name}" must be a whole number, amounts in minor units`);
}

function checkPositive(path: string, rules: Record<string, unknown>, name: string): void {
  const value = rules[name];
  if (value === undefined || (typeof value === 'number' && Number.isFinite(value) && value > 0)) return;
  throw invalid(path, `"${name}" must be a number above zero`);
}

function checkPerCard(path: string, value: unknown): void {
  if (value === undefined) return;
  if (!isObject(value)) throw invalid(path, '"per_card" must be an object with "count" and "window_hours"');
  checkNames(path, 'per_card', value, ['count', 'window_hours']);
  const {count, window_hours: hours} = value;
  if (!Number.isSafeInteger(count) || (count as number) < 0)
    throw invalid(path, '"count" of "per_card" must be a whole number');
  if (typeof hours !== 'number' || !(hours > 0 && hours <= MOST_WINDOW_HOURS))
    throw invalid(path, `"window_hours" of "per_card" must be above zero and at most ${MOST_WINDOW_HOURS}`);
}

function checkShrink(path: string, value: unknown): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) throw invalid(path, '"outage_shrink" must be a list');
  for (const step of value) {
    if (!isObject(step)) throw invalid(path, 'each step of "outage_shrink" must be an object');
    checkNames(path, 'outage_shrink', step, ['after_hours', 'factor']);
    const {after_hours: hours, factor} = step;
    if (typeof hours !== 'number' || !Number.isFinite(hours) || hours < 0)
      throw invalid(path, '"after_hours" of "outage_shrink" must be a number, zero or more');
    if (typeof factor !== 'number' || !(factor >= 0 && factor <= 1))
      throw invalid(path, '"factor" of "outage_shrink" must lie between 0 and 1');
  }
}

function checkNames(
  path: string,
  rule: string,
  value: Record<string, unknown>,
  known: readonly string[],
): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) throw invalid(path, `"${rule}" has an unknown entry ${JSON.stringify(unknown)}`);
}

function checkOneOf(
  path: string,
  rules: Record<string, unknown>,
  name: string,
  allowed: readonly string[],
): void {
  const value = rules[name];
  if (value === undefined || allowed.includes(value as string)) return;
  throw invalid(path, `"${name}" must be one of: ${allowed.join(', ')}`);
}

function checkList(
  path: string,
  rules: Record<string, unknown>,
  name: string,
  allowed: readonly string[],
): void {
  const value = rules[name];
  if (value === undefined) return;
  if (Array.isArray(value) && value.every((entry) => allowed.includes(entry))) return;
  throw invalid(path, `"${name}" must be a list of: ${allowed.join(', ')}`);
}

function checkRanges(path: string, value: unknown): void {
  if (value === undefined) return;
  const fits = (entry: unknown): boolean => {
    const match = typeof entry === 'string' ? /^(\d{1,12})(?:-(\d{1,12}))?$/.exec(entry) : null;
    if (match === null) return false;
    const [, from = '', to = from] = match;
    return from.length === to.length && from <= to;
  };
  if (Array.isArray(value) && value.every(fits)) return;
  throw invalid(path, '"deny_issuer_ranges" must be a list like "400000" or "510510-510519"');
}

function invalid(path: string, what: string): StowpayError {
  return new StowpayError(
    'policy_invalid',
    `The risk policy ${path} is not usable: ${what}. Nothing is sold until it is.`,
    {
      hint: 'Correct the file, or remove it to sell with the built-in limits.',
    },
  );
}
