/** A decoded form: `a[b][c]=v` nests, `a[]=v` and `a[0]=v` are lists with their positions as names. */
export interface Form {
  readonly [name: string]: FormValue;
}
export type FormValue = string | Form;

export type FormResult =
  | {readonly kind: 'form'; readonly form: Form}
  | {readonly kind: 'malformed'; readonly name: string};

const MOST_PAIRS = 2000;
const DEEPEST = 8;

type Draft = {[name: string]: string | Draft};

/** Decodes an `application/x-www-form-urlencoded` body or query with Stripe's brackets. Total: never throws. */
export function parseForm(text: string): FormResult {
  const root = emptyDraft();
  const pairs = text === '' ? [] : text.split('&');
  if (pairs.length > MOST_PAIRS) return {kind: 'malformed', name: ''};
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = decode(equals < 0 ? '' : pair.slice(equals + 1));
    if (name === null || value === null) return {kind: 'malformed', name: ''};
    const path = pathOf(name);
    if (path === null || !place(root, path, value)) return {kind: 'malformed', name};
  }
  return {kind: 'form', form: root};
}

/** `a[b][]` → ['a', 'b', '']; null for unbalanced brackets or absurd depth. */
function pathOf(name: string): string[] | null {
  const match = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name);
  if (match === null) return null;
  const [, head = '', tail = ''] = match;
  const path = [head, ...[...tail.matchAll(/\[([^[\]]*)\]/g)].map(([, part = '']) => part)];
  return path.length > DEEPEST ? null : path;
}

/** False when a name is used both for a value and for a group. */
function place(root: Draft, path: readonly string[], value: string): boolean {
  let draft = root;
  for (const part of path.slice(0, -1)) {
    const key = part === '' ? nextPosition(draft) : part;
    draft[key] ??= emptyDraft();
    const next = draft[key];
    if (typeof next === 'string') return false;
    draft = next;
  }
  const last = path.at(-1) ?? '';
  const key = last === '' ? nextPosition(draft) : last;
  if (typeof draft[key] === 'object') return false;
  draft[key] = value;
  return true;
}

function nextPosition(draft: Draft): string {
  return String(Object.keys(draft).length);
}

/** Without a prototype, so that `__proto__` is a name like any other. */
function emptyDraft(): Draft {
  return Object.create(null) as Draft;
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
}
