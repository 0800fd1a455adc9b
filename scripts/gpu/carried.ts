import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** What the check needs of the packages beside those of production: what runs tests and TypeScript. */
const BESIDES = ['mocha', 'tsx', 'fast-check', '@types/mocha'] as const;

const TREE = [
  'bench',
  'examples',
  'library',
  'schemas',
  'scripts',
  'src',
  'test',
  'LICENSE',
  'package.json',
  'tsconfig.json',
  '.mocharc.json',
];

/** Of the built files: not what browsers and compilers of TypeScript read. */
const NOT_BUILT = /^(browser|playground)\/|\.(d\.ts|map|tsbuildinfo)$/;

/** Of packages: what other systems, editors and readers need. */
const NOT_OF_PACKAGES: readonly RegExp[] = [
  /\.(d\.[cm]?ts|map|md|markdown|flow|iml)$/i,
  /^webgpu\/(build\/|dist\/(?!linux-x64\/))/,
  /^koffi\/(doc|vendor|build)\//,
  /^koffi\/src\/.*\.(cc|hh|c|h|S|s|asm|inc|def|txt|py)$/,
  /^(chevrotain|@chevrotain\/[^/]+)\/(src|lib_esm|diagrams)\//,
  /^(ajv|mocha|protobufjs|fast-check|d3-[^/]+)\/(docs?|test|tests|src|coverage|browser-entry\.js|mocha(-es2018)?\.js)\b/,
  /^(protobufjs|fast-check|yaml|hyparquet)\/(dist|browser)\/.*\.min\.js/,
];

interface Package {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function readPackage(folder: string): Package {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Package;
}

/** The folder of a package as one in `from` finds it; undefined where it is not installed, as those of other systems are not. */
function folderOf(root: string, name: string, from: string): string | undefined {
  for (let at = from; ; at = join(at, '..')) {
    const folder = join(at, 'node_modules', name);
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (relative(root, at) === '') return undefined;
  }
}

function packagesOf(root: string): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (names: readonly string[], from: string): void => {
    for (const name of names) {
      const folder = folderOf(root, name, from);
      if (folder === undefined || found.has(folder)) continue;
      found.add(folder);
      const { dependencies = {}, optionalDependencies = {} } = readPackage(folder);
      add([...Object.keys(dependencies), ...Object.keys(optionalDependencies)], folder);
    }
  };
  const { dependencies = {}, optionalDependencies = {} } = readPackage(root);
  add([...Object.keys(dependencies), ...Object.keys(optionalDependencies), ...BESIDES], root);
  return found;
}

function filesIn(folder: string): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

/** Paths, relative to the root, of all that is carried to a machine with a GPU. */
export function carriedFiles(root: string): readonly string[] {
  const tree = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', ...TREE], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  const built = filesIn(join(root, 'dist')).filter((path) => !NOT_BUILT.test(path));
  const packages = [...packagesOf(root)].flatMap((folder) => {
    const own = filesIn(folder).filter((path) => !path.startsWith('node_modules/'));
    return own.map((path) => relative(root, join(folder, path)));
  });
  const needed = packages.filter((path) => NOT_OF_PACKAGES.every((pattern) => !pattern.test(path.replace(/^.*node_modules\//, ''))));
  return [
    ...tree.split('\n').filter((path) => path !== '' && existsSync(join(root, path))),
    ...built.map((path) => join('dist', path)),
    ...needed,
  ];
}
