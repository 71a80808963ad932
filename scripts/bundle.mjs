// Makes one file of the program: a hundred and fifty modules of ours and a hundred of oclif's take longer to find and
// link than a sale needs. The library stays as `tsc` built it. What is native, or needed only to talk to a person,
// stays outside.
import {readdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const commands = readdirSync(join(root, 'dist', 'commands'), {recursive: true})
  .filter((file) => file.endsWith('.js'))
  .sort();
const idOf = (file) => file.slice(0, -'.js'.length).replaceAll('/', ':');

/** What `oclif` in package.json asks this file for, and the entry of `bin/run.js`. */
const program = [
  ...commands.map((file, index) => `import command${index} from './dist/commands/${file}';`),
  `export const COMMANDS = {${commands.map((file, index) => `'${idOf(file)}': command${index}`)}};`,
  `export {default as StowpayHelp} from './dist/lib/cli/help.js';`,
  `export {main} from './dist/lib/cli/main.js';`,
].join('\n');

await build({
  stdin: {contents: program, resolveDir: root, sourcefile: 'program.js'},
  outfile: join(root, 'dist', 'program.cjs'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  external: ['serialport', 'fs-native-extensions', 'inquirer', 'ora', 'cli-table3'],
  define: {'import.meta.url': 'urlOfProgram'},
  banner: {js: "const urlOfProgram = require('node:url').pathToFileURL(__filename).href;"},
  logLevel: 'warning',
});
