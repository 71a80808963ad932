import {basename} from 'node:path';

/** Who calls, as far as the sources go: functions of `src/lib`, innermost first, up to the first outside of storage. */
export function callSite(what: string): string {
  const {prepareStackTrace, stackTraceLimit} = Error;
  Error.stackTraceLimit = 40;
  Error.prepareStackTrace = (_, sites) => sites;
  const sites = new Error().stack as unknown as NodeJS.CallSite[];
  Object.assign(Error, {prepareStackTrace, stackTraceLimit});
  const callers: string[] = [];
  for (const site of sites) {
    const file = site.getFileName() ?? '';
    if (!file.includes('/src/lib/')) continue;
    callers.push(`${site.getFunctionName() ?? 'anonymous'} (${basename(file)})`);
    if (!file.includes('/src/lib/storage/')) break;
  }
  return `${callers.join(' < ')}: ${generalised(what)}`;
}

/** The same for every segment, table and cut: `/data/journal/000000000017.jsonl` is `<segment>`. */
function generalised(what: string): string {
  return what
    .replace(/\S*\/(?=[^/ ]+$)/, '')
    .replace(/\d{12}\.jsonl-\d+(\.\d+)?\.bin/, '<cut>')
    .replace(/\d{12}\.jsonl/, '<segment>')
    .replace(/\d{12}-\d+-[0-9a-f]+\.table/, '<table>');
}
