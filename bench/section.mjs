// docs/BENCHMARKS.md holds the report of each benchmark under a heading of its own.
import {readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const PAGE = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs', 'BENCHMARKS.md');

/** Prints a report; with `update` it is also what the page says from now on. */
export function publish(text, update) {
  process.stdout.write(text);
  if (update) writeFileSync(PAGE, withSection(readFileSync(PAGE, 'utf8'), text));
}

/** The page with this section in the place of the one with the same heading, or at its end. */
function withSection(page, section) {
  const [heading] = section.split('\n');
  const sections = page.split(/\n(?=# )/).map((text) => text.trimEnd());
  const at = sections.findIndex((text) => text.split('\n')[0] === heading);
  const all = at === -1 ? [...sections, section.trimEnd()] : sections.with(at, section.trimEnd());
  return `${all.filter((text) => text !== '').join('\n\n')}\n`;
}
