import {invalidRequest} from './problem.js';

/** The objects an answer shows whole instead of by id, e.g. `latest_charge`. */
export type Expansion = ReadonlySet<string>;

/**
 * The `expand[]` of a request, checked against what can be expanded. In lists every path begins with `data.`.
 * Throws a 400 Problem for any other path.
 */
export function expansionOf(
  paths: readonly string[] | undefined,
  possible: readonly string[],
  prefix: '' | 'data.' = '',
): Expansion {
  const expansion = new Set<string>();
  for (const path of paths ?? []) {
    const inner = path.startsWith(prefix) ? path.slice(prefix.length) : '';
    if (!possible.includes(inner)) {
      throw invalidRequest(`The sandbox cannot expand ${JSON.stringify(path.slice(0, 80))} here.`, {
        param: 'expand',
      });
    }
    expansion.add(inner);
  }
  return expansion;
}

/** What is left of an expansion one object further in: `latest_charge.x` becomes `x`. */
export function within(expansion: Expansion, name: string): Expansion {
  const prefix = `${name}.`;
  return new Set(
    [...expansion].filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length)),
  );
}
