import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

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

/**
 * Arguments of node that run the command line: as built, where nothing has changed since, which starts faster. Whoever loads a module of
 * the tests before it gets the sources, of which that module changes something.
 */
export function mainScript(preload?: string): { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const before = preload === undefined ? [] : ['--import', preload];
  if (preload?.endsWith('.ts') !== true && isBuilt()) return { args: [...before, BUILT], env: {} };
  // A process that is killed, or whose files are limited, would leave the loader's cache torn.
  return { args: ['--import', LOADER, ...before, join(ROOT, 'src', 'cli', 'main.ts')], env: { TSX_DISABLE_CACHE: '1' } };
}
