import type {TlvObject} from '../wire/tlv.js';

/**
 * The objects of one answer. A tag may come several times, and empty when it was asked for and is absent:
 * every question here goes by the first value that holds something.
 */
export class TagList {
  readonly objects: readonly TlvObject[];
  readonly #byTag = new Map<string, TlvObject[]>();

  constructor(objects: readonly TlvObject[]) {
    this.objects = objects.filter((object) => object.value.length > 0);
    for (const object of this.objects) {
      const same = this.#byTag.get(object.tag);
      if (same === undefined) this.#byTag.set(object.tag, [object]);
      else same.push(object);
    }
  }

  all(tag: string): readonly TlvObject[] {
    return this.#byTag.get(tag) ?? [];
  }

  has(tag: string): boolean {
    return this.#byTag.has(tag);
  }

  /** The first clear value of the first of these tags that has one. */
  first(...tags: readonly string[]): Buffer | null {
    for (const tag of tags) {
      const found = this.all(tag).find((object) => object.form === 'plain');
      if (found !== undefined) return found.value;
    }
    return null;
  }

  /** As `first`, but null when the answer contradicts itself: no rule may go by such a value. */
  agreed(tag: string): Buffer | null {
    const value = this.first(tag);
    const others = this.all(tag).filter((object) => object.form === 'plain');
    return value !== null && others.every((object) => object.value.equals(value)) ? value : null;
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
