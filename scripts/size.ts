import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Metafile } from 'esbuild';
import { bundle } from './bundle.js';

interface Part {
  readonly entry: string;
  /** How many kB (1000 bytes) it may have when packed. */
  readonly most: number;
  /** Counts only what a page loads at first; by default also what comes when it is used (the backends, what predicts). */
  readonly isFirst?: boolean;
}

/** Parts of the browser's bundle, as pages that need no more load them. */
const PARTS: Readonly<Record<string, Part>> = {
  'parse, check, format': { entry: 'scripts/size/parse.ts', most: 127 },
  '+ plan and WGSL': { entry: 'scripts/size/plan.ts', most: 186 },
  'everything, loaded at first': { entry: 'src/browser.ts', most: 199, isFirst: true },
  everything: { entry: 'src/browser.ts', most: 328 },
};

const SHOWN = 14;

/** What a module of the bundle belongs to: a folder of src, or a package. */
function ownerOf(path: string): string {
  const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path) ?? /src\/([^/]+)/.exec(path) ?? [];
  return name ?? path;
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
const kB = (bytes: number): string => (bytes / 1000).toFixed(0);

/** The files that a page loads with `entry`: those that it imports, and what they import. */
function loadedWith(entry: string, { outputs }: Metafile): ReadonlySet<string> {
  const found = new Set([entry]);
  for (const path of found)
    for (const { path: imported, kind } of outputs[path]!.imports) if (kind === 'import-statement') found.add(imported);
  return found;
}

let isOver = false;
for (const [name, { entry, most, isFirst = false }] of Object.entries(PARTS)) {
  const path = fileURLToPath(new URL(`../${entry}`, import.meta.url));
  const { files, meta } = await bundle({ part: path }, { splitting: isFirst });
  const loaded = loadedWith('dist/browser/part.js', meta);
  const counted = files.filter((file) => loaded.has(relative('.', file.path).replaceAll('\\', '/')));
  const whole = sum(counted.map(({ bytes }) => bytes.length));
  const packed = sum(counted.map(({ bytes }) => gzipSync(bytes, { level: 9 }).length));
  const owners = new Map<string, number>();
  for (const file of loaded)
    for (const [module, { bytesInOutput }] of Object.entries(meta.outputs[file]!.inputs))
      owners.set(ownerOf(module), (owners.get(ownerOf(module)) ?? 0) + bytesInOutput);
  const largest = [...owners].sort(([, a], [, b]) => b - a).slice(0, SHOWN);
  isOver ||= packed > 1000 * most;
  console.log(`${name}: ${kB(whole)} kB, ${kB(packed)} packed with gzip (at most ${most})${packed > 1000 * most ? '  TOO LARGE' : ''}`);
  console.log(`  ${largest.map(([owner, bytes]) => `${owner} ${kB(bytes)}`).join(', ')}`);
}
process.exitCode = isOver ? 1 : 0;
