import type {TlvObject} from '../wire/tlv.js';

const NONE: readonly TlvObject[] = [];

/**
 * The objects of one answer. A tag may come several times, and empty when it was asked for and is absent:
 * every question here goes by the first value that holds something.
 */
export class TagList {
  readonly objects: readonly TlvObject[];
  readonly #byTag = new Map<string, TlvObject[]>();

  constructor(objects: readonly TlvObject[]) {
    const filled: TlvObject[] = [];
    for (const object of objects) {
      if (object.value.length === 0) continue;
      filled.push(object);
      const same = this.#byTag.get(object.tag);
      if (same === undefined) this.#byTag.set(object.tag, [object]);
      else same.push(object);
    }
    this.objects = filled;
  }

  all(tag: string): readonly TlvObject[] {
    return this.#byTag.get(tag) ?? NONE;
  }

  has(tag: string): boolean {
    return this.#byTag.has(tag);
  }

  /** The first clear value of the first of these tags that has one. */
  first(tag: string, ...others: readonly string[]): Buffer | null {
    for (const {form, value} of this.all(tag)) if (form === 'plain') return value;
    const [next, ...rest] = others;
    return next === undefined ? null : this.first(next, ...rest);
  }

  /** As `first`, but null when the answer contradicts itself: no rule may go by such a value. */
  agreed(tag: string): Buffer | null {
    const first = this.first(tag);
    if (first === null) return null;
    for (const {form, value} of this.all(tag)) if (form === 'plain' && !value.equals(first)) return null;
    return first;
  }

  /** Upper-case hex of `first`. */
  hex(tag: string): string | null {
    return this.first(tag)?.toString('hex').toUpperCase() ?? null;
  }

  /** Printable text of `first`, trimmed; null when there is none. A card must not send control characters to a screen. */
  text(tag: string): string | null {
    const printable = this.first(tag)
      ?.toString('latin1')
      .replace(/[^\x20-\x7e]/g, '')
      .trim();
    return printable === undefined || printable === '' ? null : printable;
  }
}
