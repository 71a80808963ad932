import {readFileSync} from 'node:fs';
import {StowpayError} from '../core/errors.js';
import {currencyOf} from '../core/money.js';
import type {CurrencyLimits, Policy} from '../core/policy.js';
import {isObject} from './profiles.js';

const READ_METHODS = ['contact_emv', 'contactless_emv'];
const BRANDS = [
  'visa',
  'mastercard',
  'maestro',
  'amex',
  'discover',
  'jcb',
  'unionpay',
  'cartes_bancaires',
  'eftpos_au',
  'unknown',
];
const ENFORCED = new Set([
  'version',
  'limits',
  'stored_count',
  'oldest_age_hours',
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
  checkList(path, value, 'read_methods', READ_METHODS);
  checkList(path, value, 'brands', BRANDS);
  checkRanges(path, value.deny_issuer_ranges);
  checkWhole(path, value, 'stored_count');
  checkPositive(path, value, 'oldest_age_hours');
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
