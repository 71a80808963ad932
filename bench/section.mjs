// docs/BENCHMARKS.md holds the report of each benchmark under a heading of its own.

/** The page with this section in the place of the one with the same heading, or at its end. */
export function withSection(page, section) {
  const [heading] = section.split('\n');
  const sections = page.split(/\n(?=# )/).map((text) => text.trimEnd());
  const at = sections.findIndex((text) => text.split('\n')[0] === heading);
  const all = at === -1 ? [...sections, section.trimEnd()] : sections.with(at, section.trimEnd());
  return `${all.filter((text) => text !== '').join('\n\n')}\n`;
}
