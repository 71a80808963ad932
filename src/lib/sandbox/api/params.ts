import type {Form, FormValue} from './form.js';
import {invalidRequest, parameterMissing, parameterUnknown} from './problem.js';

/** What one parameter may be. */
export type Rule =
  | {readonly kind: 'string'; readonly longest?: number; readonly required?: true}
  | {readonly kind: 'integer'; readonly least?: number; readonly most?: number; readonly required?: true}
  | {readonly kind: 'boolean'; readonly required?: true}
  | {readonly kind: 'one_of'; readonly values: readonly string[]; readonly required?: true}
  | {readonly kind: 'strings'; readonly required?: true}
  /** Free names with text values, as metadata. */
  | {readonly kind: 'map'; readonly required?: true}
  | {readonly kind: 'fields'; readonly fields: Fields; readonly required?: true}
  /** A number, or `{gt, gte, lt, lte}`. */
  | {readonly kind: 'range'; readonly required?: true};

export type Fields = {readonly [name: string]: Rule};

export interface Range {
  readonly gt?: number;
  readonly gte?: number;
  readonly lt?: number;
  readonly lte?: number;
}

/** What a rule yields once it was checked. */
type Value<R extends Rule> = R extends {kind: 'string'}
  ? string
  : R extends {kind: 'one_of'; values: readonly (infer V)[]}
    ? V
    : R extends {kind: 'integer'}
      ? number
      : R extends {kind: 'boolean'}
        ? boolean
        : R extends {kind: 'strings'}
          ? readonly string[]
          : R extends {kind: 'map'}
            ? Readonly<Record<string, string>>
            : R extends {kind: 'range'}
              ? Range
              : R extends {kind: 'fields'; fields: infer F extends Fields}
                ? Params<F>
                : never;

export type Params<F extends Fields> = {
  readonly [N in keyof F]: F[N] extends {required: true} ? Value<F[N]> : Value<F[N]> | undefined;
};

/**
 * The parameters of an endpoint, checked. Throws a 400 Problem for an unknown, missing or malformed one, with the
 * parameter's name in the API's bracketed form.
 */
export function readParams<const F extends Fields>(form: Form, fields: F): Params<F> {
  return readFields(form, fields, '') as Params<F>;
}

function readFields(form: Form, fields: Fields, prefix: string): Record<string, unknown> {
  for (const name of Object.keys(form)) {
    if (!Object.hasOwn(fields, name)) throw parameterUnknown(nested(prefix, name));
  }
  const values: Record<string, unknown> = {};
  for (const [name, rule] of Object.entries(fields)) {
    const value = form[name];
    const path = nested(prefix, name);
    if (value === undefined) {
      if (rule.required) throw parameterMissing(path);
      continue;
    }
    values[name] = readValue(value, rule, path);
  }
  return values;
}

function readValue(value: FormValue, rule: Rule, path: string): unknown {
  switch (rule.kind) {
    case 'string':
      return text(value, path, rule.longest ?? 5000, rule.required === true);
    case 'integer':
      return integer(value, path, rule.least ?? 0, rule.most ?? Number.MAX_SAFE_INTEGER);
    case 'boolean':
      return oneOf(value, path, ['true', 'false']) === 'true';
    case 'one_of':
      return oneOf(value, path, rule.values);
    case 'strings':
      return Object.values(group(value, path)).map((entry) => text(entry, `${path}[]`, 5000, true));
    case 'map':
      return map(value, path);
    case 'fields':
      return readFields(group(value, path), rule.fields, path);
    case 'range':
      return range(value, path);
  }
}

function text(value: FormValue, path: string, longest: number, required: boolean): string {
  if (typeof value !== 'string') throw invalidRequest(`${path} must be text.`, {param: path});
  if (required && value === '')
    throw invalidRequest(`${path} must not be empty.`, {code: 'parameter_invalid_empty', param: path});
  if ([...value].length > longest) {
    throw invalidRequest(`${path} may have at most ${longest} characters.`, {param: path});
  }
  return value;
}

function integer(value: FormValue, path: string, least: number, most: number): number {
  const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) {
    throw invalidRequest(`${path} must be an integer.`, {code: 'parameter_invalid_integer', param: path});
  }
  if (number < least || number > most) {
    throw invalidRequest(`${path} must be between ${least} and ${most}.`, {
      code: 'parameter_invalid_integer',
      param: path,
    });
  }
  return number;
}

function oneOf(value: FormValue, path: string, values: readonly string[]): string {
  if (typeof value === 'string' && values.includes(value)) return value;
  throw invalidRequest(`${path} must be one of ${values.join(', ')}.`, {param: path});
}

function map(value: FormValue, path: string): Record<string, string> {
  // `metadata=` clears all of it; so does every single empty value, which the caller treats.
  if (value === '') return {};
  const entries = Object.entries(group(value, path));
  return Object.fromEntries(
    entries.map(([name, entry]) => [name, text(entry, nested(path, name), 500, false)]),
  );
}

function range(value: FormValue, path: string): Range {
  if (typeof value === 'string') {
    const exact = integer(value, path, 0, Number.MAX_SAFE_INTEGER);
    return {gte: exact, lte: exact};
  }
  const bound: Rule = {kind: 'integer'};
  return readFields(value, {gt: bound, gte: bound, lt: bound, lte: bound}, path);
}

function group(value: FormValue, path: string): Form {
  if (typeof value === 'string') throw invalidRequest(`${path} must be a group of values.`, {param: path});
  return value;
}

function nested(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}[${name}]`;
}
