/** One element of a flat BER-TLV string. */
export interface Element {
  /** Upper-case hex. */
  readonly tag: string;
  readonly value: Buffer;
}

/** Flat BER-TLV (EMV Book 3, annex B); null when the bytes are not a whole number of elements. */
export function parseElements(bytes: Buffer): Element[] | null {
  const elements: Element[] = [];
  let at = 0;
  while (at < bytes.length) {
    const found = elementAt(bytes, at);
    if (found === null) return null;
    elements.push(found.element);
    at = found.end;
  }
  return elements;
}

/** The element that starts at `at`, and where it ends; null when it is not whole. */
export function elementAt(bytes: Buffer, at: number): {element: Element; end: number} | null {
  const tagEnd = endOfTag(bytes, at);
  const first = bytes[tagEnd];
  if (first === undefined) return null;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 2 || tagEnd + 1 + lengthBytes > bytes.length) return null;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(tagEnd + 1, lengthBytes);
  const start = tagEnd + 1 + lengthBytes;
  const end = start + length;
  if (first === 0x80 || end > bytes.length) return null;
  return {
    element: {
      tag: bytes.subarray(at, tagEnd).toString('hex').toUpperCase(),
      value: bytes.subarray(start, end),
    },
    end,
  };
}

function endOfTag(bytes: Buffer, at: number): number {
  if (((bytes[at] ?? 0) & 0x1f) !== 0x1f) return at + 1;
  let end = at + 1;
  while (((bytes[end] ?? 0) & 0x80) !== 0) end += 1;
  return end + 1;
}
