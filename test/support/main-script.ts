import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transformSync } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** From here, whatever folder a process is started in. Of what mocha loads, not all is a module: `import.meta.resolve` may be missing. */
export const LOADER = pathToFileURL(join(ROOT, 'node_modules', 'tsx', 'dist', 'loader.mjs')).href;
const BUILT = join(ROOT, 'dist', 'cli', 'main.js');

function isBuilt(): boolean {
  if (!existsSync(BUILT)) return false;
  const built = statSync(BUILT).mtimeMs;
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return sources.every((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs < built);
}

/** The URL of a module as JavaScript, so that no loader must be loaded before it. It imports packages alone, whose modules others share. */
function plainModule(url: string): string {
  if (!url.endsWith('.ts')) return url;
  const folder = join(ROOT, 'dist', 'test');
  const path = join(folder, basename(url).replace(/\.ts$/, '.mjs'));
  const { code } = transformSync(readFileSync(fileURLToPath(url), 'utf8'), { loader: 'ts', format: 'esm' });
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, code);
  return pathToFileURL(path).href;
}

/**
 * Arguments of node that run the command line, behind a module of the tests or none: as built, where nothing has changed since, which
 * starts faster.
 */
export function mainScript(preload?: string): { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const before = preload === undefined ? [] : ['--import', plainModule(preload)];
  if (isBuilt()) return { args: [...before, BUILT], env: {} };
  // A process that is killed, or whose files are limited, would leave the loader's cache torn.
  return { args: ['--import', LOADER, ...before, join(ROOT, 'src', 'cli', 'main.ts')], env: { TSX_DISABLE_CACHE: '1' } };
}
