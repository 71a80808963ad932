import {readdirSync, readFileSync} from 'node:fs';
import {dirname, join, relative, resolve} from 'node:path';
import {expect} from 'chai';

/** What each room may import, as `docs/ARCHITECTURE.md` draws it. `core` is the floor everybody stands on. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  storage: ['core'],
  journal: ['core', 'storage'],
  device: ['core', 'storage'],
  reader: ['core', 'storage'],
  gateway: ['core', 'storage'],
  terminal: ['core'],
  sandbox: ['core', 'storage', 'reader/wire'],
  index: ['core', 'storage', 'journal', 'device', 'reader', 'gateway', 'sandbox', 'terminal'],
  cli: ['core', 'terminal', 'index'],
  commands: ['core', 'terminal', 'cli', 'index'],
  'commands/sandbox': ['core', 'cli', 'index', 'sandbox'],
};

/** Each library that does I/O, and the rooms it lives in. `import type` is free: it leaves no trace at run time. */
const LIBRARY_ROOMS: Readonly<Record<string, readonly string[]>> = {
  serialport: ['reader'],
  stripe: ['gateway'],
  lowdb: ['storage'],
  'fs-native-extensions': ['storage'],
  inquirer: ['cli'],
  ora: ['cli'],
  'cli-table3': ['cli'],
  '@oclif/core': ['cli', 'commands', 'commands/sandbox'],
  'currency-codes': ['core'],
  ulid: ['terminal'],
};

/** Pure things of Node that core may use. Nothing else: no I/O, no clock, no randomness. */
const CORE_BUILTINS = ['node:module'];

const source = resolve('src');

interface Import {
  readonly file: string;
  readonly room: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

function roomOf(path: string): string {
  const [first = '', second = ''] = relative(source, path).split('/');
  if (first === 'commands') return second === 'sandbox' ? 'commands/sandbox' : 'commands';
  return second.replace(/\.ts$/, '');
}

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(file, 'utf8');
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|(?:import|createRequire\(import\.meta\.url\))\('([^']+)'\)/g;
  return [...text.matchAll(pattern)].map(([, type, still, dynamic]) => ({
    file: relative(source, file),
    room: roomOf(file),
    target: still ?? dynamic ?? '',
    typeOnly: type !== undefined,
  }));
}

function everyImport(): readonly Import[] {
  const files = readdirSync(source, {recursive: true, encoding: 'utf8'}).filter((name) =>
    name.endsWith('.ts'),
  );
  return files.flatMap((name) => importsOf(join(source, name)));
}

function packageOf(target: string): string {
  const parts = target.split('/');
  return target.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

describe('the house', () => {
  const imports = everyImport();

  it('is read: the pattern finds what is there', () => {
    expect(imports.length).to.be.greaterThan(300);
    const libraries = new Set(imports.map(({target}) => packageOf(target)));
    for (const library of Object.keys(LIBRARY_ROOMS)) expect(libraries).to.include(library);
  });

  it('lets every room import only the rooms below it', () => {
    const wrong = imports
      .filter(({target}) => target.startsWith('.'))
      .map((one) => ({...one, path: resolve(dirname(join(source, one.file)), one.target)}))
      .map((one) => ({...one, to: roomOf(one.path.replace(/\.js$/, '.ts'))}))
      .filter(({room, to, path, typeOnly}) => {
        if (room === to) return false;
        const allowed = MAY_IMPORT[room] ?? [];
        if (room === 'sandbox' && to === 'reader')
          return !relative(source, path).startsWith('lib/reader/wire/');
        return !allowed.includes(to) && !(typeOnly && allowed.includes(to));
      })
      .map(({file, target}) => `${file} imports ${target}`);
    expect(wrong).to.deep.equal([]);
  });

  it('keeps each library that does I/O in its own room', () => {
    const wrong = imports
      .filter(({target, typeOnly}) => !typeOnly && !target.startsWith('.') && !target.startsWith('node:'))
      .filter(({target, room}) => !(LIBRARY_ROOMS[packageOf(target)] ?? []).includes(room))
      .map(({file, target}) => `${file} imports ${target}`);
    expect(wrong).to.deep.equal([]);
  });

  it('keeps the core pure', () => {
    const wrong = imports
      .filter(
        ({room, target}) => room === 'core' && target.startsWith('node:') && !CORE_BUILTINS.includes(target),
      )
      .map(({file, target}) => `${file} imports ${target}`);
    expect(wrong).to.deep.equal([]);
    const core = readdirSync(join(source, 'lib/core')).map((name) =>
      readFileSync(join(source, 'lib/core', name), 'utf8'),
    );
    for (const text of core)
      expect(text).not.to.match(/Date\.now|new Date\(\)|Math\.random|process\.|performance\./);
  });

  it('loads the heavy libraries only when they are used', () => {
    const heavy = ['serialport', 'stripe', 'inquirer', 'ora', 'cli-table3', 'fs-native-extensions'];
    const early = imports
      .filter(({target, typeOnly}) => !typeOnly && heavy.includes(packageOf(target)))
      .filter(({file, target}) => {
        const text = readFileSync(join(source, file), 'utf8');
        return new RegExp(`(?:^|\\n)import (?!type)[^;]*from '${target}'`).test(text);
      })
      .map(({file, target}) => `${file} imports ${target} at start`);
    expect(early).to.deep.equal([]);
  });
});
